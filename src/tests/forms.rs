//! The form that buys without script, and the page that shows its outcome. Anybody can write that page's address, so the
//! page shows an outcome only if it is true.

use serde_json::json;

use crate::support::{Ask, Reply, TestApp, general_admission, seated};

const KEY: &str = "0190a5c8-7e1b-7abc-8def-0123456789ab";

/// A browser that runs no script and keeps its cookie.
struct Browser<'a> {
    app: &'a TestApp,
    cookie: String,
}

impl<'a> Browser<'a> {
    async fn open(app: &'a TestApp) -> Self {
        let page = app.get("/").await.expect(200);
        let cookie = page.header("set-cookie").expect("a page introduces a new guest");
        Self { app, cookie: cookie.split(';').next().expect("a pair").to_owned() }
    }

    fn ask(&self, ask: Ask) -> Ask {
        ask.header("cookie", &self.cookie).header("sec-fetch-site", "same-origin").header("accept", "text/html")
    }

    async fn get(&self, path: &str) -> String {
        text(self.ask(Ask::get(path)).send(self.app).await.expect(200))
    }

    async fn post(&self, sale: &str, fields: &str) -> Reply {
        self.ask(Ask::form(sale, fields)).send(self.app).await
    }

    /// Sends the form and returns the address that it redirects to.
    async fn submit(&self, sale: &str, fields: &str) -> String {
        self.post(sale, fields).await.expect(303).header("location").expect("a page").to_owned()
    }
}

fn text(page: Reply) -> String {
    String::from_utf8(page.body).expect("pages are UTF-8")
}

/// The kinds of the messages that a page shows.
fn messages(page: &str) -> Vec<&str> {
    page.split("data-testid=\"toast\" data-kind=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_is_sent_twice_is_one_order_and_another_choice_in_it_is_another() {
    let app = TestApp::open().await;
    let sale = app.sale("group_commit", &[general_admission(5), seated(1, 5)]).await;
    let browser = Browser::open(&app).await;
    let fields = format!("tier=ga&quantity=2&idempotency_key={KEY}");
    let (first, second) = tokio::join!(browser.submit(&sale, &fields), browser.submit(&sale, &fields));
    assert_eq!(first, second, "both lead to the same order");
    assert_eq!(browser.submit(&sale, &fields).await, first, "and so does a page that is sent again");
    // The buyer goes back, chooses a seat in the same form, and sends it.
    let seat = browser.submit(&sale, &format!("tier=ga&quantity=2&seat=a-1&idempotency_key={KEY}")).await;
    assert!(seat.starts_with(&format!("/sales/{sale}?outcome=won&order=")), "{seat}");
    assert_ne!(seat, first);
    assert_eq!(app.clean_audit(&sale).await.orders, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_seats_are_typed_into_one_form() {
    let app = TestApp::open().await;
    let sale = app.sale("group_commit", &[seated(1, 5)]).await;
    let browser = Browser::open(&app).await;
    let page = browser.get(&browser.submit(&sale, "seat=A-1,+a-2&tier=floor&quantity=1").await).await;
    assert_eq!(messages(&page), ["success"]);
    let taken = browser.get(&browser.submit(&sale, "seat=A-2+A-3&tier=floor&quantity=1").await).await;
    assert_eq!(messages(&taken), ["conflict"]);
    let audit = app.clean_audit(&sale).await;
    assert_eq!((audit.orders, audit.sold), (1, 2), "nothing of the second form was had");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_says_nothing_that_is_not_so() {
    let app = TestApp::open().await;
    let sale = app.sale("group_commit", &[general_admission(5), seated(1, 1)]).await;
    let other = app.sale("group_commit", &[general_admission(5)]).await;
    let (buyer, stranger) = (Browser::open(&app).await, Browser::open(&app).await);
    let won = buyer.submit(&sale, "seat=A-1&tier=ga&quantity=1").await;
    let refused = buyer.submit(&sale, "seat=A-1&tier=ga&quantity=1").await;
    assert!(refused.starts_with(&format!("/sales/{sale}?outcome=seat-taken&seal=")), "{refused}");
    assert_eq!(messages(&buyer.get(&won).await), ["success"]);
    assert_eq!(messages(&buyer.get(&refused).await), ["conflict"]);
    // A stranger opens the buyer's links, the buyer opens them on another sale's page, and a browser without a cookie
    // opens them.
    let elsewhere = |address: &str| address.replace(&sale, &other);
    for planted in [won.as_str(), refused.as_str()] {
        assert_eq!(messages(&stranger.get(planted).await), [""; 0], "{planted}");
        assert_eq!(messages(&buyer.get(&elsewhere(planted)).await), [""; 0], "{planted}");
        let unknown = text(app.get(planted).await.expect(200));
        assert_eq!(messages(&unknown), [""; 0], "{planted}");
    }
    let order = "0190a5c8-7e1b-7abc-8def-0123456789ab";
    for claim in [
        "outcome=won".to_owned(),
        format!("outcome=won&order={order}"),
        "outcome=won&order=x".to_owned(),
        "outcome=won-scattered".to_owned(),
        "outcome=waiting".to_owned(),
        format!("outcome=waiting&request={order}"),
        "outcome=sold-out".to_owned(),
        "outcome=sold-out&seal=1795000000000.x".to_owned(),
        refused.split_once('?').expect("a query").1.replace("seat-taken", "sold-out"),
        "outcome=unauthenticated".to_owned(),
    ] {
        let page = buyer.get(&format!("/sales/{sale}?{claim}")).await;
        assert_eq!(messages(&page), [""; 0], "{claim}");
        assert!(!page.contains("Nothing was bought"), "{claim}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_not_taken_for_a_request_in_line() {
    let app = TestApp::open().await;
    let sale = app.sale("group_commit", &[general_admission(5)]).await;
    let browser = Browser::open(&app).await;
    let won = browser.submit(&sale, "tier=ga&quantity=1").await;
    let order = won.split_once("order=").expect("an order").1;
    // This purchase never waited in a queue. So there is an order with this id, but no request with it.
    let page = browser.get(&format!("/sales/{sale}?outcome=waiting&request={order}")).await;
    assert_eq!(messages(&page), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sold_to_a_browser_that_keeps_no_cookies() {
    let app = TestApp::open().await;
    let sale = app.sale("group_commit", &[general_admission(5)]).await;
    let post = || Ask::form(&sale, "tier=ga&quantity=1").header("sec-fetch-site", "same-origin");
    let refused = post().send(&app).await.expect(403);
    assert!(refused.header("content-type").is_some_and(|kind| kind.starts_with("text/html")));
    let page = text(refused);
    assert!(page.contains("Nothing was bought: your browser keeps no cookies"), "{page}");
    assert!(page.contains("Allow cookies for this site") && page.contains("action=\"/sales/"), "it can be tried again");
    assert_eq!(app.read_sale(&sale).await.sold, 0);
    Ask::form("no-such-sale", "tier=ga").send(&app).await.expect(404);
    // A script can buy by the form if it sends its session as a token. By the API it can buy without any session.
    let session = app.get("/api/v1/me").await.session().expect("a new guest").to_owned();
    post().bearer(&session).send(&app).await.expect(303);
    app.buy(&sale, json!({ "tier": "ga" })).await.expect(201);
    assert_eq!(app.read_sale(&sale).await.sold, 2);
}

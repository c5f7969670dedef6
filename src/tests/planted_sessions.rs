//! Over plain http, a neighbouring site can plant a session that it knows. What its owner buys first is the heir's,
//! whom nobody else knows.

use onsale::model::request::{Receipt, RequestState, RequestStatus};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Ask, Database, Reply, STRATEGIES, Setup, TestApp, general_admission};

const HOME: &str = "203.0.113.1";
const TRAIN: &str = "203.0.113.2";

/// A shop over plain http, behind a proxy that is believed about addresses. It runs on each kind of database.
struct Shop {
    app: TestApp,
    _database: Option<Database>,
}

impl Shop {
    async fn open_all() -> [Self; 2] {
        let database = Database::make().await;
        let setup =
            || Setup::default().with_admin().with_configuration("[server]\ntrusted_proxies = [\"127.0.0.1\"]\n");
        let (embedded, shared) = tokio::join!(setup().start(), setup().with_database(&database.url()).start());
        [Self { app: embedded, _database: None }, Self { app: shared, _database: Some(database) }]
    }
}

/// A browser that was given a session over plain http.
#[derive(Clone)]
struct Browser<'a> {
    app: &'a TestApp,
    /// The pairs of its `Cookie` header.
    cookies: String,
    address: &'static str,
}

/// A request of a page of the shop.
fn of_page(ask: Ask) -> Ask {
    ask.header("host", "shop.example").header("origin", "http://shop.example")
}

/// The cookie that an answer sets, as the browser sends it back. An answer sets one at most.
fn cookie(reply: &Reply) -> Option<String> {
    assert!(reply.headers.get_all("set-cookie").iter().count() <= 1, "{:?}", reply.headers);
    reply.header("set-cookie").map(|value| value.split(';').next().expect("a pair").to_owned())
}

impl<'a> Browser<'a> {
    async fn open(app: &'a TestApp) -> Self {
        let page = of_page(Ask::get("/api/v1/me")).send(app).await.expect(200);
        let cookies = cookie(&page).expect("a new guest");
        assert!(cookies.starts_with("sid="), "{cookies}");
        Self { app, cookies, address: HOME }
    }

    fn at(&self, address: &'static str) -> Self {
        Self { address, ..self.clone() }
    }

    /// The same browser after an answer: with the session that it brought.
    fn after(&self, reply: &Reply) -> Self {
        let cookies = cookie(reply).expect("the answer brings a session");
        assert_eq!(cookies.strip_prefix("sid="), reply.session(), "a cookie and the header");
        Self { cookies, ..self.clone() }
    }

    async fn send(&self, ask: Ask) -> Reply {
        of_page(ask).header("cookie", &self.cookies).header("x-forwarded-for", self.address).send(self.app).await
    }

    async fn buy(&self, sale: &str, key: &str) -> Reply {
        self.send(Ask::buy(sale, json!({ "tier": "ga" })).key(key)).await
    }

    async fn call(&self, sale: &str, key: &str) -> Reply {
        let arguments = json!({ "sale": sale, "body": { "tier": "ga", "quantity": 1 }, "key": key });
        self.send(Ask::post("/rpc/buy").json(arguments)).await
    }

    async fn me(&self) -> Value {
        self.send(Ask::get("/api/v1/me")).await.expect(200).json()["buyer"].clone()
    }

    /// The ids of the orders that the session's owner can see.
    async fn orders(&self) -> Vec<Value> {
        let list = self.send(Ask::get("/api/v1/orders")).await.expect(200).json();
        list["orders"].as_array().expect("orders").iter().map(|order| order["id"].clone()).collect()
    }
}

fn key() -> String {
    Uuid::now_v7().to_string()
}

fn is_replay(reply: &Reply) -> bool {
    reply.header("idempotent-replayed") == Some("true")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_purchase_over_plain_http_is_the_heirs_alone() {
    let direct = TestApp::open().await;
    let shops = Shop::open_all().await;
    for app in shops.iter().map(|shop| &shop.app).chain([&direct]) {
        let sale = app.sale("group_commit", &[general_admission(9)]).await;
        let planted = Browser::open(app).await;
        let bought = planted.buy(&sale, &key()).await.expect(201);
        let (order, heir) = (bought.json(), planted.after(&bought));
        assert_ne!(order["buyer"], planted.me().await);
        assert_eq!((order["buyer"].clone(), heir.orders().await), (heir.me().await, vec![order["id"].clone()]));
        assert_eq!(planted.orders().await, [] as [Value; 0], "whoever planted the session sees nothing");
        // A browser keeps a cookie that was planted for the whole domain beside the new one.
        for cookies in [[&*planted.cookies, &heir.cookies].join("; "), [&*heir.cookies, &planted.cookies].join("; ")] {
            assert_eq!(Browser { cookies, ..heir.clone() }.me().await, order["buyer"]);
        }
        for address in [HOME, TRAIN] {
            let second = heir.at(address).buy(&sale, &key()).await.expect(201);
            assert_eq!((second.json()["buyer"].clone(), cookie(&second)), (order["buyer"].clone(), None));
        }
        assert_eq!(heir.orders().await.len(), 3);
        app.clean_audit(&sale).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_planted_the_session_gets_another_heir() {
    for Shop { app, .. } in &Shop::open_all().await {
        let sale = app.sale("group_commit", &[general_admission(9)]).await;
        let planted = Browser::open(app).await;
        let bought = planted.buy(&sale, &key()).await.expect(201);
        let elsewhere = planted.at(TRAIN).buy(&sale, &key()).await.expect(201);
        assert_ne!(bought.json()["buyer"], elsewhere.json()["buyer"]);
        assert_eq!(planted.after(&elsewhere).orders().await, [elsewhere.json()["id"].clone()]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_nobody_can_plant_or_that_has_bought_keeps_its_identity() {
    let app = TestApp::open().await;
    let sale = app.sale("group_commit", &[general_admission(9)]).await;
    let wish = || Ask::buy(&sale, json!({ "tier": "ga" }));
    let kept = |reply: &Reply, buyer: &Value| {
        assert_eq!((&reply.json()["buyer"], cookie(reply), reply.session()), (buyer, None, None));
    };
    let guest = app.get("/api/v1/me").await.expect(200);
    let (buyer, bound) = (guest.json()["buyer"].clone(), cookie(&guest).expect("a new guest"));
    assert!(bound.starts_with("__Host-sid="));
    kept(&wish().header("cookie", &bound).header("sec-fetch-site", "same-origin").send(&app).await.expect(201), &buyer);
    let over_http = of_page(wish()).header("cookie", &bound).send(&app).await.expect(201);
    kept(&over_http, &buyer);

    let plain = Browser::open(&app).await;
    let (buyer, token) = (plain.me().await, plain.cookies.strip_prefix("sid=").expect("a plain cookie"));
    kept(&of_page(wish()).bearer(token).send(&app).await.expect(201), &buyer);
    kept(&plain.buy(&sale, &key()).await.expect(201), &buyer);
    assert_eq!(plain.orders().await.len(), 2, "nobody loses the tickets that the session had");

    let new = of_page(wish()).key(&key()).send(&app).await.expect(201);
    let new_guest = plain.after(&new);
    assert_eq!(new.json()["buyer"], new_guest.me().await);
    let second = new_guest.buy(&sale, &key()).await.expect(201);
    assert_eq!(second.json()["buyer"], new.json()["buyer"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_leaves_the_session_as_it_was() {
    for Shop { app, .. } in &Shop::open_all().await {
        let sale = app.sale("group_commit", &[general_admission(1)]).await;
        app.buy(&sale, json!({ "tier": "ga" })).await.expect(201);
        let browser = Browser::open(app).await;
        let form = Ask::form(&sale, "tier=ga&quantity=1");
        let told = browser.send(form).await.expect(303);
        assert!(told.header("location").expect("a page").contains("outcome=sold-out&seal="));
        for refused in [browser.buy(&sale, &key()).await.expect(409), browser.call(&sale, &key()).await, told] {
            assert_eq!((cookie(&refused), refused.session()), (None, None), "{}", refused.text());
        }
        assert_eq!(browser.buy("none", &key()).await.expect(404).session(), None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_tabs_that_buy_at_the_same_time_stay_one_buyer() {
    for Shop { app, .. } in &Shop::open_all().await {
        let sale = app.sale("group_commit", &[general_admission(9)]).await;
        let browser = Browser::open(app).await.at("2001:db8::1");
        let same_network = browser.at("2001:db8::2");
        let keys = [key(), key()];
        let (one, two) = tokio::join!(browser.buy(&sale, &keys[0]), same_network.call(&sale, &keys[1]));
        let (one, two) = (one.expect(201), two.expect(200));
        assert_eq!(browser.after(&one).me().await, browser.after(&two).me().await);
        assert_eq!(browser.after(&two).orders().await.len(), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purchase_whose_answer_was_lost_is_repeated_from_anywhere() {
    for Shop { app, .. } in &Shop::open_all().await {
        for strategy in STRATEGIES {
            let sale = app.sale(strategy, &[general_admission(1)]).await;
            let (browser, key) = (Browser::open(app).await, key());
            let first = browser.buy(&sale, &key).await.expect(201);
            let heir = browser.after(&first);
            for address in [HOME, TRAIN] {
                let again = browser.at(address).buy(&sale, &key).await.expect(201);
                assert_eq!((again.body.as_slice(), is_replay(&again)), (first.body.as_slice(), true), "{address}");
                let owner = browser.at(address).after(&again);
                assert_eq!(owner.me().await, first.json()["buyer"], "{address}: with the session of the order's buyer");
                let known = heir.at(address).buy(&sale, &key).await.expect(201);
                assert_eq!((known.body.as_slice(), is_replay(&known)), (first.body.as_slice(), true), "{address}");
                assert_eq!(cookie(&known), None, "{address}");
            }
            let other = browser.send(Ask::buy(&sale, json!({ "tier": "ga", "quantity": 2 })).key(&key)).await;
            other.expect_problem(422, "idempotency-key-reused");
            let stranger = Browser::open(app).await;
            stranger.buy(&sale, &key).await.expect_problem(409, "sold-out");
            assert_eq!(app.clean_audit(&sale).await.orders, 1);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_from_two_addresses_at_once_buys_once() {
    for Shop { app, .. } in &Shop::open_all().await {
        for round in 0..10 {
            let sale = app.sale(STRATEGIES[round % STRATEGIES.len()], &[general_admission(9)]).await;
            let (browser, key) = (Browser::open(app).await, key());
            let train = browser.at(TRAIN);
            let (one, two) = tokio::join!(browser.buy(&sale, &key), train.buy(&sale, &key));
            let mut orders = Vec::new();
            for reply in [one, two] {
                match reply.status {
                    409 => drop(reply.expect_problem(409, "idempotency-in-flight")),
                    _ => orders.push(reply.expect(201).json()["id"].clone()),
                }
            }
            orders.dedup();
            assert_eq!((orders.len(), app.clean_audit(&sale).await.orders), (1, 1));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_with_and_without_script_buys_for_the_heir() {
    for Shop { app, .. } in &Shop::open_all().await {
        let sale = app.sale("group_commit", &[general_admission(9)]).await;
        let (browser, key) = (Browser::open(app).await, key());
        let form = || Ask::form(&sale, &format!("tier=ga&quantity=1&idempotency_key={key}"));
        let won = browser.send(form()).await.expect(303);
        let (page, heir) = (won.header("location").expect("a page").to_owned(), browser.after(&won));
        let shows = async |browser: &Browser<'_>| {
            let page = browser.send(Ask::get(&page)).await.expect(200);
            page.text().contains("data-testid=\"toast\" data-kind=\"success\"")
        };
        assert!(shows(&heir).await && !shows(&browser).await, "the outcome is the heir's to see");
        for again in [browser.at(TRAIN).send(form()).await, heir.at(TRAIN).send(form()).await] {
            assert_eq!(again.expect(303).header("location"), Some(&*page), "the same form is the same order");
        }
        assert_eq!((browser.orders().await.len(), heir.orders().await.len()), (0, 1));

        let (browser, key) = (Browser::open(app).await, self::key());
        let called = browser.call(&sale, &key).await.expect(200);
        let heir = browser.after(&called);
        let again = browser.at(TRAIN).call(&sale, &key).await.expect(200);
        assert_eq!(browser.after(&again).orders().await, heir.orders().await);
        assert_eq!((browser.orders().await.len(), heir.orders().await.len()), (0, 1));
        assert_eq!(app.clean_audit(&sale).await.orders, 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn purchases_are_counted_for_the_session_that_asks() {
    let configuration = "[server]\ntrusted_proxies = [\"127.0.0.1\"]\n[limits]\npurchases_per_minute = 2\n";
    let app = Setup::default().with_admin().with_limits().with_configuration(configuration).start().await;
    let sale = app.sale("group_commit", &[general_admission(9)]).await;
    let browser = Browser::open(&app).await;
    for address in [HOME, TRAIN] {
        browser.at(address).buy(&sale, &key()).await.expect(201);
    }
    browser.at("203.0.113.3").buy(&sale, &key()).await.expect_problem(429, "rate-limited");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_in_line_is_the_heirs() {
    let redis = std::env::var("ONSALE_TEST_REDIS").unwrap_or_else(|_| "redis://127.0.0.1:6379".to_owned());
    let configuration = "[server]\ntrusted_proxies = [\"127.0.0.1\"]\n";
    let app = Setup::default().with_admin().with_env("REDIS_URL", &redis).with_configuration(configuration);
    let app = app.start().await;
    let sale = app.sale("queued", &[general_admission(9)]).await;
    let (browser, key) = (Browser::open(&app).await, key());
    let first = browser.buy(&sale, &key).await.expect(202);
    let (receipt, heir): (Receipt, _) = (first.read(), browser.after(&first));
    let again = browser.at(TRAIN).buy(&sale, &key).await;
    assert!([201, 202].contains(&again.status), "{}", again.text());
    assert_eq!(browser.after(&again).me().await, heir.me().await, "the same request, and whose it is");
    browser.send(Ask::get(&receipt.status_url)).await.expect_problem(404, "not-found");
    let order = loop {
        let status: RequestStatus = heir.send(Ask::get(&receipt.status_url)).await.expect(200).read();
        match status.status {
            RequestState::Pending => tokio::time::sleep(std::time::Duration::from_millis(10)).await,
            _ => break status.order.expect("there is enough"),
        }
    };
    assert_eq!(heir.orders().await, [json!(order)]);
    let second = heir.at(TRAIN).buy(&sale, &self::key()).await.expect(202);
    assert_eq!(cookie(&second), None, "an heir who has bought stays the same");

    let form = Browser::open(&app).await;
    let won = form.send(Ask::form(&sale, "tier=ga&quantity=1")).await.expect(303);
    assert_eq!(form.after(&won).orders().await.len(), 1);
}

//! Who may do what, and how clients identify themselves.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Ask, Reply, Setup, TestApp, general_admission, seated};

/// Who sends a request, by its credentials.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Who {
    Nobody,
    Guest,
    /// Sends a Bearer token that the server never issued.
    Stranger,
    Organiser,
}

const EVERYBODY: [Who; 4] = [Who::Nobody, Who::Guest, Who::Stranger, Who::Organiser];

/// A route: method, path, body.
type Route = (Method, String, Value);

async fn ask(app: &TestApp, guest: &str, who: Who, (method, path, body): &Route) -> Reply {
    let ask = Ask::new(method.clone(), path);
    let ask = if body.is_null() { ask } else { ask.json(body.clone()) };
    let ask = match who {
        Who::Nobody => ask,
        Who::Guest => ask.bearer(guest),
        Who::Stranger => ask.bearer("not-a-token-of-ours"),
        Who::Organiser => ask.admin(),
    };
    ask.send(app).await
}

async fn guest(app: &TestApp) -> String {
    app.get("/api/v1/me").await.expect(200).session().expect("a new guest").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_organiser_changes_sales() {
    let app = TestApp::open_demo().await;
    let sale = app.sale("group_commit", &[general_admission(10)]).await;
    let path = format!("/api/v1/sales/{sale}");
    let guest = guest(&app).await;
    let routes: [Route; 4] = [
        (Method::POST, "/api/v1/sales".into(), json!({ "name": "New", "tiers": [general_admission(1)] })),
        (Method::PATCH, path.clone(), json!({ "message": "Hello" })),
        (Method::POST, format!("{path}/stock"), json!({ "tier": "ga", "add": 1 })),
        (Method::POST, format!("{path}/reset"), Value::Null),
    ];
    for route in &routes {
        for who in EVERYBODY {
            let reply = ask(&app, &guest, who, route).await;
            match who {
                Who::Nobody | Who::Stranger => drop(reply.expect_problem(401, "unauthenticated")),
                Who::Guest => drop(reply.expect_problem(403, "forbidden")),
                Who::Organiser => assert!(reply.status < 300, "{route:?}: {}", reply.text()),
            }
        }
    }
    // Only the organiser's changes have happened. There was nothing to reset.
    let told = app.read_sale(&sale).await;
    assert_eq!((told.seq, told.capacity), (2, 11), "once made, once added");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_public_is_for_everybody_and_a_wrong_bearer_is_refused_where_a_buyer_is_needed() {
    let app = TestApp::open().await;
    let sale = app.sale("group_commit", &[general_admission(10), seated(1, 10)]).await;
    let path = format!("/api/v1/sales/{sale}");
    let guest = guest(&app).await;
    let public = ["", "/seats", "/seats/A-1", "/audit", "/ledger"].map(|suffix| format!("{path}{suffix}"));
    for path in public.into_iter().chain(["/api/v1/sales", "/api/v1", "/healthz"].map(str::to_owned)) {
        for who in [Who::Nobody, Who::Guest, Who::Organiser] {
            ask(&app, &guest, who, &(Method::GET, path.clone(), Value::Null)).await.expect(200);
        }
    }
    let needing_a_buyer: [Route; 5] = [
        (Method::GET, "/api/v1/me".into(), Value::Null),
        (Method::GET, "/api/v1/orders".into(), Value::Null),
        (Method::POST, format!("{path}/buy"), json!({ "tier": "ga" })),
        (Method::GET, "/api/v1/holds".into(), Value::Null),
        (Method::POST, format!("{path}/holds"), json!({ "items": [{ "tier": "ga", "quantity": 1 }] })),
    ];
    for route in &needing_a_buyer {
        for who in EVERYBODY {
            let reply = ask(&app, &guest, who, route).await;
            if who == Who::Stranger {
                reply.expect_problem(401, "unauthenticated");
            } else {
                assert!(reply.status < 300, "{who:?} {route:?}: {}", reply.text());
                assert_eq!(reply.session().is_some(), who == Who::Nobody, "only a new guest is introduced");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_its_buyers_and_the_organisers_and_unknown_to_all_others() {
    let app = TestApp::open().await;
    let sale = app.sale("group_commit", &[general_admission(10)]).await;
    let bought = app.buy(&sale, json!({ "tier": "ga" })).await.expect(201);
    let (owner, order) = (bought.session().expect("a token").to_owned(), bought.json());
    let path = format!("/api/v1/orders/{}", order["id"].as_str().expect("an id"));
    assert_eq!(bought.header("location"), Some(path.as_str()));
    let other = guest(&app).await;
    let read = |ask: Ask| ask.send(&app);
    assert_eq!(read(Ask::get(&path).bearer(&owner)).await.expect(200).json(), order);
    assert_eq!(read(Ask::get(&path).admin()).await.expect(200).json(), order);
    let foreign = read(Ask::get(&path).bearer(&other)).await.expect_problem(404, "not-found");
    let absent = "/api/v1/orders/0190a5c8-7e1b-7abc-8def-0123456789ab";
    let unknown = read(Ask::get(absent).bearer(&other)).await.expect_problem(404, "not-found");
    assert_eq!(foreign.detail, unknown.detail, "another's order looks as if it never was");
    read(Ask::get(&path)).await.expect_problem(404, "not-found");
    read(Ask::get("/api/v1/orders/nonsense").bearer(&owner)).await.expect_problem(404, "not-found");
    assert_eq!(read(Ask::get("/api/v1/orders").bearer(&other)).await.expect(200).json(), json!({ "orders": [] }));
    assert_eq!(read(Ask::get("/api/v1/orders").bearer(&owner)).await.expect(200).json(), json!({ "orders": [order] }));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_token_in_the_environment_nobody_is_the_organiser() {
    let app = Setup::default().with_demo().start().await;
    for token in ["", " ", "admin", crate::support::ADMIN_TOKEN] {
        let ask = Ask::post("/api/v1/sales").header("authorization", format!("Bearer {token}"));
        let reply = ask.json(json!({ "name": "X", "tiers": [general_admission(1)] })).send(&app).await;
        reply.expect_problem(401, "unauthenticated");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_guest_gets_a_cookie_that_a_page_cannot_read_and_a_header_that_a_script_can() {
    let app = TestApp::open().await;
    let reply = app.get("/api/v1/me").await.expect(200);
    let token = reply.session().expect("a token").to_owned();
    assert_eq!(reply.json()["kind"], "guest");
    let cookie = reply.header("set-cookie").expect("a cookie");
    let attributes: Vec<&str> = cookie.split("; ").collect();
    assert_eq!(attributes[0], format!("__Host-sid={token}"), "a loopback host is as good as https");
    for attribute in ["Secure", "HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(attributes.contains(&attribute), "{attribute}: {cookie}");
    }
    assert!(cookie.len() < 4_096 && !cookie.to_lowercase().contains("domain="), "{cookie}");
    let by_cookie = Ask::get("/api/v1/me").header("cookie", format!("a=b; __Host-sid={token}")).send(&app).await;
    let by_bearer = Ask::get("/api/v1/me").bearer(&token).send(&app).await;
    for known in [by_cookie, by_bearer] {
        assert_eq!(known.clone().expect(200).json(), reply.json());
        assert!(known.session().is_none() && known.header("set-cookie").is_none(), "nothing new to tell");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_plain_address_the_cookie_is_one_that_browsers_keep() {
    let app = TestApp::open().await;
    let reply = Ask::get("/api/v1/me").header("host", "tickets.example").send(&app).await.expect(200);
    let cookie = reply.header("set-cookie").expect("a cookie");
    assert!(cookie.starts_with("sid=") && !cookie.contains("Secure"), "{cookie}");
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax") && cookie.contains("Path=/"), "{cookie}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listed_proxy_is_believed_about_https_and_nobody_else() {
    let configuration = "[server]\ntrusted_proxies = [\"127.0.0.1\"]\n";
    let behind = Setup::default().with_configuration(configuration).start().await;
    let alone = TestApp::open().await;
    let ask = || Ask::get("/api/v1/me").header("host", "tickets.example").header("x-forwarded-proto", "https");
    let cookie = ask().send(&behind).await.expect(200).header("set-cookie").expect("a cookie").to_owned();
    assert!(cookie.starts_with("__Host-sid="), "{cookie}");
    let cookie = ask().send(&alone).await.expect(200).header("set-cookie").expect("a cookie").to_owned();
    assert!(cookie.starts_with("sid="), "{cookie}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_cookie_counts_as_absent_and_an_unreadable_bearer_does_not() {
    let app = TestApp::open().await;
    let token = guest(&app).await;
    let mut broken = token.clone();
    broken.replace_range(10..11, if &token[10..11] == "A" { "B" } else { "A" });
    for cookie in ["x", "", &broken, &token[1..]] {
        let reply =
            Ask::get("/api/v1/me").header("cookie", format!("__Host-sid={cookie}")).send(&app).await.expect(200);
        assert!(reply.session().is_some(), "a new guest: {cookie:?}");
        let reply = Ask::get("/api/v1/me").bearer(cookie).send(&app).await;
        reply.expect_problem(401, "unauthenticated");
    }
    let planted = format!("__Host-sid=planted; __Host-sid={token}");
    let reply = Ask::get("/api/v1/me").header("cookie", planted).send(&app).await.expect(200);
    assert!(reply.session().is_none(), "of two cookies the one that is signed by us counts");
    for value in ["Basic b25zYWxl", "Bearer", &token, "Bearer eyJhbGciOiJub25lIn0.e30."] {
        let reply = Ask::get("/api/v1/me").header("authorization", value).send(&app).await;
        reply.expect_problem(401, "unauthenticated");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_changed_bit_of_a_token_makes_it_worthless() {
    let app = TestApp::open().await;
    let token = guest(&app).await;
    for position in 0..token.len() {
        let mut changed = token.clone().into_bytes();
        changed[position] = if changed[position] == b'x' { b'y' } else { b'x' };
        let changed = String::from_utf8(changed).expect("ASCII");
        Ask::get("/api/v1/me").bearer(&changed).send(&app).await.expect_problem(401, "unauthenticated");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_share_a_secret_know_each_others_guests_and_others_do_not() {
    let with = |secret: &str| Setup::default().with_env("ONSALE_SECRET", secret).start();
    let (one, two, three) =
        (with("the first secret").await, with("the first secret").await, with("the second secret").await);
    let token = guest(&one).await;
    Ask::get("/api/v1/me").bearer(&token).send(&two).await.expect(200);
    Ask::get("/api/v1/me").bearer(&token).send(&three).await.expect_problem(401, "unauthenticated");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_secret_ends_no_session_as_long_as_the_one_before_is_named() {
    let before = Setup::default().with_env("ONSALE_SECRET", "the first secret").start().await;
    let token = guest(&before).await;
    let after = Setup::default()
        .with_env("ONSALE_SECRET", "the second secret")
        .with_env("ONSALE_PREVIOUS_SECRET", "the first secret")
        .start()
        .await;
    let cookie = format!("__Host-sid={token}");
    let renewed = Ask::get("/api/v1/me").header("cookie", &cookie).send(&after).await.expect(200);
    let set = renewed.header("set-cookie").expect("a new cookie for the old session");
    assert!(set.starts_with("__Host-sid=") && !set.contains(&token), "{set}");
    assert_eq!(renewed.session(), None, "no new guest");
    let buyer = |reply: &crate::support::Reply| reply.json()["buyer"].clone();
    assert_eq!(buyer(&renewed), buyer(&Ask::get("/api/v1/me").bearer(&token).send(&before).await.expect(200)));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_site_cannot_act_for_a_visitor() {
    let app = TestApp::open().await;
    let sale = app.sale("group_commit", &[general_admission(10)]).await;
    let token = guest(&app).await;
    let own = app.url();
    let ask = || Ask::buy(&sale, json!({ "tier": "ga" }));
    let with_cookie = || ask().header("cookie", format!("__Host-sid={token}"));
    for refused in [
        with_cookie(),
        with_cookie().header("origin", "http://evil.example"),
        with_cookie().header("origin", "null"),
        with_cookie().header("sec-fetch-site", "cross-site"),
        with_cookie().header("sec-fetch-site", "same-site"),
        with_cookie().header("sec-fetch-site", "cross-site").header("origin", &own),
        ask().header("origin", "http://evil.example"),
        ask().header("origin", "null"),
        ask().header("origin", own.replace("http:", "https:")),
        ask().header("sec-fetch-site", "cross-site"),
    ] {
        refused.send(&app).await.expect_problem(403, "forbidden");
    }
    for allowed in [
        with_cookie().header("sec-fetch-site", "same-origin").header("origin", &own),
        with_cookie().header("origin", &own),
        ask().bearer(&token),
        ask(),
    ] {
        allowed.send(&app).await.expect(201);
    }
    assert_eq!(app.clean_audit(&sale).await.sold, 4);
    let preflight = Ask::new(Method::OPTIONS, &format!("/api/v1/sales/{sale}/buy"))
        .header("origin", "http://evil.example")
        .header("access-control-request-method", "POST");
    let reply = preflight.send(&app).await;
    assert!(reply.headers.keys().all(|name| !name.as_str().starts_with("access-control-")), "{:?}", reply.headers);
}

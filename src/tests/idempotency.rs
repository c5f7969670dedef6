//! The same key never buys twice, and a repeated request gets the same answer.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use uuid::Uuid;

use crate::support::{Ask, Reply, STRATEGIES, TestApp, general_admission, scale, seated};

/// A fresh key, as our own clients make them.
fn key() -> String {
    Uuid::now_v7().to_string()
}

fn is_replay(reply: &Reply) -> bool {
    reply.header("idempotent-replayed") == Some("true")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_50_times_in_parallel_buys_once() {
    let app = TestApp::open().await;
    for round in 0..scale::rounds(10, 1_000) {
        let sale = app.sale(STRATEGIES[round % 2], &[general_admission(100)]).await;
        let key = key();
        let ask = || Ask::buy(&sale, json!({ "tier": "ga", "quantity": 2 })).key(&key).send(&app);
        let replies = join_all((0..50).map(|_| ask())).await;
        let first = replies.iter().find(|reply| reply.status == 201 && !is_replay(reply)).expect("one buys").clone();
        let mut fresh = 0;
        for reply in replies {
            if reply.status == 409 {
                reply.expect_problem(409, "idempotency-in-flight");
                continue;
            }
            fresh += usize::from(!is_replay(&reply));
            assert_eq!(reply.clone().expect(201).body, first.body);
            assert_eq!(reply.session(), first.session());
        }
        assert_eq!(fresh, 1);
        let again = ask().await.expect(201);
        assert!(is_replay(&again));
        assert_eq!((&again.body, again.header("location")), (&first.body, first.header("location")));
        assert_eq!(app.clean_audit(&sale).await.sold, 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_with_another_body_or_route_is_refused() {
    let app = TestApp::open().await;
    for strategy in STRATEGIES {
        let sale = app.sale(strategy, &[general_admission(10), seated(1, 2)]).await;
        let other_sale = app.sale(strategy, &[general_admission(10)]).await;
        let key = key();
        let ask = |sale: &str, body| Ask::buy(sale, body).key(&key).send(&app);
        ask(&sale, json!({ "tier": "ga" })).await.expect(201);
        for body in [json!({ "tier": "ga", "quantity": 2 }), json!({ "seat": "A-1" })] {
            ask(&sale, body).await.expect_problem(422, "idempotency-key-reused");
        }
        ask(&other_sale, json!({ "tier": "ga" })).await.expect_problem(422, "idempotency-key-reused");
        assert!(is_replay(&ask(&sale, json!({ "tier": "ga" })).await.expect(201)));
        assert_eq!(app.clean_audit(&sale).await.sold + app.clean_audit(&other_sale).await.sold, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_identity_a_key_is_always_the_same_guest() {
    let app = TestApp::open().await;
    let sale = app.sale("group_commit", &[general_admission(10)]).await;
    let key = key();
    let ask = || Ask::buy(&sale, json!({ "tier": "ga" })).key(&key).send(&app);
    let (first, again) = (ask().await.expect(201), ask().await.expect(201));
    let token = first.session().expect("a new guest is told who they are");
    assert_eq!(again.session(), Some(token), "the same key carries the same session");
    let me = Ask::get("/api/v1/me").bearer(token).send(&app).await.expect(200).json();
    assert_eq!(me["buyer"], first.json()["buyer"]);
    let orders = Ask::get("/api/v1/orders").bearer(token).send(&app).await.expect(200).json();
    assert_eq!(orders["orders"], json!([first.json()]));
    let other = Ask::buy(&sale, json!({ "tier": "ga" })).key(&self::key()).send(&app).await.expect(201);
    assert_ne!(other.json()["buyer"], first.json()["buyer"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_belongs_to_the_buyer_who_sent_it() {
    let app = TestApp::open().await;
    let sale = app.sale("group_commit", &[general_admission(10)]).await;
    let mut buyers = Vec::new();
    for _ in 0..2 {
        let token = app.get("/api/v1/me").await.session().expect("a new guest").to_owned();
        let reply = Ask::buy(&sale, json!({ "tier": "ga" })).bearer(&token).key("short").send(&app).await.expect(201);
        assert!(!is_replay(&reply), "another buyer's key is another key");
        buyers.push(reply.json()["buyer"].clone());
    }
    assert_ne!(buyers[0], buyers[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_has_1_to_255_printable_characters_and_is_a_secret_where_it_identifies() {
    let app = TestApp::open().await;
    let sale = app.sale("group_commit", &[general_admission(10)]).await;
    let ask = |key: &[u8]| Ask::buy(&sale, json!({ "tier": "ga" })).header("idempotency-key", key).send(&app);
    let longest = "a key 123!".repeat(26)[..255].to_owned();
    let too_long = "k".repeat(256);
    for unusable in
        [b"".as_slice(), too_long.as_bytes(), "clé-of-enough-characters".as_bytes(), b"a\ttab-in-the-middle"]
    {
        ask(unusable).await.expect_problem(400, "malformed");
    }
    for guessable in ["sixteen-letters-", &"k".repeat(255), "123456789123456789123456"] {
        ask(guessable.as_bytes()).await.expect_problem(400, "malformed");
    }
    for usable in ["twenty-two-characters!", &longest, "with a space and ~ all !\"#$%"] {
        ask(usable.as_bytes()).await.expect(201);
    }
    let twice = Ask::buy(&sale, json!({ "tier": "ga" })).key(&key()).key(&key());
    twice.send(&app).await.expect_problem(400, "malformed");
    assert_eq!(app.clean_audit(&sale).await.sold, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_not_stored_and_the_same_key_can_win_later() {
    let app = TestApp::open().await;
    for strategy in STRATEGIES {
        let sale = app.sale(strategy, &[general_admission(1)]).await;
        let (winner, loser) = (key(), key());
        let ask = |key: &str| Ask::buy(&sale, json!({ "tier": "ga" })).key(key).send(&app);
        ask(&winner).await.expect(201);
        ask(&loser).await.expect_problem(409, "sold-out");
        ask(&loser).await.expect_problem(409, "sold-out");
        let stock = Ask::post(&format!("/api/v1/sales/{sale}/stock")).admin().json(json!({ "tier": "ga", "add": 1 }));
        stock.send(&app).await.expect(201);
        let won = ask(&loser).await.expect(201);
        assert!(!is_replay(&won));
        assert!(is_replay(&ask(&loser).await.expect(201)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stored_answer_is_told_though_the_sale_is_sold_out_paused_or_closed_and_after_a_restart() {
    let mut app = TestApp::open().await;
    for strategy in STRATEGIES {
        let sale = app.sale(strategy, &[general_admission(1)]).await;
        let key = key();
        let ask = Ask::buy(&sale, json!({ "tier": "ga" })).key(&key);
        let first = ask.clone().send(&app).await.expect(201);
        let assert_replayed = async |app: &TestApp, when: &str| {
            let reply = ask.clone().send(app).await.expect(201);
            assert!(is_replay(&reply), "{when}");
            assert_eq!((&reply.body, reply.session()), (&first.body, first.session()), "{when}");
        };
        app.buy(&sale, json!({ "tier": "ga" })).await.expect_problem(409, "sold-out");
        assert_replayed(&app, "sold out").await;
        app.patch(&sale, json!({ "status": "paused" })).await.expect(200);
        assert_replayed(&app, "paused").await;
        app.patch(&sale, json!({ "status": "closed" })).await.expect(200);
        assert_replayed(&app, "closed").await;
        app.restart().await;
        assert_replayed(&app, "restarted").await;
        assert_eq!(app.clean_audit(&sale).await.sold, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_hangs_up_may_ask_again() {
    let app = TestApp::open().await;
    let sale = app.sale("group_commit", &[general_admission(1_000_000)]).await;
    for round in 0..scale::rounds(30, 5_000) {
        let key = key();
        let ask = || Ask::buy(&sale, json!({ "tier": "ga" })).key(&key).send(&app);
        let patience = Duration::from_micros(rand::random_range(100..4_000));
        let _ = tokio::time::timeout(patience, ask()).await;
        // A request that was in flight when its client left is decided soon.
        let mut answer = ask().await;
        for _ in 0..100 {
            if answer.status != 409 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
            answer = ask().await;
        }
        answer.expect(201);
        assert_eq!(app.clean_audit(&sale).await.sold, round as u64 + 1, "once, however it ended");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organisers_key_is_answered_once() {
    let app = TestApp::open().await;
    let sale = app.sale("group_commit", &[general_admission(10)]).await;
    let key = key();
    let stock = || {
        let ask = Ask::post(&format!("/api/v1/sales/{sale}/stock")).admin().key(&key);
        ask.json(json!({ "tier": "ga", "add": 5 })).send(&app)
    };
    let (first, again) = (stock().await.expect(201), stock().await.expect(201));
    assert!(!is_replay(&first) && is_replay(&again));
    assert_eq!(again.body, first.body);
    assert_eq!(app.read_sale(&sale).await.capacity, 15, "stock is added once");
    let fields = json!({ "name": "Keyed", "tiers": [general_admission(1)] });
    let create = || Ask::post("/api/v1/sales").admin().key("create-keyed").json(fields.clone()).send(&app);
    let (first, again) = (create().await.expect(201), create().await.expect(201));
    assert_eq!((again.json()["id"].clone(), is_replay(&again)), (first.json()["id"].clone(), true));
    let reset = Ask::post(&format!("/api/v1/sales/{sale}/reset")).admin().key(&key);
    reset.send(&app).await.expect_problem(422, "idempotency-key-reused");
}

//! Queued purchases over HTTP: the receipt, its status, and the outcome.

use std::time::{Duration, Instant};

use onsale::model::{
    outcome::Code,
    request::{Receipt, RequestState, RequestStatus},
    simulation::Simulation,
};
use serde_json::json;

use crate::support::{Ask, Reply, Setup, TestApp, general_admission, seated};

/// How long a purchase may wait in the queue.
const PATIENCE: Duration = Duration::from_secs(30);

async fn open() -> TestApp {
    let redis = std::env::var("ONSALE_TEST_REDIS").unwrap_or_else(|_| "redis://127.0.0.1:6379".to_owned());
    Setup::default().with_demo().with_admin().with_env("REDIS_URL", &redis).start().await
}

/// Asks for the outcome as the guest of `session`, until it is decided.
async fn outcome(app: &TestApp, receipt: &Receipt, session: &str) -> RequestStatus {
    let started = Instant::now();
    loop {
        let status: RequestStatus = Ask::get(&receipt.status_url).bearer(session).send(app).await.expect(200).read();
        assert_eq!(status.request, receipt.request);
        if status.status != RequestState::Pending {
            return status;
        }
        assert!(started.elapsed() < PATIENCE, "still in line");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn receipt(reply: Reply) -> (Receipt, String) {
    let reply = reply.expect(202);
    let receipt: Receipt = reply.read();
    assert_eq!(reply.json().as_object().expect("an object").len(), 2);
    assert_eq!(receipt.status_url, format!("/api/v1/requests/{}", receipt.request));
    assert_eq!(reply.header("location"), Some(&*receipt.status_url));
    (receipt, reply.session().expect("a new guest is introduced").to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purchase_in_line_is_answered_with_202_and_its_outcome_is_its_buyers_alone() {
    let app = open().await;
    let sale = app.sale("queued", &[seated(1, 1)]).await;
    let (first, winner) = receipt(app.buy(&sale, json!({ "seat": "A-1" })).await);
    let confirmed = outcome(&app, &first, &winner).await;
    let order = confirmed.order.expect("a confirmed request has an order");
    assert_eq!((confirmed.status, confirmed.code), (RequestState::Confirmed, None));
    let ticket = Ask::get(&format!("/api/v1/orders/{order}")).bearer(&winner).send(&app).await.expect(200).json();
    assert_eq!(ticket["tickets"][0]["seat"], "A-1");
    // A seat that is certainly gone is refused at once, without a place in the queue.
    app.buy(&sale, json!({ "seat": "A-1" })).await.expect_problem(409, "seat-taken");
    app.get(&first.status_url).await.expect_problem(404, "not-found");
    Ask::get(&first.status_url).bearer("nobody").send(&app).await.expect_problem(401, "unauthenticated");
    for request in ["x", "00000000-0000-0000-0000-000000000000"] {
        app.get(&format!("/api/v1/requests/{request}")).await.expect_problem(404, "not-found");
    }
    app.get(&format!("{}?wait=1", first.status_url)).await.expect_problem(422, "invalid");
    app.clean_audit(&sale).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_has_the_same_receipt_and_then_the_same_order() {
    let app = open().await;
    let sale = app.sale("queued", &[general_admission(5)]).await;
    let key = "0190a5c8-7e1b-7abc-8def-0123456789ab";
    let wish = json!({ "tier": "ga" });
    let (first, session) = receipt(Ask::buy(&sale, wish.clone()).key(key).send(&app).await);
    let order = outcome(&app, &first, &session).await.order.expect("there is enough");
    let again = Ask::buy(&sale, wish).key(key).send(&app).await.expect(201);
    assert_eq!((again.header("idempotent-replayed"), &again.json()["id"]), (Some("true"), &json!(order)));
    Ask::buy(&sale, json!({ "tier": "ga", "quantity": 2 }))
        .key(key)
        .send(&app)
        .await
        .expect_problem(422, "idempotency-key-reused");
    assert_eq!(app.clean_audit(&sale).await.sold, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_form_without_script_waits_for_the_outcome() {
    let app = open().await;
    let sale = app.sale("queued", &[general_admission(1)]).await;
    let session = app.get("/api/v1/me").await.session().expect("a new guest").to_owned();
    let form = || Ask::form(&sale, "tier=ga&quantity=1").bearer(&session);
    let won = form().send(&app).await.expect(303);
    assert!(won.header("location").expect("a page").starts_with(&format!("/sales/{sale}?outcome=won&order=")));
    let refused = form().send(&app).await.expect(303);
    let page = refused.header("location").expect("a page");
    assert!(page.starts_with(&format!("/sales/{sale}?outcome=sold-out&seal=")), "{page}");
    app.clean_audit(&sale).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn simulated_buyers_follow_their_receipts() {
    let app = open().await;
    let sale =
        app.sale_with(json!({ "rehearsal": true, "strategy": "queued", "tiers": [general_admission(100)] })).await;
    let wish = json!({ "buyers": 300, "concurrency": 100, "seed": 7 });
    let begun: Simulation = app.post(&format!("/api/v1/sales/{sale}/simulations"), wish).await.expect(201).read();
    let run = app.finished(begun.id).await;
    assert_eq!((run.won, run.refused.get(&Code::SoldOut), run.errors), (100, Some(&200), 0), "{run:?}");
    assert_eq!(run.contradictions, Vec::<String>::new());
    assert!(app.clean_audit(&sale).await.sold == 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_line_when_the_server_stops_or_dies_is_decided_when_it_is_back() {
    let mut app = open().await;
    for is_killed in [false, true] {
        let sale = app.sale("queued", &[general_admission(1_000)]).await;
        let mut receipts = Vec::new();
        for _ in 0..60 {
            receipts.push(receipt(app.buy(&sale, json!({ "tier": "ga" })).await));
        }
        if is_killed {
            app.kill();
            app.launch().await;
        } else {
            app.restart().await;
        }
        for (receipt, session) in &receipts {
            assert!(outcome(&app, receipt, session).await.order.is_some());
        }
        assert_eq!(app.clean_audit(&sale).await.sold, 60);
    }
}

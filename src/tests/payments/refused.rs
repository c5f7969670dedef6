//! Bad requests to every route of payments. Each gets the documented answer and changes nothing.

use onsale::{
    model::{
        hold::HoldStatus,
        payment::{Payment, PaymentStatus},
        time::Timestamp,
    },
    server::{config::Secret, payment::sign},
};
use serde_json::{Value, json};

use super::ga;
use crate::support::{
    Ask, Payer, Reply, Shop, TestApp, general_admission,
    stand_in::{WEBHOOK_SECRET, now},
};

const WEBHOOK: &str = "/api/v1/payments/webhook";

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_that_cannot_begin_is_refused_and_changes_nothing() {
    let shop = Shop::open().await;
    let app = &shop.app;
    let sale = shop.sale(&[general_admission(10)], json!({ "contact": "required" })).await;
    let buyer = Payer::new(app).await;
    let hold = buyer.hold(&sale, ga(1)).await;
    let contact = json!({ "email": "ada@example.org" });
    for path in ["//evil.example/", "https://evil.example/", "checkout", "", "/a\\b", "/a b", "/ä", "/a#b"] {
        let body = json!({ "return_path": path, "contact": contact });
        buyer.try_pay(&hold, body).await.expect_problem(422, "invalid");
    }
    for body in [
        json!({}),
        json!({ "contact": { "email": "nobody" } }),
        json!({ "contact": null }),
        json!({ "return_path": null, "contact": contact }),
        json!({ "amount": 1, "contact": contact }),
    ] {
        buyer.try_pay(&hold, body).await.expect_problem(422, "invalid");
    }
    let path = format!("/api/v1/holds/{}/payments", hold.id);
    let stranger = Payer::new(app).await;
    stranger.try_pay(&hold, json!({ "contact": contact })).await.expect_problem(404, "not-found");
    stranger.ask(Ask::get(&path)).await.expect_problem(404, "not-found");
    buyer.ask(Ask::post(&path).raw("application/json", "{")).await.expect_problem(400, "malformed");
    buyer.ask(Ask::post(&path).raw("text/plain", "{}")).await.expect_problem(415, "unsupported-media-type");
    for unknown in ["/api/v1/payments/nothing", "/api/v1/payments/0190a5c8-7e1b-7abc-8def-0123456789ab"] {
        buyer.ask(Ask::get(unknown)).await.expect_problem(404, "not-found");
    }
    let told = buyer.ask(Ask::get(&path)).await.expect(200).json();
    assert_eq!(told, json!({ "payments": [] }));
    assert!(buyer.read(&hold).await.status.is_live());
    let begun = buyer.try_pay(&hold, json!({ "contact": contact, "return_path": "/checkout/x?y=1" })).await.expect(201);
    let payment = begun.json()["id"].as_str().expect("an id").to_owned();
    stranger.ask(Ask::get(&format!("/api/v1/payments/{payment}"))).await.expect_problem(404, "not-found");
    Ask::get(&format!("/api/v1/payments/{payment}")).admin().send(app).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nothing_is_owed_or_nobody_takes_money_nothing_is_paid() {
    let shop = Shop::open().await;
    let free = json!({ "name": "GA", "price": 0, "quantity": 5 });
    for fields in [json!({ "checkout": "instant" }), json!({ "checkout": "paid" })] {
        let is_free = fields["checkout"] == "paid";
        let tier = if is_free { free.clone() } else { general_admission(5) };
        let sale = shop.sale(&[tier], fields).await;
        let buyer = Payer::new(&shop.app).await;
        let hold = buyer.hold(&sale, ga(1)).await;
        buyer.try_pay(&hold, json!({})).await.expect_problem(409, "step-not-allowed");
    }
    let app = TestApp::open().await;
    let sale = app.sale("group_commit", &[general_admission(5)]).await;
    let buyer = Payer::new(&app).await;
    let hold = buyer.hold(&sale, ga(1)).await;
    buyer.try_pay(&hold, json!({})).await.expect_problem(409, "step-not-allowed");
    Ask::post(WEBHOOK).json(json!({})).send(&app).await.expect_problem(404, "not-found");
}

async fn tell(app: &TestApp, body: &str, signature: &str) -> Reply {
    Ask::post(WEBHOOK).header("stripe-signature", signature).raw("application/json", body).send(app).await
}

fn signed(body: &str, at: Timestamp) -> String {
    sign(body.as_bytes(), &Secret::new(WEBHOOK_SECRET), at)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_begins_one_payment() {
    let shop = Shop::open().await;
    let sale = shop.sale(&[general_admission(10)], json!({})).await;
    let buyer = Payer::new(&shop.app).await;
    let hold = buyer.hold(&sale, ga(1)).await;
    let path = format!("/api/v1/holds/{}/payments", hold.id);
    let pay = |key: &str, body: Value| buyer.ask(Ask::post(&path).key(key).json(body));
    let first = pay("one", json!({})).await.expect(201);
    let payment: Payment = first.read();
    let again = pay("one", json!({})).await.expect(201);
    assert_eq!(
        (again.json()["id"].clone(), again.header("idempotent-replayed")),
        (first.json()["id"].clone(), Some("true"))
    );
    pay("one", json!({ "return_path": "/tickets" })).await.expect_problem(422, "idempotency-key-reused");
    pay("", json!({})).await.expect_problem(400, "malformed");
    shop.press(&payment, "decline").await;
    buyer.until(&payment, PaymentStatus::Declined).await;
    let late = pay("one", json!({})).await.expect(201);
    assert_eq!(late.json()["status"], "declined", "a retry that comes late begins nothing");
    assert_eq!(buyer.read(&hold).await.status, HoldStatus::Active);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_that_lasts_longer_than_a_page_can_be_paid() {
    let shop = Shop::open().await;
    let terms = json!({ "hold_ttl_seconds": 86_400, "payment_grace_seconds": 86_400, "hold_extension_seconds": 3_600 });
    let sale = shop.sale(&[general_admission(10)], terms).await;
    let buyer = Payer::new(&shop.app).await;
    let hold = buyer.hold(&sale, ga(1)).await;
    buyer.ask(Ask::post(&format!("/api/v1/holds/{}/extend", hold.id))).await.expect(200);
    let payment = buyer.pay(&hold).await;
    assert_eq!(shop.press(&payment, "pay").await, 303);
    buyer.until(&payment, PaymentStatus::Succeeded).await;
    shop.reconciled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_the_provider_has_signed_is_believed() {
    let shop = Shop::open().await;
    let app = &shop.app;
    let sale = shop.sale(&[general_admission(10)], json!({})).await;
    let buyer = Payer::new(app).await;
    let hold = buyer.hold(&sale, ga(1)).await;
    let payment = buyer.pay(&hold).await;
    let session = payment.redirect_url.as_deref().and_then(|url| url.rsplit('/').next()).expect("a page").to_owned();
    let event = |amount: u64| -> Value {
        json!({ "id": "evt_of_a_thief", "type": "checkout.session.completed", "data": { "object": {
            "id": session, "status": "complete", "payment_status": "paid", "amount_total": amount, "currency": "usd",
            "payment_intent": "pi_1", "metadata": { "payment": payment.id.to_string() },
        } } })
    };
    let body = event(payment.amount).to_string();
    let wrong = sign(body.as_bytes(), &Secret::new("whsec_of_a_thief"), now());
    for signature in ["", "t=1,v1=00", wrong.as_str()] {
        tell(app, &body, signature).await.expect_problem(401, "unauthenticated");
    }
    let old = now().plus_milliseconds(-301_000);
    tell(app, &body, &signed(&body, old)).await.expect_problem(400, "malformed");
    tell(app, "[]", &signed("[]", now())).await.expect_problem(400, "malformed");
    let large = format!("{{\"id\":\"{}\"}}", "x".repeat(256 * 1024));
    tell(app, &large, &signed(&large, now())).await.expect_problem(413, "too-large");
    Ask::post(WEBHOOK).raw("text/plain", "{}").send(app).await.expect_problem(415, "unsupported-media-type");
    for unknown in [
        json!({ "id": "evt_1", "type": "customer.created", "data": { "object": {} }, "new": [1] }),
        json!({ "id": "evt_2", "type": "checkout.session.expired", "data": { "object": { "id": "cs_of_another_shop" } } }),
    ] {
        let body = unknown.to_string();
        for _ in 0..2 {
            tell(app, &body, &signed(&body, now())).await.expect(200);
        }
    }
    assert_eq!(buyer.payment(&payment).await.status.name(), "pending");
    assert_eq!(app.clean_audit(&sale).await.sold, 0);
}

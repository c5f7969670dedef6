//! Paying at the payment provider over the real surface, on both databases: what buyers, provider and organiser are told, and
//! that every cent is explained in the end.

mod faults; // every fault of the provider, alone and in pairs
mod kills; // servers and the provider that die in mid-payment
mod late; // money that comes after the end of its hold
mod led_on; // pages that lead on to the provider
mod refused; // bad requests to every route of payments
mod twice; // money that comes twice, or for something else

use std::time::Duration;

use onsale::model::{
    hold::HoldStatus,
    order::Order,
    payment::{Payment, PaymentList, PaymentStatus},
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Ask, Payer, Shop, general_admission, seated};

/// Runs a story in a shop on each database.
async fn on_both_databases(story: impl AsyncFn(&Shop)) {
    story(&Shop::open().await).await;
    story(&Shop::open_on_postgres().await).await;
}

/// So many units of admission.
fn ga(quantity: u64) -> Value {
    json!({ "items": [{ "tier": "ga", "quantity": quantity }] })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_is_paid_and_owned() {
    on_both_databases(async |shop| {
        let app = &shop.app;
        for strategy in ["group_commit", "atomic_update"] {
            let sale = shop.sale(&[seated(2, 5), general_admission(10)], json!({ "strategy": strategy })).await;
            let buyer = Payer::new(app).await;
            let hold =
                buyer.hold(&sale, json!({ "seats": ["A-1", "A-2"], "items": [{ "tier": "ga", "quantity": 1 }] })).await;
            let contact = json!({ "email": "ada@example.org", "name": "Ada" });
            let reply = buyer.try_pay(&hold, json!({ "contact": contact })).await.expect(201);
            let payment: Payment = reply.read();
            assert_eq!(reply.header("location"), Some(format!("/api/v1/payments/{}", payment.id).as_str()));
            assert_eq!(
                (payment.hold, payment.status, payment.amount, payment.currency.as_str()),
                (hold.id, PaymentStatus::Pending, hold.total, "USD")
            );
            let paying = buyer.read(&hold).await;
            assert_eq!(paying.status, HoldStatus::Paying);
            assert!(paying.expires_at >= hold.expires_at);
            let again: Payment = buyer.try_pay(&hold, json!({})).await.expect(200).read();
            assert_eq!((again.id, &again.redirect_url), (payment.id, &payment.redirect_url), "one payment at a time");

            let page = reqwest::Client::builder().no_proxy().build().expect("a client");
            let page = page.get(payment.redirect_url.clone().expect("a page")).send().await.expect("a page");
            let page = page.text().await.expect("a text");
            assert!(page.contains("A-1, A-2") && page.contains("$105.00"), "{page}");
            assert_eq!(shop.press(&payment, "pay").await, 303);
            let paid = buyer.until(&payment, PaymentStatus::Succeeded).await;
            assert_eq!(paid.order.map(|order| order.0), Some(hold.id.0));
            assert_eq!(paid.redirect_url, None);
            let order: Order = buyer.ask(Ask::get(&format!("/api/v1/orders/{}", hold.id))).await.expect(200).read();
            assert_eq!((order.total, order.tickets.len()), (10_500, 3));
            let told = buyer.ask(Ask::get(&format!("/api/v1/orders/{}", hold.id))).await.json();
            assert_eq!(told["contact"], contact, "{told}");
            assert_eq!(buyer.read(&hold).await.status, HoldStatus::Confirmed);
            let list: PaymentList =
                buyer.ask(Ask::get(&format!("/api/v1/holds/{}/payments", hold.id))).await.expect(200).read();
            assert_eq!(list.payments.len(), 1);
            let audit = app.clean_audit(&sale).await;
            assert_eq!((audit.available, audit.held, audit.sold), (17, 0, 3));
            buyer.try_pay(&hold, json!({})).await.expect_problem(409, "hold-finished");
        }
        shop.reconciled().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_decline_the_hold_goes_on_and_another_card_works() {
    on_both_databases(async |shop| {
        let sale = shop.sale(&[general_admission(10)], json!({})).await;
        let buyer = Payer::new(&shop.app).await;
        let hold = buyer.hold(&sale, ga(2)).await;
        let first = buyer.pay(&hold).await;
        let until = buyer.read(&hold).await.expires_at;
        shop.press(&first, "decline").await;
        let declined = buyer.until(&first, PaymentStatus::Declined).await;
        assert!(declined.reason.is_some() && declined.order.is_none(), "{declined:?}");
        let hold_now = buyer.read(&hold).await;
        assert_eq!((hold_now.status, hold_now.expires_at), (HoldStatus::Active, until));

        let second = buyer.pay(&hold).await;
        assert_ne!((second.id, &second.redirect_url), (first.id, &first.redirect_url));
        assert_eq!(buyer.read(&hold).await.expires_at, until, "only the first payment moves the clock");
        assert_ne!(shop.press(&first, "pay").await, 303, "the first page is closed");
        assert_eq!(shop.press(&second, "pay").await, 303);
        buyer.until(&second, PaymentStatus::Succeeded).await;
        let audit = shop.app.clean_audit(&sale).await;
        assert_eq!((audit.held, audit.sold), (0, 2));
        shop.reconciled().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_card_on_the_same_page_works_too() {
    let shop = Shop::open().await;
    let sale = shop.sale(&[general_admission(10)], json!({})).await;
    let buyer = Payer::new(&shop.app).await;
    let hold = buyer.hold(&sale, ga(1)).await;
    let payment = buyer.pay(&hold).await;
    shop.press(&payment, "decline").await;
    buyer.until(&payment, PaymentStatus::Declined).await;
    assert_eq!(shop.press(&payment, "pay").await, 303);
    buyer.until(&payment, PaymentStatus::Succeeded).await;
    assert_eq!(shop.app.clean_audit(&sale).await.sold, 1);
    shop.reconciled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_payment_is_under_way_what_is_held_stays_as_it_is() {
    on_both_databases(async |shop| {
        let sale = shop.sale(&[general_admission(10)], json!({ "rehearsal": true })).await;
        let buyer = Payer::new(&shop.app).await;
        let hold = buyer.hold(&sale, ga(2)).await;
        let payment = buyer.pay(&hold).await;
        let path = format!("/api/v1/holds/{}", hold.id);
        let step = |method: Method, path: String, body: Value| buyer.ask(Ask::new(method, &path).json(body));
        step(Method::PUT, path.clone(), ga(1)).await.expect_problem(409, "step-not-allowed");
        let simulated = json!({ "payment": { "method": "simulated", "outcome": "succeed" } });
        step(Method::POST, format!("{path}/confirm"), simulated).await.expect_problem(409, "step-not-allowed");
        buyer.ask(Ask::post(&format!("{path}/extend"))).await.expect_problem(409, "extension-refused");

        buyer.ask(Ask::new(Method::DELETE, &path)).await.expect(204);
        assert_eq!(buyer.read(&hold).await.status, HoldStatus::Released);
        buyer.until(&payment, PaymentStatus::Expired).await;
        assert_ne!(shop.press(&payment, "pay").await, 303, "the page is closed");
        assert_eq!(shop.app.clean_audit(&sale).await.available, 10);
        shop.reconciled().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sale_in_which_buyers_have_paid_is_not_reset_and_a_rehearsal_gives_money_back() {
    on_both_databases(async |shop| {
        for is_rehearsal in [false, true] {
            let sale = shop.sale(&[general_admission(10)], json!({ "rehearsal": is_rehearsal })).await;
            let buyer = Payer::new(&shop.app).await;
            let hold = buyer.hold(&sale, ga(1)).await;
            let payment = buyer.pay(&hold).await;
            shop.press(&payment, "pay").await;
            buyer.until(&payment, PaymentStatus::Succeeded).await;
            let waiting = buyer.hold(&sale, ga(1)).await;
            let pending = buyer.pay(&waiting).await;
            let reset = Ask::post(&format!("/api/v1/sales/{sale}/reset")).admin().send(&shop.app).await;
            if !is_rehearsal {
                reset.expect_problem(409, "step-not-allowed");
                assert_eq!(shop.app.clean_audit(&sale).await.sold, 1);
                continue;
            }
            reset.expect(200);
            let refunded = buyer.until(&payment, PaymentStatus::Refunded).await;
            assert!(refunded.order.is_none() && refunded.reason.is_some(), "{refunded:?}");
            buyer.until(&pending, PaymentStatus::Expired).await;
            assert_eq!(shop.app.clean_audit(&sale).await.available, 10);
        }
        shop.reconciled().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_tabs_that_pay_one_hold_pay_once() {
    on_both_databases(async |shop| {
        let sale = shop.sale(&[general_admission(10)], json!({})).await;
        let buyer = Payer::new(&shop.app).await;
        // Several times, because it takes luck to look at a hold just before its payment begins and at its payments just after.
        for sold in 1..=8 {
            let hold = buyer.hold(&sale, ga(1)).await;
            let replies = futures_util::future::join_all((0..8).map(|_| buyer.try_pay(&hold, json!({})))).await;
            let mut begun = 0;
            let payments: Vec<Payment> = replies
                .into_iter()
                .map(|reply| {
                    begun += usize::from(reply.status == 201);
                    assert!([200, 201].contains(&reply.status), "{}", reply.text());
                    reply.read()
                })
                .collect();
            assert_eq!(begun, 1);
            assert!(payments.iter().all(|payment| payment.id == payments[0].id));
            let payment = buyer.payment(&payments[0]).await;
            let (one, other) = tokio::join!(shop.press(&payment, "pay"), shop.press(&payment, "pay"));
            assert!(one == 303 || other == 303);
            buyer.until(&payment, PaymentStatus::Succeeded).await;
            assert_eq!(shop.app.clean_audit(&sale).await.sold, sold);
        }
        shop.reconciled().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_down_delays_payments_and_loses_none() {
    let mut shop = Shop::open().await;
    let sale = shop.sale(&[general_admission(10)], json!({})).await;
    let buyer_token = Payer::new(&shop.app).await.token;
    let hold = Payer { app: &shop.app, token: buyer_token.clone() }.hold(&sale, ga(1)).await;
    shop.stand_in.kill();
    let payment = Payer { app: &shop.app, token: buyer_token.clone() }.pay(&hold).await;
    assert_eq!((payment.status, &payment.redirect_url), (PaymentStatus::Pending, &None));
    shop.stand_in.launch().await;
    let buyer = Payer { app: &shop.app, token: buyer_token };
    let page = async {
        loop {
            let payment = buyer.payment(&payment).await;
            if payment.redirect_url.is_some() {
                return payment;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let payment = tokio::time::timeout(Duration::from_secs(20), page).await.expect("a page in time");
    assert_eq!(shop.press(&payment, "pay").await, 303);
    buyer.until(&payment, PaymentStatus::Succeeded).await;
    shop.reconciled().await;
}

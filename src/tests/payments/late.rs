//! Money that comes after the end of its hold gets the same units where they are free, and goes back where they are not.

use std::time::Duration;

use onsale::model::{
    hold::{Hold, HoldStatus},
    payment::{Payment, PaymentStatus},
};
use serde_json::json;

use super::ga;
use crate::support::{Ask, ExportedLedger, Payer, Shop, general_admission, seated};

/// A hold that lasts two seconds, also while it is being paid.
const SHORT: &str = r#"{ "hold_ttl_seconds": 2, "payment_grace_seconds": 0 }"#;

async fn short_sale(shop: &Shop, strategy: &str) -> String {
    let mut fields: serde_json::Value = serde_json::from_str(SHORT).expect("JSON");
    fields["strategy"] = json!(strategy);
    shop.sale(&[seated(1, 4), general_admission(2)], fields).await
}

/// Pays so that the provider tells nobody of it for an hour. It answers when it is asked.
async fn pay_unheard(shop: &Shop, buyer: &Payer<'_>, hold: &Hold) -> Payment {
    let payment = buyer.pay(hold).await;
    assert_eq!(shop.press(&payment, "pay?fault=late:3600").await, 303);
    payment
}

async fn until_ended(buyer: &Payer<'_>, hold: &Hold) {
    for _ in 0..400 {
        if !buyer.read(hold).await.status.is_live() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{hold:?} never ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn money_that_nobody_told_of_is_found_at_the_end_of_the_hold() {
    for shop in [Shop::open().await, Shop::open_on_postgres().await] {
        let sale = short_sale(&shop, "group_commit").await;
        let buyer = Payer::new(&shop.app).await;
        let hold = buyer.hold(&sale, json!({ "seats": ["A-2"] })).await;
        let payment = pay_unheard(&shop, &buyer, &hold).await;
        // Nobody asks, and no webhook comes: the provider is asked when the time of the hold is over.
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(buyer.read(&hold).await.status, HoldStatus::Confirmed);
        buyer.until(&payment, PaymentStatus::Succeeded).await;
        assert_eq!(shop.app.clean_audit(&sale).await.sold, 1);
        shop.reconciled().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn late_money_gets_the_same_units_where_they_are_free_and_goes_back_where_not() {
    for shop in [Shop::open().await, Shop::open_on_postgres().await] {
        for strategy in ["group_commit", "atomic_update", "pessimistic", "optimistic"] {
            let sale = short_sale(&shop, strategy).await;
            let (first, second) = (Payer::new(&shop.app).await, Payer::new(&shop.app).await);
            let free = first.hold(&sale, json!({ "seats": ["A-1"], "items": [{ "tier": "ga", "quantity": 1 }] })).await;
            let gone = second.hold(&sale, json!({ "seats": ["A-4"] })).await;
            let free_payment = pay_unheard(&shop, &first, &free).await;
            let gone_payment = pay_unheard(&shop, &second, &gone).await;
            // Both let go of what they hold before anybody hears of their money.
            let let_go = |hold: &Hold| Ask::new(reqwest::Method::DELETE, &format!("/api/v1/holds/{}", hold.id));
            shop.while_the_provider_is_silent(async || {
                first.ask(let_go(&free)).await.expect(204);
                second.ask(let_go(&gone)).await.expect(204);
                until_ended(&first, &free).await;
                let other = Payer::new(&shop.app).await;
                other.hold(&sale, json!({ "seats": ["A-4"] })).await;
            })
            .await;
            let bought = first.until(&free_payment, PaymentStatus::Succeeded).await;
            let order = bought.order.expect("an order");
            assert_ne!(order.0, free.id.0, "an order of its own");
            let told = first.ask(Ask::get(&format!("/api/v1/orders/{order}"))).await.expect(200).json();
            assert_eq!(told["tickets"].as_array().map(Vec::len), Some(2), "{told}");
            let back = second.until(&gone_payment, PaymentStatus::Refunded).await;
            assert!(back.reason.is_some_and(|reason| reason.contains("gone")));
            let kinds: Vec<String> = ExportedLedger::read(&shop.app, &sale)
                .await
                .lines
                .iter()
                .map(|line| line["kind"].as_str().expect("a kind").to_owned())
                .collect();
            assert!(kinds.contains(&"buy".to_owned()), "{kinds:?}");
            shop.app.clean_audit(&sale).await;
        }
        shop.reconciled().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn general_admission_that_was_let_go_is_bought_late_too() {
    let shop = Shop::open().await;
    let sale = short_sale(&shop, "group_commit").await;
    let buyer = Payer::new(&shop.app).await;
    let hold = buyer.hold(&sale, ga(2)).await;
    let payment = pay_unheard(&shop, &buyer, &hold).await;
    shop.while_the_provider_is_silent(async || {
        buyer.ask(Ask::new(reqwest::Method::DELETE, &format!("/api/v1/holds/{}", hold.id))).await.expect(204);
    })
    .await;
    buyer.until(&payment, PaymentStatus::Succeeded).await;
    assert_eq!(shop.app.clean_audit(&sale).await.sold, 2);
    shop.reconciled().await;
}

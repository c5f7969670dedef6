//! Money that comes twice, or for something else than what is held, goes back.

use onsale::model::{
    hold::HoldStatus,
    payment::{Payment, PaymentStatus},
};
use reqwest::Method;
use serde_json::json;

use super::ga;
use crate::support::{Ask, Payer, Shop, general_admission};

#[tokio::test(flavor = "multi_thread")]
async fn who_pays_on_two_pages_gets_tickets_once_and_the_other_money_back() {
    for mut shop in [Shop::open().await, Shop::open_on_postgres().await] {
        let sale = shop.sale(&[general_admission(10)], json!({})).await;
        let token = Payer::new(&shop.app).await.token;
        let buyer = Payer { app: &shop.app, token: token.clone() };
        let hold = buyer.hold(&sale, ga(1)).await;
        let first = buyer.pay(&hold).await;
        shop.press(&first, "decline").await;
        buyer.until(&first, PaymentStatus::Declined).await;
        // The first page cannot be closed, because the provider is away when the second payment begins.
        shop.stand_in.kill();
        let second = Payer { app: &shop.app, token: token.clone() }.pay(&hold).await;
        shop.stand_in.launch().await;
        let buyer = Payer { app: &shop.app, token };
        assert_eq!(shop.press(&first, "pay?fault=late:3600").await, 303);
        let second = with_page(&buyer, &second).await;
        assert_eq!(shop.press(&second, "pay").await, 303);
        let bought = buyer.until(&second, PaymentStatus::Succeeded).await;
        assert_eq!(bought.order.map(|order| order.0), Some(hold.id.0));
        let back = buyer.until(&first, PaymentStatus::Refunded).await;
        assert!(back.reason.is_some_and(|reason| reason.contains("already")));
        assert_eq!(shop.app.clean_audit(&sale).await.sold, 1);
        shop.reconciled().await;
    }
}

/// The payment once it has a page.
async fn with_page(buyer: &Payer<'_>, payment: &Payment) -> Payment {
    for _ in 0..400 {
        let now = buyer.payment(payment).await;
        if now.redirect_url.is_some() {
            return now;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("{payment:?} has no page");
}

#[tokio::test(flavor = "multi_thread")]
async fn money_for_what_was_held_before_a_change_goes_back_and_the_hold_goes_on() {
    for shop in [Shop::open().await, Shop::open_on_postgres().await] {
        let sale = shop.sale(&[general_admission(10)], json!({})).await;
        let buyer = Payer::new(&shop.app).await;
        let hold = buyer.hold(&sale, ga(1)).await;
        let first = buyer.pay(&hold).await;
        shop.press(&first, "decline").await;
        buyer.until(&first, PaymentStatus::Declined).await;
        let change = Ask::new(Method::PUT, &format!("/api/v1/holds/{}", hold.id)).json(ga(3));
        buyer.ask(change).await.expect(200);
        assert_eq!(shop.press(&first, "pay").await, 303, "its page is still open");
        let back = buyer.until(&first, PaymentStatus::Refunded).await;
        assert!(back.order.is_none() && back.reason.is_some_and(|reason| reason.contains("changed")));
        assert_eq!(buyer.read(&hold).await.status, HoldStatus::Active);
        shop.reconciled().await;

        let second = buyer.pay(&hold).await;
        assert_eq!(second.amount, 3 * first.amount);
        shop.press(&second, "pay").await;
        buyer.until(&second, PaymentStatus::Succeeded).await;
        assert_eq!(shop.app.clean_audit(&sale).await.sold, 3);
        shop.reconciled().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_agree_is_told_by_the_comparison() {
    let shop = Shop::open().await;
    let sale = shop.sale(&[general_admission(10)], json!({})).await;
    let buyer = Payer::new(&shop.app).await;
    let hold = buyer.hold(&sale, ga(1)).await;
    let payment = buyer.pay(&hold).await;
    shop.press(&payment, "pay").await;
    buyer.until(&payment, PaymentStatus::Succeeded).await;
    shop.reconciled().await;
    // Somebody gives money back at the provider's own desk, and nobody here knows.
    let client = shop.stand_in.client();
    let soon = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
    let charges = client.charges(None, soon).await.expect("charges");
    let refund = onsale::server::payment::NewRefund {
        payment_intent: charges.items[0].payment_intent.clone().expect("a payment"),
        amount: Some(100),
        currency: "USD".to_owned(),
        metadata: Default::default(),
    };
    client.refund(&refund, "by hand", soon).await.expect("a refund");
    let output = shop.reconcile().await;
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(told.lines().count() == 1 && told.contains(&payment.id.to_string()) && told.contains("$24.00"), "{told}");
    let without = shop.app.command(["reconcile"]).await;
    assert_eq!(without.status.code(), Some(2), "no provider is configured");
}

//! Every fault of the provider, alone and in pairs: the buyer has the tickets or no money is gone, and the books agree.

use onsale::model::payment::PaymentStatus;
use serde_json::json;

use super::ga;
use crate::support::{Payer, Shop, general_admission};

const FAULTS: [&str; 6] = ["double", "reorder", "forged", "late:3", "error", "bounced"];

/// Each fault alone, and each with each other.
fn combinations() -> Vec<Vec<&'static str>> {
    let pairs = FAULTS
        .iter()
        .enumerate()
        .flat_map(|(position, first)| FAULTS[position + 1..].iter().map(move |second| vec![*first, *second]));
    FAULTS.iter().map(|fault| vec![*fault]).chain(pairs).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_goes_wrong_at_the_provider_every_cent_is_explained() {
    for shop in [Shop::open().await, Shop::open_on_postgres().await] {
        let sale = shop.sale(&[general_admission(1_000)], json!({})).await;
        let stories = combinations().into_iter().flat_map(|faults| [("pay", faults.clone()), ("decline", faults)]);
        let played = stories.map(|(button, faults)| play(&shop, &sale, button, faults));
        let sold: u64 = futures_util::future::join_all(played).await.into_iter().sum();
        let audit = shop.app.clean_audit(&sale).await;
        assert_eq!(audit.sold, sold, "one ticket for each payment that succeeded");
        shop.reconciled().await;
    }
}

/// One buyer presses one button with these faults. Returns how many tickets the buyer has in the end.
async fn play(shop: &Shop, sale: &str, button: &str, faults: Vec<&str>) -> u64 {
    let buyer = Payer::new(&shop.app).await;
    let hold = buyer.hold(sale, ga(1)).await;
    let payment = buyer.pay(&hold).await;
    shop.press(&payment, &format!("{button}?fault={}", faults.join(","))).await;
    let is_paid = button == "pay" && !faults.contains(&"bounced");
    let expected = if is_paid { PaymentStatus::Succeeded } else { PaymentStatus::Declined };
    let ended = buyer.until(&payment, expected).await;
    assert_eq!(ended.order.is_some(), is_paid, "{button} {faults:?}: {ended:?}");
    u64::from(is_paid)
}

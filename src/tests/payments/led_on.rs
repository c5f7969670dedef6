//! Pages that lead on to the provider's, many at the same time.

use futures_util::future::join_all;
use onsale::model::payment::PaymentStatus;
use serde_json::json;

use super::{Payer, on_both_databases};
use crate::support::{Ask, scale, seated};

/// How many buyers load their pages at the same time.
const BUYERS: usize = 16;

/// A page is put together while other visitors' pages are. Whatever is at work on the same thread, nobody is led to the
/// payment of somebody else.
#[tokio::test(flavor = "multi_thread")]
async fn everybody_is_led_to_their_own_payment() {
    on_both_databases(async |shop| {
        let sale = shop.sale(&[seated(4, 5)], json!({ "contact": "none" })).await;
        let mut buyers = Vec::new();
        for place in 0..BUYERS {
            let buyer = Payer::new(&shop.app).await;
            let seat = format!("{}-{}", char::from(b'A' + u8::try_from(place / 5).unwrap()), place % 5 + 1);
            let hold = buyer.hold(&sale, json!({ "seats": [seat] })).await;
            let payment = buyer.pay(&hold).await;
            assert_eq!(payment.status, PaymentStatus::Pending);
            buyers.push((buyer, hold, payment.redirect_url.expect("a page")));
        }
        for _ in 0..scale::rounds(20, 500) {
            let pages = buyers.iter().map(async |(buyer, hold, page)| {
                let address = format!("/checkout/{}?outcome=paying", hold.id);
                let reply = buyer.ask(Ask::get(&address).header("accept", "text/html")).await.expect(200);
                assert_eq!(reply.header("refresh"), Some(format!("0; url={page}").as_str()));
                let others = buyers.iter().filter(|(_, other, _)| other.id != hold.id);
                for (_, other, others_page) in others {
                    let text = reply.text();
                    assert!(!text.contains(others_page) && !text.contains(&other.id.to_string()));
                }
            });
            join_all(pages).await;
        }
    })
    .await;
}

//! Many more buyers who hold than there are units.

use std::collections::BTreeSet;

use futures_util::{StreamExt, stream};
use onsale::model::{hold::Hold, seat::SeatList};
use serde_json::Value;

use super::{Guest, floor, ga, labels, on_both_databases, state};
use crate::support::{Ask, STRATEGIES, general_admission, seated};

const BUYERS: usize = 1_000;
const UNITS: usize = 100;
/// How many ask at the same time.
const AT_ONCE: usize = 100;

/// Sold in batches or one by one, a tenth of a thousand hold, each one unit, and the others hear what may come back.
#[tokio::test(flavor = "multi_thread")]
async fn of_a_thousand_who_reserve_a_hundred_units_a_hundred_do() {
    on_both_databases(async |app| {
        for strategy in ["group_commit", "atomic_update"] {
            let sale = app.sale(strategy, &[general_admission(UNITS as u64)]).await;
            let guests: Vec<Guest<'_>> = stream::iter(0..BUYERS).then(|_| Guest::new(app)).collect().await;
            let taking = stream::iter(&guests).map(|guest| guest.take(&sale, ga(1)));
            let replies: Vec<_> = taking.buffer_unordered(AT_ONCE).collect().await;
            let (held, refused): (Vec<_>, Vec<_>) = replies.into_iter().partition(|reply| reply.status == 201);
            assert_eq!((held.len(), refused.len()), (UNITS, BUYERS - UNITS), "{strategy}");
            let holds: BTreeSet<_> = held.iter().map(|reply| reply.read::<Hold>().id).collect();
            assert_eq!(holds.len(), UNITS, "{strategy}: each has a hold of their own");
            let mut owners = 0;
            for guest in &guests {
                let own: Value = guest.ask(Ask::get("/api/v1/holds")).await.expect(200).json();
                let of_sale = |hold: &&Value| hold["sale"] == *sale;
                owners += usize::from(own["holds"].as_array().unwrap().iter().filter(of_sale).count() == 1);
            }
            assert_eq!(owners, UNITS, "{strategy}: a hundred different buyers");
            for reply in refused {
                let may_return = reply.json()["held"].as_u64();
                reply.expect_problem(409, "sold-out");
                assert!(may_return.is_some_and(|held| (1..=UNITS as u64).contains(&held)), "{strategy}");
            }
            assert_eq!(state(app, &sale).await, (1 + UNITS as u64, 0, UNITS as u64, 0), "{strategy}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_is_not_listed_as_available() {
    on_both_databases(async |app| {
        for strategy in STRATEGIES {
            let sale = app.sale(strategy, &[seated(2, 4)]).await;
            let hold = Guest::new(app).await.hold(&sale, floor(3)).await;
            let list = async |status: &str| -> Vec<String> {
                let path = format!("/api/v1/sales/{sale}/seats?status={status}");
                let list: SeatList = app.get(&path).await.expect(200).read();
                list.seats.into_iter().map(|seat| seat.seat.as_str().to_owned()).collect()
            };
            assert_eq!(list("held").await, labels(&hold), "{strategy}");
            let available = list("available").await;
            assert_eq!(available.len(), 5, "{strategy}");
            assert!(labels(&hold).iter().all(|seat| !available.contains(&(*seat).to_owned())), "{strategy}");
        }
    })
    .await;
}

//! What viewers see of holds, and what the exported ledger says of them.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use super::{Guest, ga, on_both_databases, state};
use crate::support::{ExportedLedger, Fold, Position, STRATEGIES, TestApp, Viewer, general_admission, seated};

/// How long an event may take after the commit that causes it.
const SOON: Duration = Duration::from_secs(2);

async fn follow(app: &TestApp, sale: &str, viewer: &mut Viewer, fold: &mut Fold) {
    let seq = app.read_sale(sale).await.seq;
    while fold.seq < seq {
        fold.take(&viewer.next_within(SOON).await);
    }
    fold.assert_equals_database(app, sale).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_sees_a_seat_held_and_free_again_or_sold() {
    on_both_databases(async |app| {
        for strategy in STRATEGIES {
            let tiers = [seated(1, 5), general_admission(9)];
            let sale = app.sale_with(json!({ "strategy": strategy, "hold_ttl_seconds": 3, "tiers": tiers })).await;
            let mut viewer = Viewer::open(app, &sale, Position::new()).await;
            let mut fold = Fold::begin(&viewer.next_within(SOON).await);
            let guest = Guest::new(app).await;
            let seats = async |viewer: &mut Viewer, fold: &mut Fold| {
                follow(app, &sale, viewer, fold).await;
                String::from_utf8(fold.seats.clone()).expect("letters")
            };
            let hold = guest.hold(&sale, json!({ "seats": ["A-2", "A-3"] })).await;
            assert_eq!(seats(&mut viewer, &mut fold).await, "AHHAA", "{strategy}");
            assert_eq!(fold.tiers["floor"], [3, 2, 0]);
            guest.change(&hold, json!({ "seats": ["A-3", "A-4"] })).await.expect(200);
            assert_eq!(seats(&mut viewer, &mut fold).await, "AAHHA", "{strategy}");
            guest.post(&hold, "/confirm", Some(json!({}))).await.expect(201);
            assert_eq!(seats(&mut viewer, &mut fold).await, "AASSA", "{strategy}");
            let hold = guest.hold(&sale, json!({ "seats": ["A-1"], "items": [{ "tier": "ga", "quantity": 4 }] })).await;
            assert_eq!(seats(&mut viewer, &mut fold).await, "HASSA", "{strategy}");
            guest.ask(Guest::delete(&hold)).await.expect(204);
            assert_eq!(seats(&mut viewer, &mut fold).await, "AASSA", "{strategy}");
            guest.hold(&sale, json!({ "seats": ["A-5"] })).await;
            assert_eq!(seats(&mut viewer, &mut fold).await, "AASSH", "{strategy}");
            // Nobody asks for it: the sweeper frees it within about a second of its end.
            let freed = tokio::time::timeout(Duration::from_secs(6), async {
                while fold.seats != b"AASSA" {
                    fold.take(&viewer.next().await.expect("the stream goes on"));
                }
            });
            freed.await.expect("what is over is free soon, and seen to be");
            fold.assert_equals_database(app, &sale).await;
            verified(app, &sale).await;
        }
    })
    .await;
}

/// The program checks the exported ledger, and so does the test's own code.
async fn verified(app: &TestApp, sale: &str) -> ExportedLedger {
    let ledger = ExportedLedger::read(app, sale).await;
    let file = app.folder().join("ledger.ndjson");
    std::fs::write(&file, &ledger.text).expect("a file");
    let output = app.command(["verify", file.to_str().expect("a path")]).await;
    assert!(output.status.success(), "{}{}", String::from_utf8_lossy(&output.stdout), ledger.text);
    ledger
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fold_is_the_database_while_many_hold_and_the_ledger_says_how_it_came() {
    on_both_databases(async |app| {
        for strategy in STRATEGIES {
            let sale = app.sale(strategy, &[seated(4, 10), general_admission(60)]).await;
            let mut viewer = Viewer::open(app, &sale, Position::new()).await;
            let mut fold = Fold::begin(&viewer.next_within(SOON).await);
            let buyers = (0..24_usize).map(async |number| {
                let guest = Guest::new(app).await;
                let label = format!("{}-{}", ["A", "B", "C", "D"][number % 4], number % 10 + 1);
                let body = match number % 3 {
                    0 => json!({ "seats": [label] }),
                    1 => json!({ "best": { "tier": "floor", "quantity": 2 } }),
                    _ => ga(2),
                };
                let reply = guest.take(&sale, body).await;
                if reply.status == 409 {
                    return 0;
                }
                let hold = reply.expect(201).read();
                match number % 5 {
                    0 => drop(guest.ask(Guest::delete(&hold)).await.expect(204)),
                    1 => drop(guest.change(&hold, ga(1)).await.expect(200)),
                    _ => {}
                }
                let is_bought = number % 5 > 1 && guest.post(&hold, "/confirm", Some(json!({}))).await.status == 201;
                if is_bought { hold.items.iter().map(|item| item.quantity).sum() } else { 0_u64 }
            });
            let sold: u64 = join_all(buyers).await.into_iter().sum();
            follow(app, &sale, &mut viewer, &mut fold).await;
            let (seq, available, held, counted) = state(app, &sale).await;
            assert_eq!((counted, available + held + sold), (sold, 100), "{strategy}");
            let ledger = verified(app, &sale).await;
            assert_eq!(ledger.lines.len() as u64, seq);
            let units = |kind: &str| -> u64 {
                let lines = ledger.lines.iter().filter(|line| line["kind"] == kind);
                lines
                    .flat_map(|line| line["units"].as_array().expect("units"))
                    .filter_map(|unit| unit["quantity"].as_u64())
                    .sum()
            };
            assert_eq!(units("hold") - units("release") - units("confirm"), held, "{strategy}");
            assert_eq!((units("confirm"), units("buy"), units("expire")), (sold, 0, 0), "{strategy}");
            assert!(held > 0 && sold > 0, "{strategy}: something is under way");
        }
    })
    .await;
}

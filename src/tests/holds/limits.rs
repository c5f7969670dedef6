//! How much one buyer may hold, and what a buyer may spend.

use onsale::model::hold::Hold;
use serde_json::json;

use super::{Guest, floor, ga, labels, on_both_databases, state};
use crate::support::{Ask, STRATEGIES, TestApp, general_admission, seated};

#[tokio::test(flavor = "multi_thread")]
async fn a_buyer_has_three_holds_at_once() {
    on_both_databases(async |app| {
        for strategy in STRATEGIES {
            let sale = app.sale(strategy, &[general_admission(10)]).await;
            let guest = Guest::new(app).await;
            let mut holds = Vec::new();
            for _ in 0..3 {
                holds.push(guest.hold(&sale, ga(1)).await);
            }
            let before = state(app, &sale).await;
            guest.take(&sale, ga(1)).await.expect_problem(409, "limit-reached");
            assert_eq!(state(app, &sale).await, before, "{strategy}");
            guest.change(&holds[0], ga(2)).await.expect(200);
            guest.post(&holds[0], "/confirm", Some(json!({}))).await.expect(201);
            guest.hold(&sale, ga(1)).await;
            let elsewhere = app.sale(strategy, &[general_admission(10)]).await;
            guest.hold(&elsewhere, ga(1)).await;
            Guest::new(app).await.hold(&sale, ga(1)).await;
        }
    })
    .await;
}

/// Three in a row that ended unpaid, and a buyer waits a minute. Whoever buys is not held up.
#[tokio::test(flavor = "multi_thread")]
async fn after_three_unpaid_holds_a_buyer_waits() {
    on_both_databases(async |app| {
        for strategy in STRATEGIES {
            let sale = app.sale(strategy, &[seated(1, 9)]).await;
            let guest = Guest::new(app).await;
            let kept = guest.hold(&sale, json!({ "seats": ["A-9"] })).await;
            for _ in 0..3 {
                let hold = guest.hold(&sale, floor(1)).await;
                guest.ask(Guest::delete(&hold)).await.expect(204);
            }
            let before = state(app, &sale).await;
            let refused = guest.take(&sale, floor(1)).await;
            let wait: u32 = refused.header("retry-after").and_then(|text| text.parse().ok()).expect("seconds");
            assert!((50..=63).contains(&wait), "{strategy}: {wait} of 60 seconds");
            refused.expect_problem(429, "rate-limited");
            assert_eq!(state(app, &sale).await, before);
            // What is held already may be changed, which has no say in how long the buyer waits.
            let changed: Hold = guest.change(&kept, json!({ "seats": ["A-8"] })).await.expect(200).read();
            assert_eq!(labels(&changed), ["A-8"]);
            guest.ask(Ask::buy(&sale, json!({ "seat": "A-1" }))).await.expect(201);
            Guest::new(app).await.hold(&sale, floor(1)).await;
            guest.post(&kept, "/confirm", Some(json!({}))).await.expect(201);
            guest.hold(&sale, floor(1)).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demo_lifts_these_limits() {
    let app = TestApp::open_demo().await;
    let sale = app.sale("group_commit", &[general_admission(100)]).await;
    let guest = Guest::new(&app).await;
    for _ in 0..5 {
        guest.hold(&sale, ga(1)).await;
    }
    for _ in 0..5 {
        let hold = guest.hold(&sale, ga(1)).await;
        guest.ask(Guest::delete(&hold)).await.expect(204);
    }
    assert_eq!(state(&app, &sale).await.2, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limit_per_buyer_counts_what_is_held_and_what_is_owned() {
    on_both_databases(async |app| {
        for strategy in STRATEGIES {
            let tiers = [general_admission(50), seated(1, 9)];
            let sale = app.sale_with(json!({ "strategy": strategy, "max_per_buyer": 5, "tiers": tiers })).await;
            let guest = Guest::new(app).await;
            guest.ask(Ask::buy(&sale, json!({ "tier": "ga", "quantity": 2 }))).await.expect(201);
            let hold = guest.hold(&sale, ga(2)).await;
            let before = state(app, &sale).await;
            guest.take(&sale, ga(2)).await.expect_problem(409, "limit-reached");
            guest.take(&sale, floor(2)).await.expect_problem(409, "limit-reached");
            guest
                .ask(Ask::buy(&sale, json!({ "tier": "ga", "quantity": 2 })))
                .await
                .expect_problem(409, "limit-reached");
            guest.change(&hold, ga(4)).await.expect_problem(409, "limit-reached");
            assert_eq!(guest.read(&hold).await.items, hold.items, "{strategy}: nothing is lost by a refused change");
            assert_eq!(state(app, &sale).await, before, "{strategy}");
            guest.change(&hold, ga(3)).await.expect(200);
            guest.post(&hold, "/confirm", Some(json!({}))).await.expect(201);
            guest.take(&sale, ga(1)).await.expect_problem(409, "limit-reached");
            // Who has more than a limit that came later may still give back.
            let other = Guest::new(app).await;
            let many = other.hold(&sale, ga(5)).await;
            app.patch(&sale, json!({ "max_per_buyer": 2 })).await.expect(200);
            other.change(&many, ga(4)).await.expect(200);
            other.change(&many, ga(5)).await.expect_problem(409, "limit-reached");
            other.post(&many, "/confirm", Some(json!({}))).await.expect(201);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_costs_no_more_than_its_buyer_said() {
    on_both_databases(async |app| {
        for strategy in STRATEGIES {
            let sale = app.sale(strategy, &[seated(1, 6), general_admission(6)]).await;
            let guest = Guest::new(app).await;
            let body =
                |most: u64| json!({ "seats": ["A-1"], "items": [{ "tier": "ga", "quantity": 2 }], "max_total": most });
            let before = state(app, &sale).await;
            let refused = guest.take(&sale, body(8_999)).await.expect_problem(409, "price-changed");
            assert_eq!((refused.total, state(app, &sale).await), (Some(9_000), before), "{strategy}");
            let hold = guest.hold(&sale, body(9_000)).await;
            let before = state(app, &sale).await;
            let more = json!({ "seats": ["A-1", "A-2", "A-3"], "max_total": 11_999 });
            let refused = guest.change(&hold, more).await.expect_problem(409, "price-changed");
            assert_eq!((refused.total, state(app, &sale).await), (Some(12_000), before), "{strategy}");
            assert_eq!(guest.read(&hold).await.items, hold.items);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_is_extended_as_often_as_it_may_be() {
    on_both_databases(async |app| {
        let sale = app.sale("group_commit", &[general_admission(6)]).await;
        let guest = Guest::new(app).await;
        let hold = guest.hold(&sale, ga(1)).await;
        for left in (0..10).rev() {
            let extended: Hold = guest.post(&hold, "/extend", None).await.expect(200).read();
            let later = extended.expires_at.milliseconds - hold.expires_at.milliseconds;
            assert_eq!((extended.extensions_left, later), (left, i64::from(10 - left) * 60_000));
        }
        let told = guest.read(&hold).await;
        guest.post(&hold, "/extend", None).await.expect_problem(409, "extension-refused");
        guest.post(&hold, "/extend", Some(json!({}))).await.expect_problem(409, "extension-refused");
        let still = guest.read(&hold).await;
        assert_eq!((still.expires_at, still.extensions_left), (told.expires_at, 0));
    })
    .await;
}

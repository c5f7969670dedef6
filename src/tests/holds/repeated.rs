//! The same key again: the same status and body, whatever has become of the hold.

use futures_util::future::join_all;
use onsale::model::hold::{Hold, HoldStatus};
use serde_json::json;
use uuid::Uuid;

use super::{Guest, ga, guest::path, on_both_databases, state};
use crate::support::{Ask, Reply, STRATEGIES, general_admission, scale};

fn is_replay(reply: &Reply) -> bool {
    reply.header("idempotent-replayed") == Some("true")
}

fn key() -> String {
    Uuid::now_v7().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_is_told_again_as_it_began_whatever_has_become_of_it() {
    on_both_databases(async |app| {
        for strategy in STRATEGIES {
            let sale = app.sale(strategy, &[general_admission(9)]).await;
            let guest = Guest::new(app).await;
            let route = format!("/api/v1/sales/{sale}/holds");
            let key = key();
            let take = |body| guest.ask(Ask::post(&route).json(body).key(&key));
            let first = take(ga(2)).await.expect(201);
            let hold: Hold = first.read();
            assert!(!is_replay(&first));
            let same = async |when: &str| {
                let again = take(ga(2)).await.expect(201);
                assert!(is_replay(&again), "{strategy}: {when}");
                assert_eq!(
                    (&again.text(), again.header("location")),
                    (&first.text(), first.header("location")),
                    "{when}"
                );
            };
            same("at once").await;
            take(ga(1)).await.expect_problem(422, "idempotency-key-reused");
            for other in [
                Ask::buy(&sale, json!({ "tier": "ga" })),
                Ask::post(&format!("{}/extend", path(&hold))),
                Ask::post(&format!("{}/confirm", path(&hold))).json(json!({})),
            ] {
                guest.ask(other.key(&key)).await.expect_problem(422, "idempotency-key-reused");
            }
            guest.post(&hold, "/extend", None).await.expect(200);
            same("extended").await;
            guest.change(&hold, ga(1)).await.expect(200);
            same("changed").await;
            app.patch(&sale, json!({ "status": "paused" })).await.expect(200);
            same("paused").await;
            guest.ask(Guest::delete(&hold)).await.expect(204);
            same("given back").await;
            let stranger = Guest::new(app).await;
            let foreign = stranger.ask(Ask::post(&route).json(ga(2)).key(&key)).await;
            foreign.expect_problem(403, "sale-not-open");
            assert_eq!(state(app, &sale).await.2, 0, "{strategy}: held once, and given back");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_many_times_at_once_holds_once() {
    on_both_databases(async |app| {
        for round in 0..scale::rounds(4, 200) {
            let sale = app.sale(STRATEGIES[round % 2], &[general_admission(100)]).await;
            let guest = Guest::new(app).await;
            let (route, key) = (format!("/api/v1/sales/{sale}/holds"), key());
            let replies = join_all((0..20).map(|_| guest.ask(Ask::post(&route).json(ga(2)).key(&key)))).await;
            let mut answers = std::collections::BTreeSet::new();
            for reply in replies {
                match reply.status {
                    409 => drop(reply.expect_problem(409, "idempotency-in-flight")),
                    _ => drop(answers.insert(reply.expect(201).text())),
                }
            }
            assert_eq!((answers.len(), state(app, &sale).await.2), (1, 2));
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_step_of_a_hold_is_taken_once_for_each_key() {
    on_both_databases(async |app| {
        let fields = json!({ "rehearsal": true, "tiers": [general_admission(9)] });
        let sale = app.sale_with(fields).await;
        let guest = Guest::new(app).await;
        let pay = |hold: &Hold, outcome: &str, key: &str| {
            let body = json!({ "payment": { "method": "simulated", "outcome": outcome } });
            guest.ask(Ask::post(&format!("{}/confirm", path(hold))).json(body).key(key))
        };
        let bought = guest.hold(&sale, ga(1)).await;
        let declined = guest.hold(&sale, ga(1)).await;
        let extend = |key: &'static str| guest.ask(Ask::post(&format!("{}/extend", path(&bought))).key(key));
        let first = extend("once").await.expect(200);
        let again = extend("once").await.expect(200);
        assert!(!is_replay(&first) && is_replay(&again));
        assert_eq!((first.text(), guest.read(&bought).await.extensions_left), (again.text(), 9));
        extend("twice").await.expect(200);
        assert_eq!(guest.read(&bought).await.extensions_left, 8, "another key is another extension");
        pay(&bought, "succeed", "once").await.expect_problem(422, "idempotency-key-reused");

        let first = pay(&bought, "succeed", "pay").await.expect(201);
        let before = state(app, &sale).await;
        let again = pay(&bought, "succeed", "pay").await.expect(201);
        assert!(!is_replay(&first) && is_replay(&again));
        assert_eq!((first.text(), first.header("location")), (again.text(), again.header("location")));
        pay(&bought, "fail", "pay").await.expect_problem(422, "idempotency-key-reused");
        pay(&bought, "succeed", "pay again").await.expect_problem(409, "hold-finished");
        let again = extend("once").await.expect(200);
        assert!(is_replay(&again), "also after the hold has ended");

        let first = pay(&declined, "fail", "no").await;
        let again = pay(&declined, "fail", "no").await;
        assert!(!is_replay(&first) && is_replay(&again));
        assert_eq!(first.expect_problem(402, "payment-declined"), again.expect_problem(402, "payment-declined"));
        assert_eq!(guest.read(&declined).await.status, HoldStatus::Released);
        let after = state(app, &sale).await;
        assert_eq!((after.0, after.3), (before.0 + 1, 1), "each once");
        for unusable in ["", "clé", &"k".repeat(256)] {
            let ask = Ask::post(&format!("{}/extend", path(&bought))).header("idempotency-key", unusable);
            guest.ask(ask).await.expect_problem(400, "malformed");
        }
    })
    .await;
}

//! Holds over the real surface, on both databases: taken, changed, extended, given back, confirmed, and what each refusal
//! says.

mod guest; // a buyer who holds
mod limits; // how much one buyer may hold, and for how long
mod refused; // bad requests to every route of holds
mod repeated; // the same key again
mod seen; // what viewers see of holds, and what the ledger says
mod stampede; // many more buyers than units

use onsale::model::{
    hold::{Hold, HoldStatus},
    order::Order,
};
use serde_json::{Value, json};

use self::guest::{Guest, floor, ga, labels};
use crate::support::{Ask, Database, STRATEGIES, Setup, TestApp, general_admission, seated};

/// Runs a story on a new embedded database, and on a new database of the PostgreSQL server.
async fn on_both_databases(story: impl AsyncFn(&TestApp)) {
    on_both_with(&|setup| setup.with_admin(), story).await;
}

async fn on_both_with(setup: &dyn Fn(Setup) -> Setup, story: impl AsyncFn(&TestApp)) {
    let embedded = setup(Setup::default()).start().await;
    story(&embedded).await;
    drop(embedded);
    let database = Database::make().await;
    let shared = setup(Setup::default()).with_database(&database.url()).start().await;
    story(&shared).await;
}

/// What a refusal must leave as it was.
async fn state(app: &TestApp, sale: &str) -> (u64, u64, u64, u64) {
    let audit = app.clean_audit(sale).await;
    let told = app.read_sale(sale).await;
    assert_eq!((told.available, told.held, told.sold), (audit.available, audit.held, audit.sold));
    assert_eq!(told.seq, audit.ledger.entries);
    (told.seq, told.available, told.held, told.sold)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_can_be_read_changed_extended_and_bought() {
    on_both_databases(async |app| {
        for strategy in STRATEGIES {
            let sale = app.sale(strategy, &[seated(2, 5), general_admission(10)]).await;
            let guest = Guest::new(app).await;
            let body = json!({ "seats": ["A-2", "A-1"], "items": [{ "tier": "ga", "quantity": 3 }] });
            let reply = guest.take(&sale, body).await.expect(201);
            let hold: Hold = reply.read();
            assert_eq!(reply.header("location"), Some(format!("/api/v1/holds/{}", hold.id).as_str()));
            assert_eq!(
                (hold.status, hold.total, hold.extensions_left),
                (HoldStatus::Active, 2 * 4_000 + 3 * 2_500, 10)
            );
            assert_eq!(
                (labels(&hold), hold.sale.as_str(), hold.currency.as_str()),
                (vec!["A-1", "A-2"], &*sale, "USD")
            );
            let left = hold.expires_at.milliseconds - hold.server_now.milliseconds;
            assert!((599_000..=600_000).contains(&left), "{left}");
            assert_eq!(state(app, &sale).await, (2, 15, 5, 0));
            let list = |path: String| guest.ask(Ask::get(&path));
            for path in ["/api/v1/holds".to_owned(), format!("/api/v1/holds?sale={sale}")] {
                let listed = list(path).await.expect(200).json();
                assert_eq!(listed["holds"].as_array().map(Vec::len), Some(1), "{listed}");
            }
            assert_eq!(Hold { server_now: hold.server_now, ..guest.read(&hold).await }, hold);

            let changed: Hold = guest.change(&hold, json!({ "seats": ["A-2", "B-5"] })).await.expect(200).read();
            assert_eq!((labels(&changed), changed.total), (vec!["A-2", "B-5"], 8_000));
            assert_eq!((changed.id, changed.expires_at), (hold.id, hold.expires_at), "a change never moves the clock");
            assert_eq!((changed.seq, state(app, &sale).await), (4, (4, 18, 2, 0)), "given back, then taken");
            let same: Hold = guest.change(&hold, json!({ "seats": ["B-5", "A-2"] })).await.expect(200).read();
            assert_eq!((same.seq, state(app, &sale).await.0), (4, 4), "what is the same writes nothing");

            let extended: Hold = guest.post(&hold, "/extend", None).await.expect(200).read();
            assert_eq!(extended.expires_at.milliseconds - hold.expires_at.milliseconds, 60_000);
            assert_eq!((extended.extensions_left, state(app, &sale).await.0), (9, 4), "no line for an extension");

            let reply = guest.post(&hold, "/confirm", Some(json!({}))).await.expect(201);
            let order: Order = reply.read();
            assert_eq!(reply.header("location"), Some(format!("/api/v1/orders/{}", order.id).as_str()));
            assert_eq!((order.id.0, order.total, order.tickets.len(), order.seq), (hold.id.0, 8_000, 2, 5));
            assert_eq!(state(app, &sale).await, (5, 18, 0, 2));
            let told = guest.read(&hold).await;
            assert_eq!((told.status, told.order), (HoldStatus::Confirmed, Some(order.id)), "told after its end");
            assert_eq!(list("/api/v1/holds".into()).await.json(), json!({ "holds": [] }), "it cannot be paid any more");
            let read = guest.ask(Ask::get(&format!("/api/v1/orders/{}", order.id))).await.expect(200);
            assert_eq!(read.read::<Order>(), order);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_given_back_or_declined_is_free_at_once_and_ended_holds_say_how_they_ended() {
    on_both_databases(async |app| {
        let sale = app.sale_with(json!({ "rehearsal": true, "tiers": [general_admission(4)] })).await;
        let guest = Guest::new(app).await;
        let hold = guest.hold(&sale, ga(4)).await;
        guest.ask(Guest::delete(&hold)).await.expect(204);
        guest.ask(Guest::delete(&hold)).await.expect(204);
        assert_eq!(guest.read(&hold).await.status, HoldStatus::Released);
        assert_eq!(state(app, &sale).await, (3, 4, 0, 0), "the second time changes nothing");
        let pay = |outcome: &str| Some(json!({ "payment": { "method": "simulated", "outcome": outcome } }));
        for ended in
            [("/extend", None), ("/confirm", Some(json!({}))), ("/confirm", pay("succeed")), ("/confirm", pay("fail"))]
        {
            guest.post(&hold, ended.0, ended.1).await.expect_problem(409, "hold-finished");
        }
        guest.change(&hold, ga(1)).await.expect_problem(409, "hold-finished");

        let hold = guest.hold(&sale, ga(4)).await;
        guest.post(&hold, "/confirm", pay("fail")).await.expect_problem(402, "payment-declined");
        assert_eq!((guest.read(&hold).await.status, state(app, &sale).await), (HoldStatus::Released, (5, 4, 0, 0)));
        guest.post(&hold, "/confirm", pay("fail")).await.expect_problem(409, "hold-finished");

        let hold = guest.hold(&sale, ga(4)).await;
        let order: Order = guest.post(&hold, "/confirm", pay("succeed")).await.expect(201).read();
        assert_eq!((order.tickets.len(), state(app, &sale).await), (4, (7, 0, 0, 4)));
        guest.ask(Guest::delete(&hold)).await.expect(204);
        assert_eq!((guest.read(&hold).await.status, state(app, &sale).await.0), (HoldStatus::Confirmed, 7));
        guest.post(&hold, "/confirm", Some(json!({}))).await.expect_problem(409, "hold-finished");
        guest.change(&hold, ga(1)).await.expect_problem(409, "hold-finished");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_is_simulated_in_rehearsals_and_demos_only() {
    let pay = |outcome: &str| Some(json!({ "payment": { "method": "simulated", "outcome": outcome } }));
    let app = TestApp::open().await;
    let sale = app.sale("group_commit", &[general_admission(4)]).await;
    let guest = Guest::new(&app).await;
    let hold = guest.hold(&sale, ga(1)).await;
    for outcome in ["succeed", "fail"] {
        guest.post(&hold, "/confirm", pay(outcome)).await.expect_problem(403, "forbidden");
    }
    assert_eq!((guest.read(&hold).await.status, state(&app, &sale).await.0), (HoldStatus::Active, 2));
    let demo = TestApp::open_demo().await;
    let sale = demo.sale("group_commit", &[general_admission(4)]).await;
    let guest = Guest::new(&demo).await;
    let hold = guest.hold(&sale, ga(1)).await;
    guest.post(&hold, "/confirm", pay("succeed")).await.expect(201);
}

/// What a switch stops is what takes from what is available, and nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_lives_on_while_a_sale_is_paused_or_closed() {
    on_both_databases(async |app| {
        for (strategy, switch) in [("group_commit", "paused"), ("atomic_update", "closed")] {
            let sale = app.sale(strategy, &[seated(1, 6), general_admission(10)]).await;
            let guest = Guest::new(app).await;
            let (kept, bought) = (guest.hold(&sale, floor(3)).await, guest.hold(&sale, ga(3)).await);
            app.patch(&sale, json!({ "status": switch })).await.expect(200);
            let before = state(app, &sale).await;
            guest.take(&sale, ga(1)).await.expect_problem(403, "sale-not-open");
            for adds in [json!({ "seats": ["A-1", "A-2", "A-3", "A-4"] }), json!({ "seats": ["A-1", "A-6"] }), ga(1)] {
                guest.change(&kept, adds).await.expect_problem(403, "sale-not-open");
            }
            let untouched = guest.read(&kept).await;
            assert_eq!(Hold { server_now: kept.server_now, ..untouched }, kept, "a refusal leaves the hold as it was");
            assert_eq!(state(app, &sale).await, before);
            let fewer: Hold = guest.change(&kept, json!({ "seats": ["A-2"] })).await.expect(200).read();
            assert_eq!(labels(&fewer), ["A-2"], "{switch}: what only gives back is fine");
            guest.post(&kept, "/extend", None).await.expect(200);
            guest.post(&bought, "/confirm", Some(json!({}))).await.expect(201);
            guest.ask(Guest::delete(&kept)).await.expect(204);
            assert_eq!(state(app, &sale).await, (before.0 + 3, 13, 0, 3), "{switch}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_ends_holds() {
    on_both_databases(async |app| {
        for strategy in STRATEGIES {
            let sale = app.sale(strategy, &[seated(1, 6), general_admission(10)]).await;
            let guest = Guest::new(app).await;
            let hold = guest.hold(&sale, json!({ "seats": ["A-3"], "items": [{ "tier": "ga", "quantity": 2 }] })).await;
            Ask::post(&format!("/api/v1/sales/{sale}/reset")).admin().send(app).await.expect(200);
            assert_eq!(state(app, &sale).await, (3, 16, 0, 0), "{strategy}");
            assert_eq!(guest.read(&hold).await.status, HoldStatus::Released);
            guest.post(&hold, "/confirm", Some(json!({}))).await.expect_problem(409, "hold-finished");
            let other = Guest::new(app).await;
            other.hold(&sale, json!({ "seats": ["A-3"] })).await;
            guest.ask(Guest::delete(&hold)).await.expect(204);
            assert_eq!(state(app, &sale).await, (4, 15, 1, 0), "an ended hold gives back nothing");
        }
    })
    .await;
}

/// What a time that is over means on each route. The sale's holds last one second.
#[tokio::test(flavor = "multi_thread")]
async fn a_hold_whose_time_is_over_is_told_as_expired_and_its_units_are_free() {
    on_both_databases(async |app| {
        for strategy in STRATEGIES {
            let fields = json!({ "strategy": strategy, "hold_ttl_seconds": 1, "tiers": [general_admission(4)] });
            let sale = app.sale_with(fields).await;
            let guest = Guest::new(app).await;
            let hold = guest.hold(&sale, ga(4)).await;
            let refused = Guest::new(app).await.take(&sale, ga(1)).await.expect_problem(409, "sold-out");
            assert_eq!(refused.held, Some(4), "so many may come back");
            tokio::time::sleep(std::time::Duration::from_millis(1_005)).await;
            let told: Value = guest.ask(Ask::get(&format!("/api/v1/holds?sale={sale}"))).await.expect(200).json();
            assert_eq!(told, json!({ "holds": [] }));
            assert_eq!(guest.read(&hold).await.status, HoldStatus::Expired);
            for (step, body) in [("/extend", None), ("/confirm", Some(json!({})))] {
                guest.post(&hold, step, body).await.expect_problem(410, "hold-expired");
            }
            guest.change(&hold, ga(1)).await.expect_problem(410, "hold-expired");
            // Whoever comes now gets the units, whether the sweeper has been there or not.
            Guest::new(app).await.hold(&sale, ga(4)).await;
            guest.ask(Guest::delete(&hold)).await.expect(204);
            assert_eq!(guest.read(&hold).await.status, HoldStatus::Expired);
            let audit = app.clean_audit(&sale).await;
            assert_eq!((audit.held, audit.ledger.entries), (4, 4), "{strategy}");
        }
    })
    .await;
}

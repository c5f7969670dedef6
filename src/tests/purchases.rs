//! No unit is sold twice and none is left over: storms of buyers over real sockets, with each strategy.

use std::collections::BTreeSet;

use onsale::model::{body::BuyBody, outcome::Code, tally::Answer};
use serde_json::json;

use crate::support::{
    Ask, STRATEGIES, Shot, TestApp, general_admission, scale, seated, storm, wishes_for_seat, wishes_for_tier,
};

fn won(shots: &[Shot]) -> usize {
    shots.iter().filter(|shot| shot.has_won()).count()
}

fn refused(shots: &[Shot], code: Code) -> usize {
    shots.iter().filter(|shot| shot.is_refused_with(code)).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_150_buyers_for_100_tickets_100_win_and_50_are_told_sold_out() {
    let app = TestApp::open().await;
    for strategy in STRATEGIES {
        for _ in 0..scale::rounds(2, 200) {
            let sale = app.sale(strategy, &[general_admission(100)]).await;
            let shots = storm(&app, &sale, wishes_for_tier("ga", 1, 150)).await;
            assert_eq!((won(&shots), refused(&shots, Code::SoldOut)), (100, 50), "{strategy}");
            let audit = app.clean_audit(&sale).await;
            assert_eq!((audit.sold, audit.available, audit.orders, audit.tickets), (100, 0, 100, 100));
            let told = app.read_sale(&sale).await;
            assert_eq!((told.available, told.sold, told.status.name()), (0, 100, "sold_out"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_20_buyers_for_the_last_ticket_one_wins() {
    let app = TestApp::open().await;
    for strategy in STRATEGIES {
        for _ in 0..scale::rounds(20, 2_000) {
            let sale = app.sale(strategy, &[general_admission(1)]).await;
            let shots = storm(&app, &sale, wishes_for_tier("ga", 1, 20)).await;
            assert_eq!((won(&shots), refused(&shots, Code::SoldOut)), (1, 19), "{strategy}");
            app.clean_audit(&sale).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_5000_buyers_for_one_seat_one_wins_and_4999_are_told_seat_taken() {
    let app = TestApp::open().await;
    for strategy in STRATEGIES {
        let sale = app.sale(strategy, &[seated(10, 10)]).await;
        let shots = storm(&app, &sale, wishes_for_seat("E-5", 5_000)).await;
        let others: Vec<_> = shots.iter().filter_map(shot_failure).take(5).collect();
        assert_eq!(others, Vec::<String>::new(), "{strategy}");
        assert_eq!((won(&shots), refused(&shots, Code::SeatTaken)), (1, 4_999), "{strategy}");
        let audit = app.clean_audit(&sale).await;
        assert_eq!((audit.sold, audit.available), (1, 99));
        let seat = app.get(&format!("/api/v1/sales/{sale}/seats/E-5")).await.expect(200).json();
        assert_eq!(seat["status"], "sold");
    }
}

fn shot_failure(shot: &Shot) -> Option<String> {
    match &shot.answer {
        Answer::Failed(reason) => Some(reason.clone()),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_200_buyers_for_50_seats_each_seat_has_one_winner() {
    let app = TestApp::open().await;
    for strategy in STRATEGIES {
        for _ in 0..scale::rounds(2, 500) {
            let sale = app.sale(strategy, &[seated(5, 10)]).await;
            let labels =
                (0..200).map(|buyer| format!("{}-{}", ["A", "B", "C", "D", "E"][buyer / 10 % 5], buyer % 10 + 1));
            let shots = storm(&app, &sale, labels.map(|label| BuyBody::seat(label.as_str().into())).collect()).await;
            assert_eq!((won(&shots), refused(&shots, Code::SeatTaken)), (50, 150), "{strategy}");
            let mut owned = BTreeSet::new();
            for shot in &shots {
                if let Answer::Won(order) = &shot.answer {
                    assert!(owned.insert(order.tickets[0].seat.clone()), "a seat has two owners: {order:?}");
                }
            }
            assert_eq!(owned.len(), 50);
            app.clean_audit(&sale).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn several_units_are_had_together_or_not_at_all() {
    let app = TestApp::open().await;
    for strategy in STRATEGIES {
        let sale = app.sale(strategy, &[general_admission(100), seated(3, 7)]).await;
        let shots = storm(&app, &sale, wishes_for_tier("ga", 7, 40)).await;
        assert_eq!((won(&shots), refused(&shots, Code::SoldOut)), (14, 26), "fourteen times seven of a hundred");
        app.buy(&sale, json!({ "tier": "ga", "quantity": 3 })).await.expect_problem(409, "sold-out");
        let order = app.buy(&sale, json!({ "tier": "ga", "quantity": 2 })).await.expect(201).json();
        assert_eq!(order["tickets"].as_array().map(Vec::len), Some(2));
        assert_eq!(order["total"], 5_000);
        let shots = storm(&app, &sale, wishes_for_tier("floor", 4, 10)).await;
        assert_eq!((won(&shots), refused(&shots, Code::SoldOut)), (5, 5), "five times four of 21 seats");
        let audit = app.clean_audit(&sale).await;
        assert_eq!((audit.sold, audit.available, audit.orders), (120, 1, 14 + 1 + 5));
        for shot in &shots {
            if let Answer::Won(order) = &shot.answer {
                let seats: BTreeSet<_> = order.tickets.iter().map(|ticket| ticket.seat.clone()).collect();
                assert_eq!((order.tickets.len(), seats.len()), (4, 4), "{order:?}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_buyer_never_owns_more_than_the_sale_allows() {
    let app = TestApp::open().await;
    for strategy in STRATEGIES {
        let tiers = [general_admission(100), seated(2, 5)];
        let sale = app.sale_with(json!({ "strategy": strategy, "max_per_buyer": 3, "tiers": tiers })).await;
        let token = app.get("/api/v1/me").await.session().expect("a new guest").to_owned();
        let buy = |body| Ask::buy(&sale, body).bearer(&token).send(&app);
        let many = (0..20).map(|_| buy(json!({ "tier": "ga" })));
        let replies = futures_util::future::join_all(many).await;
        assert_eq!(replies.iter().filter(|reply| reply.status == 201).count(), 3, "{strategy}");
        for reply in replies.into_iter().filter(|reply| reply.status != 201) {
            reply.expect_problem(409, "limit-reached");
        }
        buy(json!({ "seat": "A-1" })).await.expect_problem(409, "limit-reached");
        app.buy(&sale, json!({ "tier": "ga", "quantity": 4 })).await.expect_problem(409, "limit-reached");
        app.buy(&sale, json!({ "tier": "ga", "quantity": 3 })).await.expect(201);
        app.patch(&sale, json!({ "max_per_buyer": 4 })).await.expect(200);
        buy(json!({ "seat": "A-1" })).await.expect(201);
        assert_eq!(app.clean_audit(&sale).await.sold, 7);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stock_is_checked_before_the_limit() {
    let app = TestApp::open().await;
    for strategy in STRATEGIES {
        let tiers = [general_admission(2), seated(1, 2)];
        let sale = app.sale_with(json!({ "strategy": strategy, "max_per_buyer": 1, "tiers": tiers })).await;
        let token = app.buy(&sale, json!({ "tier": "ga" })).await.expect(201).session().expect("a token").to_owned();
        let buy = |body| Ask::buy(&sale, body).bearer(&token).send(&app);
        app.buy(&sale, json!({ "seat": "A-1" })).await.expect(201);
        buy(json!({ "tier": "ga" })).await.expect_problem(409, "limit-reached");
        buy(json!({ "tier": "ga", "quantity": 2 })).await.expect_problem(409, "sold-out");
        buy(json!({ "seat": "A-1" })).await.expect_problem(409, "seat-taken");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sale_sells_only_while_it_is_open() {
    let app = TestApp::open().await;
    for strategy in STRATEGIES {
        let sale = app.sale(strategy, &[general_admission(5), seated(1, 1)]).await;
        let buy = || app.buy(&sale, json!({ "tier": "ga" }));
        buy().await.expect(201);
        app.patch(&sale, json!({ "status": "paused" })).await.expect(200);
        let problem = buy().await.expect_problem(403, "sale-not-open");
        assert_eq!(problem.opens_at, None, "nobody knows when a paused sale goes on");
        app.patch(&sale, json!({ "status": "open" })).await.expect(200);
        buy().await.expect(201);
        app.patch(&sale, json!({ "status": "closed" })).await.expect(200);
        buy().await.expect_problem(403, "sale-not-open");
        app.buy(&sale, json!({ "seat": "A-1" })).await.expect_problem(403, "sale-not-open");
        assert_eq!(app.clean_audit(&sale).await.sold, 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn before_it_opens_a_sale_says_when_and_opens_by_itself() {
    let app = TestApp::open().await;
    for strategy in STRATEGIES {
        let opens_at = (jiff::Timestamp::now() + jiff::SignedDuration::from_millis(1_500)).to_string();
        let tiers = [general_admission(5)];
        let sale = app.sale_with(json!({ "strategy": strategy, "opens_at": opens_at, "tiers": tiers })).await;
        let told = app.read_sale(&sale).await;
        assert_eq!(told.status.name(), "soon");
        let problem = app.buy(&sale, json!({ "tier": "ga" })).await.expect_problem(403, "sale-not-open");
        assert_eq!(problem.opens_at, told.opens_at);
        assert!(told.opens_at.is_some_and(|opening| opening > told.server_now));
        tokio::time::sleep(std::time::Duration::from_millis(1_600)).await;
        assert_eq!(app.read_sale(&sale).await.status.name(), "open");
        app.buy(&sale, json!({ "tier": "ga" })).await.expect(201);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_unknown_comes_before_what_is_invalid_before_what_is_closed_before_what_is_gone() {
    let app = TestApp::open().await;
    let sale = app.sale("group_commit", &[general_admission(1), seated(1, 1)]).await;
    let buy = |body| app.buy(&sale, body);
    app.buy("no-such-sale", json!({ "tier": "ga", "quantity": 0 })).await.expect_problem(404, "not-found");
    app.buy("no-such-sale", json!([])).await.expect_problem(404, "not-found");
    buy(json!({ "tier": "balcony", "quantity": 0 })).await.expect_problem(404, "not-found");
    buy(json!({ "seat": "Z-99" })).await.expect_problem(404, "not-found");
    app.patch(&sale, json!({ "status": "paused" })).await.expect(200);
    buy(json!({ "tier": "ga", "quantity": 0 })).await.expect_problem(422, "invalid");
    buy(json!({ "tier": "ga", "quantity": 2 })).await.expect_problem(403, "sale-not-open");
    app.patch(&sale, json!({ "status": "open" })).await.expect(200);
    buy(json!({ "tier": "ga" })).await.expect(201);
    buy(json!({ "seat": "A-1" })).await.expect(201);
    buy(json!({ "tier": "ga", "quantity": 101 })).await.expect_problem(422, "invalid");
    buy(json!({ "tier": "ga" })).await.expect_problem(409, "sold-out");
    // A named seat that is gone is refused as taken, even when everything is sold out.
    buy(json!({ "seat": "A-1" })).await.expect_problem(409, "seat-taken");
}

//! Load runs over REST: virtual buyers with sessions of their own, and the verdict on the answers that they got.

use std::time::Duration;

use onsale::model::{
    limits::MAX_SEED,
    simulation::{Simulation, SimulationStatus},
};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::support::{Ask, TestApp, general_admission, seated};

/// How long a run of these tests may take.
const PATIENCE: Duration = Duration::from_secs(30);

async fn start(app: &TestApp, sale: &str, body: Value) -> Simulation {
    let reply = app.post(&format!("/api/v1/sales/{sale}/simulations"), body).await.expect(201);
    let simulation: Simulation = reply.read();
    assert_eq!(reply.header("location"), Some(format!("/api/v1/simulations/{}", simulation.id).as_str()));
    simulation
}

#[tokio::test(flavor = "multi_thread")]
async fn every_buyer_of_a_run_is_answered_once_and_the_audit_is_clean() {
    let app = TestApp::open_demo().await;
    let begun = start(&app, "rehearsal", json!({ "buyers": 500, "concurrency": 100 })).await;
    let run = app.finished(begun.id).await;
    assert_eq!(run.status, SimulationStatus::Done);
    assert_eq!(run.won + run.refused_in_all() + run.errors, 500, "{run:?}");
    assert_eq!(run.errors, 0, "{run:?}");
    assert!(run.is_clean(), "{run:?}");
    assert!(run.throughput > 0.0 && run.p50_ms <= run.p90_ms && run.p90_ms <= run.p95_ms, "{run:?}");
    assert!(run.p95_ms <= run.p99_ms && run.p99_ms <= run.max_ms, "{run:?}");
    let audit = app.clean_audit("rehearsal").await;
    assert_eq!((audit.sold, audit.orders), (run.won, run.won));
    assert_eq!(run.audit.map(|audit| audit.sold), Some(run.won));
}

/// Buyers who hold first: most of them pay, and what the others leave is sold to somebody else or still held.
#[tokio::test(flavor = "multi_thread")]
async fn journeys_end_with_an_order_or_leave_what_they_held_to_others() {
    let app = TestApp::open_demo().await;
    let body = json!({ "buyers": 400, "concurrency": 50, "workload": "journey", "seed": 11 });
    let begun = start(&app, "rehearsal", body).await;
    let run = app.finished(begun.id).await;
    assert_eq!((run.status, run.errors, run.answered()), (SimulationStatus::Done, 0, 400), "{run:?}");
    assert!(run.is_clean(), "{run:?}");
    let ends = ["paid", "declined", "gave_back", "walked_away"].map(|name| run.outcomes.get(name).copied());
    assert!(ends.iter().all(|count| count.is_some_and(|count| count > 0)), "{run:?}");
    assert_eq!(run.outcomes["paid"], run.won);
    let audit = app.clean_audit("rehearsal").await;
    assert_eq!((audit.sold, audit.held), (run.won, run.outcomes["walked_away"]), "one unit each");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_winner_of_a_race_for_one_seat_owns_it() {
    let app = TestApp::open_demo().await;
    let body = json!({ "buyers": 200, "concurrency": 200, "target": "seat:D-4" });
    let begun = start(&app, "rehearsal", body).await;
    let run = app.finished(begun.id).await;
    assert_eq!((run.won, run.refused_in_all(), run.errors), (1, 199, 0), "{run:?}");
    let winner = run.winner.expect("a race for one seat names its winner").to_string();
    let database = app.database_file().await;
    let owner: Vec<u8> = sqlx::query_scalar(
        "SELECT orders.buyer_id FROM tickets
         JOIN orders ON orders.id = tickets.order_id
         JOIN seats ON seats.sale_id = tickets.sale_id AND seats.position = tickets.seat_position
         WHERE seats.label = 'D-4' AND tickets.void = 0 AND seats.sale_id = (SELECT id FROM sales WHERE slug = 'rehearsal')",
    )
    .fetch_one(&database)
    .await
    .expect("one owner");
    assert_eq!(uuid::Uuid::from_slice(&owner).expect("an id").to_string(), winner);
}

#[tokio::test(flavor = "multi_thread")]
async fn virtual_buyers_are_distinct_sessions() {
    let app = TestApp::open_demo().await;
    let begun = start(&app, "rehearsal", json!({ "buyers": 100, "concurrency": 20, "target": "tier:ga" })).await;
    let run = app.finished(begun.id).await;
    assert_eq!(run.won, 100, "{run:?}");
    let database = app.database_file().await;
    let buyers: i64 =
        sqlx::query_scalar("SELECT COUNT(DISTINCT buyer_id) FROM orders").fetch_one(&database).await.expect("a count");
    assert_eq!(buyers, 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_is_streamed_until_the_run_is_done() {
    let app = TestApp::open_demo().await;
    let begun = start(&app, "rehearsal", json!({ "buyers": 300, "concurrency": 10, "rate": 400.0 })).await;
    let mut response = Ask::get(&format!("/api/v1/simulations/{}/stream", begun.id)).open(&app).await;
    assert_eq!(response.status().as_u16(), 200);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    assert_eq!(response.headers()["cache-control"], "no-store");
    let mut text = Vec::new();
    let whole = async {
        while let Ok(Some(bytes)) = response.chunk().await {
            text.extend_from_slice(&bytes);
        }
    };
    timeout(PATIENCE, whole).await.expect("the stream ends with the run");
    let text = String::from_utf8(text).expect("text");
    let told: Vec<Simulation> = text
        .lines()
        .filter_map(|line| line.strip_prefix("data:"))
        .map(|data| serde_json::from_str(data.trim()).expect("each event is a whole simulation"))
        .collect();
    assert!(told.len() >= 2, "progress and end: {text}");
    assert!(told.is_sorted_by_key(Simulation::answered), "{text}");
    let last = told.last().expect("events");
    assert_eq!((last.status, last.answered()), (SimulationStatus::Done, 300));
    assert!(last.is_clean());
}

#[tokio::test(flavor = "multi_thread")]
async fn buyers_at_a_rate_arrive_as_planned_and_others_at_once() {
    let app = TestApp::open_demo().await;
    let mut body = json!({ "buyers": 60, "concurrency": 60, "target": "tier:ga", "rate": 40 });
    let begun = start(&app, "rehearsal", body.clone()).await;
    assert_eq!(begun.rate, Some(40.0));
    // Half of the time is half of the buyers, whatever the machine does: nobody comes before the planned moment.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let half_way: Simulation = app.get(&format!("/api/v1/simulations/{}", begun.id)).await.expect(200).read();
    assert_eq!(half_way.status, SimulationStatus::Running);
    assert!(half_way.answered() < 60, "{half_way:?}");
    let run = app.finished(begun.id).await;
    assert_eq!((run.won, run.errors, run.rate), (60, 0, Some(40.0)), "{run:?}");
    assert!(run.duration_ms >= 1_475, "the last of 60 arrives after 1,475 ms: {run:?}");
    assert!(run.is_clean(), "{run:?}");
    body.as_object_mut().expect("an object").remove("rate");
    let begun = start(&app, "rehearsal", body).await;
    let run = app.finished(begun.id).await;
    assert_eq!((run.answered(), run.rate), (60, None), "{run:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_slowest_run_is_cancelled_at_once() {
    let app = TestApp::open_demo().await;
    let begun = start(&app, "rehearsal", json!({ "buyers": 10_000, "concurrency": 20, "rate": 1 })).await;
    let started = std::time::Instant::now();
    let cancel = Ask::new(Method::DELETE, &format!("/api/v1/simulations/{}", begun.id)).send(&app).await;
    let ended: Simulation = cancel.expect(200).read();
    assert_eq!(ended.status, SimulationStatus::Cancelled);
    assert!(ended.answered() < 100 && ended.is_clean(), "{ended:?}");
    assert!(started.elapsed() < PATIENCE, "nobody waits for buyers who have not arrived");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_run_says_what_it_did_and_is_audited() {
    let app = TestApp::open_demo().await;
    let begun = start(&app, "rehearsal", json!({ "buyers": 5_000, "concurrency": 5, "rate": 50.0 })).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let cancel = || Ask::new(Method::DELETE, &format!("/api/v1/simulations/{}", begun.id)).send(&app);
    let ended: Simulation = cancel().await.expect(200).read();
    assert_eq!(ended.status, SimulationStatus::Cancelled);
    assert!(ended.answered() < 5_000 && ended.is_clean(), "{ended:?}");
    assert_eq!(app.clean_audit("rehearsal").await.sold, ended.won);
    cancel().await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_organiser_attacks_and_only_a_rehearsal() {
    let app = TestApp::open().await;
    let real = app.sale("group_commit", &[general_admission(10)]).await;
    let rehearsal = app.sale_with(json!({ "name": "Practice", "rehearsal": true, "tiers": [seated(1, 5)] })).await;
    let ask = |sale: &str| {
        Ask::post(&format!("/api/v1/sales/{sale}/simulations")).json(json!({ "buyers": 5, "concurrency": 5 }))
    };
    for refused in [ask(&real), ask(&real).admin(), ask(&rehearsal)] {
        refused.send(&app).await.expect_problem(403, "forbidden");
    }
    assert_eq!((app.audit(&real).await.sold, app.audit(&rehearsal).await.sold), (0, 0));
    let run: Simulation = ask(&rehearsal).admin().send(&app).await.expect(201).read();
    let cancel = Ask::new(Method::DELETE, &format!("/api/v1/simulations/{}", run.id)).send(&app).await;
    cancel.expect_problem(403, "forbidden");
    assert_eq!(app.finished(run.id).await.won, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organiser_finds_a_place_when_everybody_else_has_taken_theirs() {
    let app = TestApp::open_demo().await;
    let ask = || {
        let slow = json!({ "buyers": 500, "concurrency": 1, "rate": 1.0 });
        Ask::post("/api/v1/sales/rehearsal/simulations").json(slow)
    };
    let mut running: Vec<Simulation> = Vec::new();
    for _ in 0..4 {
        running.push(ask().send(&app).await.expect(201).read());
    }
    ask().send(&app).await.expect_problem(503, "overloaded");
    running.push(ask().admin().send(&app).await.expect(201).read());
    for run in running {
        Ask::new(Method::DELETE, &format!("/api/v1/simulations/{}", run.id)).send(&app).await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_makes_no_sense_is_refused() {
    let app = TestApp::open_demo().await;
    for body in [
        json!({}),
        json!({ "buyers": 5 }),
        json!({ "buyers": 0, "concurrency": 1 }),
        json!({ "buyers": -1, "concurrency": 1 }),
        json!({ "buyers": 5, "concurrency": 0 }),
        json!({ "buyers": 1.5, "concurrency": 1 }),
        json!({ "buyers": "5", "concurrency": 1 }),
        json!({ "buyers": 1_000_000_000, "concurrency": 1 }),
        json!({ "buyers": 5, "concurrency": 1, "rate": 0 }),
        json!({ "buyers": 5, "concurrency": 1, "rate": 0.999 }),
        json!({ "buyers": 5, "concurrency": 1, "rate": 100_001 }),
        json!({ "buyers": 5, "concurrency": 1, "rate": null }),
        json!({ "buyers": 5, "concurrency": 1, "rate": "5" }),
        json!({ "buyers": 5, "concurrency": 1, "rate": -3.0 }),
        json!({ "buyers": 5, "concurrency": 1, "target": "nonsense" }),
        json!({ "buyers": 5, "concurrency": 1, "target": null }),
        json!({ "buyers": 5, "concurrency": 1, "seed": -1 }),
        json!({ "buyers": 5, "concurrency": 1, "seed": 9_007_199_254_740_992_u64 }),
        json!({ "buyers": 5, "concurrency": 1, "seed": u64::MAX }),
        json!({ "buyers": 5, "concurrency": 1, "extra": true }),
    ] {
        app.post("/api/v1/sales/rehearsal/simulations", body).await.expect_problem(422, "invalid");
    }
    let body = json!({ "buyers": 5, "concurrency": 5 });
    app.post("/api/v1/sales/no-such-sale/simulations", body).await.expect_problem(404, "not-found");
    let unknown = json!({ "buyers": 5, "concurrency": 5, "target": "seat:Z-99" });
    app.post("/api/v1/sales/rehearsal/simulations", unknown).await.expect_problem(404, "not-found");
    for id in ["0190a5c8-7e1b-7abc-8def-0123456789ab", "nonsense"] {
        for path in [format!("/api/v1/simulations/{id}"), format!("/api/v1/simulations/{id}/stream")] {
            app.get(&path).await.expect_problem(404, "not-found");
        }
        Ask::new(Method::DELETE, &format!("/api/v1/simulations/{id}"))
            .send(&app)
            .await
            .expect_problem(404, "not-found");
    }
    assert_eq!(app.audit("rehearsal").await.sold, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_seed_wishes_the_same() {
    let app = TestApp::open_demo().await;
    let mut sold = Vec::new();
    for _ in 0..2 {
        Ask::post("/api/v1/sales/rehearsal/reset").send(&app).await.expect(200);
        // One buyer at a time, so that only the wishes decide who gets what.
        let begun = start(&app, "rehearsal", json!({ "buyers": 60, "concurrency": 1, "seed": 42 })).await;
        let run = app.finished(begun.id).await;
        assert_eq!(run.seed, 42);
        let seats = app.seats("rehearsal").await.seats;
        sold.push((run.won, seats.into_iter().map(|seat| seat.status).collect::<Vec<_>>()));
    }
    assert_eq!(sold[0], sold[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seed_is_one_that_every_reader_of_json_can_give_back() {
    let app = TestApp::open_demo().await;
    for _ in 0..8 {
        let begun = start(&app, "rehearsal", json!({ "buyers": 1, "concurrency": 1 })).await;
        assert!(begun.seed <= MAX_SEED, "{}", begun.seed);
        app.finished(begun.id).await;
    }
    let begun = start(&app, "rehearsal", json!({ "buyers": 1, "concurrency": 1, "seed": MAX_SEED })).await;
    assert_eq!(app.finished(begun.id).await.seed, MAX_SEED);
}

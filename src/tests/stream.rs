//! One viewer of the live stream: frames, positions, and how a stream begins and ends.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use reqwest::Method;
use serde_json::json;
use tokio::io::AsyncWriteExt;

use crate::support::{
    Ask, Event, Fold, Position, Setup, TestApp, Viewer, general_admission, seated, storm, wire, wishes_for_tier,
};

/// How long an event may take after the commit that causes it.
const SOON: Duration = Duration::from_secs(1);
/// How long to wait for a heartbeat: one comes every 10 s.
const NEXT_HEARTBEAT: Duration = Duration::from_secs(15);

async fn sale(app: &TestApp) -> String {
    app.sale("group_commit", &[seated(2, 5), general_admission(100)]).await
}

async fn open(app: &TestApp, sale: &str, position: Position) -> (Viewer, Event) {
    let mut viewer = Viewer::open(app, sale, position).await;
    let first = viewer.next_within(SOON).await;
    (viewer, first)
}

/// Buys so many single units of general admission, one after the other.
async fn buy(app: &TestApp, sale: &str, times: usize) {
    for _ in 0..times {
        app.buy(sale, json!({ "tier": "ga" })).await.expect(201);
    }
}

/// Reads frames until the view has reached this `seq`.
async fn follow(viewer: &mut Viewer, fold: &mut Fold, seq: u64) {
    while fold.seq < seq {
        let event = viewer.next_within(SOON).await;
        fold.take(&event);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_begins_with_a_snapshot_and_says_when_to_come_back() {
    let app = TestApp::open().await;
    let sale = sale(&app).await;
    let (viewer, first) = open(&app, &sale, Position::new()).await;
    assert_eq!(viewer.header("content-type"), Some("text/event-stream"));
    assert_eq!(viewer.header("cache-control"), Some("no-store"));
    assert_eq!(viewer.header("x-accel-buffering"), Some("no"));
    assert!(viewer.retry.is_some_and(|milliseconds| (500..=10_000).contains(&milliseconds)), "{:?}", viewer.retry);
    let fold = Fold::begin(&first);
    assert_eq!(first.data["status"], "open");
    assert_eq!(first.data["seats"], "A".repeat(10));
    fold.assert_equals_database(&app, &sale).await;
    let mut spread = std::collections::BTreeSet::new();
    for _ in 0..8 {
        spread.insert(open(&app, &sale, Position::new()).await.0.retry);
    }
    assert!(spread.len() > 1, "retry is jittered");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_delta_leads_on_from_the_frame_before() {
    let app = TestApp::open().await;
    let sale = sale(&app).await;
    let (mut viewer, first) = open(&app, &sale, Position::new()).await;
    let mut fold = Fold::begin(&first);
    for seat in ["A-3", "B-1", "A-1"] {
        let seq = app.buy(&sale, json!({ "seat": seat })).await.expect(201).json()["seq"].as_u64().expect("a seq");
        follow(&mut viewer, &mut fold, seq).await;
        fold.assert_equals_database(&app, &sale).await;
    }
    let shots = storm(&app, &sale, wishes_for_tier("ga", 1, 60)).await;
    assert!(shots.iter().all(crate::support::Shot::has_won));
    let seq = app.read_sale(&sale).await.seq;
    follow(&mut viewer, &mut fold, seq).await;
    fold.assert_equals_database(&app, &sale).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purchase_is_seen_within_a_second_even_in_a_storm() {
    let app = Arc::new(TestApp::open().await);
    let sale = app.sale("group_commit", &[seated(10, 10), general_admission(1_000_000)]).await;
    let (mut viewer, first) = open(&app, &sale, Position::new()).await;
    let mut fold = Fold::begin(&first);
    let crowd = tokio::spawn({
        let (app, sale) = (app.clone(), sale.clone());
        async move {
            for _ in 0..5 {
                storm(&app, &sale, wishes_for_tier("ga", 1, 200)).await;
            }
        }
    });
    for number in 1..=10 {
        let order = app.buy(&sale, json!({ "seat": format!("C-{number}") })).await.expect(201).json();
        let answered = Instant::now();
        follow(&mut viewer, &mut fold, order["seq"].as_u64().expect("a seq")).await;
        assert!(answered.elapsed() < SOON, "{:?}", answered.elapsed());
        assert_eq!(fold.seats[20 + number - 1], b'S');
    }
    crowd.await.expect("a storm");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_comes_back_soon_gets_what_was_missed_and_no_snapshot() {
    let app = TestApp::open().await;
    let sale = sale(&app).await;
    let (viewer, first) = open(&app, &sale, Position::new()).await;
    let known = Fold::begin(&first);
    drop(viewer);
    buy(&app, &sale, 3).await;
    let seq = app.read_sale(&sale).await.seq;
    let epoch = &known.epoch;
    for position in [
        Position::last_event_id(known.seq),
        Position::new().query(&format!("since={}", known.seq)),
        Position::new().query(&format!("since={}&epoch={epoch}", known.seq)),
        Position::last_event_id(known.seq).query(&format!("since=junk&epoch={epoch}")),
    ] {
        let (mut viewer, event) = open(&app, &sale, position.clone()).await;
        assert_eq!(event.kind, "delta", "{position:?}: {event:?}");
        let mut fold = known.clone();
        fold.take(&event);
        follow(&mut viewer, &mut fold, seq).await;
        fold.assert_equals_database(&app, &sale).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_that_lies_inside_a_frame_is_resumed_from_there() {
    let app = TestApp::open().await;
    let sale = app.sale("group_commit", &[general_admission(10_000)]).await;
    let (mut viewer, first) = open(&app, &sale, Position::new()).await;
    let mut fold = Fold::begin(&first);
    storm(&app, &sale, wishes_for_tier("ga", 1, 100)).await;
    let seq = app.read_sale(&sale).await.seq;
    follow(&mut viewer, &mut fold, seq).await;
    for inside in fold.seq - 90..fold.seq {
        let (_, event) = open(&app, &sale, Position::last_event_id(inside)).await;
        assert!(event.kind == "snapshot" || event.data["from"].as_u64() == Some(inside), "{inside}: {event:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_from_the_future_from_another_life_or_unreadable_gets_a_snapshot() {
    let app = TestApp::open().await;
    let sale = sale(&app).await;
    buy(&app, &sale, 2).await;
    let seq = app.read_sale(&sale).await.seq;
    let (mut viewer, first) = open(&app, &sale, Position::new()).await;
    follow(&mut viewer, &mut Fold::begin(&first), seq).await;
    for id in ["junk", "-1", "+1", "1.5", "18446744073709551616", "99999999999999999999999", "0x1", "é"] {
        let (_, event) = open(&app, &sale, Position::raw_event_id(id.as_bytes())).await;
        assert_eq!((event.kind.as_str(), event.seq()), ("snapshot", seq), "{id:?}");
    }
    for position in [
        Position::last_event_id(seq + 1),
        Position::last_event_id(u64::MAX),
        Position::last_event_id(seq + 5).query(&format!("since={}", seq - 1)),
        Position::last_event_id(seq - 1).query("epoch=another"),
        Position::new().query(&format!("since={}&epoch=another", seq - 1)),
        Position::new().query("since=junk"),
    ] {
        let (_, event) = open(&app, &sale, position.clone()).await;
        assert_eq!((event.kind.as_str(), event.seq()), ("snapshot", seq), "{position:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_that_is_left_behind_means_a_snapshot() {
    let app = TestApp::open().await;
    let sale = app.sale("group_commit", &[general_admission(10_000)]).await;
    let position = Position::last_event_id(app.read_sale(&sale).await.seq);
    // After a restart the replay window is empty, and the ledger goes on.
    let mut app = app;
    buy(&app, &sale, 3).await;
    app.restart().await;
    let (_, event) = open(&app, &sale, position).await;
    assert_eq!(event.kind, "snapshot");
    Fold::begin(&event).assert_equals_database(&app, &sale).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_is_the_same_life_and_another_database_is_another() {
    let mut app = TestApp::open().await;
    let sale = sale(&app).await;
    let (_, before) = open(&app, &sale, Position::new()).await;
    app.restart().await;
    let (_, after) = open(&app, &sale, Position::new()).await;
    assert_eq!(before.data["epoch"], after.data["epoch"]);
    let other = TestApp::open_demo().await;
    let (_, elsewhere) = open(&other, "club-night", Position::new()).await;
    assert_ne!(before.data["epoch"], elsewhere.data["epoch"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_heartbeat_comes_every_10_s_with_the_digest_of_what_was_told() {
    let app = TestApp::open().await;
    let sale = sale(&app).await;
    let (mut viewer, first) = open(&app, &sale, Position::new()).await;
    let mut fold = Fold::begin(&first);
    app.buy(&sale, json!({ "seat": "B-4" })).await.expect(201);
    let heartbeat = tokio::time::timeout(NEXT_HEARTBEAT, async {
        loop {
            let event = viewer.next().await.expect("the stream goes on");
            fold.take(&event);
            if event.kind == "heartbeat" {
                return event;
            }
        }
    });
    let heartbeat = heartbeat.await.expect("a heartbeat");
    assert_eq!(heartbeat.seq(), fold.seq);
    assert_eq!(heartbeat.data["digest"].as_str(), Some(fold.digest().as_str()));
    assert!(heartbeat.data["at"].is_string());
    let again = Instant::now();
    viewer.next_of("heartbeat", NEXT_HEARTBEAT).await;
    assert!((8..=12).contains(&again.elapsed().as_secs()), "{:?}", again.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_status_is_told_at_once() {
    let app = TestApp::open().await;
    let sale = sale(&app).await;
    let (mut viewer, _) = open(&app, &sale, Position::new()).await;
    for (fields, status, message) in [
        (json!({ "status": "paused", "message": "A short break" }), "paused", json!("A short break")),
        (json!({ "status": "open", "message": "" }), "open", json!(null)),
        (json!({ "opens_at": "2100-01-01T00:00:00Z" }), "soon", json!(null)),
        (json!({ "status": "closed" }), "closed", json!(null)),
    ] {
        app.patch(&sale, fields).await.expect(200);
        let event = viewer.next_of("status", SOON).await;
        assert_eq!((&event.data["status"], &event.data["message"]), (&json!(status), &message), "{event:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reset_and_added_stock_send_a_fresh_snapshot() {
    let app = TestApp::open().await;
    let sale = sale(&app).await;
    app.buy(&sale, json!({ "seat": "A-1" })).await.expect(201);
    let (mut viewer, first) = open(&app, &sale, Position::new()).await;
    let known = Fold::begin(&first);
    let path = format!("/api/v1/sales/{sale}");
    Ask::post(&format!("{path}/reset")).admin().send(&app).await.expect(200);
    let fresh = Fold::begin(&viewer.next_of("snapshot", SOON).await);
    assert_eq!((fresh.seq, fresh.seats.as_slice()), (known.seq + 1, b"AAAAAAAAAA".as_slice()));
    let stock = Ask::post(&format!("{path}/stock")).admin().json(json!({ "tier": "floor", "add": 3 }));
    stock.send(&app).await.expect(201);
    let fresh = Fold::begin(&viewer.next_of("snapshot", SOON).await);
    assert_eq!(fresh.seats.len(), 13);
    fresh.assert_equals_database(&app, &sale).await;
    // A viewer who was away meanwhile cannot be brought up to date by deltas.
    let (_, event) = open(&app, &sale, Position::last_event_id(known.seq)).await;
    assert_eq!(event.kind, "snapshot");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sale_that_opens_or_sells_out_says_so_by_itself() {
    let app = TestApp::open().await;
    let opens_at = (jiff::Timestamp::now() + jiff::SignedDuration::from_millis(1_200)).to_string();
    let sale = app.sale_with(json!({ "opens_at": opens_at, "tiers": [general_admission(1)] })).await;
    let (mut viewer, first) = open(&app, &sale, Position::new()).await;
    assert_eq!(first.data["status"], "soon");
    let event = viewer.next_of("status", Duration::from_secs(4)).await;
    assert_eq!(event.data["status"], "open", "{event:?}");
    buy(&app, &sale, 1).await;
    let event = viewer.next_of("status", SOON).await;
    assert_eq!(event.data["status"], "sold_out", "{event:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn head_shows_the_stream_and_other_methods_are_refused() {
    let app = TestApp::open().await;
    let sale = sale(&app).await;
    let path = format!("/api/v1/sales/{sale}/stream");
    let head = Ask::new(Method::HEAD, &path).send(&app).await.expect(200);
    assert_eq!(head.header("content-type"), Some("text/event-stream"));
    assert!(head.body.is_empty());
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
        Ask::new(method, &path).send(&app).await.expect_problem(405, "method-not-allowed");
    }
    app.get("/api/v1/sales/no-such-sale/stream").await.expect_problem(404, "not-found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_who_does_not_read_stops_nobody() {
    let app = Arc::new(TestApp::open().await);
    // Snapshots of 90,000 seats soon fill any buffer.
    let big = app.sale("group_commit", &[seated(300, 300), general_admission(100_000)]).await;
    let mut deaf = Vec::new();
    for _ in 0..10 {
        let mut socket = tokio::net::TcpStream::connect(app.address()).await.expect("a connection");
        let request = format!("GET /api/v1/sales/{big}/stream HTTP/1.1\r\nhost: {}\r\n\r\n", app.address());
        socket.write_all(request.as_bytes()).await.expect("a request");
        deaf.push(socket);
    }
    let (mut viewer, first) = open(&app, &big, Position::new()).await;
    let mut fold = Fold::begin(&first);
    let started = Instant::now();
    for _ in 0..6 {
        let shots = storm(&app, &big, wishes_for_tier("floor", 20, 50)).await;
        assert!(shots.iter().all(|shot| shot.has_won() && shot.latency() < Duration::from_secs(5)));
        let seq = app.read_sale(&big).await.seq;
        follow(&mut viewer, &mut fold, seq).await;
    }
    assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
    fold.assert_equals_database(&app, &big).await;
    // A viewer who starts to read now gets the current state, not its whole backlog.
    let told = wire::read_all(&mut deaf[0]).await;
    assert!(String::from_utf8_lossy(&told).contains("event: snapshot"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_has_so_many_streams_and_a_demo_as_many_as_it_likes() {
    let limits = "[limits]\nstreams_per_session = 2\nstreams_per_address = 5\n";
    let app = Setup::default().with_admin().with_configuration(limits).start().await;
    let sale = sale(&app).await;
    let path = format!("/api/v1/sales/{sale}/stream");
    let token = app.get("/api/v1/me").await.session().expect("a guest").to_owned();
    let own = || Ask::get(&path).bearer(&token);
    let mut open: Vec<reqwest::Response> = Vec::new();
    for _ in 0..2 {
        open.push(own().open(&app).await);
    }
    own().send(&app).await.expect_problem(429, "rate-limited");
    for _ in 0..3 {
        open.push(Ask::get(&path).open(&app).await);
    }
    Ask::get(&path).send(&app).await.expect_problem(429, "rate-limited");
    for spoofed in ["x-forwarded-for", "x-real-ip", "forwarded"] {
        Ask::get(&path).header(spoofed, "203.0.113.9").send(&app).await.expect_problem(429, "rate-limited");
    }
    assert!(open.iter().all(|response| response.status().as_u16() == 200));
    drop(open);
    let demo = TestApp::open_demo().await;
    let mut viewers = Vec::new();
    for _ in 0..60 {
        viewers.push(Viewer::open(&demo, "club-night", Position::new()).await);
    }
}

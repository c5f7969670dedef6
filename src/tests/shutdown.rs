//! An orderly stop: streams end, requests in flight are answered, and the exit code is 0.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use onsale::{model::tally::Answer, server::simulator::client::Connection};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::support::{Position, TestApp, Viewer, general_admission};

/// How long a stop may take without load, and under load.
const AT_REST: Duration = Duration::from_secs(2);
const UNDER_LOAD: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_and_sigint_stop_a_server_at_rest_within_2_s_with_exit_0() {
    for signal in ["TERM", "INT"] {
        let mut app = TestApp::open_demo().await;
        // The server must not wait for an idle connection that is kept alive.
        let mut idle = Connection::open(Arc::new(app.server())).await.expect("a connection");
        idle.get("/healthz").await.expect("an answer");
        app.signal(signal);
        let (status, took) = app.wait().await;
        assert!(status.success(), "SIG{signal}: {status}");
        assert!(took < AT_REST, "SIG{signal}: {took:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn open_streams_end_with_the_server_within_2_s() {
    let mut app = TestApp::open_demo().await;
    let mut viewers = Vec::new();
    for _ in 0..50 {
        let mut viewer = Viewer::open(&app, "theatre", Position::new()).await;
        viewer.next_of("snapshot", Duration::from_secs(5)).await;
        viewers.push(viewer);
    }
    app.signal("TERM");
    let ends = viewers.into_iter().map(|mut viewer| async move { while viewer.next().await.is_some() {} });
    let asked = Instant::now();
    tokio::time::timeout(AT_REST, futures_util::future::join_all(ends)).await.expect("each stream ends by itself");
    let (status, _) = app.wait().await;
    assert!(status.success() && asked.elapsed() < AT_REST, "{status} after {:?}", asked.elapsed());
}

/// Buys on one connection until the server closes it. An answer that breaks off in the middle is a failure. A
/// connection that was closed before a request is not.
async fn buy_until_closed(server: onsale::server::simulator::client::Server, path: String) -> (usize, Vec<String>) {
    let Ok(mut connection) = Connection::open(Arc::new(server)).await else { return (0, Vec::new()) };
    let body = Bytes::from_static(b"{\"tier\":\"ga\"}");
    let (mut won, mut faults) = (0, Vec::new());
    loop {
        match connection.post(&path, Some(&Uuid::now_v7().to_string()), body.clone()).await {
            Ok(reply) => match Answer::read(reply.status.as_u16(), &reply.body) {
                Answer::Won(_) => won += 1,
                Answer::Refused(_) | Answer::Left(_) => return (won, faults),
                Answer::Failed(reason) => faults.push(reason),
            },
            Err(_) => return (won, faults),
        }
        if !faults.is_empty() {
            return (won, faults);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn under_load_what_was_answered_is_kept_and_the_exit_is_0() {
    for strategy in crate::support::STRATEGIES {
        let mut app = TestApp::open().await;
        let sale = app.sale(strategy, &[general_admission(1_000_000)]).await;
        let mut buyers = JoinSet::new();
        for _ in 0..100 {
            buyers.spawn(buy_until_closed(app.server(), format!("/api/v1/sales/{sale}/buy")));
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        app.signal("TERM");
        let (status, took) = app.wait().await;
        assert!(status.success() && took < UNDER_LOAD, "{status} after {took:?}");
        let mut won = 0;
        let told = tokio::time::timeout(AT_REST, buyers.join_all()).await.expect("nobody is left waiting");
        for (wins, faults) in told {
            assert_eq!(faults, Vec::<String>::new());
            won += wins;
        }
        app.launch().await;
        let sold = app.clean_audit(&sale).await.sold;
        // Each of the 100 buyers may have one purchase whose answer it did not get.
        assert!(won > 0 && (won..=won + 100).contains(&usize::try_from(sold).expect("few")), "{won} won, {sold} sold");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_in_flight_are_answered_before_the_server_leaves() {
    let mut app = TestApp::open().await;
    let sale = app.sale("atomic_update", &[general_admission(1_000)]).await;
    // Each commit costs a flush, so of 200 requests at once some are still waiting when the signal comes.
    let path = format!("/api/v1/sales/{sale}/buy");
    let mut buyers = JoinSet::new();
    let start = Arc::new(tokio::sync::Barrier::new(201));
    for _ in 0..200 {
        let mut connection = Connection::open(Arc::new(app.server())).await.expect("a connection");
        let (path, start) = (path.clone(), start.clone());
        buyers.spawn(async move {
            start.wait().await;
            let body = Bytes::from_static(b"{\"tier\":\"ga\"}");
            connection.post(&path, None, body).await.map(|reply| reply.status.as_u16())
        });
    }
    start.wait().await;
    tokio::time::sleep(Duration::from_millis(30)).await;
    app.signal("TERM");
    let answers = buyers.join_all().await;
    let (status, took) = app.wait().await;
    assert!(status.success() && took < UNDER_LOAD, "{status} after {took:?}");
    let answered = answers.iter().filter(|answer| matches!(answer, Ok(201))).count();
    app.launch().await;
    let sold = app.clean_audit(&sale).await.sold;
    assert_eq!(answered as u64, sold, "whoever bought was told: {answers:?}");
}

//! A proxy between the virtual buyers and the server loses answers. Still no purchase is made twice and none is lost, and
//! a failure is explained in one sentence.

use std::{process::Output, time::Duration};

use onsale::{
    model::{
        arrivals::Arrivals,
        ids::SimulationId,
        simulation::{Simulation, SimulationStatus, Target, Workload},
    },
    server::simulator::{
        client::Server,
        runner::{Plan, run},
    },
};
use serde_json::Value;
use tokio::{sync::watch, time::timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::support::{Ask, Fault, Proxy, TestApp};

const BUY: &str = "/buy";

#[track_caller]
fn assert_exit(output: &Output, code: i32) {
    let (told, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "stdout: {told}\nstderr: {complained}");
}

async fn attack<const COUNT: usize>(app: &TestApp, url: &str, arguments: [&str; COUNT]) -> (Output, Simulation) {
    let mut words = vec!["attack"];
    words.extend(arguments);
    words.extend(["--url", url, "--json"]);
    let output = app.command_of(&words).await;
    let run = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    (output, run)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purchase_whose_answer_was_lost_is_asked_for_again_and_made_once() {
    for fault in [
        Fault::Swallows { times: 1, status: 502 },
        Fault::Swallows { times: 3, status: 504 },
        Fault::Swallows { times: 1, status: 503 },
        Fault::Swallows { times: 1, status: 520 },
        Fault::Cuts,
    ] {
        let app = TestApp::open_demo().await;
        let proxy = Proxy::start(&app, BUY, fault).await;
        let (output, run) = attack(&app, &proxy.url(), ["150", "--target", "tier:ga", "--concurrency", "20"]).await;
        assert_exit(&output, 0);
        assert_eq!((run.won, run.refused_in_all(), run.errors), (100, 50, 0), "{run:?}");
        assert_eq!(app.clean_audit("rehearsal").await.orders, 100, "each buyer has one order");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_never_passes_an_answer_is_told_in_one_sentence_and_the_run_ends() {
    let app = TestApp::open_demo().await;
    let proxy = Proxy::start(&app, BUY, Fault::Refuses { status: 502 }).await;
    let (_, run) = attack(&app, &proxy.url(), ["6", "--target", "tier:ga"]).await;
    assert_eq!((run.won, run.errors), (0, 6), "{run:?}");
    let told = "A proxy answered 502 in the server's place: it got no valid answer from the server.";
    assert_eq!(run.last_error.as_deref(), Some(told));
    let output = app.command_of(&["attack", "2", "--url", &proxy.url(), "--target", "tier:ga"]).await;
    assert!(String::from_utf8_lossy(&output.stdout).contains(told), "{output:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_read_before_and_after_a_run_is_asked_for_again_too() {
    for at in ["/rehearsal", "/seats", "/ledger", "/audit"] {
        let app = TestApp::open_demo().await;
        let proxy = Proxy::start(&app, at, Fault::Swallows { times: 2, status: 502 }).await;
        let (output, run) = attack(&app, &proxy.url(), ["10"]).await;
        assert_exit(&output, 0);
        assert_eq!(run.won, 10, "{at}: {run:?}");
    }
    let app = TestApp::open_demo().await;
    let proxy = Proxy::start(&app, "/rehearsal", Fault::Refuses { status: 504 }).await;
    let output = app.command_of(&["attack", "5", "--url", &proxy.url()]).await;
    assert_exit(&output, 2);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("A proxy answered 504 in the server's place"), "{told}");
    assert!(!told.contains('<') && told.trim().lines().count() == 1, "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comparison_survives_lost_answers_and_does_not_start_a_run_twice() {
    let app = TestApp::open_demo().await;
    for at in ["/strategies", "/rehearsal", "/reset"] {
        let proxy = Proxy::start(&app, at, Fault::Swallows { times: 2, status: 502 }).await;
        let url = proxy.url();
        let output = app.command_of(&["compare", "20", "--url", &url, "--strategies", "atomic_update", "--json"]).await;
        assert_exit(&output, 0);
        let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(told["runs"][0]["simulation"]["won"], 20, "{at}: {told}");
        assert_eq!(app.read_sale("rehearsal").await.sold, 0, "the sale is put back");
    }
    let proxy = Proxy::start(&app, "/simulations", Fault::Swallows { times: 1, status: 502 }).await;
    let output = app.command_of(&["compare", "5", "--url", &proxy.url(), "--strategies", "optimistic"]).await;
    assert_exit(&output, 2);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("A proxy answered 502 in the server's place") && !told.contains('<'), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn latency_counts_from_the_planned_arrival_while_slow_answers_hold_buyers_back() {
    let app = TestApp::open_demo().await;
    let pause = Duration::from_millis(50);
    let proxy = Proxy::start(&app, BUY, Fault::Delays(pause)).await;
    // One buyer acts at a time, and each takes at least 50 ms. At 100 buyers per second, the last of 30 is planned for
    // 290 ms, but its turn comes after 1,450 ms.
    let arguments = ["30", "--target", "tier:ga", "--concurrency", "1"];
    let (_, at_once) = attack(&app, &proxy.url(), arguments).await;
    assert!(at_once.p50_ms < at_once.max_ms && at_once.duration_ms >= 1_500, "{at_once:?}");
    assert_eq!(at_once.rate, None);
    Ask::post("/api/v1/sales/rehearsal/reset").send(&app).await.expect(200);
    let arguments = ["30", "--target", "tier:ga", "--concurrency", "1", "--rate", "100"];
    let (_, planned) = attack(&app, &proxy.url(), arguments).await;
    assert_eq!((planned.rate, planned.won), (Some(100.0), 30), "{planned:?}");
    assert!(planned.max_ms >= 1_150.0, "the last buyer has waited behind all others: {planned:?}");
    assert!(planned.p50_ms >= 500.0, "and one in the middle behind half of them: {planned:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_lasts_too_long_ends_as_cancelled_and_is_judged() {
    let app = TestApp::open_demo().await;
    let proxy = Proxy::start(&app, BUY, Fault::Delays(Duration::from_millis(200))).await;
    let plan = Plan {
        sale: "rehearsal".into(),
        target: Target::Any,
        workload: Workload::Buy,
        buyers: 1_000,
        concurrency: 2,
        arrivals: Arrivals::PerSecond(10_000.0),
        overtime: Duration::from_secs(1),
        seed: 1,
    };
    let (progress, told) = watch::channel(plan.begun(SimulationId(Uuid::now_v7())));
    let server = Server::find(&proxy.url()).await.expect("a server");
    let run = run(server, plan, None, &progress, CancellationToken::new());
    timeout(Duration::from_secs(30), run).await.expect("it ends by itself").expect("a run");
    let ended = told.borrow().clone();
    assert_eq!(ended.status, SimulationStatus::Cancelled);
    assert!((1..100).contains(&ended.won) && ended.errors == 0 && ended.is_clean(), "{ended:?}");
    assert!(ended.duration_ms >= 1_000, "{ended:?}");
}

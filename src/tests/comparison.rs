//! Comparisons: the same load with one strategy after another, over REST and from the terminal.

use std::process::Output;

use onsale::model::{
    simulation::Simulation,
    strategy::{StrategyKind, StrategyList},
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Ask, TestApp, general_admission, seated};

async fn strategies(app: &TestApp) -> StrategyList {
    app.get("/api/v1/strategies").await.expect(200).read()
}

async fn simulate(app: &TestApp, body: Value) -> Simulation {
    let begun: Simulation = app.post("/api/v1/sales/rehearsal/simulations", body).await.expect(201).read();
    app.finished(begun.id).await
}

fn wish(strategy: StrategyKind) -> Value {
    json!({ "buyers": 400, "concurrency": 100, "seed": 42, "strategy": strategy })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_says_which_strategies_it_can_run_and_why_not_the_others() {
    let app = TestApp::open().await;
    let list = strategies(&app).await;
    assert_eq!(list.store, "SQLite");
    assert_eq!(list.strategies.iter().map(|known| known.kind).collect::<Vec<_>>(), StrategyKind::ALL);
    for known in &list.strategies {
        assert_eq!(known.supported, known.reason.is_none(), "{known:?}");
        assert_eq!(known.exact, known.kind != StrategyKind::Naive, "{known:?}");
        assert!(known.summary.ends_with('.'), "{known:?}");
        let body = json!({
            "name": "Test", "strategy": known.kind, "rehearsal": true, "tiers": [general_admission(5)],
        });
        let made = Ask::post("/api/v1/sales").admin().json(body).send(&app).await;
        match &known.reason {
            None => drop(made.expect(201)),
            Some(reason) => {
                let problem = made.expect_problem(422, "strategy-unsupported");
                assert!(problem.detail.contains(reason), "{problem:?}");
            }
        }
    }
    let supported = |kind| list.strategies.iter().any(|known| known.kind == kind && known.supported);
    assert!(supported(StrategyKind::GroupCommit) && supported(StrategyKind::InMemory));
    assert!(!supported(StrategyKind::SkipLocked) && !supported(StrategyKind::RedisGate));
    app.get("/api/v1/strategies?exact=true").await.expect_problem(422, "invalid");
}

#[tokio::test(flavor = "multi_thread")]
async fn under_the_same_load_the_naive_strategy_oversells_and_no_other_does() {
    let app = TestApp::open_demo().await;
    let list = strategies(&app).await;
    for known in list.strategies.iter().filter(|known| known.supported) {
        let run = simulate(&app, wish(known.kind)).await;
        assert_eq!((run.strategy, run.seed), (Some(known.kind), 42));
        assert_eq!((run.answered(), run.errors), (400, 0), "{run:?}");
        let audit = run.audit.as_ref().expect("an ended run is audited");
        assert_eq!((audit.strategy, audit.leaks), (known.kind, 0), "{audit:?}");
        let by_database = run.refusals_by_database.expect("the server counts its own");
        assert!(by_database <= run.refused_in_all(), "{run:?}");
        match known.kind {
            StrategyKind::Naive => {
                assert!(audit.phantoms > 0 && !run.is_clean(), "{audit:?}");
                assert_eq!(
                    audit.sold - audit.phantoms,
                    200,
                    "each unit beyond what there was is one phantom: {audit:?}"
                );
            }
            kind => {
                assert!(run.is_clean() && audit.phantoms == 0, "{kind:?}: {run:?}");
                let from_memory = matches!(kind, StrategyKind::GroupCommit | StrategyKind::InMemory);
                assert_eq!(by_database == 0, from_memory, "{kind:?}: {by_database}");
            }
        }
        assert_eq!(app.read_sale("rehearsal").await.strategy, known.kind, "from then on");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strategy_that_cannot_be_is_refused_and_nothing_is_reset() {
    let app = TestApp::open_demo().await;
    app.buy("rehearsal", json!({ "tier": "ga" })).await.expect(201);
    app.buy("club-night", json!({ "tier": "floor" })).await.expect(201);
    for (sale, strategy) in [
        ("rehearsal", "redis_lock"),
        ("rehearsal", "skip_locked"),
        // This sale is no rehearsal, so it is refused even in a demo and with its own strategy.
        ("club-night", "atomic_update"),
        ("club-night", "group_commit"),
    ] {
        let body = json!({ "buyers": 5, "concurrency": 5, "strategy": strategy });
        let path = format!("/api/v1/sales/{sale}");
        app.post(&format!("{path}/simulations"), body).await.expect_problem(422, "strategy-unsupported");
        let reset = app.post(&format!("{path}/reset"), json!({ "strategy": strategy })).await;
        reset.expect_problem(422, "strategy-unsupported");
        let kept = app.read_sale(sale).await;
        assert_eq!((kept.sold, kept.strategy), (1, StrategyKind::GroupCommit), "{sale} {strategy}");
    }
    for body in [
        json!({ "buyers": 5, "concurrency": 5, "strategy": "best" }),
        json!({ "buyers": 5, "concurrency": 5, "strategy": null }),
        json!({ "buyers": 0, "concurrency": 5, "strategy": "naive" }),
    ] {
        app.post("/api/v1/sales/rehearsal/simulations", body).await.expect_problem(422, "invalid");
    }
    let nowhere = json!({ "buyers": 5, "concurrency": 5, "target": "seat:Z-99", "strategy": "naive" });
    app.post("/api/v1/sales/rehearsal/simulations", nowhere).await.expect_problem(404, "not-found");
    for body in [json!({ "strategy": "best" }), json!({ "strategy": null }), json!({ "strategies": "naive" })] {
        app.post("/api/v1/sales/rehearsal/reset", body).await.expect_problem(422, "invalid");
    }
    assert_eq!(app.read_sale("rehearsal").await.sold, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_strategy_changes_in_the_middle_of_a_run() {
    let app = TestApp::open_demo().await;
    let slow = json!({ "buyers": 5_000, "concurrency": 5, "rate": 50.0, "strategy": "atomic_update" });
    let begun: Simulation = app.post("/api/v1/sales/rehearsal/simulations", slow).await.expect(201).read();
    assert_eq!(begun.strategy, Some(StrategyKind::AtomicUpdate));
    let start = || app.post("/api/v1/sales/rehearsal/simulations", wish(StrategyKind::Naive));
    let reset = || app.post("/api/v1/sales/rehearsal/reset", json!({ "strategy": "naive" }));
    start().await.expect_problem(409, "step-not-allowed");
    reset().await.expect_problem(409, "step-not-allowed");
    assert_eq!(app.read_sale("rehearsal").await.strategy, StrategyKind::AtomicUpdate);
    let cancel = Ask::new(Method::DELETE, &format!("/api/v1/simulations/{}", begun.id)).send(&app).await;
    let ended: Simulation = cancel.expect(200).read();
    assert!(ended.is_clean(), "{ended:?}");
    let put_back = reset().await.expect(200).json();
    assert_eq!((put_back["strategy"].as_str(), put_back["sold"].as_u64()), (Some("naive"), Some(0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_with_a_strategy_is_made_once_for_its_key() {
    let app = TestApp::open_demo().await;
    let reset = |strategy: &str| {
        let ask = Ask::post("/api/v1/sales/rehearsal/reset").key("0190a5c8-7e1b-7abc-8def-0123456789ab");
        ask.json(json!({ "strategy": strategy })).send(&app)
    };
    let first = reset("pessimistic").await.expect(200).json();
    app.buy("rehearsal", json!({ "tier": "ga" })).await.expect(201);
    let again = reset("pessimistic").await.expect(200);
    assert_eq!((again.header("idempotent-replayed"), again.json()), (Some("true"), first));
    assert_eq!(app.read_sale("rehearsal").await.sold, 1, "a replay resets nothing");
    reset("naive").await.expect_problem(422, "idempotency-key-reused");
}

#[track_caller]
fn assert_exit(output: &Output, code: i32) {
    let (told, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "stdout: {told}\nstderr: {complained}");
}

#[tokio::test(flavor = "multi_thread")]
async fn compare_shows_naive_damage_beside_the_exact_ones_and_puts_the_strategy_back() {
    let app = TestApp::open_demo().await;
    app.post("/api/v1/sales/rehearsal/reset", json!({ "strategy": "pessimistic" })).await.expect(200);
    let (url, page) = (app.url(), app.folder().join("comparison.html"));
    let page_name = page.to_str().expect("a path");
    let output = app.command(["compare", "400", "--url", &url, "--seed", "42", "--html", page_name]).await;
    assert_exit(&output, 0);
    let told = String::from_utf8_lossy(&output.stdout);
    let rows: Vec<Vec<&str>> = told.lines().map(|line| line.split_whitespace().collect()).collect();
    let row = |name: &str| rows.iter().find(|row| row.first() == Some(&name)).unwrap_or_else(|| panic!("{told}"));
    assert!(told.contains("seed 42") && told.contains("SQLite"), "{told}");
    assert_eq!(row("naive").last(), Some(&"Oversold"), "{told}");
    assert_ne!(row("naive")[2], "0", "{told}");
    for known in strategies(&app).await.strategies.iter().filter(|known| known.supported && known.exact) {
        let row = row(known.kind.name());
        assert_eq!((row[2], row[3], row.last()), ("0", "0", Some(&"Exact")), "{told}");
    }
    let html = std::fs::read_to_string(&page).expect("the page was written");
    for address in ["http://", "https://", "<script", "<link", "src=", "href="] {
        assert!(!html.contains(address), "{address}: {html}");
    }
    for part in ["<style>", "<table", "<svg", "data-strategy=\"naive\"", "<dt>Seed</dt><dd>42</dd>", "Oversold"] {
        assert!(html.contains(part), "{part}: {html}");
    }
    let after = app.read_sale("rehearsal").await;
    assert_eq!((after.strategy, after.sold), (StrategyKind::Pessimistic, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn compare_runs_the_chosen_strategies_in_their_order_and_tells_them_as_json() {
    let app = TestApp::open_demo().await;
    let url = app.url();
    let chosen = ["compare", "50", "--url", &url, "--strategies", "optimistic,naive,optimistic", "--json"];
    let output = app.command(chosen).await;
    assert_exit(&output, 0);
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((told["store"].as_str(), told["exact"].as_bool()), (Some("SQLite"), Some(true)), "{told}");
    let runs = told["runs"].as_array().expect("runs");
    let names: Vec<_> = runs.iter().map(|run| run["simulation"]["strategy"].as_str().expect("a name")).collect();
    assert_eq!(names, ["optimistic", "naive"], "each once");
    let seeds: Vec<_> = runs.iter().map(|run| run["simulation"]["seed"].as_u64().expect("a seed")).collect();
    assert_eq!(seeds[0], seeds[1], "the same wishes");
    for run in runs {
        assert_eq!(run["simulation"]["buyers"], 50, "{run}");
        assert!(run["simulation"]["refusals_by_database"].is_u64(), "{run}");
        assert_eq!(run["simulation"]["rate"], Value::Null, "all at once: {run}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn compared_strategies_have_the_same_arrivals() {
    let app = TestApp::open_demo().await;
    let url = app.url();
    let flags = ["compare", "40", "--url", &url, "--strategies", "atomic_update,in_memory", "--over", "1", "--json"];
    let output = app.command(flags).await;
    assert_exit(&output, 0);
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    for run in told["runs"].as_array().expect("runs") {
        assert_eq!((run["simulation"]["rate"].as_f64(), run["simulation"]["won"].as_u64()), (Some(40.0), Some(40)));
        assert!(run["simulation"]["duration_ms"].as_u64() >= Some(975), "{run}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn compare_is_exit_1_where_a_strategy_breaks_its_promise() {
    let app = TestApp::open_demo().await;
    // One unit of the rehearsal is lost behind the server's back, so no strategy can be exact any more.
    let store = onsale::server::store::Store::open(&app.database()).await.expect("the database");
    let lost = "UPDATE seats SET tier_id = (SELECT id FROM tiers WHERE slug = 'ga' AND sale_id = seats.sale_id)
                WHERE label = 'J-10' AND sale_id = (SELECT id FROM sales WHERE slug = 'rehearsal')";
    store.run(lost).await.expect("a change");
    store.close().await;
    let url = app.url();
    let output = app.command(["compare", "20", "--url", &url, "--strategies", "atomic_update"]).await;
    assert_exit(&output, 1);
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(told.contains("Not exact, against their promise: atomic_update"), "{told}");
    // `naive` promises nothing, so its damage is not a failure.
    assert_exit(&app.command(["compare", "20", "--url", &url, "--strategies", "naive"]).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_compared_is_exit_2_and_leaves_the_sale_alone() {
    let app = TestApp::open_demo().await;
    let real = app.sale_with(json!({ "name": "Real", "tiers": [seated(1, 5)] })).await;
    app.buy("rehearsal", json!({ "tier": "ga" })).await.expect(201);
    let url = app.url();
    let nowhere = app.folder().join("no-such-folder").join("page.html");
    for arguments in [
        ["--sale", "rehearsal", "0"],
        ["--sale", "rehearsal", "-5"],
        ["--sale", "rehearsal", "1.5"],
        ["--sale", "rehearsal", "10001"],
        ["--concurrency", "0", "5"],
        ["--concurrency", "many", "5"],
        ["--seed", "-1", "5"],
        ["--seed", "9007199254740992", "5"],
        ["--rate", "0.5", "5"],
        ["--over", "soon", "5"],
        ["--strategies", "best", "5"],
        ["--strategies", "redis_lock", "5"],
        ["--strategies", "naive,skip_locked", "5"],
        ["--sale", "no-such-sale", "5"],
        ["--sale", "club-night", "5"],
        ["--sale", &real, "5"],
        ["--html", nowhere.to_str().expect("a path"), "5"],
        ["--url", "http://127.0.0.1:9", "5"],
        ["--url", "nonsense", "5"],
    ] {
        let server = format!("--url={url}");
        let output = if arguments[0] == "--url" {
            app.command(["compare", arguments[0], arguments[1], arguments[2]]).await
        } else {
            app.command(["compare", &server, arguments[0], arguments[1], arguments[2]]).await
        };
        assert_exit(&output, 2);
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.stdout.is_empty() && !told.trim().is_empty() && !told.contains("panicked"),
            "{arguments:?}: {told}"
        );
    }
    let kept = app.read_sale("rehearsal").await;
    assert_eq!((kept.sold, kept.strategy), (1, StrategyKind::GroupCommit));
    assert_exit(&app.command(["compare", "--help"]).await, 0);
}

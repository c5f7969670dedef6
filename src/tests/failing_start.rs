//! A first start on a failing disk. The server starts, or says in one line why it cannot, and leaves nothing half done.

use std::path::Path;

use tokio::task::JoinSet;

use crate::support::{
    Setup, TestApp,
    faults::{self, FAULTS},
    scale,
};

/// How many starts run at once. Each of them waits for its disk most of the time.
const AT_ONCE: usize = 3;

/// Starts on a new folder with a failing disk, and then again with a working one. Returns how many calls failed.
async fn start_on_failing_disk(fault: &str) -> usize {
    let mut app = Setup::default().with_demo().prepare();
    let output = app.folder().join("faults");
    let strace = ["strace".to_owned(), "-D".to_owned()];
    app.wrap(strace.into_iter().chain(faults::arguments(app.folder(), fault, &output)).collect());
    match app.try_launch().await {
        Ok(()) => app.kill(),
        Err(status) => {
            assert_eq!(status.code(), Some(2), "{fault}: {status}:\n{}", app.log());
            let log = app.whole_log();
            let told: Vec<_> = log.lines().filter(|line| line.starts_with("onsale: ")).collect();
            assert!(told.len() == 1 && log.trim_end().ends_with(told[0]), "{fault}: one line, the last:\n{log}");
        }
    }
    assert!(!app.whole_log().contains("panicked"), "{fault}: {}", app.whole_log());
    app.wrap(Vec::new());
    app.launch().await;
    assert_sells(&app).await;
    faults::injected(&output)
}

/// Checks that the demo sales exist, that the rehearsal sells, that each sale has a clean audit, and that the file is
/// intact.
async fn assert_sells(app: &TestApp) {
    let sales = app.get("/api/v1/sales").await.expect(200).json();
    let sales: Vec<_> = sales["sales"].as_array().expect("sales").iter().map(|sale| sale["id"].clone()).collect();
    assert_eq!(sales.len(), 4, "the demo sales, each once: {sales:?}");
    app.buy("rehearsal", serde_json::json!({ "tier": "ga" })).await.expect(201);
    for sale in sales {
        app.clean_audit(sale.as_str().expect("an id")).await;
    }
    assert_integrity(app.folder()).await;
}

async fn assert_integrity(folder: &Path) {
    let url = format!("sqlite:{}?mode=ro", folder.join("onsale.db").display());
    let database = sqlx::SqlitePool::connect(&url).await.expect("the database opens for reading");
    let integrity: Vec<String> =
        sqlx::query_scalar("PRAGMA integrity_check").fetch_all(&database).await.expect("a check");
    assert_eq!(integrity, ["ok"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_start_on_a_failing_disk_says_why_it_ends_and_the_next_one_is_whole() {
    let places: &[usize] = &[1, 3, 10, 40, 160];
    let (mut starts, mut failed) = (JoinSet::new(), 0);
    for fault in FAULTS {
        let places = match scale::rounds(0, 400) {
            0 => places.to_vec(),
            last => (1..=last).collect(),
        };
        for place in places {
            if starts.len() == AT_ONCE {
                failed += starts.join_next().await.expect("several").expect("a start");
            }
            starts.spawn(async move { start_on_failing_disk(&format!("{fault}:when={place}")).await });
        }
    }
    failed += starts.join_all().await.into_iter().sum::<usize>();
    assert!(failed > FAULTS.len(), "{failed} calls failed");
}

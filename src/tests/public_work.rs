//! What anybody may ask for and costs much: audits, exports of ledgers, long lists and pages are shared and bounded,
//! and hold up neither buyers nor the question whether the server is ready.

use std::time::{Duration, Instant};

use futures_util::{StreamExt, future::join_all};
use onsale::{
    model::{ledger::ChangeKind, time::Timestamp},
    server::ledger::{self, Hash},
};
use serde_json::json;
use sqlx::{Connection, SqliteConnection};

use crate::support::{Ask, Setup, TestApp, general_admission, seated};

/// Exports that one server makes at once.
const EXPORTS_AT_ONCE: usize = 8;
/// How long an answer may take that waits for nothing, on a busy machine.
const AT_ONCE: Duration = Duration::from_secs(2);

/// Lengthens the ledger of a new sale with lines that move nothing, behind the server's back.
async fn lengthen_ledger(app: &TestApp, sale: &str, lines: u64) {
    let mut connection = SqliteConnection::connect(&app.database()).await.expect("the database");
    let (sale_id, head): (i64, Vec<u8>) = sqlx::query_as("SELECT id, head_hash FROM sales WHERE slug = $1 AND seq = 1")
        .bind(sale)
        .fetch_one(&mut connection)
        .await
        .expect("a new sale");
    let at = Timestamp::from_milliseconds(0).to_string();
    let mut head: Hash = head.try_into().expect("a hash");
    let mut added = Vec::new();
    for seq in 2..=lines + 1 {
        head = ledger::hash(seq, &at, ChangeKind::Stock, &[], None, &head);
        added.push(json!([seq, ledger::hexadecimal(&head)]));
    }
    let insert = "INSERT INTO ledger (sale_id, seq, at, kind, units, hash)
                  SELECT $1, value ->> 0, 0, 'stock', '[]', unhex(value ->> 1) FROM json_each($2)";
    sqlx::query(insert).bind(sale_id).bind(json!(added).to_string()).execute(&mut connection).await.expect("lines");
    let told = "UPDATE sales SET seq = $2, head_hash = $3 WHERE id = $1";
    let last = i64::try_from(lines + 1).expect("few");
    sqlx::query(told).bind(sale_id).bind(last).bind(head.to_vec()).execute(&mut connection).await.expect("a sale");
    connection.close().await.expect("an end");
}

async fn counted(app: &TestApp, name: &str) -> f64 {
    let metrics = app.get("/metrics").await.expect(200).text();
    let told = metrics.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    told.unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn audits_are_shared_and_the_server_is_ready_meanwhile() {
    let app = TestApp::open().await;
    let sales =
        [app.sale("group_commit", &[general_admission(5)]).await, app.sale("group_commit", &[seated(2, 2)]).await];
    for sale in &sales {
        lengthen_ledger(&app, sale, 40_000).await;
    }
    // Another program writes for long.
    let mut writer = SqliteConnection::connect(&app.database()).await.expect("the database");
    sqlx::query("BEGIN IMMEDIATE").execute(&mut writer).await.expect("a transaction");
    let paths = sales.clone().map(|sale| format!("/api/v1/sales/{sale}/audit"));
    let audits = join_all(paths.iter().cycle().take(50).map(|path| app.get(path)));
    let ready = async {
        for _ in 0..10 {
            let asked = Instant::now();
            app.get("/readyz").await.expect(200);
            assert!(asked.elapsed() < AT_ONCE, "{:?}", asked.elapsed());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let (audits, ()) = tokio::join!(audits, ready);
    sqlx::query("ROLLBACK").execute(&mut writer).await.expect("an end");
    for audit in audits {
        let audit = audit.expect(200).json();
        assert_eq!((&audit["clean"], &audit["ledger"]["entries"]), (&json!(true), &json!(40_001)), "{audit}");
    }
    let made = counted(&app, "onsale_audits_total").await;
    assert!((2.0..=16.0).contains(&made), "{made} audits for 50 who asked about two sales");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_few_ledgers_are_exported_at_once_and_an_export_ends_with_its_client() {
    let app = TestApp::open().await;
    let sale = app.sale("group_commit", &[general_admission(5)]).await;
    let other = app.sale("group_commit", &[general_admission(5)]).await;
    lengthen_ledger(&app, &sale, 60_000).await;
    let path = format!("/api/v1/sales/{sale}/ledger");
    // Each is far longer than what sockets hold, and nobody reads it.
    let mut unread = join_all((0..EXPORTS_AT_ONCE).map(|_| Ask::get(&path).open(&app))).await;
    assert!(unread.iter().all(|export| export.status() == 200));
    let refused = app.get(&path).await;
    assert!(refused.header("retry-after").is_some());
    refused.expect_problem(503, "overloaded");
    app.buy(&other, json!({ "tier": "ga" })).await.expect(201);
    app.get("/readyz").await.expect(200);

    let read = unread.pop().expect("an export");
    let mut pages = read.bytes_stream();
    let mut lines = 0;
    while let Some(page) = pages.next().await {
        lines += page.expect("a part of the ledger").iter().filter(|byte| **byte == b'\n').count();
    }
    assert!(lines > 60_000, "{lines}");
    app.get(&path).await.expect(200);
    drop(unread);
    let waited = Instant::now();
    loop {
        let again = join_all((0..EXPORTS_AT_ONCE).map(|_| Ask::get(&path).open(&app))).await;
        if again.iter().all(|export| export.status() == 200) {
            break;
        }
        assert!(waited.elapsed() < Duration::from_secs(20), "the exports of clients that went away still go on");
        drop(again);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_list_of_seats_is_true_for_everybody_who_asks() {
    let app = Setup::default().with_demo().with_admin().start().await;
    let sale = app.sale("group_commit", &[seated(100, 100)]).await;
    let path = format!("/api/v1/sales/{sale}/seats");
    let whole = app.get(&path).await.expect(200);
    assert_eq!(app.get(&path).await.expect(200).body, whole.body);
    let buy_and_look = |number: usize| {
        let (app, sale, path) = (&app, &sale, &path);
        async move {
            let seat = format!("{}-{}", ["A", "B", "C", "D"][number % 4], number + 1);
            app.buy(sale, json!({ "seat": seat })).await.expect(201);
            let list = app.get(path).await.expect(200).json();
            let seats = list["seats"].as_array().expect("a list");
            assert_eq!(seats.len(), 10_000);
            let found = seats.iter().find(|other| other["seat"] == seat.as_str()).expect("the seat");
            assert_eq!(found["status"], "sold", "{seat} at {}", list["seq"]);
            let sold = seats.iter().filter(|seat| seat["status"] == "sold").count() as u64;
            assert_eq!(list["seq"].as_u64(), Some(sold + 1), "one line made the stock, and each purchase is one");
        }
    };
    join_all((0..40).map(buy_and_look)).await;
    let sold = app.get(&format!("{path}?status=sold")).await.expect(200).json();
    assert_eq!(sold["seats"].as_array().expect("a list").len(), 40);
    let gone = app.get(&format!("{path}?status=held")).await.expect(200).json();
    assert_eq!(gone["seats"].as_array().expect("a list").len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_who_open_the_page_of_a_large_sale_get_it_as_it_is() {
    let app = Setup::default().with_demo().with_admin().start().await;
    let sale = app.sale("group_commit", &[seated(60, 100)]).await;
    let path = format!("/sales/{sale}");
    let open_after_buying = |number: usize| {
        let (app, sale, path) = (&app, &sale, &path);
        async move {
            let seat = format!("B-{}", number + 1);
            app.buy(sale, json!({ "seat": seat })).await.expect(201);
            let page = app.get(path).await.expect(200).text();
            assert!(page.contains("</html>"), "the page is whole");
            let sold = format!("data-seat=\"{seat}\" data-status=\"sold\"");
            assert!(page.contains(&sold), "{sold}");
        }
    };
    let ready = async {
        for _ in 0..10 {
            let asked = Instant::now();
            app.get("/readyz").await.expect(200);
            assert!(asked.elapsed() < AT_ONCE, "{:?}", asked.elapsed());
        }
    };
    tokio::join!(join_all((0..30).map(open_after_buying)), ready);
}

//! Sales and orders grow without end, so lists come in pages, long answers are compressed, and the database's log is cut.

use std::{collections::BTreeSet, io::Read, time::Duration};

use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{Connection, SqliteConnection};

use crate::support::{Ask, Reply, Setup, TestApp, general_admission, seated};

const MEBIBYTE: u64 = 1024 * 1024;

fn unpacked(reply: &Reply) -> Vec<u8> {
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(reply.body.as_slice()).read_to_end(&mut plain).expect("gzip");
    plain
}

#[tokio::test(flavor = "multi_thread")]
async fn long_answers_are_compressed_for_who_takes_that() {
    let app = TestApp::open_demo().await;
    let ask = |path: &str| Ask::get(path).header("accept-encoding", "gzip");
    for path in ["/api/v1/sales/theatre/seats", "/api/v1/sales", "/api/openapi.json", "/api/docs/swagger-ui-bundle.js"]
    {
        let plain = app.get(path).await.expect(200);
        let packed = ask(path).send(&app).await.expect(200);
        assert_eq!(
            (plain.header("content-encoding"), packed.header("content-encoding")),
            (None, Some("gzip")),
            "{path}"
        );
        assert_eq!(packed.header("vary"), Some("accept-encoding"), "{path}");
        assert_eq!(plain.header("vary"), Some("accept-encoding"), "{path}: caches keep both apart");
        assert!(packed.body.len() * 2 < plain.body.len(), "{path}: {} of {}", packed.body.len(), plain.body.len());
        if path != "/api/v1/sales" {
            assert_eq!(unpacked(&packed), plain.body, "{path}");
        }
        let head = Ask::new(Method::HEAD, path).header("accept-encoding", "gzip").send(&app).await.expect(200);
        for name in ["content-encoding", "vary", "content-type", "content-length"] {
            assert_eq!(head.header(name), packed.header(name), "{path}: {name}");
        }
    }
    let head = Ask::new(Method::HEAD, "/sales/theatre").header("accept-encoding", "gzip").send(&app).await.expect(200);
    assert_eq!((head.header("content-encoding"), head.header("vary")), (Some("gzip"), Some("accept-encoding")));
    let page = ask("/sales/theatre").send(&app).await.expect(200);
    assert!(page.body.len() < 30_000, "{}", page.body.len());
    assert!(String::from_utf8(unpacked(&page)).expect("text").contains("</html>"));
    let page =
        Ask::get("/sales/theatre").header("accept-encoding", "gzip, deflate, br, zstd").send(&app).await.expect(200);
    assert_eq!(page.header("content-encoding"), Some("br"), "the shorter one of those that are known");
    assert!(page.body.len() < 30_000, "{}", page.body.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_short_or_live_is_sent_as_it_is() {
    let app = TestApp::open_demo().await;
    let buy = Ask::buy("golden-ticket", json!({ "tier": "ga" })).header("accept-encoding", "gzip, br");
    let bought = buy.send(&app).await.expect(201);
    assert_eq!((bought.header("content-encoding"), bought.header("vary")), (None, None));
    let stream = Ask::get("/api/v1/sales/theatre/stream").header("accept-encoding", "gzip, br");
    assert!(!stream.open(&app).await.headers().contains_key("content-encoding"));
    let ledger = Ask::get("/api/v1/sales/golden-ticket/ledger").header("accept-encoding", "gzip").send(&app).await;
    assert_eq!(unpacked(&ledger), app.get("/api/v1/sales/golden-ticket/ledger").await.expect(200).body);
}

/// Reads a list page by page, with up to `limit` entries on each, and returns the ids of all entries.
async fn walk(app: &TestApp, path: &str, list: &str, token: Option<&str>, limit: usize) -> Vec<String> {
    let (mut ids, mut after) = (Vec::new(), String::new());
    loop {
        let ask = Ask::get(&format!("{path}?limit={limit}{after}"));
        let page = token.map_or(ask.clone(), |token| ask.bearer(token)).send(app).await.expect(200).json();
        let entries = page[list].as_array().expect("a list");
        assert!(entries.len() <= limit && !entries.is_empty(), "{page}");
        ids.extend(entries.iter().map(|entry| entry["id"].as_str().expect("an id").to_owned()));
        let Some(next) = page["next"].as_str() else { return ids };
        assert_eq!(entries.len(), limit, "a page with a next one is full");
        after = format!("&after={next}");
    }
}

fn ids(list: &Value) -> Vec<String> {
    list.as_array().expect("a list").iter().map(|entry| entry["id"].as_str().expect("an id").to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_and_sales_come_whole_or_in_pages() {
    let app = TestApp::open().await;
    let mut made = Vec::new();
    for _ in 0..5 {
        made.push(app.sale("group_commit", &[general_admission(50)]).await);
    }
    let token = app.buy(&made[0], json!({ "tier": "ga" })).await.expect(201).session().expect("a token").to_owned();
    for sale in made.iter().cycle().take(6) {
        Ask::buy(sale, json!({ "tier": "ga" })).bearer(&token).send(&app).await.expect(201);
        app.buy(sale, json!({ "tier": "ga" })).await.expect(201);
    }
    let all = Ask::get("/api/v1/orders").bearer(&token).send(&app).await.expect(200).json();
    assert_eq!((ids(&all["orders"]).len(), all.get("next")), (7, None));
    let sales = app.get("/api/v1/sales").await.expect(200).json();
    assert_eq!((ids(&sales["sales"]), sales.get("next")), (made.clone(), None));
    for limit in [1, 3, 7, 1_000] {
        assert_eq!(walk(&app, "/api/v1/orders", "orders", Some(&token), limit).await, ids(&all["orders"]), "{limit}");
        assert_eq!(walk(&app, "/api/v1/sales", "sales", None, limit).await, made, "{limit}");
    }
    let behind = Ask::get(&format!("/api/v1/orders?after={}", ids(&all["orders"])[4])).bearer(&token);
    assert_eq!(ids(&behind.send(&app).await.expect(200).json()["orders"]), ids(&all["orders"])[5..]);
    for list in ["orders", "sales"] {
        for wrong in
            ["limit=0", "limit=-1", "limit=", "limit=1.5", "limit=1001", "limit=ten", "page=2", "after=no%20such"]
        {
            app.get(&format!("/api/v1/{list}?{wrong}")).await.expect_problem(422, "invalid");
        }
        app.get(&format!("/api/v1/{list}?limit=1&limit=2")).await.expect_problem(400, "malformed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_of_somebody_who_bought_a_lot_stay_short() {
    let app = TestApp::open().await;
    let sale = app.sale("group_commit", &[seated(10, 20)]).await;
    let token = app.buy(&sale, json!({ "seat": "A-1" })).await.expect(201).session().expect("a token").to_owned();
    let path = format!("/sales/{sale}");
    let ask = |path: &str| Ask::get(path).header("cookie", format!("__Host-sid={token}"));
    let start = ask(&path).send(&app).await.expect(200).text().len();
    for _ in 0..59 {
        Ask::buy(&sale, json!({ "tier": "floor", "quantity": 2 })).bearer(&token).send(&app).await.expect(201);
    }
    let page = ask(&path).send(&app).await.expect(200).text();
    assert!(page.len() < start + 40_000, "{} after {start}", page.len());
    assert_eq!(page.matches("data-status=\"mine\"").count() - 1, 119, "all seats of one's own; one more is the key");
    assert!(page.contains("All my tickets, of 60 orders"), "the page says that there are more");

    let (mut orders, mut pages, mut next) = (BTreeSet::new(), 0, Some("/tickets".to_owned()));
    while let Some(path) = next {
        let page = ask(&path).send(&app).await.expect(200).text();
        let shown: Vec<_> = page.split("data-order=\"").skip(1).map(|rest| rest[..36].to_owned()).collect();
        assert!((1..=20).contains(&shown.len()), "{}", shown.len());
        assert!(page.contains(&format!("{} of 60 orders", shown.len())));
        assert!(shown.into_iter().all(|order| orders.insert(order)), "no order stands on two pages");
        let link = page.split_once("/tickets?after=").map(|(_, rest)| rest[..36].to_owned());
        next = link.map(|order| format!("/tickets?after={order}"));
        pages += 1;
    }
    assert_eq!((orders.len(), pages), (60, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_home_page_shows_some_sales_and_links_to_the_others() {
    let app = TestApp::open().await;
    let mut made = Vec::new();
    for _ in 0..26 {
        made.push(app.sale("group_commit", &[general_admission(5)]).await);
    }
    app.patch(&made[25], json!({ "status": "closed" })).await.expect(200);
    let expected: Vec<String> = made[..25].iter().rev().chain(&made[25..]).cloned().collect();
    let cards = |page: &str| -> Vec<String> {
        let links = page.split("<a href=\"/sales/").skip(1);
        links.map(|rest| rest.split('"').next().expect("a link").to_owned()).collect()
    };
    let first = app.get("/").await.expect(200).text();
    assert_eq!(cards(&first), expected[..24], "the newest come first");
    assert!(first.contains("href=\"/?page=2\"") && first.contains("Page 1 of 2"), "a link to the next page");
    let second = app.get("/?page=2").await.expect(200).text();
    assert_eq!(cards(&second), expected[24..], "closed sales come last");
    assert!(second.contains("href=\"/\" rel=\"prev\"") || second.contains("rel=\"prev\""), "a link back");
    for beyond in ["/?page=99", "/?page=4294967295"] {
        assert_eq!(cards(&app.get(beyond).await.expect(200).text()), cards(&second), "{beyond}");
    }
    for nonsense in ["/?page=0", "/?page=-1", "/?page=x", "/?page="] {
        assert_eq!(cards(&app.get(nonsense).await.expect(200).text()), cards(&first), "{nonsense}");
    }
    let asked = app.post("/rpc/sales", json!({ "page": 2 })).await.expect(200).json();
    assert_eq!((ids(&asked["sales"]).len(), &asked["page"], &asked["pages"]), (2, &json!(2), &json!(2)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_a_reader_kept_is_told_of_and_cut_when_it_has_gone() {
    let app = Setup::default().with_admin().start().await;
    let sale = app.sale("group_commit", &[general_admission(1_000)]).await;
    let readers = app.database_file().await;
    let mut reading = readers.begin().await.expect("a reader from outside");
    sqlx::query("SELECT COUNT(*) FROM sales").execute(&mut *reading).await.expect("a read");
    // Another program writes 80 MiB. The operator is warned from 64 MiB on, and the open reader keeps the log from being
    // cut.
    let mut ballast = SqliteConnection::connect(&app.database()).await.expect("a writer from outside");
    sqlx::query("CREATE TABLE ballast (bytes BLOB)").execute(&mut ballast).await.expect("a table");
    for _ in 0..5 {
        sqlx::query("INSERT INTO ballast VALUES (zeroblob(16777216))").execute(&mut ballast).await.expect("a row");
    }
    let log = app.folder().join("onsale.db-wal");
    let bytes = || std::fs::metadata(&log).expect("a log").len();
    assert!(bytes() > 64 * MEBIBYTE, "{}", bytes());
    app.buy(&sale, json!({ "tier": "ga" })).await.expect(201);
    wait_for("the alarm", || app.whole_log().contains("log is long")).await;
    let gauge = app.get("/metrics").await.expect(200).text();
    let told = gauge.lines().find_map(|line| line.strip_prefix("onsale_store_log_bytes ")?.parse::<f64>().ok());
    assert!(told.is_some_and(|bytes| bytes > 64.0 * 1024.0 * 1024.0), "{told:?}");
    reading.rollback().await.expect("an end");
    readers.close().await;
    wait_for("the cut", || bytes() < MEBIBYTE).await;
    wait_for("a word of it", || app.whole_log().contains("log was cut")).await;
    app.buy(&sale, json!({ "tier": "ga" })).await.expect(201);
    app.clean_audit(&sale).await;
}

async fn wait_for(what: &str, is_so: impl Fn() -> bool) {
    for _ in 0..200 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{what} did not come");
}

//! Bad requests to every route. The answer has the documented status and is a problem document without internals, and
//! nothing changes.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Ask, Reply, TestApp, general_admission, seated, wire};

/// A sale that must not change, whatever is sent.
struct Target {
    app: TestApp,
    sale: String,
    seq: u64,
}

impl Target {
    async fn open() -> Self {
        let app = TestApp::open().await;
        let tiers = [general_admission(100), seated(1, 5)];
        let sale = app.sale_with(json!({ "name": "T", "rehearsal": true, "tiers": tiers })).await;
        let seq = app.read_sale(&sale).await.seq;
        Self { app, sale, seq }
    }

    fn path(&self, suffix: &str) -> String {
        format!("/api/v1/sales/{}{suffix}", self.sale)
    }

    /// Checks that this answer is a refusal with this status and code, and shows no internals.
    #[track_caller]
    fn refusal(&self, what: &str, reply: Reply, status: u16, code: &str) {
        assert_eq!(reply.status, status, "{what}: {}", reply.text());
        let problem = reply.expect_problem(status, code);
        for internal in ["panicked", "src/", ".rs:", "sqlx", "SQLITE", "stack backtrace"] {
            assert!(!problem.detail.contains(internal), "{what}: {problem:?}");
        }
    }

    /// Checks that nothing has changed, and that the next good request works.
    async fn assert_untouched(&self) {
        let audit = self.app.clean_audit(&self.sale).await;
        assert_eq!((audit.ledger.entries, audit.sold), (self.seq, 0));
        self.app.buy(&self.sale, json!({ "tier": "ga" })).await.expect(201);
        assert!(!self.app.log().contains("panicked"), "{}", self.app.log());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_json_is_malformed() {
    let target = Target::open().await;
    let deep = format!("{{\"seat\":{}{}}}", "[".repeat(4_000), "]".repeat(4_000));
    let utf_16: Vec<u8> = "{\"tier\":\"ga\"}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let bodies: [&[u8]; 13] = [
        b"",
        b" ",
        b"{",
        b"{\"tier\":\"ga\"",
        b"{\"tier\":\"ga\"}{}",
        b"{'tier':'ga'}",
        b"{\"tier\":\"ga\",\"quantity\":NaN}",
        b"{\"tier\":\"ga\",\"quantity\":1e309}",
        b"{\"seat\":\"\\ud800\"}",
        b"{\"seat\":\"\xff\"}",
        b"\xef\xbb\xbf{\"tier\":\"ga\"}",
        &utf_16,
        deep.as_bytes(),
    ];
    for body in bodies {
        let what = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        let reply = Ask::post(&target.path("/buy")).raw("application/json", body).send(&target.app).await;
        target.refusal(&what, reply, 400, "malformed");
        let reply =
            Ask::post(&target.path("/simulations")).admin().raw("application/json", body).send(&target.app).await;
        target.refusal(&what, reply, 400, "malformed");
        let reply = Ask::post("/api/v1/sales").admin().raw("application/json", body).send(&target.app).await;
        target.refusal(&what, reply, 400, "malformed");
        let reply = Ask::patch(&target.path("")).admin().raw("application/json", body).send(&target.app).await;
        target.refusal(&what, reply, 400, "malformed");
        let reply = Ask::post(&target.path("/stock")).admin().raw("application/json", body).send(&target.app).await;
        target.refusal(&what, reply, 400, "malformed");
    }
    target.assert_untouched().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purchase_that_is_json_but_makes_no_sense_is_invalid() {
    let target = Target::open().await;
    let seats: Vec<String> = (0..900).map(|number| format!("A-{number}")).collect();
    for body in [
        r#"{"tier":"ga","quantity":0}"#,
        r#"{"tier":"ga","quantity":-1}"#,
        r#"{"tier":"ga","quantity":1.5}"#,
        r#"{"tier":"ga","quantity":"2"}"#,
        r#"{"tier":"ga","quantity":9223372036854775808}"#,
        r#"{"tier":"ga","quantity":101}"#,
        r#"{"tier":"ga","quantity":null}"#,
        r#"{"tier":"ga","quantity":true}"#,
        r#"{"tier":null}"#,
        r#"{"tier":"ga","seat":null}"#,
        r#"{"tier":"ga","seat":"A-1"}"#,
        r#"{"seat":"A-1","quantity":1}"#,
        r#"{"seat":["A-1"]}"#,
        r#"{"seat":5}"#,
        r#"{"tier":"ga","tier":"ga"}"#,
        r#"{"tier":"ga","is_admin":true}"#,
        r#"{"tier":"ga","price":1}"#,
        r#"{"quantity":2}"#,
        "{}",
        "[]",
        r#"["A-1",null,null]"#,
        "null",
        "5",
        r#""A-1""#,
    ] {
        let reply = Ask::post(&target.path("/buy")).raw("application/json", body).send(&target.app).await;
        target.refusal(body, reply, 422, "invalid");
    }
    let reply = target.app.buy(&target.sale, json!({ "seat": seats })).await;
    target.refusal("900 seats", reply, 422, "invalid");
    for (body, what) in [(json!({ "seat": "A-6" }), "unknown seat"), (json!({ "tier": "vip" }), "unknown tier")] {
        target.refusal(what, target.app.buy(&target.sale, body).await, 404, "not-found");
    }
    let other = target.app.sale("group_commit", &[seated(30, 30)]).await;
    assert_ne!(other, target.sale);
    target.refusal(
        "another sale's seat",
        target.app.buy(&target.sale, json!({ "seat": "Z-9" })).await,
        404,
        "not-found",
    );
    target.assert_untouched().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sale_that_makes_no_sense_is_invalid() {
    let target = Target::open().await;
    let tiers = |tier: Value| json!({ "name": "New", "tiers": [tier] });
    let with = |extra: Value| {
        let mut sale = json!({ "name": "New", "tiers": [general_admission(1)] });
        sale.as_object_mut().expect("a sale").extend(extra.as_object().expect("fields").clone());
        sale
    };
    let layout = |sections: Value, rows: Value, per_row: Value| {
        tiers(json!({ "name": "A", "price": 1, "seats": { "sections": sections, "rows": rows, "per_row": per_row } }))
    };
    let many: Vec<Value> = (0..60).map(|_| general_admission(1)).collect();
    for body in [
        json!({}),
        json!({ "name": "New" }),
        json!({ "name": "New", "tiers": [] }),
        json!({ "name": "New", "tiers": many }),
        json!({ "tiers": [general_admission(1)] }),
        with(json!({ "name": "" })),
        with(json!({ "name": "   " })),
        with(json!({ "name": "x".repeat(1_000) })),
        with(json!({ "name": "line\r\nbreak" })),
        with(json!({ "name": "escape \u{1b}[31m" })),
        with(json!({ "name": null })),
        with(json!({ "opens_at": null })),
        with(json!({ "name": "\u{200b}\u{2060}" })),
        with(json!({ "name": "\u{3164}" })),
        with(json!({ "name": "\u{202e}reversed" })),
        with(json!({ "opens_at": "tomorrow" })),
        with(json!({ "opens_at": "2027-06-01T20:00:00+25:00" })),
        with(json!({ "opens_at": "20270601T200000Z" })),
        with(json!({ "opens_at": "2027-06-01T20:00:00" })),
        with(json!({ "opens_at": 5 })),
        with(json!({ "max_per_buyer": 0 })),
        with(json!({ "max_per_buyer": -1 })),
        with(json!({ "hold_ttl_seconds": 0 })),
        with(json!({ "hold_ttl_seconds": 86_401 })),
        with(json!({ "strategy": "magic" })),
        with(json!({ "rehearsal": "yes" })),
        with(json!({ "id": "mine" })),
        with(json!({ "status": "open" })),
        tiers(json!({ "name": "\u{ad}\u{34f}", "price": 1, "quantity": 1 })),
        tiers(json!({ "name": "GA", "price": 1 })),
        tiers(json!({ "name": "GA", "quantity": 1 })),
        tiers(json!({ "name": "GA", "price": -1, "quantity": 1 })),
        tiers(json!({ "name": "GA", "price": 1.5, "quantity": 1 })),
        tiers(json!({ "name": "GA", "price": 1, "quantity": 0 })),
        tiers(json!({ "name": "GA", "price": 1, "quantity": 10_000_001 })),
        tiers(json!({ "name": "GA", "price": 1, "quantity": 1, "currency": "dollars" })),
        tiers(json!({ "name": "GA", "price": 1, "quantity": 1, "seats": { "sections": 1, "rows": 1, "per_row": 1 } })),
        layout(json!(0), json!(1), json!(1)),
        layout(json!(1), json!(-1), json!(1)),
        layout(json!(1), json!(1), json!(100_001)),
        layout(json!(4_294_967_295_u32), json!(4_294_967_295_u32), json!(4_294_967_295_u32)),
        tiers(json!({ "name": "A", "price": 1, "seats": [1, 1, 1] })),
        json!({ "name": "New", "tiers": [["GA", 1, "USD", null, 1]] }),
        json!(["New", []]),
    ] {
        let reply = Ask::post("/api/v1/sales").admin().json(body.clone()).send(&target.app).await;
        target.refusal(&body.to_string(), reply, 422, "invalid");
    }
    for strategy in ["naive", "redis_lock", "redis_gate", "skip_locked"] {
        let body = with(json!({ "strategy": strategy }));
        let reply = Ask::post("/api/v1/sales").admin().json(body).send(&target.app).await;
        target.refusal(strategy, reply, 422, "strategy-unsupported");
    }
    let sales = target.app.get("/api/v1/sales").await.expect(200).json();
    assert_eq!(sales["sales"].as_array().map(Vec::len), Some(1), "nothing was made");
    target.assert_untouched().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_or_an_addition_that_makes_no_sense_is_invalid() {
    let target = Target::open().await;
    for body in [
        json!({ "status": "sold_out" }),
        json!({ "status": "soon" }),
        json!({ "status": null }),
        json!({ "message": "x".repeat(2_000) }),
        json!({ "message": "\u{200b}" }),
        json!({ "message": "a\u{202e}b" }),
        json!({ "max_per_buyer": 0 }),
        json!({ "hold_ttl_seconds": 0 }),
        json!({ "hold_ttl_seconds": null }),
        json!({ "opens_at": "20270601T200000Z" }),
        json!({ "capacity": 5 }),
        json!({ "name": null }),
        json!({ "name": "" }),
        json!({ "name": "\u{200b}\u{feff}" }),
        json!({ "id": "other" }),
        json!({ "strategy": "optimistic" }),
        json!({ "rehearsal": true }),
        json!({ "tiers": [] }),
        json!([]),
    ] {
        let reply = target.app.patch(&target.sale, body.clone()).await;
        target.refusal(&body.to_string(), reply, 422, "invalid");
    }
    for body in [
        json!({ "tier": "ga", "add": 0 }),
        json!({ "tier": "ga", "add": -1 }),
        json!({ "tier": "ga", "add": 1.5 }),
        json!({ "tier": "ga", "add": "5" }),
        json!({ "tier": "ga", "add": 10_000_000 }),
        json!({ "tier": "floor", "add": 100_000 }),
        json!({ "tier": "ga" }),
        json!({ "add": 1 }),
        json!({ "tier": "ga", "add": 1, "price": 5 }),
    ] {
        let reply = Ask::post(&target.path("/stock")).admin().json(body.clone()).send(&target.app).await;
        target.refusal(&body.to_string(), reply, 422, "invalid");
    }
    let reply =
        Ask::post(&target.path("/stock")).admin().json(json!({ "tier": "vip", "add": 1 })).send(&target.app).await;
    target.refusal("an unknown tier", reply, 404, "not-found");
    for (method, suffix) in [(Method::PATCH, ""), (Method::POST, "/stock"), (Method::POST, "/reset")] {
        let ask = Ask::new(method, &format!("/api/v1/sales/no-such-sale{suffix}")).admin();
        target.refusal(suffix, ask.json(json!({})).send(&target.app).await, 404, "not-found");
    }
    target.assert_untouched().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_is_plain_json_of_at_most_16_kib() {
    let target = Target::open().await;
    let body = r#"{"tier":"ga"}"#;
    for content_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=utf-16",
        "application/jsonp",
        "",
    ] {
        let reply = Ask::post(&target.path("/buy")).raw(content_type, body).send(&target.app).await;
        target.refusal(content_type, reply, 415, "unsupported-media-type");
    }
    for encoding in ["gzip", "br", "deflate", "zstd"] {
        let ask = Ask::post(&target.path("/buy")).raw("application/json", body).header("content-encoding", encoding);
        target.refusal(encoding, ask.send(&target.app).await, 415, "unsupported-media-type");
    }
    let padded = |bytes: usize| format!("{body}{}", " ".repeat(bytes - body.len()));
    let reply = Ask::post(&target.path("/buy")).raw("application/json", padded(17 * 1024)).send(&target.app).await;
    target.refusal("17 KiB", reply, 413, "too-large");
    target.assert_untouched().await;
    let just = Ask::post(&target.path("/buy")).raw("application/json", padded(16 * 1024)).send(&target.app).await;
    just.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_that_names_nothing_is_not_found_and_one_that_is_no_text_is_malformed() {
    let target = Target::open().await;
    let paths = [
        ("/../../etc/passwd", 404),
        ("/pkg/../../../etc/passwd", 404),
        ("/%2e%2e%2f%2e%2e%2fetc/passwd", 404),
        ("/%252e%252e%252fetc/passwd", 404),
        ("/pkg/.git/config", 404),
        ("/..\\..\\etc\\passwd", 404),
        ("/api/v1/nothing", 404),
        ("/api/v2/sales", 404),
        ("/api/v1/sales/%00", 400),
        ("/api/v1/sales/%ff", 400),
        ("/api/v1/sales/a%0d%0ab", 400),
        ("/api/v1/sales/%F0%9F%8E%AB", 404),
    ];
    for (path, status) in paths {
        let request = format!("GET {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", target.app.address());
        let answer = wire::exchange(target.app.address(), request.as_bytes()).await;
        let text = String::from_utf8_lossy(&answer);
        assert_eq!(wire::statuses(&answer), [status], "{path}: {text}");
        assert!(text.contains("application/problem+json") && !text.contains("root:"), "{path}: {text}");
    }
    target.assert_untouched().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_names_what_the_route_knows_and_names_it_once() {
    let target = Target::open().await;
    for (query, status, code) in [
        ("/seats?page=-1", 422, "invalid"),
        ("/seats?limit=1000000000", 422, "invalid"),
        ("/seats?sort=price", 422, "invalid"),
        ("/seats?status=gone", 422, "invalid"),
        ("/seats?status=%27%20OR%201=1--", 422, "invalid"),
        ("/seats?tier=vip", 422, "invalid"),
        ("/seats?tier=ga&tier=ga", 400, "malformed"),
        ("/ledger?after=-1", 422, "invalid"),
        ("/ledger?after=x", 422, "invalid"),
        ("/ledger?after=%2B1", 422, "invalid"),
        ("/ledger?after=01", 422, "invalid"),
        ("/ledger?after=1e2", 422, "invalid"),
        ("/ledger?after=99999999999999999999", 422, "invalid"),
        ("/ledger?after=1&after=1", 400, "malformed"),
        ("/audit?x=1", 422, "invalid"),
        ("?x=1", 422, "invalid"),
    ] {
        target.refusal(query, target.app.get(&target.path(query)).await, status, code);
    }
    for far in ["999", "9223372036854775807", "9223372036854775808", "18446744073709551615"] {
        let lines = target.app.get(&target.path(&format!("/ledger?after={far}"))).await.expect(200);
        assert_eq!(lines.body, b"", "{far}");
    }
    let long = format!("/seats?tier={}", "x".repeat(9 * 1024));
    target.refusal("9 KiB", target.app.get(&target.path(&long)).await, 414, "too-large");
    target.assert_untouched().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_knows_its_methods() {
    let target = Target::open().await;
    for (method, path) in [
        (Method::GET, target.path("/buy")),
        (Method::PUT, target.path("/buy")),
        (Method::DELETE, target.path("/buy")),
        (Method::GET, target.path("/reset")),
        (Method::GET, target.path("/stock")),
        (Method::POST, target.path("")),
        (Method::DELETE, target.path("")),
        (Method::POST, target.path("/seats")),
        (Method::POST, target.path("/audit")),
        (Method::POST, target.path("/stream")),
        (Method::DELETE, "/api/v1/sales".to_owned()),
        (Method::POST, "/api/v1/me".to_owned()),
        (Method::POST, "/healthz".to_owned()),
        (Method::TRACE, target.path("")),
        (Method::from_bytes(b"FOO").expect("a method"), target.path("")),
    ] {
        let what = format!("{method} {path}");
        let reply = Ask::new(method, &path).send(&target.app).await;
        assert!(reply.header("allow").is_some(), "{what}: a 405 says what is allowed");
        target.refusal(&what, reply, 405, "method-not-allowed");
    }
    target.assert_untouched().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_text_is_kept_as_text() {
    let target = Target::open().await;
    for name in [
        "<script>alert(1)</script>",
        "</title><script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "=cmd()|' /C calc'!A0",
        "\u{202e}evil\u{200b}\u{feff}",
        "'; DROP TABLE sales; --",
        "%_% {{7*7}} ${7*7}",
        "日本語 🎫",
    ] {
        let fields = json!({ "name": name, "tiers": [{ "name": "GA", "price": 1, "quantity": 1 }] });
        let reply = Ask::post("/api/v1/sales").admin().json(fields).send(&target.app).await;
        if reply.status == 422 {
            // The name gives no slug, or contains characters that are not text.
            reply.expect_problem(422, "invalid");
            continue;
        }
        let sale = reply.expect(201).json();
        assert_eq!(sale["name"], name);
        let id = sale["id"].as_str().expect("an id");
        assert!(id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'), "{id}");
        let page = Ask::get(&format!("/sales/{id}")).header("accept", "text/html").send(&target.app).await.expect(200);
        let html = page.text();
        assert!(!html.contains("<script>alert") && !html.contains("<img src=x"), "{name} is escaped in the page");
    }
    target.assert_untouched().await;
}

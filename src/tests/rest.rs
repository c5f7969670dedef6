//! Each route's successful answer, exactly as the contract says.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Ask, TestApp, general_admission, seated};

#[track_caller]
fn assert_fields(value: &Value, fields: &[&str]) {
    let found: BTreeSet<&str> = value.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(found, fields.iter().copied().collect(), "{value}");
}

async fn open() -> (TestApp, String) {
    let app = TestApp::open().await;
    let sale = app.sale("group_commit", &[seated(2, 3), general_admission(10)]).await;
    (app, sale)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sale_has_the_contracts_fields() {
    let (app, sale) = open().await;
    let told = app.get(&format!("/api/v1/sales/{sale}")).await.expect(200);
    assert_eq!(told.header("content-type"), Some("application/json"));
    let told = told.json();
    let fields = [
        "id",
        "name",
        "status",
        "strategy",
        "rehearsal",
        "opens_at",
        "server_now",
        "seq",
        "max_per_buyer",
        "checkout",
        "contact",
        "hold_ttl_seconds",
        "hold_extension_seconds",
        "hold_extensions",
        "payment_grace_seconds",
        "capacity",
        "available",
        "held",
        "sold",
        "tiers",
    ];
    assert_fields(&told, &fields);
    for tier in told["tiers"].as_array().expect("tiers") {
        assert_fields(tier, &["id", "name", "price", "currency", "seated", "capacity", "available", "held", "sold"]);
    }
    assert_eq!((&told["tiers"][0]["seated"], &told["tiers"][1]["seated"]), (&json!(true), &json!(false)));
    assert_eq!(told["tiers"][0]["currency"], "USD");
    app.get("/api/v1/sales/no-such-sale").await.expect_problem(404, "not-found");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_has_the_contracts_fields_and_each_ticket_a_secret() {
    let (app, sale) = open().await;
    let seat = app.buy(&sale, json!({ "seat": "B-2" })).await.expect(201).json();
    assert_fields(&seat, &["id", "sale", "buyer", "total", "currency", "seq", "created_at", "tickets"]);
    assert_fields(&seat["tickets"][0], &["id", "tier", "seat", "code"]);
    assert_eq!(
        (&seat["sale"], &seat["total"], &seat["currency"], &seat["seq"]),
        (&json!(sale), &json!(4_000), &json!("USD"), &json!(2))
    );
    assert_eq!((&seat["tickets"][0]["seat"], &seat["tickets"][0]["tier"]), (&json!("B-2"), &json!("floor")));
    let units = app.buy(&sale, json!({ "tier": "ga", "quantity": 4 })).await.expect(201).json();
    let tickets = units["tickets"].as_array().expect("tickets");
    tickets.iter().for_each(|ticket| assert_fields(ticket, &["id", "tier", "code"]));
    let codes: BTreeSet<&str> = tickets.iter().map(|ticket| ticket["code"].as_str().expect("a code")).collect();
    assert!(codes.len() == 4 && codes.iter().all(|code| code.len() >= 32), "128 random bits each: {codes:?}");
    for id in [&units["id"], &units["buyer"], &tickets[0]["id"]] {
        let id: uuid::Uuid = id.as_str().expect("an id").parse().expect("a UUID");
        assert_eq!(id.get_version_num(), 7);
    }
    let several = app.buy(&sale, json!({ "tier": "floor", "quantity": 2 })).await.expect(201).json();
    assert!(
        several["tickets"].as_array().expect("tickets").iter().all(|ticket| ticket["seat"].is_string()),
        "{several}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn seats_are_listed_in_order_and_filtered_by_tier_and_status() {
    let (app, sale) = open().await;
    app.buy(&sale, json!({ "seat": "A-2" })).await.expect(201);
    let list = async |query: &str| {
        let told = app.get(&format!("/api/v1/sales/{sale}/seats{query}")).await.expect(200).json();
        assert_fields(&told, &["seq", "seats"]);
        told["seats"].as_array().expect("seats").clone()
    };
    let labels =
        |seats: &[Value]| seats.iter().map(|seat| seat["seat"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    let all = list("").await;
    assert_eq!(labels(&all), ["A-1", "A-2", "A-3", "B-1", "B-2", "B-3"]);
    assert_fields(&all[0], &["seat", "tier", "section", "row", "number", "status", "price"]);
    assert_eq!(labels(&list("?status=sold").await), ["A-2"]);
    assert_eq!(list("?status=available&tier=floor").await.len(), 5);
    assert_eq!(list("?status=held").await.len(), 0);
    assert_eq!(list("?tier=ga").await.len(), 0, "general admission has no seats");
    let one = app.get(&format!("/api/v1/sales/{sale}/seats/A-2")).await.expect(200).json();
    assert_eq!(one, all[1]);
    assert_eq!(
        (&one["status"], &one["row"], &one["number"], &one["price"]),
        (&json!("sold"), &json!("A"), &json!(2), &json!(4_000))
    );
    app.get(&format!("/api/v1/sales/{sale}/seats/Z-9")).await.expect_problem(404, "not-found");
    app.get("/api/v1/sales/no-such-sale/seats").await.expect_problem(404, "not-found");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audit_has_the_contracts_fields() {
    let (app, sale) = open().await;
    let audit = app.get(&format!("/api/v1/sales/{sale}/audit")).await.expect(200).json();
    let fields = [
        "sale",
        "strategy",
        "capacity",
        "available",
        "held",
        "sold",
        "orders",
        "tickets",
        "phantoms",
        "leaks",
        "ledger",
        "clean",
        "checked_at",
    ];
    assert_fields(&audit, &fields);
    assert_fields(&audit["ledger"], &["entries", "head_hash", "verified"]);
    app.get("/api/v1/sales/no-such-sale/audit").await.expect_problem(404, "not-found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_line_has_the_contracts_fields_in_their_order() {
    let (app, sale) = open().await;
    let order = app.buy(&sale, json!({ "seat": "A-1" })).await.expect(201).json();
    let ledger = crate::support::ExportedLedger::read(&app, &sale).await;
    for line in ledger.text.lines() {
        let places: Vec<usize> = ["seq", "at", "kind", "units", "ref", "prev", "hash"]
            .iter()
            .map(|field| line.find(&format!("\"{field}\":")).unwrap_or_else(|| panic!("{field}: {line}")))
            .collect();
        assert!(places.is_sorted(), "{line}");
    }
    assert_eq!((&ledger.lines[0]["kind"], &ledger.lines[0]["ref"]), (&json!("stock"), &json!(null)));
    assert_eq!((&ledger.lines[1]["kind"], &ledger.lines[1]["ref"]), (&json!("buy"), &order["id"]));
    assert_eq!(ledger.lines[1]["units"], json!([{ "tier": "floor", "seat": "A-1", "quantity": 1 }]));
    app.get("/api/v1/sales/no-such-sale/ledger").await.expect_problem(404, "not-found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_problem_is_a_document_after_rfc_9457() {
    let (app, sale) = open().await;
    let reply = app.buy(&sale, json!({ "seat": "Z-9" })).await;
    assert_fields(&reply.json(), &["type", "title", "status", "detail", "instance", "code"]);
    let problem = reply.expect_problem(404, "not-found");
    assert_eq!(problem.instance, format!("/api/v1/sales/{sale}/buy"));
    app.get("/no/such/path").await.expect_problem(404, "not-found");
    app.get("/api/v1/no-such-path").await.expect_problem(404, "not-found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ping_is_answered_with_its_own_body_up_to_1_kib() {
    let (app, _) = open().await;
    for body in [json!({}), json!([1, 2.5, "three", null]), json!("text"), json!(7), json!(null)] {
        let reply = app.post("/api/v1/ping", body.clone()).await.expect(200);
        assert_eq!((reply.text(), reply.session()), (body.to_string(), None), "a ping makes nobody a guest");
    }
    let exact = r#"{ "spaces" : "stay" }"#;
    assert_eq!(Ask::post("/api/v1/ping").raw("application/json", exact).send(&app).await.expect(200).text(), exact);
    let text = |bytes: usize| json!("x".repeat(bytes - 2));
    app.post("/api/v1/ping", text(1_024)).await.expect(200);
    app.post("/api/v1/ping", text(1_025)).await.expect_problem(413, "too-large");
    Ask::post("/api/v1/ping").raw("application/json", "{").send(&app).await.expect_problem(400, "malformed");
    Ask::post("/api/v1/ping").raw("text/plain", "{}").send(&app).await.expect_problem(415, "unsupported-media-type");
    app.get("/api/v1/ping").await.expect_problem(405, "method-not-allowed");
}

#[tokio::test(flavor = "multi_thread")]
async fn health_readiness_and_metrics_are_there_for_the_operator() {
    let (app, sale) = open().await;
    app.get("/healthz").await.expect(200);
    app.get("/readyz").await.expect(200);
    app.buy(&sale, json!({ "tier": "ga" })).await.expect(201);
    let metrics = app.get("/metrics").await.expect(200);
    assert!(metrics.header("content-type").is_some_and(|kind| kind.starts_with("text/plain")));
    let text = metrics.text();
    let bought = "onsale_requests_total{route=\"/api/v1/sales/{sale}/buy\",status=\"2xx\"} 1";
    assert!(text.lines().any(|line| line == bought), "{text}");
    assert!(!text.contains("/api/v1/orders/0"), "labels are routes, not paths");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_carries_the_security_headers() {
    let (app, sale) = open().await;
    for path in [
        "/healthz",
        "/api/v1/sales",
        "/api/v1/me",
        "/no/such/path",
        "/api/docs",
        &format!("/api/v1/sales/{sale}/audit"),
    ] {
        let reply = app.get(path).await;
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert!(
            reply.header("content-security-policy").is_some_and(|policy| policy.contains("frame-ancestors 'none'")),
            "{path}"
        );
        assert!(reply.header("referrer-policy").is_some(), "{path}");
        assert!(reply.header("server").is_none() && reply.header("x-powered-by").is_none(), "{path}");
        assert!(reply.header("strict-transport-security").is_none(), "nothing of https where there is none: {path}");
    }
    for path in ["/api/v1/me", "/api/v1/orders"] {
        assert_eq!(app.get(path).await.header("cache-control"), Some("no-store"), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn head_is_get_without_a_body() {
    let (app, sale) = open().await;
    for path in ["/healthz".to_owned(), "/api/v1/sales".to_owned(), format!("/api/v1/sales/{sale}/seats")] {
        let reply = Ask::new(Method::HEAD, &path).send(&app).await.expect(200);
        assert!(reply.body.is_empty(), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_is_told_to_come_back() {
    let configuration = "[limits]\nrequest_queue = 2\n";
    let app = crate::support::Setup::default().with_admin().with_configuration(configuration).start().await;
    let sale = app.sale("atomic_update", &[general_admission(10_000)]).await;
    let shots = crate::support::storm(&app, &sale, crate::support::wishes_for_tier("ga", 1, 300)).await;
    let overloaded = shots.iter().filter(|shot| shot.is_refused_with(onsale::model::outcome::Code::Overloaded)).count();
    let won = shots.iter().filter(|shot| shot.has_won()).count();
    assert!(overloaded > 0 && won > 0 && overloaded + won == 300, "{won} won, {overloaded} were told to come back");
    assert_eq!(app.clean_audit(&sale).await.sold, won as u64);
    app.buy(&sale, json!({ "tier": "ga" })).await.expect(201);
}

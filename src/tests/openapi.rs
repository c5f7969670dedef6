//! The API's description names exactly what the routes do.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::Value;

use crate::support::{Ask, TestApp};

/// All routes of the contract.
const CONTRACT: [(&str, &str); 38] = [
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
    ("GET", "/api/openapi.json"),
    ("GET", "/api/docs"),
    ("GET", "/api/v1"),
    ("POST", "/api/v1/ping"),
    ("GET", "/api/v1/sales"),
    ("POST", "/api/v1/sales"),
    ("GET", "/api/v1/sales/{sale}"),
    ("PATCH", "/api/v1/sales/{sale}"),
    ("POST", "/api/v1/sales/{sale}/reset"),
    ("POST", "/api/v1/sales/{sale}/stock"),
    ("GET", "/api/v1/sales/{sale}/seats"),
    ("GET", "/api/v1/sales/{sale}/seats/{seat}"),
    ("GET", "/api/v1/sales/{sale}/stream"),
    ("POST", "/api/v1/sales/{sale}/buy"),
    ("POST", "/api/v1/sales/{sale}/holds"),
    ("GET", "/api/v1/holds"),
    ("GET", "/api/v1/holds/{hold}"),
    ("PUT", "/api/v1/holds/{hold}"),
    ("DELETE", "/api/v1/holds/{hold}"),
    ("POST", "/api/v1/holds/{hold}/extend"),
    ("POST", "/api/v1/holds/{hold}/confirm"),
    ("POST", "/api/v1/holds/{hold}/payments"),
    ("GET", "/api/v1/holds/{hold}/payments"),
    ("GET", "/api/v1/payments/{payment}"),
    ("POST", "/api/v1/payments/webhook"),
    ("GET", "/api/v1/orders"),
    ("GET", "/api/v1/orders/{order}"),
    ("GET", "/api/v1/requests/{request}"),
    ("GET", "/api/v1/me"),
    ("GET", "/api/v1/sales/{sale}/audit"),
    ("GET", "/api/v1/sales/{sale}/ledger"),
    ("GET", "/api/v1/strategies"),
    ("POST", "/api/v1/sales/{sale}/simulations"),
    ("GET", "/api/v1/simulations/{simulation}"),
    ("GET", "/api/v1/simulations/{simulation}/stream"),
];
const CANCEL: (&str, &str) = ("DELETE", "/api/v1/simulations/{simulation}");

fn contract() -> BTreeSet<(String, String)> {
    let owned = |(method, path): (&str, &str)| (method.to_owned(), path.to_owned());
    CONTRACT.into_iter().chain([CANCEL]).map(owned).collect()
}

/// The routes that the description names.
fn described(description: &Value) -> BTreeSet<(String, String)> {
    let paths = description["paths"].as_object().expect("paths");
    let methods = |(path, item): (&String, &Value)| {
        let path = path.clone();
        let names: Vec<String> = item.as_object().expect("operations").keys().cloned().collect();
        let is_method = |name: &String| ["get", "post", "put", "patch", "delete"].contains(&name.as_str());
        names.into_iter().filter(is_method).map(move |method| (method.to_uppercase(), path.clone()))
    };
    paths.iter().flat_map(methods).collect()
}

async fn description(app: &TestApp) -> Value {
    app.get("/api/openapi.json").await.expect(200).json()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_description_names_exactly_the_routes_of_the_contract() {
    let app = TestApp::open().await;
    let description = description(&app).await;
    assert!(description["openapi"].as_str().is_some_and(|version| version.starts_with("3.1")));
    assert_eq!(described(&description), contract());
    let index = app.get("/api/v1").await.expect(200).json();
    let listed: BTreeSet<(String, String)> = index["routes"]
        .as_array()
        .expect("routes")
        .iter()
        .map(|route| (route["method"].as_str().unwrap().to_owned(), route["path"].as_str().unwrap().to_owned()))
        .collect();
    let missing: Vec<_> = contract().into_iter().filter(|route| !listed.contains(route)).collect();
    assert!(missing.is_empty(), "the index lacks {missing:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_described_route_is_there_and_knows_no_other_method() {
    let app = TestApp::open_demo().await;
    let routes = described(&description(&app).await);
    let paths: BTreeSet<&String> = routes.iter().map(|(_, path)| path).collect();
    for path in paths {
        let concrete = path
            .replace("{sale}", "club-night")
            .replace("{seat}", "A-1")
            .replace("{order}", "0190a5c8-7e1b-7abc-8def-0123456789ab")
            .replace("{hold}", "0190a5c8-7e1b-7abc-8def-0123456789ab")
            .replace("{payment}", "0190a5c8-7e1b-7abc-8def-0123456789ab")
            .replace("{simulation}", "0190a5c8-7e1b-7abc-8def-0123456789ab");
        for method in [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            let is_described = routes.contains(&(method.to_string(), path.clone()));
            let response = Ask::new(method.clone(), &concrete).open(&app).await;
            let is_refused = response.status().as_u16() == 405;
            assert_eq!(is_refused, !is_described, "{method} {concrete}: {}", response.status());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_reference_of_the_description_leads_somewhere() {
    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("$ref").and_then(Value::as_str));
                fields.values().for_each(|field| references(field, found));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }
    let app = TestApp::open().await;
    let description = description(&app).await;
    let mut found = Vec::new();
    references(&description, &mut found);
    assert!(found.len() > 20, "the answers have shapes");
    for reference in found {
        let pointer = reference.strip_prefix('#').expect("inside the description");
        assert!(description.pointer(pointer).is_some(), "{reference}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documentation_page_loads_nothing_from_elsewhere() {
    let app = TestApp::open().await;
    let page = app.get("/api/docs").await;
    let page = if page.status == 200 { page } else { app.get(page.header("location").expect("a redirect")).await };
    let html = page.clone().expect(200).text();
    assert!(page.header("content-type").is_some_and(|kind| kind.starts_with("text/html")));
    let policy = page.header("content-security-policy").expect("a policy of its own");
    assert!(policy.contains("script-src 'self'") && !policy.contains("http"), "{policy}");
    assert!(!html.contains("src=\"http") && !html.contains("href=\"http") && !html.contains("//unpkg"), "{html}");
    let assets: Vec<&str> =
        html.split(['"', '\'']).filter(|text| text.ends_with(".js") || text.ends_with(".css")).collect();
    assert!(!assets.is_empty(), "{html}");
    for asset in assets {
        let path = if asset.starts_with('/') {
            asset.to_owned()
        } else {
            format!("/api/docs/{}", asset.trim_start_matches("./"))
        };
        app.get(&path).await.expect(200);
    }
}

//! The whole surface over a real store, request by request.

use std::sync::Arc;

use axum::{Router, body::Body, extract::Request, http::HeaderMap};
use futures_util::future::join_all;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::router;
use crate::server::{
    app::{App, Parts},
    auth::Sessions,
    background::Background,
    config::{Config, Flags},
    engine::{Engine, EngineOptions},
    limits::Limits,
    shutdown::Shutdown,
    simulator::Simulations,
    site::Site,
    store::Store,
};

mod costly; // reads that cost much

const ADMIN: (&str, &str) = ("authorization", "Bearer organiser");
const JSON: (&str, &str) = ("content-type", "application/json");
const KEY: (&str, &str) = ("idempotency-key", "0190a5c8-7e1b-7abc-8def-0123456789ab");
const HTML: (&str, &str) = ("accept", "text/html");

struct Surface {
    app: App,
    router: Router,
    _folder: tempfile::TempDir,
}

struct Answer {
    status: u16,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {}", self.text))
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Status and code of a problem document, after checking its shape.
    fn problem(&self) -> (u16, String) {
        assert_eq!(self.header("content-type"), "application/problem+json", "{} {}", self.status, self.text);
        let problem = self.json();
        assert_eq!(problem["status"], self.status);
        for field in ["type", "title", "detail", "instance"] {
            assert!(problem[field].is_string(), "{problem}");
        }
        (self.status, problem["code"].as_str().unwrap().to_owned())
    }
}

/// All requests of these tests come from one address.
const NO_RATES: &str =
    "[limits]\nrequests_per_second = 0\nnew_guests_per_minute = 0\npurchases_per_minute = 0\nwrong_tokens = 0";

impl Surface {
    async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&format!("sqlite:{}", folder.path().join("onsale.db").display())).await.unwrap();
        let engine = Engine::open(store, EngineOptions::new(tokio::runtime::Handle::current())).await.unwrap();
        engine.catalogue.seed_demo().await.unwrap();
        let config = Config::from_sources(Flags::default(), |_| None, NO_RATES).unwrap();
        let limits = Limits::new(&config);
        let app = App::from(Parts {
            sessions: Arc::new(Sessions::new(&engine.stored_secret(), Some("organiser".to_owned()))),
            engine,
            shutdown: Shutdown::new(),
            simulations: Arc::new(Simulations::new(limits.own_clients.clone())),
            limits,
            pages: Background::new(tokio::runtime::Handle::current(), 4),
            long_answers: Background::new(tokio::runtime::Handle::current(), 4),
            exports: Arc::new(tokio::sync::Semaphore::new(4)),
            site: Arc::new(Site::default()),
            config: Arc::new(config),
        });
        Self { router: router(app.clone()), app, _folder: folder }
    }

    async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
        let mut request = Request::builder().method(method).uri(path).header("host", "localhost:3000");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.router.clone().oneshot(request.body(body.into()).unwrap()).await.unwrap();
        let (head, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        Answer { status: head.status.as_u16(), headers: head.headers, text }
    }

    async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], Body::empty()).await
    }

    async fn buy(&self, sale: &str, headers: &[(&str, &str)], body: Value) -> Answer {
        let headers: Vec<_> = headers.iter().copied().chain([JSON]).collect();
        self.send("POST", &format!("/api/v1/sales/{sale}/buy"), &headers, body.to_string()).await
    }
}

#[tokio::test]
async fn a_guest_is_made_by_the_first_purchase_and_known_by_its_token() {
    let surface = Surface::open().await;
    let bought = surface.buy("golden-ticket", &[], json!({"tier": "ga"})).await;
    assert_eq!(bought.status, 201, "{}", bought.text);
    let order = bought.json();
    assert_eq!(bought.header("location"), format!("/api/v1/orders/{}", order["id"].as_str().unwrap()));
    let token = bought.header("x-onsale-session");
    assert!(bought.header("set-cookie").starts_with(&format!("__Host-sid={token}; Secure; HttpOnly;")));

    let bearer = format!("Bearer {token}");
    let me = surface.send("GET", "/api/v1/me", &[("authorization", &bearer)], Body::empty()).await;
    assert_eq!(me.json(), json!({"buyer": order["buyer"], "kind": "guest"}));
    assert_eq!(me.header("x-onsale-session"), "");
    let cookie = format!("__Host-sid={token}");
    let own = surface.send("GET", "/api/v1/orders", &[("cookie", &cookie)], Body::empty()).await;
    assert_eq!(own.json()["orders"], json!([order]));
    let path = format!("/api/v1/orders/{}", order["id"].as_str().unwrap());
    assert_eq!(surface.get(&path).await.problem(), (404, "not-found".into()));
    assert_eq!(surface.send("GET", &path, &[ADMIN], Body::empty()).await.json(), order);
}

#[tokio::test]
async fn a_key_without_identity_is_a_guest_of_its_own_and_replays() {
    let surface = Surface::open().await;
    let first = surface.buy("golden-ticket", &[KEY], json!({"tier": "ga", "quantity": 2})).await;
    let again = surface.buy("golden-ticket", &[KEY], json!({"tier": "ga", "quantity": 2})).await;
    assert_eq!((first.status, first.header("idempotent-replayed")), (201, ""));
    assert_eq!((again.status, again.header("idempotent-replayed")), (201, "true"));
    assert_eq!((again.text.as_str(), again.header("location")), (first.text.as_str(), first.header("location")));
    assert_eq!(again.header("x-onsale-session"), first.header("x-onsale-session"));
    let other = surface.buy("golden-ticket", &[KEY], json!({"tier": "ga", "quantity": 3})).await;
    assert_eq!(other.problem(), (422, "idempotency-key-reused".into()));
    let short = surface.buy("golden-ticket", &[("idempotency-key", "short")], json!({"tier": "ga"})).await;
    assert_eq!(short.problem(), (400, "malformed".into()));
}

#[tokio::test]
async fn the_sale_is_looked_for_before_the_body_is_judged() {
    let surface = Surface::open().await;
    for (sale, body, expected) in [
        ("nowhere", json!({"quantity": "x"}), (404, "not-found")),
        ("club-night", json!({"quantity": "x"}), (422, "invalid")),
        ("club-night", json!({}), (422, "invalid")),
        ("club-night", json!([]), (422, "invalid")),
        ("club-night", json!({"seat": "Z-99"}), (404, "not-found")),
    ] {
        let answer = surface.buy(sale, &[], body.clone()).await;
        assert_eq!(answer.problem(), (expected.0, expected.1.into()), "{sale} {body}");
    }
    assert_eq!(surface.buy("club-night", &[], json!({"seat": "A-1"})).await.status, 201);
    let taken = surface.buy("club-night", &[], json!({"seat": "A-1"})).await;
    assert_eq!(taken.problem(), (409, "seat-taken".into()));
    assert_ne!(taken.header("x-onsale-session"), "", "a refused guest is a guest too");
}

#[tokio::test]
async fn only_the_organiser_steers() {
    let surface = Surface::open().await;
    let guest = format!("Bearer {}", surface.get("/api/v1/me").await.header("x-onsale-session"));
    for (method, path) in [
        ("POST", "/api/v1/sales"),
        ("PATCH", "/api/v1/sales/club-night"),
        ("POST", "/api/v1/sales/club-night/stock"),
        ("POST", "/api/v1/sales/club-night/reset"),
    ] {
        let problem = |headers: Vec<(&'static str, String)>| {
            let surface = &surface;
            async move {
                let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
                surface.send(method, path, &headers, Body::empty()).await.problem()
            }
        };
        assert_eq!(problem(vec![]).await, (401, "unauthenticated".into()), "{path}");
        assert_eq!(problem(vec![("authorization", "Bearer no".into())]).await.0, 401, "{path}");
        assert_eq!(problem(vec![("authorization", guest.clone())]).await, (403, "forbidden".into()), "{path}");
    }
    let reset = async |headers: &[(&str, &str)]| {
        surface.send("POST", "/api/v1/sales/rehearsal/reset", headers, Body::empty()).await.status
    };
    assert_eq!(
        (reset(&[]).await, reset(&[ADMIN]).await),
        (401, 200),
        "without --demo a rehearsal is the organiser's too"
    );
}

#[tokio::test]
async fn an_organiser_makes_a_sale_once_per_key() {
    let surface = Surface::open().await;
    let body = json!({"name": "Big Night", "tiers": [{"name": "GA", "price": 1000, "quantity": 5}]}).to_string();
    let headers = [ADMIN, JSON, KEY];
    let first = surface.send("POST", "/api/v1/sales", &headers, body.clone()).await;
    let again = surface.send("POST", "/api/v1/sales", &headers, body).await;
    assert_eq!((first.status, first.header("location")), (201, "/api/v1/sales/big-night"), "{}", first.text);
    assert_eq!((again.status, again.header("idempotent-replayed")), (201, "true"));
    assert_eq!((again.text.as_str(), again.header("location")), (first.text.as_str(), first.header("location")));

    let path = "/api/v1/sales/big-night";
    let added = surface.send("POST", &format!("{path}/stock"), &[ADMIN, JSON], r#"{"tier":"ga","add":5}"#).await;
    assert_eq!((added.status, &added.json()["created"]), (201, &json!(5)), "{}", added.text);
    let closed = surface.send("PATCH", path, &[ADMIN, JSON], r#"{"status":"closed"}"#).await;
    assert_eq!(closed.json()["status"], "closed");
    let reopened = surface.send("PATCH", path, &[ADMIN, JSON], r#"{"status":"open"}"#).await;
    assert_eq!(reopened.problem(), (409, "step-not-allowed".into()));
    let late = surface.buy("big-night", &[], json!({"tier": "ga"})).await;
    assert_eq!(late.problem(), (403, "sale-not-open".into()));
}

#[tokio::test]
async fn reading_is_strict_about_what_it_is_asked() {
    let surface = Surface::open().await;
    let seats = surface.get("/api/v1/sales/club-night/seats?status=available").await;
    assert_eq!(seats.json()["seats"].as_array().unwrap().len(), 100);
    assert_eq!(surface.get("/api/v1/sales/club-night/seats/A-1").await.json()["seat"], "A-1");
    for (path, expected) in [
        ("/api/v1/sales/nowhere/seats?x=1", (404, "not-found")),
        ("/api/v1/sales/club-night/seats?status=gone", (422, "invalid")),
        ("/api/v1/sales/club-night/seats?tier=none", (422, "invalid")),
        ("/api/v1/sales/club-night/seats?status=sold&status=sold", (400, "malformed")),
        ("/api/v1/sales/club-night/seats/A-999", (404, "not-found")),
        ("/api/v1/sales/club-night/ledger?after=-1", (422, "invalid")),
        ("/api/v1/sales?page=-1", (422, "invalid")),
        ("/api/v1/sales/nowhere", (404, "not-found")),
        ("/api/v1/orders/nothing", (404, "not-found")),
        ("/api/v1/nothing", (404, "not-found")),
        ("/%2e%2e%2fetc/passwd", (404, "not-found")),
        ("/api/v1/sales/a%00b", (400, "malformed")),
        ("/api/v1/sales/%ff", (400, "malformed")),
    ] {
        assert_eq!(surface.get(path).await.problem(), (expected.0, expected.1.into()), "{path}");
    }
}

#[tokio::test]
async fn the_ledger_is_exported_line_by_line() {
    let surface = Surface::open().await;
    surface.buy("club-night", &[], json!({"seat": "A-1"})).await;
    let all = surface.get("/api/v1/sales/club-night/ledger").await;
    assert_eq!((all.status, all.header("content-type")), (200, "application/x-ndjson"));
    let lines: Vec<Value> = all.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    let last = surface.get("/api/v1/sales/club-night/ledger?after=1").await;
    assert_eq!(last.text.trim_end(), all.text.lines().nth(1).unwrap());
    assert_eq!(surface.get("/api/v1/sales/club-night/ledger?after=2").await.text, "");
    let audit = surface.get("/api/v1/sales/club-night/audit").await.json();
    assert_eq!((&audit["clean"], &audit["sold"]), (&json!(true), &json!(1)), "{audit}");
}

#[tokio::test]
async fn wrong_methods_are_told_the_right_ones() {
    let surface = Surface::open().await;
    for (method, path, allowed) in [
        ("GET", "/api/v1/sales/club-night/buy", "POST"),
        ("DELETE", "/api/v1/sales", "GET,HEAD,POST"),
        ("FOO", "/api/v1/me", "GET,HEAD"),
        ("OPTIONS", "/api/v1/sales/club-night/buy", "POST"),
        ("POST", "/healthz", "GET,HEAD"),
        ("PUT", "/", "GET,HEAD"),
    ] {
        let answer = surface.send(method, path, &[], Body::empty()).await;
        assert_eq!(answer.problem(), (405, "method-not-allowed".into()), "{method} {path}");
        assert_eq!(answer.header("allow"), allowed, "{method} {path}");
        assert_eq!(answer.header("access-control-allow-origin"), "");
    }
    let head = surface.send("HEAD", "/api/v1/sales", &[], Body::empty()).await;
    assert_eq!((head.status, head.text.as_str()), (200, ""));
}

#[tokio::test]
async fn another_sites_form_is_refused() {
    let surface = Surface::open().await;
    let body = json!({"tier": "ga"});
    for headers in [
        [("origin", "http://evil.example"), ("x", "")],
        [("origin", "null"), ("x", "")],
        [("cookie", "__Host-sid=x"), ("x", "")],
        [("cookie", "__Host-sid=x"), ("sec-fetch-site", "same-site")],
    ] {
        let answer = surface.buy("golden-ticket", &headers, body.clone()).await;
        assert_eq!(answer.problem(), (403, "forbidden".into()), "{headers:?}");
    }
    let ours = [("cookie", "__Host-sid=x"), ("origin", "http://localhost:3000")];
    assert_eq!(surface.buy("golden-ticket", &ours, body).await.status, 201);
}

#[tokio::test]
async fn the_yardstick_gives_the_same_body_back() {
    let surface = Surface::open().await;
    let surface = &surface;
    let ping = |body: String| async move { surface.send("POST", "/api/v1/ping", &[JSON], body).await };
    let answer = ping(r#"{ "seat" : "A-1" }"#.to_owned()).await;
    assert_eq!((answer.status, answer.text.as_str()), (200, r#"{ "seat" : "A-1" }"#));
    assert_eq!(ping("{".to_owned()).await.problem(), (400, "malformed".into()));
    assert_eq!(ping(format!("\"{}\"", "x".repeat(1023))).await.problem(), (413, "too-large".into()));
}

#[tokio::test]
async fn pages_carry_a_policy_and_a_session_and_are_never_cached() {
    let surface = Surface::open().await;
    for path in ["/", "/sales/club-night", "/simulator", "/tickets"] {
        let page = surface.send("GET", path, &[HTML], Body::empty()).await;
        assert_eq!(page.status, 200, "{path} {}", page.text);
        assert!(page.header("content-type").starts_with("text/html"), "{path}");
        assert_eq!(page.header("cache-control"), "no-store");
        assert!(page.header("set-cookie").starts_with("__Host-sid="));
        let policy = page.header("content-security-policy");
        let nonce = policy.split("'nonce-").nth(1).unwrap().split('\'').next().unwrap();
        assert!(page.text.contains("<html") && !page.text.contains("style=\""), "{path}");
        assert!(page.text.matches("<script").count() == page.text.matches(&format!("nonce=\"{nonce}\"")).count());
    }
    for path in ["/nowhere", "/sales/nowhere"] {
        let page = surface.send("GET", path, &[HTML], Body::empty()).await;
        assert_eq!((page.status, &page.header("content-type")[..9]), (404, "text/html"), "{path}");
    }
    assert_eq!(surface.get("/nowhere").await.problem(), (404, "not-found".into()));
}

#[tokio::test]
async fn server_functions_answer_our_client_only() {
    let surface = Surface::open().await;
    let surface = &surface;
    let call = |path: &'static str, body: &'static str| async move {
        surface.send("POST", path, &[JSON, HTML, ("referer", "http://evil.example/")], body).await
    };
    let sales = call("/rpc/sales", "{\"page\":1}").await;
    assert_eq!((sales.status, sales.header("location")), (200, ""), "{}", sales.text);
    assert_eq!(sales.json()["sales"].as_array().unwrap().len(), 4);
    // A client that keeps no cookie could not find its purchase again; an idempotency key can replace the cookie.
    let purchase = r#"{"sale":"golden-ticket","body":{"tier":"ga"},"key":"0190a5c8-7e1b-7abc-8def-0123456789ab"}"#;
    assert_eq!(call("/rpc/buy", purchase).await.json()["refused"]["code"], "unauthenticated");
    assert_eq!(surface.get("/api/v1/sales/golden-ticket").await.json()["sold"], 0);
    let with_key = surface.send("POST", "/rpc/buy", &[JSON, KEY], purchase).await;
    assert!(with_key.json()["bought"]["order"]["id"].is_string(), "{}", with_key.text);
    assert_eq!(call("/rpc/nothing", "{}").await.problem(), (404, "not-found".into()));
    assert_eq!(call("/rpc/snapshot", "{\"sale\":5}").await.problem(), (422, "invalid".into()));
    for invalid in ["{\"page\":1,\"is_admin\":true}", "{\"page\":1,\"page\":1}", "[1]", "{}", "5", "{\"page\":null}"] {
        assert_eq!(call("/rpc/sales", invalid).await.problem(), (422, "invalid".into()), "{invalid}");
    }
    let nested = r#"{"sale":"golden-ticket","body":{"tier":"ga","price":0},"key":"k"}"#;
    assert_eq!(call("/rpc/buy", nested).await.problem(), (422, "invalid".into()));
    for form in ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain"] {
        let sent = surface.send("POST", "/rpc/sales", &[("content-type", form)], "page=1").await;
        assert_eq!(sent.problem(), (415, "unsupported-media-type".into()), "{form}");
    }
    assert_eq!(surface.get("/rpc/sales").await.problem(), (405, "method-not-allowed".into()));
}

#[tokio::test]
async fn those_who_run_the_server_are_told_how_it_is() {
    let surface = Surface::open().await;
    assert_eq!(surface.get("/healthz").await.json(), json!({"status": "ok"}));
    assert_eq!(surface.get("/readyz").await.json(), json!({"status": "ready"}));
    assert_eq!(surface.get("/metrics").await.status, 200);
    assert!(surface.get("/api/v1").await.json()["routes"].as_array().unwrap().len() > 20);
    let docs = surface.get("/api/docs").await;
    assert!(docs.header("content-security-policy").contains("script-src 'self'"));
    assert_eq!(surface.get("/api/docs/swagger-ui-bundle.js").await.status, 200);
    assert_eq!(surface.get("/api/docs/nothing.js").await.problem(), (404, "not-found".into()));
}

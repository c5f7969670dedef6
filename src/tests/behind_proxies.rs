//! Proxies, browsers and other programs on the same domain add headers and cookies to a request. The server reads these
//! headers as their standards define them, and cookies of other programs do not hide the visitor's session.

use reqwest::Method;
use serde_json::json;

use crate::support::{Ask, Reply, Setup, TestApp, general_admission, wire};

const BROWSER: (&str, &str) = ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8");
const NO_HOST: &str = "The request names no host. A proxy in front must pass the Host header on.";

/// A server that trusts a proxy on this machine. Each address may have one live stream, so a refused stream shows that two
/// requests were counted under the same address.
async fn behind_a_proxy() -> TestApp {
    let configuration =
        "[server]\ntrusted_proxies = [\"127.0.0.1\", \"10.0.0.0/8\"]\n[limits]\nstreams_per_address = 1\n";
    Setup::default().with_admin().with_configuration(configuration).start().await
}

fn as_browser(path: &str) -> Ask {
    Ask::get(path).header(BROWSER.0, BROWSER.1)
}

/// The id of the buyer that the server sees in this request, and whether the server has just made it as a new guest.
async fn me(app: &TestApp, ask: Ask) -> (String, bool) {
    let reply = ask.send(app).await.expect(200);
    (reply.json()["buyer"].as_str().expect("a buyer").to_owned(), reply.session().is_some())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_cookie_does_not_make_a_new_guest() {
    let app = TestApp::open().await;
    let first = app.get("/api/v1/me").await.expect(200);
    let token = first.session().expect("a new guest").to_owned();
    let buyer = first.json()["buyer"].as_str().expect("a buyer").to_owned();
    let own = format!("__Host-sid={token}").into_bytes();
    let foreign: [&[u8]; 5] = ["x=é".as_bytes(), b"x=\xff", b"__Host-sid=planted", b"sid=\"", b"=;;"];
    for other in foreign {
        for cookies in [[other, b"; ", own.as_slice()].concat(), [own.as_slice(), b"; ", other].concat()] {
            let what = String::from_utf8_lossy(&cookies).into_owned();
            let known = me(&app, Ask::get("/api/v1/me").header("cookie", &cookies)).await;
            assert_eq!(known, (buyer.clone(), false), "{what}");
            let page = as_browser("/").header("cookie", &cookies).send(&app).await.expect(200);
            assert_eq!(page.header("set-cookie"), None, "{what}");
        }
        let two_lines = Ask::get("/api/v1/me").header("cookie", other).header("cookie", &own);
        assert_eq!(me(&app, two_lines).await, (buyer.clone(), false));
    }
    let quoted = Ask::get("/api/v1/me").header("cookie", format!("__Host-sid=\"{token}\""));
    assert_eq!(me(&app, quoted).await, (buyer, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_behind_a_proxy_is_counted_by_its_own_addresses() {
    let app = behind_a_proxy().await;
    let sale = app.sale("group_commit", &[general_admission(1)]).await;
    let watch = |name: &'static str, value: &'static str| {
        Ask::get(&format!("/api/v1/sales/{sale}/stream")).header(name, value).open(&app)
    };
    let mut open = Vec::new();
    for (name, value) in [
        ("x-forwarded-for", "203.0.113.1:50007"),
        ("x-forwarded-for", "203.0.113.2:50007"),
        ("x-forwarded-for", "198.51.100.9, 203.0.113.3, 10.0.0.1:443"),
        ("x-forwarded-for", "[2001:db8:1::1]:50007"),
        ("forwarded", "for=\"[2001:db8:2::1]:4711\";proto=https, for=10.0.0.1"),
        ("forwarded", "for=203.0.113.4;by=_proxy"),
        ("x-real-ip", "203.0.113.5"),
    ] {
        let stream = watch(name, value).await;
        assert_eq!(stream.status(), 200, "{name}: {value}");
        open.push(stream);
    }
    for (name, value) in [
        ("x-forwarded-for", "203.0.113.1:9"),
        ("x-forwarded-for", "::ffff:203.0.113.2"),
        ("forwarded", "for=\"203.0.113.3:80\""),
        ("x-forwarded-for", "[2001:db8:1::2]"),
        ("x-forwarded-for", "203.0.113.4 , ,10.0.0.2"),
    ] {
        assert_eq!(watch(name, value).await.status(), 429, "{name}: {value}");
    }
    assert_eq!(watch("forwarded", "for=unknown").await.status(), 200, "the proxy itself");
    drop(open);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_speaks_https_keeps_the_cookie_secure() {
    let app = behind_a_proxy().await;
    let cookie = async |headers: &[(&str, &str)]| {
        let mut ask = Ask::get("/api/v1/me").header("host", "shop.example");
        for (name, value) in headers {
            ask = ask.header(name, value);
        }
        ask.send(&app).await.expect(200).header("set-cookie").expect("a cookie").to_owned()
    };
    for header in [
        ("x-forwarded-proto", "https"),
        ("x-forwarded-proto", "https,https"),
        ("x-forwarded-proto", "HTTPS, http"),
        ("forwarded", "for=203.0.113.1;proto=https, for=10.0.0.1;proto=http"),
        ("cloudfront-forwarded-proto", "https"),
    ] {
        let cookie = cookie(&[header]).await;
        assert!(cookie.starts_with("__Host-sid=") && cookie.contains("; Secure;"), "{header:?}: {cookie}");
    }
    assert!(cookie(&[("x-forwarded-proto", "http")]).await.starts_with("sid="));
    let buy = |origin: &'static str| {
        let ask = Ask::buy("none", json!({})).header("host", "backend:3000").header("origin", origin);
        ask.header("x-forwarded-proto", "https").header("x-forwarded-host", "shop.example").send(&app)
    };
    buy("https://shop.example").await.expect_problem(404, "not-found");
    let refused = buy("https://evil.example").await.expect_problem(403, "forbidden");
    assert!(refused.detail.contains("must pass Host on"), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_without_a_host_is_told_so_on_a_page_and_in_a_document() {
    let app = TestApp::open().await;
    let ask = async |request: &str| {
        let request = format!("{request}connection: close\r\n\r\n");
        String::from_utf8(wire::exchange(app.address(), request.as_bytes()).await).expect("text")
    };
    let page = ask(&format!("GET / HTTP/1.1\r\n{}: {}\r\n", BROWSER.0, BROWSER.1)).await;
    assert!(page.starts_with("HTTP/1.1 400") && page.contains("content-type: text/html"), "{page}");
    assert!(page.contains(NO_HOST) && page.contains("<h1>"), "{page}");
    for request in [
        "GET /api/v1/me HTTP/1.1\r\n",
        "GET /api/v1/me HTTP/1.1\r\nhost:\r\n",
        "POST /rpc/buy HTTP/1.1\r\ncontent-length: 0\r\n",
        "POST /rpc/buy HTTP/1.0\r\norigin: http://shop.example\r\ncontent-length: 0\r\n",
    ] {
        let document = ask(request).await;
        let is_problem = document.contains("application/problem+json") && document.contains("\"code\":\"malformed\"");
        assert!(document[8..].starts_with(" 400") && is_problem && document.contains(NO_HOST), "{document}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_opens_a_link_into_the_api_reads_a_sentence() {
    let app = TestApp::open_demo().await;
    let readable = |reply: &Reply, status: u16, sentence: &str| {
        assert_eq!(reply.status, status, "{}", reply.text());
        assert!(reply.header("content-type").is_some_and(|kind| kind.starts_with("text/html")), "{}", reply.text());
        assert!(reply.text().contains(sentence), "{}", reply.text());
    };
    for path in ["audit", "seats", "ledger", "stream"] {
        let path = format!("/api/v1/sales/none/{path}");
        readable(&as_browser(&path).send(&app).await, 404, "There is no such sale.");
        app.get(&path).await.expect_problem(404, "not-found");
        let fetched = as_browser(&path).header("sec-fetch-mode", "cors").send(&app).await;
        fetched.expect_problem(404, "not-found");
    }
    readable(&as_browser("/api/v1/sales/theatre/buy").send(&app).await, 405, "does not know this method");
    readable(&as_browser("/api/v1/nothing").send(&app).await, 404, "There is no such path.");
    readable(&as_browser("/api/v1/sales/theatre/seats?x=1").send(&app).await, 422, "There is no parameter x.");
    let audit = as_browser("/api/v1/sales/theatre/audit").send(&app).await.expect(200);
    assert_eq!(audit.json()["clean"], true, "an audit is the same for everybody");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slash_too_many_leads_to_the_page_and_never_to_another_host() {
    let app = TestApp::open_demo().await;
    for (path, place) in [
        ("/sales/theatre/", "/sales/theatre"),
        ("/sales/theatre/?outcome=sold-out", "/sales/theatre?outcome=sold-out"),
        ("/tickets//", "/tickets"),
        ("/api/v1/sales/", "/api/v1/sales"),
        ("/api/v1/sales/theatre/audit/", "/api/v1/sales/theatre/audit"),
    ] {
        for method in [Method::GET, Method::HEAD] {
            let reply = Ask::new(method, path).header(BROWSER.0, BROWSER.1).send(&app).await.expect(308);
            assert_eq!((reply.header("location"), reply.body.len()), (Some(place), 0), "{path}");
        }
        let target = place.split('?').next().expect("a path");
        as_browser(target).send(&app).await.expect(200);
    }
    for path in ["//evil.example/", "///evil.example/", "/\\evil.example/", "//evil.example/%2e%2e/"] {
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        let answer = String::from_utf8(wire::exchange(app.address(), request.as_bytes()).await).expect("text");
        assert!(answer.starts_with("HTTP/1.1 404") && !answer.contains("location:"), "{path}: {answer}");
    }
    Ask::buy("theatre/", json!({})).send(&app).await.expect_problem(404, "not-found");
    app.post("/api/v1/sales/theatre/buy/", json!({})).await.expect_problem(404, "not-found");
}

//! Bytes that are not HTTP, or not quite. The listener refuses them, nothing changes, and the next client is served.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::support::{TestApp, general_admission, wire};

async fn open() -> (TestApp, String) {
    let app = TestApp::open().await;
    let sale = app.sale("group_commit", &[general_admission(100)]).await;
    (app, sale)
}

async fn assert_untouched(app: &TestApp, sale: &str) {
    let audit = app.clean_audit(sale).await;
    assert_eq!((audit.ledger.entries, audit.sold), (1, 0));
    app.buy(sale, json!({ "tier": "ga" })).await.expect(201);
    assert!(!app.log().contains("panicked"), "{}", app.log());
}

/// A purchase with these headers instead of the usual ones.
fn purchase(sale: &str, headers: &str, body: &str) -> Vec<u8> {
    format!("POST /api/v1/sales/{sale}/buy HTTP/1.1\r\n{headers}\r\n{body}").into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_http_is_refused_without_a_word_more() {
    let (app, sale) = open().await;
    let body = r#"{"tier":"ga"}"#;
    let usual = "host: localhost\r\ncontent-type: application/json\r\n";
    let with = |headers: &str| purchase(&sale, &format!("{usual}{headers}"), body);
    let get = |headers: &str| format!("GET /healthz HTTP/1.1\r\n{headers}\r\n\r\n").into_bytes();
    let many_headers: String = (0..101).map(|number| format!("x-{number}: 1\r\n")).collect();
    let cases: Vec<(&str, Vec<u8>, &[u16])> = vec![
        ("garbage", b"\x00\x01\x02garbage\r\n\r\n".to_vec(), &[400]),
        ("text", b"hello, box office\r\n\r\n".to_vec(), &[400]),
        ("a TLS hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(), &[400]),
        ("101 headers", get(&format!("host: localhost\r\n{many_headers}")), &[431]),
        ("a header of 64 KiB", get(&format!("host: localhost\r\nx: {}", "x".repeat(64 * 1024))), &[431]),
        (
            "a path of 70,000 bytes",
            format!("GET /{} HTTP/1.1\r\nhost: localhost\r\n\r\n", "x".repeat(70_000)).into_bytes(),
            &[414, 431],
        ),
        ("two lengths", with("content-length: 13\r\ncontent-length: 14\r\n"), &[400]),
        ("a negative length", with("content-length: -13\r\n"), &[400]),
        ("a length that is no number", with("content-length: many\r\n"), &[400]),
        ("an unknown coding", with("transfer-encoding: xchunked\r\n"), &[400]),
        (
            "a bad chunk",
            purchase(&sale, &format!("{usual}transfer-encoding: chunked\r\n"), "zz\r\nabc\r\n0\r\n\r\n"),
            &[400],
        ),
        ("no host", b"GET /healthz HTTP/1.1\r\n\r\n".to_vec(), &[400]),
        ("two hosts", get("host: a\r\nhost: b"), &[400]),
        ("NUL in a value", get("host: localhost\r\nx: a\0b"), &[400]),
        ("CR in a value", get("host: localhost\r\nx: a\rb"), &[400]),
        ("a folded line", get("host: localhost\r\nx: a\r\n b"), &[400]),
        ("a space before the colon", get("host : localhost"), &[400]),
        ("an unknown version", b"GET /healthz HTTP/9.9\r\nhost: localhost\r\n\r\n".to_vec(), &[400, 505]),
        (
            "another host in the target",
            b"GET http://evil.example/ HTTP/1.1\r\nhost: localhost\r\n\r\n".to_vec(),
            &[421],
        ),
        ("CONNECT", b"CONNECT example.com:443 HTTP/1.1\r\nhost: example.com:443\r\n\r\n".to_vec(), &[405]),
    ];
    for (what, request, expected) in cases {
        let started = Instant::now();
        let answer = wire::exchange(app.address(), &request).await;
        let statuses = wire::statuses(&answer);
        let text = String::from_utf8_lossy(&answer);
        assert!(statuses.len() == 1 && expected.contains(&statuses[0]), "{what}: {text}");
        assert!(started.elapsed() < Duration::from_secs(3), "{what}: {:?}", started.elapsed());
        assert!(!text.contains("panicked"), "{what}: {text}");
    }
    assert_untouched(&app, &sale).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_request_gets_one_answer_however_its_length_is_told() {
    let (app, sale) = open().await;
    let smuggled = "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let headers = format!(
        "host: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\ntransfer-encoding: chunked\r\n",
        smuggled.len() + 5
    );
    let answer = wire::exchange(app.address(), &purchase(&sale, &headers, &format!("0\r\n\r\n{smuggled}"))).await;
    let statuses = wire::statuses(&answer);
    assert!(statuses == [400], "no second answer to what hides in a body: {}", String::from_utf8_lossy(&answer));
    assert_untouched(&app, &sale).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_huge_body_is_refused_before_it_is_sent() {
    let (app, sale) = open().await;
    let headers =
        "host: localhost\r\ncontent-type: application/json\r\ncontent-length: 999999999999\r\nexpect: 100-continue\r\n";
    let answer = wire::exchange(app.address(), &purchase(&sale, headers, "")).await;
    assert_eq!(wire::statuses(&answer), [413], "and no 100: {}", String::from_utf8_lossy(&answer));
    assert_untouched(&app, &sale).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_in_the_middle_of_its_body_changes_nothing() {
    let (app, sale) = open().await;
    let headers = "host: localhost\r\ncontent-type: application/json\r\ncontent-length: 13\r\n";
    for length in 0..13 {
        let mut stream = TcpStream::connect(app.address()).await.expect("a connection");
        stream.write_all(&purchase(&sale, headers, &r#"{"tier":"ga"}"#[..length])).await.expect("a part");
        drop(stream);
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_untouched(&app, &sale).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_requests_on_one_connection_are_answered_in_their_order() {
    let (app, _) = open().await;
    let one = "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let two = "GET /api/v1/nothing HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let answer = wire::exchange(app.address(), format!("{one}{two}{one}").as_bytes()).await;
    assert_eq!(wire::statuses(&answer), [200, 404, 200]);
}

/// Sends a first part, then a byte every two seconds, until the server closes the connection. Returns how long that
/// took, and what the server answered.
async fn trickle(app: &TestApp, first: Vec<u8>, rest: &'static [u8]) -> (Duration, Vec<u8>) {
    let mut stream = TcpStream::connect(app.address()).await.expect("a connection");
    stream.write_all(&first).await.expect("a first part");
    let started = Instant::now();
    let (mut reader, mut writer) = stream.split();
    let writing = async {
        for byte in rest.iter().cycle() {
            tokio::time::sleep(Duration::from_secs(2)).await;
            if writer.write_all(&[*byte]).await.is_err() {
                break;
            }
        }
        std::future::pending::<()>().await;
    };
    let mut answer = Vec::new();
    tokio::select! {
        () = writing => {}
        _ = reader.read_to_end(&mut answer) => {}
    }
    (started.elapsed(), answer)
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_says_nothing_or_speaks_too_slowly_is_left_after_10_s() {
    let (app, sale) = open().await;
    let head = b"GET /healthz HTTP/1.1\r\nhost: local".to_vec();
    let body_head = "host: localhost\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n";
    let slow_body = purchase(&sale, body_head, "{");
    let all = futures_util::future::join3(
        trickle(&app, head, b"x"),
        trickle(&app, slow_body, b" "),
        trickle(&app, Vec::new(), b""),
    );
    let patience = Duration::from_secs(16);
    let ((_, head), (_, body), (_, silent)) = timeout(patience, all).await.expect("the server does not wait for ever");
    assert!([vec![], vec![408]].contains(&wire::statuses(&head)), "{}", String::from_utf8_lossy(&head));
    assert_eq!(wire::statuses(&body), [408], "{}", String::from_utf8_lossy(&body));
    assert!([vec![], vec![408]].contains(&wire::statuses(&silent)), "{}", String::from_utf8_lossy(&silent));
    assert_untouched(&app, &sale).await;
}

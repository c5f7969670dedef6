//! What one client may use: rates, connections, patience, lines of the log. Nobody else notices a client that wants more.

use std::{
    io,
    time::{Duration, Instant},
};

use onsale::model::{
    hold::Hold,
    request::{Receipt, RequestState, RequestStatus},
};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::support::{ADMIN_TOKEN, Ask, Position, Reply, Setup, TestApp, Viewer, general_admission, seated, wire};

/// A server with an organiser, and with these limits instead of the usual ones.
async fn limited(limits: &str) -> TestApp {
    let file = format!("[server]\ntrusted_proxies = []\n[limits]\n{limits}\n");
    Setup::default().with_admin().with_configuration(&file).with_limits().start().await
}

/// The seconds that a refusal advises to wait.
fn advised_seconds(reply: &Reply) -> u64 {
    reply.header("retry-after").and_then(|text| text.parse().ok()).expect("Retry-After in whole seconds")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_has_so_many_requests_a_second() {
    let app = limited("requests_per_second = 20").await;
    let mut refused = 0;
    for _ in 0..60 {
        let reply = app.get("/api/v1/strategies").await;
        if reply.status == 429 {
            assert!((1..=4).contains(&advised_seconds(&reply)));
            reply.expect_problem(429, "rate-limited");
            refused += 1;
        }
    }
    assert!(refused > 0, "60 requests at once");
    sleep(Duration::from_millis(1_500)).await;
    app.get("/api/v1/strategies").await.expect(200);
    let metrics = String::from_utf8(app.get("/metrics").await.expect(200).body).expect("text");
    assert!(metrics.contains(&format!("onsale_rate_limited_total{{rate=\"requests\"}} {refused}")), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_brings_so_many_new_guests_and_a_page_is_for_everybody() {
    let app = limited("new_guests_per_minute = 3").await;
    let first = app.get("/api/v1/me").await.expect(200);
    let token = first.session().expect("a guest").to_owned();
    for _ in 0..2 {
        app.get("/api/v1/me").await.expect(200);
    }
    let refused = app.get("/api/v1/me").await;
    assert!(advised_seconds(&refused) > 3, "the next token comes after twenty seconds");
    refused.expect_problem(429, "rate-limited");
    Ask::get("/api/v1/me").bearer(&token).send(&app).await.expect(200);
    let page = Ask::get("/").header("accept", "text/html").send(&app).await.expect(200);
    assert_eq!((page.session(), page.header("set-cookie")), (None, None), "the visitor is no guest yet");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_and_a_buyer_have_so_many_purchases_a_minute() {
    let app = limited("purchases_per_minute = 3").await;
    let sale = app.sale("group_commit", &[general_admission(100)]).await;
    let token = app.get("/api/v1/me").await.session().expect("a guest").to_owned();
    let one = json!({ "tier": "ga" });
    for _ in 0..3 {
        Ask::buy(&sale, one.clone()).bearer(&token).send(&app).await.expect(201);
    }
    // A body that nobody may send is refused before it is read, whatever it says.
    for body in [one, json!({ "nonsense": true })] {
        let refused = Ask::buy(&sale, body).bearer(&token).send(&app).await;
        assert!(advised_seconds(&refused) > 3);
        refused.expect_problem(429, "rate-limited");
    }
    let called = json!({ "sale": &sale, "body": { "tier": "ga" }, "key": "0190a5c8-7e1b-7abc-8def-0123456789ab" });
    Ask::post("/rpc/buy").bearer(&token).json(called).send(&app).await.expect_problem(429, "rate-limited");
    let form = Ask::form(&sale, "tier=ga&quantity=1").bearer(&token).send(&app).await.expect(303);
    assert!(form.header("location").is_some_and(|place| place.contains("outcome=rate-limited&seal=")));
    assert_eq!(app.read_sale(&sale).await.sold, 3);
}

/// So many units of admission.
fn ga(quantity: i64) -> Value {
    json!({ "items": [{ "tier": "ga", "quantity": quantity }] })
}

async fn guest(app: &TestApp) -> String {
    app.get("/api/v1/me").await.session().expect("a guest").to_owned()
}

fn to_hold(sale: &str, guest: &str, quantity: i64) -> Ask {
    Ask::post(&format!("/api/v1/sales/{sale}/holds")).bearer(guest).json(ga(quantity))
}

fn to_change(hold: &Hold, guest: &str, quantity: i64) -> Ask {
    Ask::new(Method::PUT, &format!("/api/v1/holds/{}", hold.id)).bearer(guest).json(ga(quantity))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_holds_so_many_units_over_all_sales() {
    let app = limited("max_held_per_address = 5").await;
    let sale = app.sale("group_commit", &[general_admission(50)]).await;
    let other = app.sale("atomic_update", &[general_admission(50)]).await;
    let (one, two) = (guest(&app).await, guest(&app).await);
    let key = "0190a5c8-7e1b-7abc-8def-0123456789ab";
    let first: Hold = to_hold(&sale, &one, 3).key(key).send(&app).await.expect(201).read();
    let second: Hold = to_hold(&other, &two, 2).send(&app).await.expect(201).read();
    to_hold(&sale, &two, 1).send(&app).await.expect_problem(409, "limit-reached");
    to_hold(&sale, &two, 0).send(&app).await.expect_problem(422, "invalid");
    let again = to_hold(&sale, &one, 3).key(key).send(&app).await.expect(201);
    assert_eq!((again.header("idempotent-replayed"), again.read::<Hold>().id), (Some("true"), first.id));
    to_change(&first, &one, 4).send(&app).await.expect_problem(409, "limit-reached");
    let read = Ask::get(&format!("/api/v1/holds/{}", first.id)).bearer(&one).send(&app).await.expect(200);
    assert_eq!(read.read::<Hold>().items, first.items, "a refused change leaves the hold as it was");
    to_change(&first, &one, 2).send(&app).await.expect(200);
    to_change(&second, &two, 3).send(&app).await.expect(200);
    to_hold(&sale, &one, 1).send(&app).await.expect_problem(409, "limit-reached");
    let path = format!("/api/v1/holds/{}", second.id);
    Ask::new(Method::DELETE, &path).bearer(&two).send(&app).await.expect(204);
    to_change(&second, &two, 9).send(&app).await.expect_problem(409, "hold-finished");
    to_hold(&sale, &two, 3).send(&app).await.expect(201);
    to_hold(&sale, &two, 1).send(&app).await.expect_problem(409, "limit-reached");
    let confirm = format!("/api/v1/holds/{}/confirm", first.id);
    Ask::post(&confirm).bearer(&one).json(json!({})).send(&app).await.expect(201);
    to_hold(&sale, &one, 2).send(&app).await.expect(201);
    let metrics = String::from_utf8(app.get("/metrics").await.expect(200).body).expect("text");
    assert!(metrics.contains("onsale_rate_limited_total{rate=\"held_units\"} 4"), "{metrics}");
    assert_eq!((app.clean_audit(&sale).await.held, app.clean_audit(&other).await.held), (5, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_haste_nor_an_early_end_takes_more_than_the_limit() {
    let app = std::sync::Arc::new(limited("max_held_per_address = 5").await);
    let sale = app.sale("group_commit", &[general_admission(100)]).await;
    let body = ga(1).to_string();
    for _ in 0..20 {
        let mut socket = TcpStream::connect(app.address()).await.expect("a connection");
        let head =
            format!("POST /api/v1/sales/{sale}/holds HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\n");
        let request = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
        socket.write_all(request.as_bytes()).await.expect("a request");
    }
    let mut asking = JoinSet::new();
    for _ in 0..20 {
        let (app, path) = (app.clone(), format!("/api/v1/sales/{sale}/holds"));
        asking.spawn(async move { app.post(&path, ga(1)).await.status });
    }
    let statuses = asking.join_all().await;
    assert!(statuses.iter().all(|status| [201, 409].contains(status)), "{statuses:?}");
    sleep(Duration::from_millis(300)).await;
    while app.post(&format!("/api/v1/sales/{sale}/holds"), ga(1)).await.status == 201 {}
    assert_eq!(app.clean_audit(&sale).await.held, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_line_to_be_held_counts_too() {
    let redis = std::env::var("ONSALE_TEST_REDIS").unwrap_or_else(|_| "redis://127.0.0.1:6379".to_owned());
    let file = "[limits]\nmax_held_per_address = 5\n";
    let setup = Setup::default().with_admin().with_env("REDIS_URL", &redis).with_configuration(file).with_limits();
    let app = setup.start().await;
    let sale = app.sale("queued", &[general_admission(50)]).await;
    let (one, two) = (guest(&app).await, guest(&app).await);
    let first: Receipt = to_hold(&sale, &one, 3).send(&app).await.expect(202).read();
    to_hold(&sale, &two, 3).send(&app).await.expect_problem(409, "limit-reached");
    to_hold(&sale, &two, 2).send(&app).await.expect(202);
    to_hold(&sale, &one, 1).send(&app).await.expect_problem(409, "limit-reached");
    let started = Instant::now();
    let hold = loop {
        let status: RequestStatus = Ask::get(&first.status_url).bearer(&one).send(&app).await.expect(200).read();
        if status.status != RequestState::Pending {
            break status.hold.expect("there is enough");
        }
        assert!(started.elapsed() < Duration::from_secs(20), "still in line");
        sleep(Duration::from_millis(50)).await;
    };
    to_hold(&sale, &one, 1).send(&app).await.expect_problem(409, "limit-reached");
    Ask::new(Method::DELETE, &format!("/api/v1/holds/{hold}")).bearer(&one).send(&app).await.expect(204);
    to_hold(&sale, &two, 3).send(&app).await.expect(202);
    to_hold(&sale, &one, 1).send(&app).await.expect_problem(409, "limit-reached");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_guesses_the_organisers_token_is_locked_out_and_logged() {
    let app = limited("").await;
    let guest = app.get("/api/v1/me").await.session().expect("a guest").to_owned();
    let create = || Ask::post("/api/v1/sales").json(json!({}));
    for number in 0..5 {
        create().bearer(&format!("guess {number}")).send(&app).await.expect_problem(401, "unauthenticated");
    }
    let refused = create().bearer("guess 5").send(&app).await;
    assert!(advised_seconds(&refused) > 60);
    refused.expect_problem(429, "rate-limited");
    create().bearer(ADMIN_TOKEN).send(&app).await.expect_problem(429, "rate-limited");
    Ask::get("/api/v1/me").bearer(&guest).send(&app).await.expect(200);
    app.get("/api/v1/sales").await.expect(200);
    let log = app.whole_log();
    assert!(log.contains("a token is neither a session nor the organiser's") && log.contains("127.0.0.1"), "{log}");
    assert!(!log.contains("guess"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_has_so_many_connections() {
    let app = limited("").await;
    let mut open = Vec::new();
    for _ in 0..100 {
        open.push(TcpStream::connect(app.address()).await.expect("a connection"));
    }
    // The system connects before the server accepts, so the server may still have to come to the last ones.
    sleep(Duration::from_millis(300)).await;
    let refused = wire::exchange(app.address(), b"GET /healthz HTTP/1.1\r\nhost: test\r\n\r\n").await;
    assert_eq!(wire::statuses(&refused), [429], "{}", String::from_utf8_lossy(&refused));
    drop(open.pop());
    sleep(Duration::from_millis(800)).await;
    app.get("/healthz").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_listed_proxy_the_clients_are_counted() {
    let file = "[server]\ntrusted_proxies = [\"127.0.0.1\"]\n[limits]\nrequests_per_second = 5\n";
    let app = Setup::default().with_configuration(file).with_limits().start().await;
    let ask = |client: &str| Ask::get("/api/v1/strategies").header("x-forwarded-for", client);
    let mut of_one = Vec::new();
    for _ in 0..20 {
        of_one.push(ask("203.0.113.7").send(&app).await.status);
    }
    assert!(of_one.contains(&200) && of_one.contains(&429), "{of_one:?}");
    ask("203.0.113.8").send(&app).await.expect(200);
    let open: Vec<TcpStream> = futures_util::future::join_all((0..150).map(|_| TcpStream::connect(app.address())))
        .await
        .into_iter()
        .collect::<io::Result<_>>()
        .expect("a proxy has as many connections as it likes");
    ask("203.0.113.9").send(&app).await.expect(200);
    drop(open);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_is_not_listed_counts_as_one_client_and_the_operator_is_told() {
    let app = limited("requests_per_second = 5").await;
    let mut statuses = Vec::new();
    for number in 0..20 {
        let ask = Ask::get("/api/v1/strategies").header("x-forwarded-for", format!("203.0.113.{number}"));
        statuses.push(ask.send(&app).await.status);
    }
    assert!(statuses.contains(&429), "{statuses:?}");
    assert!(app.whole_log().contains("list it in trusted_proxies"), "{}", app.whole_log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demo_lifts_all_of_them() {
    let app = Setup::default().with_demo().with_limits().start().await;
    let mut asking = JoinSet::new();
    for _ in 0..150 {
        let request = b"GET /api/v1/me HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n";
        asking.spawn(wire::exchange(app.address(), request));
    }
    assert!(asking.join_all().await.iter().all(|answer| wire::statuses(answer) == [200]));
    for _ in 0..130 {
        Ask::buy("rehearsal", json!({ "tier": "ga" })).send(&app).await;
    }
    assert_eq!(app.read_sale("rehearsal").await.sold, 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organisers_simulation_has_no_limits_and_strangers_have_none_to_start() {
    let app = limited("").await;
    let fields = json!({ "name": "Rehearsal", "rehearsal": true, "tiers": [general_admission(50)] });
    let sale = app.sale_with(fields).await;
    let real = app.sale("group_commit", &[general_admission(50)]).await;
    let path = |sale: &str| format!("/api/v1/sales/{sale}/simulations");
    let body = json!({ "buyers": 400, "concurrency": 150 });
    Ask::post(&path(&sale)).json(body.clone()).send(&app).await.expect_problem(403, "forbidden");
    Ask::post(&path(&real)).admin().json(body.clone()).send(&app).await.expect_problem(403, "forbidden");
    let reset = format!("/api/v1/sales/{sale}/reset");
    Ask::post(&reset).send(&app).await.expect_problem(401, "unauthenticated");
    let begun: Value = Ask::post(&path(&sale)).admin().json(body).send(&app).await.expect(201).json();
    let id = serde_json::from_value(begun["id"].clone()).expect("an id");
    let ended = app.finished(id).await;
    assert_eq!((ended.won, ended.errors), (50, 0), "{:?}", ended.refused);
    assert_eq!(ended.refused.values().sum::<u64>(), 350);
    assert!(!ended.refused.keys().any(|code| code.name() == "rate-limited"), "{:?}", ended.refused);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_of_what_nobody_has_touched_changes_nothing() {
    let app = TestApp::open().await;
    let sale = app.sale_with(json!({ "name": "R", "rehearsal": true, "tiers": [seated(2, 10)] })).await;
    let path = format!("/api/v1/sales/{sale}/reset");
    let reset = || Ask::post(&path).admin().json(json!({}));
    let seq = app.read_sale(&sale).await.seq;
    for keyed in [reset(), reset().key("a key of the organiser")] {
        assert_eq!(keyed.send(&app).await.expect(200).json()["seq"], seq);
    }
    app.buy(&sale, json!({ "seat": "A-1" })).await.expect(201);
    let mut resets = JoinSet::new();
    let app = std::sync::Arc::new(app);
    for _ in 0..50 {
        let (app, reset) = (app.clone(), reset());
        resets.spawn(async move { reset.send(&app).await.expect(200).json() });
    }
    for sale in resets.join_all().await {
        assert_eq!((&sale["seq"], &sale["sold"]), (&json!(seq + 2), &json!(0)), "one purchase, one reset");
    }
    app.clean_audit(&sale).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_cannot_fill_the_log() {
    let app = TestApp::open().await;
    let path = format!("/{}", "x".repeat(4_000));
    for _ in 0..300 {
        let foreign = Ask::post(&path).header("sec-fetch-site", "cross-site").json(json!({}));
        foreign.send(&app).await.expect_problem(403, "forbidden");
    }
    let log = app.whole_log();
    assert!(log.len() < 100_000, "{} bytes", log.len());
    assert!(log.contains("from another site") && log.contains("127.0.0.1"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_who_sends_without_end_still_gets_its_frames() {
    let app = TestApp::open().await;
    let sale = app.sale("group_commit", &[general_admission(100)]).await;
    let (mut reading, mut writing) = TcpStream::connect(app.address()).await.expect("a connection").into_split();
    let ask = format!("GET /api/v1/sales/{sale}/stream HTTP/1.1\r\nhost: test\r\n\r\n");
    writing.write_all(ask.as_bytes()).await.expect("a request");
    read_until(&mut reading, "event: snapshot").await;
    let sending = tokio::spawn(async move {
        let mut sent = 0_usize;
        while let Ok(Ok(count)) = timeout(Duration::from_secs(2), writing.write(&[b'x'; 64 * 1024])).await {
            sent += count;
        }
        (sent, writing)
    });
    let mut other = Viewer::open(&app, &sale, Position::new()).await;
    for _ in 0..3 {
        app.buy(&sale, json!({ "tier": "ga" })).await.expect(201);
        read_until(&mut reading, "event: delta").await;
        other.next_of("delta", Duration::from_secs(5)).await;
    }
    let (sent, _writing) = sending.await.expect("a sender");
    assert!(sent < 64 * 1024 * 1024, "the server stops to read, so the sender has to wait: {sent} bytes");
}

async fn read_until(reading: &mut tokio::net::tcp::OwnedReadHalf, text: &str) {
    let (mut seen, mut buffer) = (String::new(), [0; 4096]);
    while !seen.contains(text) {
        let read = timeout(Duration::from_secs(10), reading.read(&mut buffer)).await.expect("a frame in time");
        let count = read.expect("an open stream");
        assert_ne!(count, 0, "the stream ended after {seen}");
        seen.push_str(&String::from_utf8_lossy(&buffer[..count]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_read_a_long_answer_loses_the_connection() {
    let app = TestApp::open().await;
    let sale = app.sale("group_commit", &[seated(500, 100)]).await;
    let mut deaf = Vec::new();
    for _ in 0..5 {
        let mut socket = TcpStream::connect(app.address()).await.expect("a connection");
        let ask = format!("GET /api/v1/sales/{sale}/seats HTTP/1.1\r\nhost: test\r\n\r\n");
        socket.write_all(ask.as_bytes()).await.expect("a request");
        deaf.push(socket);
    }
    let asked = Instant::now();
    sleep(Duration::from_secs(17)).await;
    while open_connections(&app).await > 2 {
        assert!(asked.elapsed() < Duration::from_secs(40), "connections of clients who do not read stay open");
        sleep(Duration::from_millis(500)).await;
    }
    app.buy(&sale, json!({ "seat": "A-1" })).await.expect(201);
}

async fn open_connections(app: &TestApp) -> u64 {
    let metrics = String::from_utf8(app.get("/metrics").await.expect(200).body).expect("text");
    let line = metrics.lines().find(|line| line.starts_with("onsale_connections ")).expect("a gauge");
    line.rsplit(' ').next().and_then(|number| number.parse().ok()).expect("a number")
}

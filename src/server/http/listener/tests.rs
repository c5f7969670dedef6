//! The listener over real sockets, with a router of its own.

use std::time::Instant;

use axum::routing::get;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::{
    model::{
        frame::Snapshot,
        limits::HEAD_TIMEOUT_MILLISECONDS,
        sale::{SaleStatus, SaleSwitch},
        time::Timestamp,
    },
    server::{
        clock::Clock,
        config::{Config, Flags},
        feed::{Announcement, Hub, Resume},
        http::sse::stream_response,
        limits::{Limits, StreamCaps},
    },
};

/// A running server: `/` answers hello, `/slow` after a while, `/stream` with the live feed of an empty sale.
struct Server {
    address: SocketAddr,
    hub: Arc<Hub>,
    shutdown: Shutdown,
    serving: tokio::task::JoinHandle<()>,
}

impl Server {
    async fn start(max_connections: usize) -> Self {
        let viewers = Handle::current();
        let snapshot = Snapshot {
            seq: 7,
            epoch: "test".to_owned(),
            at: Timestamp::from_milliseconds(0),
            status: SaleStatus::Open,
            seats: "AAA".to_owned(),
            tiers: vec![],
        };
        let announcement = Announcement { switch: SaleSwitch::Open, opens_at: None, message: None };
        let hub = Hub::new(snapshot, announcement, Clock::System, &viewers);
        let config = Config::from_sources(Flags::default(), |_| None, "").unwrap();
        let caps = StreamCaps::new(&config);
        let streaming = hub.clone();
        let stream = move || async move {
            let permit = caps.try_open(None, [127, 0, 0, 1].into()).unwrap();
            stream_response(streaming, Resume::New, permit)
        };
        let slow = || async {
            sleep(Duration::from_millis(300)).await;
            "slow"
        };
        let router = Router::new()
            .route("/", get(|| async { "hello" }).post(|| async { "early" }))
            .route("/slow", get(slow))
            .route("/stream", get(stream));
        let shutdown = Shutdown::new();
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.address().unwrap();
        let limits = Limits::new(&config);
        let options = ListenerOptions {
            max_connections,
            per_address: limits.connections,
            own_clients: limits.own_clients,
            viewers,
            shutdown: shutdown.clone(),
        };
        let serving = tokio::spawn(listener.serve(router, options));
        Self { address, hub, shutdown, serving }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends text, and reads until the server closes.
    async fn exchange(&self, request: &str) -> String {
        let mut client = self.connect().await;
        client.write_all(request.as_bytes()).await.unwrap();
        read_to_end(&mut client).await
    }
}

async fn read_to_end(client: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    timeout(Duration::from_secs(20), client.read_to_end(&mut answer)).await.expect("the server closes").unwrap();
    String::from_utf8(answer).unwrap()
}

/// Reads until `text` has come.
async fn read_until(client: &mut TcpStream, text: &str) -> String {
    let mut answer = String::new();
    let mut buffer = [0; 1024];
    while !answer.contains(text) {
        let count = timeout(Duration::from_secs(5), client.read(&mut buffer)).await.expect(&answer).unwrap();
        assert_ne!(count, 0, "closed after {answer:?}");
        answer.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
    }
    answer
}

#[tokio::test]
async fn a_connection_answers_one_request_after_the_other() {
    let server = Server::start(10).await;
    let mut client = server.connect().await;
    for _ in 0..2 {
        client.write_all(b"GET / HTTP/1.1\r\nhost: test\r\n\r\n").await.unwrap();
        let answer = read_until(&mut client, "hello").await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_leaves_hyper_and_goes_on_until_the_hub_closes() {
    let server = Server::start(10).await;
    for version in ["1.0", "1.1"] {
        let mut client = server.connect().await;
        client.write_all(format!("GET /stream HTTP/{version}\r\nhost: test\r\n\r\n").as_bytes()).await.unwrap();
        let answer = read_until(&mut client, "}\n\n").await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        for header in ["content-type: text/event-stream", "connection: close", "x-accel-buffering: no"] {
            assert!(head.contains(header), "{head}");
        }
        assert!(!head.contains("content-length") && !head.contains("transfer-encoding"), "{head}");
        assert!(
            body.starts_with("retry: ") && body.contains("\n\nid: 7\nevent: snapshot\ndata: {\"seq\":7,"),
            "{body}"
        );
    }
    let mut last = server.connect().await;
    last.write_all(b"GET /stream HTTP/1.1\r\nhost: test\r\n\r\n").await.unwrap();
    read_until(&mut last, "}\n\n").await;
    server.hub.close();
    assert_eq!(read_to_end(&mut last).await, "");
}

#[tokio::test]
async fn a_stream_asked_for_by_head_is_a_head() {
    let server = Server::start(10).await;
    let answer = server.exchange("HEAD /stream HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n").await;
    assert!(answer.contains("content-type: text/event-stream") && answer.ends_with("\r\n\r\n"), "{answer}");
}

#[tokio::test]
async fn shutdown_lets_a_request_finish_and_ends_what_is_idle() {
    let server = Server::start(10).await;
    let (mut busy, mut idle) = (server.connect().await, server.connect().await);
    idle.write_all(b"GET / HTTP/1.1\r\nhost: test\r\n\r\n").await.unwrap();
    read_until(&mut idle, "hello").await;
    let mut viewer = server.connect().await;
    viewer.write_all(b"GET /stream HTTP/1.1\r\nhost: test\r\n\r\n").await.unwrap();
    read_until(&mut viewer, "}\n\n").await;
    busy.write_all(b"GET /slow HTTP/1.1\r\nhost: test\r\n\r\n").await.unwrap();
    sleep(Duration::from_millis(100)).await;

    let stopped = Instant::now();
    server.shutdown.start();
    server.hub.close();
    assert!(read_to_end(&mut busy).await.ends_with("slow"));
    assert_eq!(read_to_end(&mut idle).await, "");
    assert_eq!(read_to_end(&mut viewer).await, "");
    drop((busy, idle, viewer));
    server.serving.await.unwrap();
    assert!(stopped.elapsed() < Duration::from_secs(2));
    assert!(TcpStream::connect(server.address).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_head_that_trickles_is_not_waited_for() {
    let server = Server::start(10).await;
    let mut client = server.connect().await;
    let started = tokio::time::Instant::now();
    client.write_all(b"GET / HTTP/1.1\r\nhost: te").await.unwrap();
    let mut answer = Vec::new();
    let _ = client.read_to_end(&mut answer).await;
    assert!(started.elapsed() >= Duration::from_millis(HEAD_TIMEOUT_MILLISECONDS));
    assert!(started.elapsed() < Duration::from_millis(2 * HEAD_TIMEOUT_MILLISECONDS));
}

#[tokio::test]
async fn heads_are_bounded() {
    let server = Server::start(10).await;
    // One header more than hyper accepts. Fewer headers reach the middleware, which counts them by itself.
    let headers: String = (0..=100).map(|number| format!("x-{number}: 1\r\n")).collect();
    let many = format!("GET / HTTP/1.1\r\nhost: test\r\n{headers}\r\n");
    let long = format!("GET / HTTP/1.1\r\nhost: test\r\nx-long: {}\r\n\r\n", "x".repeat(64 * 1024));
    for request in [many, long] {
        assert!(server.exchange(&request).await.starts_with("HTTP/1.1 431 "));
    }
    assert!(server.exchange("\x16\x03\x01\r\n\r\n").await.starts_with("HTTP/1.1 400 "));
}

#[tokio::test]
async fn a_client_that_has_closed_its_side_is_answered_all_the_same() {
    let server = Server::start(10).await;
    let mut client = server.connect().await;
    client.write_all(b"GET /slow HTTP/1.1\r\nhost: test\r\n\r\n").await.unwrap();
    client.shutdown().await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("slow"), "{answer}");
}

#[tokio::test]
async fn an_answer_given_before_the_whole_body_has_come_is_not_lost() {
    let server = Server::start(10).await;
    let mut client = server.connect().await;
    let head = b"POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 200000\r\n\r\n";
    client.write_all(head).await.unwrap();
    client.write_all(&vec![b'x'; 100_000]).await.unwrap();
    assert!(read_until(&mut client, "early").await.starts_with("HTTP/1.1 200 OK"));
}

#[tokio::test]
async fn one_connection_too_many_is_told_so_and_a_place_given_back_is_taken_again() {
    let server = Server::start(1).await;
    let mut first = server.connect().await;
    first.write_all(b"GET / HTTP/1.1\r\nhost: test\r\n\r\n").await.unwrap();
    read_until(&mut first, "hello").await;
    assert!(read_to_end(&mut server.connect().await).await.starts_with("HTTP/1.1 503 "));
    drop(first);
    sleep(Duration::from_millis(200)).await;
    assert!(server.exchange("GET / HTTP/1.0\r\n\r\n").await.ends_with("hello"));
}

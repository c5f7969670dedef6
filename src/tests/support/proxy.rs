//! A proxy in front of the server, with planted faults: it loses, cuts or delays answers, or gives its own instead.

use std::{
    collections::HashMap,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{
        HeaderMap, Method, Response, StatusCode, Uri,
        header::{CONTENT_LENGTH, TRANSFER_ENCODING},
    },
};
use futures_util::stream;

use super::TestApp;

/// The body of the proxy's own answers.
const PAGE: &str = "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>";

/// What the proxy does wrong.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It passes each request on, but the first `times` answers to it are replaced by one with this status.
    Swallows { times: u32, status: u16 },
    /// It answers with this status and passes nothing on.
    Refuses { status: u16 },
    /// It passes each request on, but cuts the connection in the middle of the first answer to it.
    Cuts,
    /// It waits for this long before it passes a request on.
    Delays(Duration),
}

#[derive(Clone)]
struct House {
    server: String,
    client: reqwest::Client,
    fault: Fault,
    /// The fault affects the paths that end with this.
    at: &'static str,
    /// How many times each request was passed on, by its idempotency key, or by its path if it has no key.
    seen: Arc<Mutex<HashMap<String, u32>>>,
}

/// A running proxy. It ends with the test's runtime.
pub struct Proxy(SocketAddr);

impl Proxy {
    /// Starts a proxy in front of `app`. The fault affects the paths that end with `at`.
    pub async fn start(app: &TestApp, at: &'static str, fault: Fault) -> Self {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let house = House { server: app.url(), client, fault, at, seen: Arc::default() };
        let router = Router::new().fallback(pass_on).with_state(house);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self(address)
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.0)
    }
}

async fn pass_on(
    State(house): State<House>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let faulty = uri.path().ends_with(house.at);
    if let (true, Fault::Refuses { status }) = (faulty, house.fault) {
        return page(status);
    }
    if let (true, Fault::Delays(pause)) = (faulty, house.fault) {
        tokio::time::sleep(pause).await;
    }
    let name = headers.get("idempotency-key").and_then(|key| key.to_str().ok()).unwrap_or(uri.path()).to_owned();
    let request = house.client.request(method, format!("{}{uri}", house.server)).headers(headers).body(body);
    let reply = request.send().await.expect("the server answers");
    let (status, mut headers) = (reply.status(), reply.headers().clone());
    // This header describes the connection to the server, not the one to the client.
    headers.remove(TRANSFER_ENCODING);
    let body = reply.bytes().await.expect("a whole answer");
    let times_before = {
        let mut seen = house.seen.lock().expect("no test panics with it");
        let times = seen.entry(name).or_default();
        *times += 1;
        *times - 1
    };
    match house.fault {
        Fault::Swallows { times, status } if faulty && times_before < times => page(status),
        Fault::Cuts if faulty && times_before == 0 => cut(status, &body),
        _ => {
            let mut response = Response::new(Body::from(body));
            *response.status_mut() = status;
            *response.headers_mut() = headers;
            response
        }
    }
}

fn page(status: u16) -> Response<Body> {
    Response::builder().status(status).header("content-type", "text/html").body(PAGE.into()).expect("a response")
}

/// Half of the body under the `Content-Length` of the whole one, and then the connection ends.
fn cut(status: StatusCode, body: &Bytes) -> Response<Body> {
    let half = body.slice(..body.len() / 2);
    let broken = stream::iter([Ok(half), Err(std::io::Error::other("cut"))]);
    let response = Response::builder().status(status).header(CONTENT_LENGTH, body.len());
    response.body(Body::from_stream(broken)).expect("a response")
}

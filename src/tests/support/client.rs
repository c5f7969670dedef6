//! Requests and answers, in the contract's terms.

use std::sync::LazyLock;

use onsale::model::outcome::Problem;
use reqwest::{Method, header::HeaderMap};
use serde_json::Value;

use super::{ADMIN_TOKEN, TestApp};

/// One client for all tests: no proxy, no redirects, and no cookies except those that a test sends.
static CLIENT: LazyLock<reqwest::Client> = LazyLock::new(|| {
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        // Each test has its own runtime, so no connection may live longer than its request.
        .pool_max_idle_per_host(0)
        .build()
        .expect("a client")
});

/// A request under construction.
#[derive(Clone)]
pub struct Ask {
    method: Method,
    path: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl Ask {
    pub fn new(method: Method, path: &str) -> Self {
        Self { method, path: path.to_owned(), headers: Vec::new(), body: Vec::new() }
    }

    pub fn get(path: &str) -> Self {
        Self::new(Method::GET, path)
    }

    pub fn post(path: &str) -> Self {
        Self::new(Method::POST, path)
    }

    pub fn patch(path: &str) -> Self {
        Self::new(Method::PATCH, path)
    }

    pub fn buy(sale: &str, body: Value) -> Self {
        Self::post(&format!("/api/v1/sales/{sale}/buy")).json(body)
    }

    /// The form that buys without script.
    pub fn form(sale: &str, fields: &str) -> Self {
        Self::post(&format!("/sales/{sale}/buy")).raw("application/x-www-form-urlencoded", fields)
    }

    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    /// Sends the request as the organiser.
    pub fn admin(self) -> Self {
        self.bearer(ADMIN_TOKEN)
    }

    pub fn key(self, key: &str) -> Self {
        self.header("idempotency-key", key)
    }

    pub fn json(self, body: Value) -> Self {
        self.raw("application/json", body.to_string())
    }

    /// A body of arbitrary bytes.
    pub fn raw(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.header("content-type", content_type)
    }

    /// Sends the request and returns the response before its body is read, for streams.
    pub async fn open(self, app: &TestApp) -> reqwest::Response {
        let mut request = CLIENT.request(self.method, format!("{}{}", app.url(), self.path));
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        if !self.body.is_empty() {
            request = request.body(self.body);
        }
        request.send().await.expect("an answer")
    }

    pub async fn send(self, app: &TestApp) -> Reply {
        let what = format!("{} {}", self.method, self.path);
        let response = self.open(app).await;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.bytes().await.expect("the whole body").to_vec();
        Reply { what, status, headers, body }
    }
}

/// An answer, read to its end.
#[derive(Clone)]
pub struct Reply {
    /// Method and path of the request.
    what: String,
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Reply {
    /// Fails unless the status is this one.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}: {}", self.what, self.text());
        self
    }

    /// Fails unless the answer is a problem document with this code and this status.
    #[track_caller]
    pub fn expect_problem(self, status: u16, code: &str) -> Problem {
        assert_eq!(self.status, status, "{}: {}", self.what, self.text());
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{}: {}", self.what, self.text());
        let problem: Problem = self.read();
        assert_eq!((problem.code.name(), problem.status), (code, status), "{}: {}", self.what, self.text());
        assert!(!problem.title.is_empty() && !problem.detail.is_empty(), "{}: {problem:?}", self.what);
        if [429, 503].contains(&status) || code == "contended" {
            let seconds = self.header("retry-after").and_then(|text| text.parse().ok()).unwrap_or(0_u32);
            assert!(seconds > 0, "{}: when to come back, in whole seconds", self.what);
        }
        problem
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{}: {error}: {}", self.what, self.text()))
    }

    #[track_caller]
    pub fn read<T: serde::de::DeserializeOwned>(&self) -> T {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{}: {error}: {}", self.what, self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("headers are text"))
    }

    /// The token of a new guest, if the server introduced one.
    pub fn session(&self) -> Option<&str> {
        self.header("x-onsale-session")
    }
}

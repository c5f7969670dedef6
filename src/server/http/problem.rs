//! The one place that turns failures into answers: problem documents after RFC 9457.
//!
//! Handlers return a [`Refusal`], an [`EngineError`] or a [`Failure`]; as a response each of them only notes what to
//! say. The outermost layer knows the path, and writes the document with [`finish`]. It also rewrites the refusals that
//! the framework makes by itself, so that every error answer has the same shape. A handler that refuses tens of
//! thousands of times a second writes its document at once, with [`document`].

use std::time::Duration;

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use rand::RngExt;

use crate::{
    model::{
        limits::MAX_RETRY_AFTER_SECONDS,
        outcome::{Advice, Code, Problem, Refusal},
    },
    server::engine::EngineError,
    ui::app::refusal_page,
};

/// Media type of every problem document.
pub const PROBLEM_JSON: &str = "application/problem+json";
const HTML: &str = "text/html; charset=utf-8";

/// Room for most documents: one has about 200 bytes.
const USUAL_BYTES: usize = 384;

/// Why a request failed. The status follows from the code, except where HTTP distinguishes more finely than the codes
/// do (408, 414, 421).
#[derive(Clone, PartialEq, Debug)]
pub struct Failure {
    status: StatusCode,
    refusal: Refusal,
    /// How long the client has to wait at least, where that is known.
    wait: Option<Duration>,
}

impl Failure {
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Refusal::new(code, detail).into()
    }

    /// The same failure under another status.
    pub fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    pub fn malformed(detail: impl Into<String>) -> Self {
        Self::new(Code::Malformed, detail)
    }

    pub fn invalid(detail: impl Into<String>) -> Self {
        Self::new(Code::Invalid, detail)
    }

    pub fn not_found(what: &str) -> Self {
        Self::new(Code::NotFound, format!("There is no such {what}."))
    }

    pub fn unauthenticated() -> Self {
        Self::new(Code::Unauthenticated, "The request names no known session or token.")
    }

    pub fn unauthenticated_because(detail: impl Into<String>) -> Self {
        Self::new(Code::Unauthenticated, detail)
    }

    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(Code::Forbidden, detail)
    }

    /// The client came too often, or has too much open at once. `what` says of what there was too much.
    pub fn too_often(what: &str, wait: Option<Duration>) -> Self {
        let when = match wait.map_or(0, whole_seconds) {
            0 => "try again in a moment".to_owned(),
            1 => "try again in a second".to_owned(),
            seconds => format!("try again in {seconds} seconds"),
        };
        let detail = format!("There are too many {what}; nothing was tried; {when}.");
        Self { wait, ..Self::new(Code::RateLimited, detail) }
    }

    pub const fn status(&self) -> StatusCode {
        self.status
    }

    pub const fn code(&self) -> Code {
        self.refusal.code
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let status = StatusCode::from_u16(refusal.code.status()).expect("every code has a valid status");
        let wait = refusal.advice().wait_seconds.map(|seconds| Duration::from_secs(seconds.into()));
        Self { status, refusal, wait }
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Overloaded => Self::new(Code::Overloaded, "Too many requests are waiting; nothing was tried."),
            EngineError::Unanswerable => {
                Self::new(Code::Overloaded, "What became of it cannot be said just now; ask again, with the same key.")
            }
            EngineError::Redis(error) => {
                tracing::error!(%error, "Redis cannot be used");
                Self::new(Code::Overloaded, "The server is not set up.")
            }
            EngineError::Store(error) => {
                tracing::error!(%error, "the store failed");
                Self::new(Code::Overloaded, "The store cannot be used now; ask again with the same key.")
            }
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status;
        response.extensions_mut().insert(self);
        response
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        Failure::from(self).into_response()
    }
}

impl IntoResponse for EngineError {
    fn into_response(self) -> Response {
        Failure::from(self).into_response()
    }
}

/// A time in whole seconds, rounded up.
const fn whole_seconds(time: Duration) -> u64 {
    time.as_secs() + if time.subsec_nanos() > 0 { 1 } else { 0 }
}

/// The form in which a failure is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// A problem document, for scripts.
    Document,
    /// A small page with the same sentence, for a person who followed a link.
    Page,
}

/// Writes out a failed answer; any other answer passes through. `path` is the request's.
pub fn finish(mut response: Response, path: &str, form: Form) -> Response {
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    match response.extensions_mut().remove::<Failure>().or_else(|| of_the_framework(&response)) {
        Some(failure) => write(response, failure, path, form),
        None => response,
    }
}

/// The failure behind an answer that the framework made by itself: it has an error status and no document of ours.
fn of_the_framework(response: &Response) -> Option<Failure> {
    let is_ours = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| {
        [PROBLEM_JSON, "application/json", "text/html"].iter().any(|ours| kind.as_bytes().starts_with(ours.as_bytes()))
    });
    if is_ours {
        return None;
    }
    let (code, detail) = match response.status() {
        StatusCode::UNAUTHORIZED => (Code::Unauthenticated, "The request names no known session or token."),
        StatusCode::FORBIDDEN => (Code::Forbidden, "This is not yours to do."),
        StatusCode::NOT_FOUND => (Code::NotFound, "There is nothing at this path."),
        StatusCode::METHOD_NOT_ALLOWED => (Code::MethodNotAllowed, "The path does not know this method; see Allow."),
        StatusCode::PAYLOAD_TOO_LARGE | StatusCode::URI_TOO_LONG => (Code::TooLarge, "The request is too large."),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => (Code::UnsupportedMediaType, "The body must be application/json."),
        StatusCode::UNPROCESSABLE_ENTITY => (Code::Invalid, "The request is not valid."),
        StatusCode::TOO_MANY_REQUESTS => (Code::RateLimited, "Too many requests."),
        status if status.is_client_error() => (Code::Malformed, "The request cannot be read."),
        StatusCode::INTERNAL_SERVER_ERROR => return None,
        _ => (Code::Overloaded, "The server cannot answer now."),
    };
    Some(Failure::new(code, detail).with_status(response.status()))
}

/// The problem document of a refusal of the request for `path`, as [`finish`] would write it.
pub fn document(refusal: Refusal, path: &str) -> Response {
    let failure = Failure::from(refusal);
    let mut response = Response::new(Body::empty());
    *response.status_mut() = failure.status;
    write(response, failure, path, Form::Document)
}

/// Replaces the body of `response` with the failure's text; its other headers (`Allow`, cookies) stay.
fn write(response: Response, failure: Failure, path: &str, form: Form) -> Response {
    let code = failure.refusal.code;
    let (mut head, _) = response.into_parts();
    head.headers.remove(header::CONTENT_LENGTH);
    head.headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if code == Code::Unauthenticated {
        head.headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if asks_to_retry(code) {
        let jitter: u64 = rand::rng().random_range(1..=MAX_RETRY_AFTER_SECONDS);
        let seconds = failure.wait.map_or(0, whole_seconds).saturating_sub(1) + jitter;
        head.headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    let (kind, text) = match form {
        Form::Document => (PROBLEM_JSON, problem_document(failure, path)),
        Form::Page => {
            let page = refusal_page(failure.status.as_u16(), code.title(), &failure.refusal.detail);
            (HTML, page.into_string().into_bytes())
        }
    };
    head.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    Response::from_parts(head, Body::from(text))
}

fn problem_document(failure: Failure, path: &str) -> Vec<u8> {
    let Advice { own_hold, held, total, .. } = failure.refusal.advice();
    let Refusal { code, detail, opens_at, seats, advice: _ } = failure.refusal;
    let problem = Problem {
        kind: code.problem_type().into(),
        title: code.title().into(),
        status: failure.status.as_u16(),
        detail,
        instance: path.to_owned(),
        code,
        opens_at,
        seats,
        own_hold,
        held,
        total,
    };
    let mut document = Vec::with_capacity(USUAL_BYTES);
    serde_json::to_writer(&mut document, &problem).expect("a problem document has only text and numbers");
    document
}

/// Whether the same request may well succeed in a moment. The advised pause is jittered, so that clients that were
/// turned away together do not come back together.
const fn asks_to_retry(code: Code) -> bool {
    matches!(code, Code::Overloaded | Code::RateLimited | Code::Contended | Code::IdempotencyInFlight)
}

/// Last resort: the answer after a handler panicked. It does not say why; the panic hook has logged that.
pub fn of_panic() -> Response {
    const DOCUMENT: &str = concat!(
        r#"{"type":"about:blank","title":"Internal error","status":500,"#,
        r#""detail":"The server failed to answer; it has been noted."}"#
    );
    let mut response = Response::new(Body::from(DOCUMENT));
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::Timestamp;

    async fn read(response: Response) -> (StatusCode, axum::http::HeaderMap, Problem) {
        let (head, body) = finish(response, "/api/v1/sales/x/buy", Form::Document).into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        (head.status, head.headers, serde_json::from_slice(&bytes).unwrap())
    }

    #[tokio::test]
    async fn a_refusal_becomes_a_problem_document_with_its_code_and_status() {
        let opens_at = Some(Timestamp::from_milliseconds(0));
        let refusal = Refusal { opens_at, ..Refusal::new(Code::SaleNotOpen, "Not yet.") };
        let (status, headers, problem) = read(refusal.into_response()).await;
        assert_eq!(status, StatusCode::FORBIDDEN);
        assert_eq!(headers[header::CONTENT_TYPE], PROBLEM_JSON);
        assert_eq!(headers[header::CACHE_CONTROL], "no-store");
        assert_eq!(headers.get(header::RETRY_AFTER), None);
        assert_eq!((problem.code, problem.status, problem.opens_at), (Code::SaleNotOpen, 403, opens_at));
        assert_eq!((&*problem.kind, problem.instance.as_str()), ("/problems/sale-not-open", "/api/v1/sales/x/buy"));
    }

    #[tokio::test]
    async fn a_person_is_told_the_same_sentence_on_a_page() {
        let refusal = Refusal::new(Code::NotFound, "There is no <b>sale</b> of that name.");
        let (head, body) = finish(refusal.into_response(), "/x", Form::Page).into_parts();
        let page = String::from_utf8(axum::body::to_bytes(body, usize::MAX).await.unwrap().to_vec()).unwrap();
        assert_eq!((head.status, &head.headers[header::CONTENT_TYPE]), (StatusCode::NOT_FOUND, &HTML.parse().unwrap()));
        assert!(page.contains("There is no &lt;b&gt;sale&lt;/b&gt; of that name."), "{page}");
    }

    #[tokio::test]
    async fn a_document_that_is_written_at_once_is_the_same() {
        let refusal = Refusal::new(Code::SoldOut, "\"x\" is gone.");
        let (noted, written) =
            (read(refusal.clone().into_response()).await, read(document(refusal, "/api/v1/sales/x/buy")).await);
        assert_eq!(noted, written);
    }

    #[tokio::test]
    async fn what_may_be_tried_again_says_when_in_whole_jittered_seconds() {
        for code in [Code::Overloaded, Code::RateLimited, Code::Contended, Code::IdempotencyInFlight] {
            let (_, headers, _) = read(Failure::new(code, "").into_response()).await;
            let seconds: u64 = headers[header::RETRY_AFTER].to_str().unwrap().parse().unwrap();
            assert!((1..=MAX_RETRY_AFTER_SECONDS).contains(&seconds));
        }
    }

    #[tokio::test]
    async fn what_the_framework_refuses_gets_the_same_shape_and_keeps_its_headers() {
        let refused = (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET,HEAD")], "no").into_response();
        let (status, headers, problem) = read(refused).await;
        assert_eq!((status, problem.code), (StatusCode::METHOD_NOT_ALLOWED, Code::MethodNotAllowed));
        assert_eq!(headers[header::ALLOW], "GET,HEAD");
        let late = StatusCode::REQUEST_TIMEOUT.into_response();
        assert_eq!(read(late).await.2.status, 408);
    }

    #[test]
    fn a_store_that_fails_says_nothing_of_its_insides() {
        let failure = Failure::from(EngineError::from(sqlx::Error::PoolTimedOut));
        assert_eq!(failure.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(!failure.refusal.detail.to_lowercase().contains("pool"));
    }
}

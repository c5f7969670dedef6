//! Long answers are compressed for clients that accept it. A page shrinks to a tenth. An answer to a purchase is too
//! short to gain anything, so it is left alone.

use std::{convert::Infallible, future::ready};

use axum::{
    body::{Body, HttpBody},
    extract::Request,
    http::{Extensions, HeaderMap, HeaderValue, Method, StatusCode, Version, header},
    response::Response,
};
use tower::{Layer, ServiceExt, service_fn};
use tower_http::{CompressionLevel, compression::CompressionLayer};

use super::answer;
use crate::{model::limits::LONG_ANSWER_BYTES, server::background::Background};

/// Answers of at least this many bytes are compressed. A shorter one fits one packet as it is.
const MIN_BYTES: u64 = 1024;
/// The level of every encoding. At this level a page takes about a millisecond; a higher one saves little more.
const LEVEL: CompressionLevel = CompressionLevel::Precise(4);

/// The parts of a request that decide about the encoding.
pub struct Wanted {
    accepted: Option<HeaderValue>,
    is_head: bool,
}

impl Wanted {
    pub fn of(request: &Request) -> Self {
        let accepted = request.headers().get(header::ACCEPT_ENCODING).cloned();
        Self { accepted, is_head: request.method() == Method::HEAD }
    }
}

/// The answer in the best encoding that the client accepts. The library's layer wraps this one answer only, so that
/// answers which stay uncompressed do not pass through it.
///
/// A long answer is compressed whole in the background; a short one, or one whose length nobody knows yet, on its way.
pub async fn compress(wanted: Wanted, answer: Response, background: &Background) -> Response {
    if !is_worth_it(&answer, wanted.is_head) {
        return answer;
    }
    let is_long = answer.body().size_hint().exact().is_some_and(|length| length >= LONG_ANSWER_BYTES);
    if !is_long || wanted.accepted.is_none() {
        return compressing(wanted, answer).await;
    }
    background.run(async move { answer::whole(compressing(wanted, answer).await).await }).await
}

async fn compressing(wanted: Wanted, answer: Response) -> Response {
    let mut request = Request::new(Body::empty());
    if let Some(accepted) = wanted.accepted {
        request.headers_mut().insert(header::ACCEPT_ENCODING, accepted);
    }
    let mut answer = Some(answer);
    let answering = service_fn(move |_: Request| ready(Ok::<_, Infallible>(answer.take().expect("it is asked once"))));
    let always = |_: StatusCode, _: Version, _: &HeaderMap, _: &Extensions| true;
    let layer = CompressionLayer::new().quality(LEVEL).compress_when(always);
    let Ok(compressed) = layer.layer(answering).oneshot(request).await;
    compressed.map(Body::new)
}

/// Whether compression pays: for text that is long, or whose length nobody knows yet. A live stream is never
/// compressed, because it must not wait until a block is full. An answer to HEAD has no body, but must have the same
/// head as the answer to GET.
fn is_worth_it(answer: &Response, is_head: bool) -> bool {
    let headers = answer.headers();
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let announced = || text(header::CONTENT_LENGTH).and_then(|length| length.parse().ok());
    let length = if is_head { announced() } else { answer.body().size_hint().exact() };
    let has_body =
        !matches!(answer.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED | StatusCode::PARTIAL_CONTENT);
    has_body
        && length.is_none_or(|length| length >= MIN_BYTES)
        && !headers.contains_key(header::CONTENT_ENCODING)
        && text(header::CONTENT_TYPE).is_some_and(is_text)
}

fn is_text(content_type: &str) -> bool {
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    match media_type.split_once('/') {
        Some(("text", subtype)) => subtype != "event-stream",
        Some(("application", subtype)) => {
            matches!(subtype, "json" | "x-ndjson" | "javascript") || subtype.ends_with("+json")
        }
        Some(("image", subtype)) => subtype == "svg+xml",
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(content_type: &str, length: usize) -> Response {
        Response::builder().header(header::CONTENT_TYPE, content_type).body(Body::from("x".repeat(length))).unwrap()
    }

    fn wanted(accepted: &'static str, is_head: bool) -> Wanted {
        Wanted { accepted: Some(HeaderValue::from_static(accepted)), is_head }
    }

    async fn pack(wanted: Wanted, answer: Response) -> Response {
        compress(wanted, answer, &Background::new(tokio::runtime::Handle::current(), 1)).await
    }

    async fn encoding(accepted: &'static str, answer: Response) -> (Option<String>, Option<String>) {
        let compressed = pack(wanted(accepted, false), answer).await;
        let text = |name| compressed.headers().get(name).map(|value: &HeaderValue| value.to_str().unwrap().to_owned());
        (text(header::CONTENT_ENCODING), text(header::VARY))
    }

    #[tokio::test]
    async fn long_text_is_compressed_as_the_client_takes_it() {
        let vary = Some("accept-encoding".to_owned());
        for (accepted, chosen) in [
            ("gzip", Some("gzip")),
            ("br", Some("br")),
            ("gzip;q=0, br;q=0.5", Some("br")),
            ("GZIP", Some("gzip")),
            ("identity", None),
            ("zstd", None),
            ("", None),
        ] {
            let told = encoding(accepted, answer("text/html; charset=utf-8", 5_000)).await;
            assert_eq!(told, (chosen.map(str::to_owned), vary.clone()), "{accepted}");
        }
    }

    #[tokio::test]
    async fn a_long_answer_is_compressed_whole_before_it_is_sent() {
        let length = usize::try_from(LONG_ANSWER_BYTES).unwrap();
        for (length, is_whole) in [(length - 1, false), (length, true)] {
            let compressed = pack(wanted("gzip", false), answer("application/json", length)).await;
            assert_eq!(compressed.headers()[header::CONTENT_ENCODING], "gzip");
            let size = compressed.body().size_hint().exact();
            assert_eq!(size.is_some(), is_whole, "{length}");
            assert!(size.is_none_or(|size| size < LONG_ANSWER_BYTES / 10), "{size:?}");
        }
        let plain = pack(wanted("identity", false), answer("application/json", length)).await;
        assert_eq!(plain.body().size_hint().exact(), Some(LONG_ANSWER_BYTES));
    }

    #[tokio::test]
    async fn what_is_short_or_live_or_compressed_already_is_left_alone() {
        let streamed = Response::builder().header(header::CONTENT_TYPE, "text/event-stream");
        let events = futures_util::stream::pending::<Result<&[u8], std::io::Error>>();
        let encoded =
            Response::builder().header(header::CONTENT_TYPE, "text/css").header(header::CONTENT_ENCODING, "br");
        let not_modified = Response::builder().header(header::CONTENT_TYPE, "text/css").status(304);
        for (answer, kept) in [
            (answer("application/json", 1_023), None),
            (answer("image/png", 5_000), None),
            (answer("font/woff2", 5_000), None),
            (streamed.body(Body::from_stream(events)).unwrap(), None),
            (encoded.body(Body::from("x".repeat(5_000))).unwrap(), Some("br".to_owned())),
            (not_modified.body(Body::empty()).unwrap(), None),
        ] {
            assert_eq!(encoding("gzip, br", answer).await, (kept, None));
        }
    }

    #[tokio::test]
    async fn an_answer_to_head_has_the_head_of_the_one_to_get() {
        let head = |length: usize| {
            let head = Response::builder().header(header::CONTENT_TYPE, "application/json");
            head.header(header::CONTENT_LENGTH, length).body(Body::empty()).unwrap()
        };
        let compressed = pack(wanted("gzip", true), head(5_000)).await;
        assert_eq!(compressed.headers()[header::CONTENT_ENCODING], "gzip");
        assert!(!compressed.headers().contains_key(header::CONTENT_LENGTH));
        let short = pack(wanted("gzip", true), head(100)).await;
        assert_eq!(short.headers()[header::CONTENT_LENGTH], "100");
        let page = Response::builder().header(header::CONTENT_TYPE, "text/html").body(Body::empty()).unwrap();
        assert_eq!(pack(wanted("gzip", true), page).await.headers()[header::CONTENT_ENCODING], "gzip");
    }
}

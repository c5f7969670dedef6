//! What happens to every request on every route, in one layer, so that the hot path pays for one.
//!
//! On the way in it refuses what no route should see: foreign hosts, other sites' forms, unreadable paths. On the way
//! out it writes problem documents, sets the security headers, counts, and compresses long answers.

use std::{net::IpAddr, panic::AssertUnwindSafe, sync::Arc, time::Instant};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, Version, header, uri::Authority},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures_util::FutureExt;

use super::{
    budget::Budget,
    compression::{Wanted, compress},
    meters::Meters,
    problem::{self, Failure, Form},
    toll::Toll,
};
use crate::{
    model::{
        limits::{MAX_HEADERS, MAX_TARGET_BYTES},
        outcome::{Code, Refusal},
    },
    server::{
        app::App,
        auth::{NO_HOST, OwnOrigin, Surroundings, Visit, accepts_html, check_costly_read, check_cross_site, is_host},
        config::AllowedHost,
        telemetry::client_faults,
    },
};

/// The content policy of every answer that is not a page of ours: nothing may load, and nothing may frame it.
const INERT_POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
/// Two years; browsers ask for at least one.
const TRANSPORT_POLICY: HeaderValue = HeaderValue::from_static("max-age=63072000; includeSubDomains");
const NO_SNIFFING: HeaderValue = HeaderValue::from_static("nosniff");
const SAME_ORIGIN: HeaderValue = HeaderValue::from_static("same-origin");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const CROSS_ORIGIN_OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
/// Reads whose work grows with the sale, and which a page of another site could make all of its visitors ask for.
const COSTLY_READS: [&str; 3] =
    ["/api/v1/sales/{sale}/audit", "/api/v1/sales/{sale}/ledger", "/api/v1/sales/{sale}/seats"];
/// How many header fields an answer usually ends up with.
const USUAL_HEADERS: usize = 12;

/// What the layer needs besides the application.
pub struct Guard {
    pub app: App,
    pub meters: Meters,
    pub budget: Budget,
}

/// The layer itself.
pub async fn guard(State(guard): State<Arc<Guard>>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let uri = request.uri().clone();
    let meter = guard.meters.of(request.extensions().get::<MatchedPath>().map(MatchedPath::as_str));
    let visit = Visit::new(request.headers(), &uri, request.extensions(), Surroundings::of(&guard.app.config));
    let own = visit.origin();
    let is_https = own.is_https;
    let form = if is_navigation(request.method(), request.headers()) { Form::Page } else { Form::Document };
    let wanted = Wanted::of(&request);
    let toll = Toll::of(&guard.app, &visit, request.extensions());
    let paid = toll.pay(&guard.app, &visit);
    let admitted = paid.and_then(|place| {
        admit(&request, own, visit.client_address(), &guard.app.config.allowed_hosts).map(|()| place)
    });
    request.extensions_mut().insert(toll.client());
    let answer = match admitted {
        Ok(_place) => answered(next.run(request)).await,
        Err(failure) => failure.into_response(),
    };
    toll.settle(&guard.app, answer.status());
    let finished = |answer: Response| {
        let mut answer = problem::finish(answer, uri.path(), form);
        protect(answer.headers_mut(), is_https);
        answer
    };
    let answer = compress(wanted, finished(answer), &guard.app.long_answers).await;
    let answer = guard.budget.spend(answer).unwrap_or_else(|failure| finished(failure.into_response()));
    meter.record(answer.status(), started.elapsed());
    answer
}

/// Last resort: a panic in a handler costs one answer, not the connection.
async fn answered(answering: impl Future<Output = Response>) -> Response {
    AssertUnwindSafe(answering).catch_unwind().await.unwrap_or_else(|_| problem::of_panic())
}

/// Whether a person waits for the answer in a browser, so that a refusal should be a page. The request must be a GET or
/// HEAD whose `Accept` names HTML. If it has `Sec-Fetch-Mode`, that must say `navigate`, because a script in a browser
/// can ask for HTML too.
fn is_navigation(method: &Method, headers: &HeaderMap) -> bool {
    let is_read = method == Method::GET || method == Method::HEAD;
    let is_mode = |mode: &HeaderValue| mode.as_bytes() == b"navigate";
    is_read && accepts_html(headers) && headers.get(SEC_FETCH_MODE).is_none_or(is_mode)
}

/// Refuses what no route should see.
fn admit(request: &Request, own: OwnOrigin<'_>, client: IpAddr, allowed_hosts: &[AllowedHost]) -> Result<(), Failure> {
    let target = request.uri();
    if target.path_and_query().is_some_and(|target| target.as_str().len() > MAX_TARGET_BYTES) {
        let failure = Failure::new(Code::TooLarge, format!("The address has more than {MAX_TARGET_BYTES} bytes."));
        return Err(failure.with_status(StatusCode::URI_TOO_LONG));
    }
    if request.headers().len() > MAX_HEADERS {
        let failure = Failure::malformed(format!("The request has more than {MAX_HEADERS} header fields."));
        return Err(failure.with_status(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE));
    }
    if request.method() == Method::CONNECT {
        return Err(Failure::new(Code::MethodNotAllowed, "This is no proxy."));
    }
    require_our_host(request, own, allowed_hosts)?;
    require_readable_path(target)?;
    let is_costly = request.extensions().get::<MatchedPath>().is_some_and(|path| COSTLY_READS.contains(&path.as_str()));
    let costly = if is_costly { check_costly_read(request.headers()) } else { Ok(()) };
    costly.and_then(|()| check_cross_site(request.method(), request.headers(), own)).map_err(|refusal: Refusal| {
        if let Some(unsaid) = client_faults::may_log() {
            let path = client_faults::cut(target.path());
            tracing::warn!(method = %request.method(), path, %client, unsaid, "refused a request from another site");
        }
        refusal.into()
    })
}

/// HTTP/1.1 demands exactly one `Host`, and a request target that names a host too must name the same (RFC 9112, 3.2).
fn require_our_host(request: &Request, own: OwnOrigin<'_>, allowed_hosts: &[AllowedHost]) -> Result<(), Failure> {
    let mut named = request.headers().get_all(header::HOST).iter();
    let host = named.next().filter(|host| !host.is_empty());
    if host.is_none() && request.version() == Version::HTTP_11 {
        return Err(Failure::malformed(NO_HOST));
    }
    if named.next().is_some() || host.is_some_and(|host| !host.to_str().is_ok_and(is_host)) {
        return Err(Failure::malformed("A request names one Host: a name or an address, with or without a port."));
    }
    let target = request.uri().authority().map(Authority::as_str);
    let is_contradicted =
        target.zip(host).is_some_and(|(target, host)| !host.as_bytes().eq_ignore_ascii_case(target.as_bytes()));
    let is_allowed = allowed_hosts.is_empty() || allowed_hosts.iter().any(|ours| ours.answers(own.host, own.port()));
    if is_contradicted || !is_allowed {
        let failure = Failure::new(Code::NotFound, "This server does not answer for that host.");
        return Err(failure.with_status(StatusCode::MISDIRECTED_REQUEST));
    }
    Ok(())
}

/// Refuses a path whose escapes do not decode to text, or hide a control character: it names nothing.
fn require_readable_path(target: &Uri) -> Result<(), Failure> {
    let path = target.path().as_bytes();
    if !path.contains(&b'%') {
        return Ok(());
    }
    let decoded = unescape(path);
    let is_readable = str::from_utf8(&decoded).is_ok_and(|text| !text.chars().any(char::is_control));
    if is_readable { Ok(()) } else { Err(Failure::malformed("The path cannot be read.")) }
}

/// Decodes a path's `%XX` escapes; any other byte stays as it is.
fn unescape(path: &[u8]) -> Vec<u8> {
    let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let mut decoded = Vec::with_capacity(path.len());
    let mut position = 0;
    while position < path.len() {
        match (path[position], digit(path.get(position + 1)), digit(path.get(position + 2))) {
            (b'%', Some(high), Some(low)) => {
                decoded.push(u8::try_from(high * 16 + low).expect("two hexadecimal digits are a byte"));
                position += 3;
            }
            (byte, ..) => {
                decoded.push(byte);
                position += 1;
            }
        }
    }
    decoded
}

/// Sets the headers of every answer. A page brings its own content policy, a static file its own cache lifetime.
fn protect(headers: &mut HeaderMap, is_https: bool) {
    headers.reserve(USUAL_HEADERS.saturating_sub(headers.len()));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, NO_SNIFFING);
    headers.insert(header::REFERRER_POLICY, SAME_ORIGIN);
    headers.insert(CROSS_ORIGIN_OPENER_POLICY, SAME_ORIGIN);
    headers.insert(CROSS_ORIGIN_RESOURCE_POLICY, SAME_ORIGIN);
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(INERT_POLICY);
    headers.entry(header::CACHE_CONTROL).or_insert(NO_STORE);
    if is_https {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, TRANSPORT_POLICY);
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn admitted(target: &str, headers: &[(&'static str, &str)], allowed_hosts: &[&str]) -> u16 {
        let mut request = Request::builder().uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::empty()).unwrap();
        let uri = request.uri().clone();
        let own =
            Visit::new(request.headers(), &uri, request.extensions(), Surroundings { proxies: &[], public_url: None })
                .origin();
        let allowed: Vec<AllowedHost> = allowed_hosts.iter().map(|host| host.parse().unwrap()).collect();
        admit(&request, own, IpAddr::from([203, 0, 113, 7]), &allowed)
            .err()
            .map_or(200, |failure| failure.status().as_u16())
    }

    #[test]
    fn a_request_names_one_host_and_it_is_ours() {
        let host = ("host", "shop.example:3000");
        assert_eq!(admitted("/", &[host], &[]), 200);
        assert_eq!(admitted("/", &[], &[]), 400);
        assert_eq!(admitted("/", &[host, host], &[]), 400);
        for no_host in ["", ":80", "a@shop.example", "a b", "é"] {
            assert_eq!(admitted("/", &[("host", no_host)], &[]), 400, "{no_host}");
        }
        assert_eq!(admitted("/", &[host], &["shop.example"]), 200);
        assert_eq!(admitted("/", &[host], &["shop.example:3000"]), 200);
        assert_eq!(admitted("/", &[host], &["SHOP.example."]), 200);
        assert_eq!(admitted("/", &[("host", "shop.example.")], &["shop.example"]), 200);
        assert_eq!(admitted("/", &[host], &["shop.example:3001"]), 421);
        assert_eq!(admitted("/", &[("host", "shop.example")], &["shop.example:80"]), 200);
        assert_eq!(admitted("/", &[("host", "[::1]:3000")], &["[0:0:0:0:0:0:0:1]"]), 200);
        assert_eq!(admitted("/", &[("host", "evil.example")], &["shop.example"]), 421);
        assert_eq!(admitted("http://shop.example:3000/", &[host], &[]), 200);
        assert_eq!(admitted("http://evil.example/", &[host], &[]), 421);
    }

    #[test]
    fn a_person_who_follows_a_link_is_told_apart_from_a_script() {
        let accept = ("accept", "application/xhtml+xml, Text/HTML;q=0.9");
        let mode = |mode| ("sec-fetch-mode", mode);
        for (method, headers, expected) in [
            (Method::GET, vec![accept], true),
            (Method::HEAD, vec![accept], true),
            (Method::POST, vec![accept], false),
            (Method::GET, vec![], false),
            (Method::GET, vec![("accept", "*/*")], false),
            (Method::GET, vec![accept, mode("navigate")], true),
            (Method::GET, vec![accept, mode("cors")], false),
        ] {
            let all = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
            assert_eq!(is_navigation(&method, &all), expected, "{method} {headers:?}");
        }
    }

    #[test]
    fn header_fields_are_counted() {
        let mut headers = vec![("x", "1"); MAX_HEADERS - 1];
        headers.push(("host", "localhost"));
        assert_eq!(admitted("/", &headers, &[]), 200);
        headers.push(("x", "1"));
        assert_eq!(admitted("/", &headers, &[]), 431);
    }

    #[tokio::test]
    async fn a_handler_that_panics_is_the_last_resort_and_says_nothing() {
        let response = answered(async { panic!("a secret") }).await;
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let text = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        assert!(!text.is_empty() && !String::from_utf8_lossy(&text).contains("secret"));
    }

    #[test]
    fn a_path_is_text_of_bounded_length() {
        let host = ("host", "localhost");
        for (path, status) in [
            ("/sales/caf%C3%A9", 200),
            ("/100%", 200),
            ("/%2e%2e%2fetc", 200),
            ("/a%00b", 400),
            ("/a%0d%0ab", 400),
            ("/a%ffb", 400),
            ("/a%7Fb", 400),
        ] {
            assert_eq!(admitted(path, &[host], &[]), status, "{path}");
        }
        assert_eq!(admitted(&format!("/?{}", "x".repeat(MAX_TARGET_BYTES)), &[host], &[]), 414);
    }

    #[test]
    fn what_an_answer_brings_itself_stays() {
        let mut headers = HeaderMap::new();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public"));
        protect(&mut headers, false);
        assert_eq!(headers[header::CACHE_CONTROL], "public");
        assert_eq!(headers[header::CONTENT_SECURITY_POLICY], INERT_POLICY);
        assert_eq!(headers.get(header::STRICT_TRANSPORT_SECURITY), None);
        protect(&mut headers, true);
        assert_eq!(headers[header::STRICT_TRANSPORT_SECURITY], TRANSPORT_POLICY);
    }
}

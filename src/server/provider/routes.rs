//! Paths, and what happens to every request.

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    body::{Body, Bytes, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::{any, get, post},
};
use serde_json::{Value, json};

use super::{
    api_error::ApiError,
    authorization::authorize,
    charging::{self, Pressed},
    desk::{Answered, Desk, Keyed},
    faults::{LiveFaults, PaymentFaults},
    form_reader::FormReader,
    lists,
    pay_page::{PayPage, STYLE, STYLE_PATH, sentence_page},
    refunds, sessions, written,
};
use crate::{
    server::{config::Secret, shutdown::Shutdown},
    ui::kit::html::Html,
};

/// The longest body of a request.
const MAX_BODY_BYTES: usize = 256 * 1024;
/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
const MAX_KEY_CHARACTERS: usize = 255;
const FORM: &str = "application/x-www-form-urlencoded";
/// What the pay page may load: its style sheet, and the empty icon that browsers ask for.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; img-src 'self'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'",
);

/// What all requests share.
#[derive(Clone)]
pub struct Shared {
    pub desk: Arc<Desk>,
    pub faults: Arc<LiveFaults>,
    pub key: Secret,
    pub shutdown: Shutdown,
}

pub fn router(shared: Shared) -> Router {
    Router::new()
        .route("/v1/{*path}", any(api))
        .route("/pay/{session}", get(show))
        .route("/pay/{session}/pay", post(press))
        .route("/pay/{session}/decline", post(press))
        .route(STYLE_PATH, get(|| async { ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], STYLE) }))
        .route("/favicon.ico", get(|| async { StatusCode::NO_CONTENT }))
        .route("/_faults", any(set_faults))
        .route("/_deliveries", get(deliveries))
        .fallback(unknown)
        .method_not_allowed_fallback(unknown)
        .layer(from_fn_with_state(shared.clone(), unless_down))
        .with_state(shared)
}

/// Answers 503 to everything while the stand-in is down, but for the way to turn that off.
async fn unless_down(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    if shared.faults.is_down() && request.uri().path() != "/_faults" {
        return ApiError::own_fault(StatusCode::SERVICE_UNAVAILABLE, "The provider is down.").into_response();
    }
    next.run(request).await
}

async fn unknown(request: Request) -> ApiError {
    ApiError::unknown_url(request.method().as_str(), request.uri().path())
}

async fn api(State(shared): State<Shared>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let answer = answer(&shared, &head, body).await;
    tokio::select! {
        () = shared.faults.hold_back() => {}
        () = shared.shutdown.started() => {}
    }
    if answer.is_ok() && head.method == Method::POST && shared.faults.errors() {
        return ApiError::own_fault(StatusCode::INTERNAL_SERVER_ERROR, "An unknown error occurred.").into_response();
    }
    match answer {
        Ok(Answered { body, is_repeated }) => {
            let mut response = Json(body).into_response();
            if is_repeated {
                response.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
            }
            response
        }
        Err(error) => error.into_response(),
    }
}

async fn answer(shared: &Shared, head: &Parts, body: Body) -> Result<Answered, ApiError> {
    authorize(&head.headers, &shared.key)?;
    let path = head.uri.path();
    let parts: Vec<&str> = path.trim_start_matches("/v1/").split('/').collect();
    let unknown = || ApiError::unknown_url(head.method.as_str(), path);
    if head.method == Method::GET {
        let query = FormReader::parse(head.uri.query().unwrap_or_default().as_bytes());
        return look(&shared.desk, &parts, query).unwrap_or_else(|| Err(unknown()));
    }
    if head.method != Method::POST {
        return Err(unknown());
    }
    let form = read_form(&head.headers, body).await?;
    let keyed =
        idempotency_key(&head.headers)?.map(|key| Keyed { key, request: [path, "?", &form.canonical()].concat() });
    match parts[..] {
        ["checkout", "sessions"] => shared.desk.change_once(keyed, |draft| sessions::create(draft, form)),
        ["checkout", "sessions", id, "expire"] => shared.desk.change_once(keyed, |draft| {
            let mut form = form;
            form.ignore(&["expand"]);
            form.finish()?;
            sessions::expire(draft, id)
        }),
        ["refunds"] => shared.desk.change_once(keyed, |draft| refunds::create(draft, form)),
        _ => Err(unknown()),
    }
}

/// Looks something up; `None` where there is no such path.
fn look(desk: &Desk, parts: &[&str], query: FormReader) -> Option<Result<Answered, ApiError>> {
    let answered = |body| Answered { body, is_repeated: false };
    let looked = desk.look(|book| {
        Some(match *parts {
            ["checkout", "sessions", id] => {
                sessions::find(book, id).map(|session| written::session(session, &desk.base_url))
            }
            ["payment_intents", id] => {
                let payment = book.payments.get(id).map(written::payment);
                payment.ok_or_else(|| ApiError::no_such("payment_intent", id, "intent"))
            }
            ["charges", id] => {
                let charge = book.charges.get(id).map(written::charge);
                charge.ok_or_else(|| ApiError::no_such("charge", id, "id"))
            }
            ["refunds", id] => {
                let refund = book.refunds.get(id).map(written::refund);
                refund.ok_or_else(|| ApiError::no_such("refund", id, "id"))
            }
            ["charges"] => lists::charges(book, query),
            ["refunds"] => lists::refunds(book, query),
            _ => return None,
        })
    })?;
    Some(looked.map(answered))
}

async fn read_form(headers: &HeaderMap, body: Body) -> Result<FormReader, ApiError> {
    let body = read_body(body).await?;
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or(FORM);
    let is_form = media_type.split(';').next().is_some_and(|name| name.trim().eq_ignore_ascii_case(FORM));
    if !is_form && !body.is_empty() {
        return Err(ApiError::invalid(format!(
            "Invalid request (check that your POST content type is {FORM}). If you have questions, read the provider's \
             documentation."
        )));
    }
    Ok(FormReader::parse(&body))
}

async fn read_body(body: Body) -> Result<Bytes, ApiError> {
    match tokio::time::timeout(BODY_TIMEOUT, to_bytes(body, MAX_BODY_BYTES)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) if is_too_long(&error) => Err(ApiError::too_large(MAX_BODY_BYTES)),
        Ok(Err(_)) => Err(ApiError::invalid("The body broke off.")),
        Err(_) => Err(ApiError::invalid("The body came too slowly.")),
    }
}

fn is_too_long(error: &axum::Error) -> bool {
    let cause = std::error::Error::source(error);
    cause.is_some_and(|cause| cause.is::<http_body_util::LengthLimitError>())
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let key = String::from_utf8_lossy(value.as_bytes()).into_owned();
    if key.is_empty() || key.chars().count() > MAX_KEY_CHARACTERS {
        return Err(ApiError::invalid(format!("Idempotency keys have 1 to {MAX_KEY_CHARACTERS} characters.")));
    }
    Ok(Some(key))
}

/// The pay page.
async fn show(State(shared): State<Shared>, request: Request) -> Response {
    let query = request.uri().query().unwrap_or_default();
    if let Err(error) = PaymentFaults::read(query) {
        return error.into_response();
    }
    let page = shared.desk.look(|book| {
        let session = sessions::find(book, session_of(&request)).ok()?;
        let failure = session.payment.as_ref().and_then(|id| book.payments.get(id)?.failure.as_ref());
        Some(PayPage { session, failure, base_url: &shared.desk.base_url, query }.write())
    });
    match page {
        Some(page) => page_answer(StatusCode::OK, page),
        None => page_answer(StatusCode::NOT_FOUND, sentence_page("No such payment", "This address is not valid.")),
    }
}

/// One of the page's two buttons.
async fn press(State(shared): State<Shared>, request: Request) -> Response {
    let query = request.uri().query().unwrap_or_default();
    let faults = match PaymentFaults::read(query) {
        Ok(faults) => faults,
        Err(error) => return error.into_response(),
    };
    let id = session_of(&request);
    let pressed = shared.desk.change(|draft| match request.uri().path().ends_with("/pay") {
        true => charging::pay(draft, id, faults, shared.faults.declines()),
        false => charging::decline(draft, id, faults),
    });
    match pressed {
        Ok(_) if faults.error => {
            let sentence = "Something has gone wrong here. It is not certain whether you have paid.";
            page_answer(StatusCode::INTERNAL_SERVER_ERROR, sentence_page("Something has gone wrong", sentence))
        }
        Ok(Pressed::Paid(location)) => see_other(&location),
        Ok(Pressed::Declined) => {
            let page = written::pay_url(&shared.desk.base_url, id);
            see_other(&if query.is_empty() { page } else { [&page, "?", query].concat() })
        }
        Ok(Pressed::Expired) => {
            let sentence = "This payment page is no longer valid. Nothing has been charged.";
            page_answer(StatusCode::GONE, sentence_page("Too late", sentence))
        }
        Err(error) if error.status == StatusCode::NOT_FOUND => {
            page_answer(StatusCode::NOT_FOUND, sentence_page("No such payment", "This address is not valid."))
        }
        Err(error) => error.into_response(),
    }
}

/// The session in the path of a pay page. Ids have no signs that would be escaped.
fn session_of(request: &Request) -> &str {
    request.uri().path().split('/').nth(2).unwrap_or_default()
}

fn see_other(location: &str) -> Response {
    match HeaderValue::from_str(location) {
        Ok(location) => (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response(),
        Err(_) => ApiError::own_fault(StatusCode::INTERNAL_SERVER_ERROR, "The address is not valid.").into_response(),
    }
}

fn page_answer(status: StatusCode, page: Html) -> Response {
    let mut response = (status, axum::response::Html(page.into_string())).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Shows what goes wrong on request, and turns it on and off.
async fn set_faults(State(shared): State<Shared>, request: Request) -> Result<Json<Value>, ApiError> {
    let (head, body) = request.into_parts();
    authorize(&head.headers, &shared.key)?;
    match head.method {
        Method::GET => Ok(Json(shared.faults.told())),
        Method::POST => Ok(Json(shared.faults.set(read_form(&head.headers, body).await?)?)),
        other => Err(ApiError::unknown_url(other.as_str(), head.uri.path())),
    }
}

/// What has become of the latest webhooks, for tests and for the curious.
async fn deliveries(State(shared): State<Shared>, headers: HeaderMap) -> Result<Json<Value>, ApiError> {
    authorize(&headers, &shared.key)?;
    let list: Vec<Value> = shared.desk.look(|book| {
        let all = book.done.iter().chain(book.waiting.values());
        all.map(|delivery| {
            json!({
                "event": delivery.event,
                "type": serde_json::from_str::<Value>(&delivery.body).ok().and_then(|body| body.get("type").cloned()),
                "tries": delivery.tries,
                "last_status": delivery.last_status,
                "is_forged": delivery.is_forged,
                "is_done": delivery.is_done,
            })
        })
        .collect()
    });
    Ok(Json(json!({ "deliveries": list })))
}

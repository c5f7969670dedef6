//! What all forms share: the key of what was chosen, the patience with its decision, and the pages that tell the outcome.

use std::time::Duration;

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderValue, Method, StatusCode, Uri, header, request::Parts},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::super::{pages::page_with, problem::Failure};
use crate::{
    api::{FormNotice, sealed_text},
    model::outcome::{Code, Refusal},
    server::{
        app::App,
        auth::{Asker, parse_idempotency_key},
        engine::{EngineError, IdempotencyKey},
    },
};

/// How long a form may wait in a queue, or for the decision of the same form sent a moment earlier. A page without script
/// cannot ask for the outcome later by itself.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// The pause before looking again at a form that was sent twice, while the first one is still being decided.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The outcome of a form.
#[derive(Debug)]
pub enum Outcome<T> {
    Done(T),
    Refused(Failure),
    /// Nobody knows whether it went through.
    Unknown,
}

impl<T> Outcome<T> {
    pub fn map<U>(self, to: impl FnOnce(T) -> U) -> Outcome<U> {
        match self {
            Self::Done(done) => Outcome::Done(to(done)),
            Self::Refused(failure) => Outcome::Refused(failure),
            Self::Unknown => Outcome::Unknown,
        }
    }
}

/// Asks until the answer is no longer that the same form is just being decided: a form that was sent twice answers twice
/// with the outcome of the first.
pub async fn decided<T, A>(ask: impl Fn() -> A) -> Outcome<T>
where
    A: Future<Output = Result<Result<T, Refusal>, EngineError>>,
{
    let until = tokio::time::Instant::now() + PATIENCE;
    loop {
        match ask().await {
            Ok(Ok(done)) => return Outcome::Done(done),
            Ok(Err(refusal)) if refusal.code == Code::IdempotencyInFlight => {
                if tokio::time::Instant::now() >= until {
                    return Outcome::Unknown;
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
            Ok(Err(refusal)) => return Outcome::Refused(refusal.into()),
            Err(error @ (EngineError::Store(_) | EngineError::Unanswerable)) => {
                tracing::warn!(?error, "a form was not decided");
                return Outcome::Unknown;
            }
            Err(error) => return Outcome::Refused(error.into()),
        }
    }
}

/// The idempotency key of the form's choice. The page gives each form one key, but the buyer may go back and choose
/// something else in the same form. A different choice must get a different key; the same choice sent again must get
/// the same key.
pub fn key_of_intent(form_key: &str, choice: &impl Serialize) -> Result<IdempotencyKey, Failure> {
    let form_key = parse_idempotency_key(form_key)?;
    let choice = serde_json::to_vec(choice).expect("a body is plain data");
    let digest = Sha256::new().chain_update(form_key.as_str()).chain_update([0]).chain_update(choice).finalize();
    let bytes = digest[..16].try_into().expect("a SHA-256 has 32 bytes");
    Ok(parse_idempotency_key(&uuid::Builder::from_custom_bytes(bytes).into_uuid().to_string())?)
}

/// A field's text. An empty field is one that the buyer left out.
pub fn filled(field: Option<String>) -> Option<String> {
    field.filter(|text| !text.trim().is_empty())
}

/// The query that tells of a refusal about `what`: its code under our seal.
pub fn refusal_query(app: &App, asker: &Asker, what: &str, code: Code) -> String {
    let seal = app.sessions.seal(asker.buyer, &sealed_text(what, code.name()), app.engine.clock().now());
    format!("outcome={code}&seal={seal}")
}

/// Redirects to a page of ours. `name` comes from the path, so it may hold anything. A slug and an id need no escapes,
/// and nothing else has a page.
pub fn redirect(folder: &str, name: &str, query: &str) -> Response {
    match HeaderValue::from_str(&format!("{folder}/{name}?{query}")) {
        Ok(location) if is_plain(name) => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::SEE_OTHER;
            response.headers_mut().insert(header::LOCATION, location);
            response
        }
        _ => Failure::not_found("page").into_response(),
    }
}

/// Whether this can be the name of a sale or of a hold.
fn is_plain(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// A page as the answer to its form itself, with a notice that no address can produce.
pub async fn answer_with_page(
    app: App,
    (folder, name): (&str, &str),
    mut head: Parts,
    notice: FormNotice,
    status: StatusCode,
) -> Response {
    let Some(address) = format!("{folder}/{name}").parse::<Uri>().ok().filter(|_| is_plain(name)) else {
        return Failure::not_found("page").into_response();
    };
    (head.method, head.uri) = (Method::GET, address);
    for of_the_body in [header::CONTENT_TYPE, header::CONTENT_LENGTH, header::TRANSFER_ENCODING] {
        head.headers.remove(of_the_body);
    }
    let mut response = page_with(app, Request::from_parts(head, Body::empty()), Some(notice)).await;
    if response.status() == StatusCode::OK {
        *response.status_mut() = status;
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::body::BuyBody;

    #[test]
    fn the_same_form_with_another_choice_is_another_intent() {
        let (one, other) = (BuyBody::seat("A-1".into()), BuyBody::seat("A-2".into()));
        let key = |form_key: &str, body| key_of_intent(form_key, body).map_err(|failure| failure.code());
        assert_eq!(key("k", &one), key("k", &one));
        assert_ne!(key("k", &one), key("k", &other));
        assert_ne!(key("k", &one), key("l", &one));
        assert!(key(&"k".repeat(255), &one).is_ok());
        assert_eq!(key(&"k".repeat(256), &one), Err(Code::Malformed));
    }

    #[test]
    fn the_redirect_stays_on_our_own_page() {
        let location = |sale: &str| {
            let response = redirect("/sales", sale, "outcome=sold-out&seal=x");
            response.headers().get(header::LOCATION).map(|value| value.to_str().unwrap().to_owned())
        };
        assert_eq!(location("club-night").as_deref(), Some("/sales/club-night?outcome=sold-out&seal=x"));
        for elsewhere in ["/evil.example", "a?b", "../x", "a\\b", "%2f"] {
            assert_eq!(location(elsewhere), None, "{elsewhere}");
        }
    }
}

//! Successful answers, as JSON.

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::Response,
};
use http_body_util::BodyExt;
use serde::Serialize;

use super::problem;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// Room for most answers: an order has about 400 bytes.
const USUAL_BYTES: usize = 512;
/// Marks an answer that was stored under its idempotency key and is now sent again.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// 200 with this value.
pub fn ok(value: &impl Serialize) -> Response {
    json(StatusCode::OK, value)
}

/// 201 with this value, and the path where it can be read again.
pub fn created(value: &impl Serialize, location: &str) -> Response {
    at(json(StatusCode::CREATED, value), location)
}

/// Adds the path at which the created thing can be read again.
pub fn at(mut response: Response, location: &str) -> Response {
    // A slug or a UUID is plain ASCII. A path with anything else is left out.
    if let Ok(location) = HeaderValue::from_str(location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

pub fn json(status: StatusCode, value: &impl Serialize) -> Response {
    let mut text = Vec::with_capacity(USUAL_BYTES);
    serde_json::to_writer(&mut text, value).expect("the model's types have only text keys and numbers that JSON knows");
    json_text(status, text)
}

/// An answer whose text is JSON already.
pub fn json_text(status: StatusCode, text: impl Into<Body>) -> Response {
    let mut response = Response::new(text.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    response
}

/// The same answer; marked if it is sent again.
pub fn marked(mut response: Response, replayed: bool) -> Response {
    if replayed {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    response
}

/// The same answer with all of its body there, so that its connection only sends it.
pub async fn whole(response: Response) -> Response {
    let (head, body) = response.into_parts();
    match body.collect().await {
        Ok(collected) => Response::from_parts(head, collected.to_bytes().into()),
        Err(error) => {
            tracing::error!(%error, "an answer broke off");
            problem::of_panic()
        }
    }
}

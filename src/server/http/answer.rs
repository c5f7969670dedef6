//! Answers that went well, as JSON.

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use serde::Serialize;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// 200 with this value.
pub fn ok(value: &impl Serialize) -> Response {
    json(StatusCode::OK, value)
}

/// 201 with this value, and where it can be read again.
pub fn created(value: &impl Serialize, location: &str) -> Response {
    let mut response = json(StatusCode::CREATED, value);
    // A slug and a UUID are plain ASCII; a path of anything else is simply not told.
    if let Ok(location) = HeaderValue::from_str(location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

pub fn json(status: StatusCode, value: &impl Serialize) -> Response {
    let text = serde_json::to_vec(value).expect("the model's types have only text keys and numbers that JSON knows");
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    response
}

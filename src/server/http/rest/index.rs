//! The list of routes, and an echo route for measuring what a request costs that does no work.

use std::sync::Arc;

use axum::{
    extract::{Extension, Request},
    http::StatusCode,
    response::Response,
};
use serde::{Serialize, de::IgnoredAny};
use utoipa::ToSchema;

use crate::{
    model::limits::MAX_PING_BODY_BYTES,
    server::http::{
        answer,
        body::{JSON, read_bytes},
        openapi::{Description, IndexedRoute},
        problem::Failure,
    },
};

#[derive(Serialize, ToSchema)]
pub struct Index<'a> {
    pub routes: &'a [IndexedRoute],
}

/// All routes.
#[utoipa::path(get, path = "/api/v1", tag = "index", responses((status = 200, body = Index)))]
pub async fn index(Extension(description): Extension<Arc<Description>>) -> Response {
    answer::ok(&Index { routes: &description.routes })
}

/// Sends the same body back: what a request costs that decides nothing.
#[utoipa::path(
    post,
    path = "/api/v1/ping",
    tag = "index",
    request_body(content = serde_json::Value, description = "Any JSON up to 1 KiB"),
    responses(
        (status = 200, body = serde_json::Value),
        (status = 400, description = "`malformed`"),
        (status = 413, description = "`too-large`"),
        (status = 415, description = "`unsupported-media-type`"),
    )
)]
pub async fn ping(request: Request) -> Result<Response, Failure> {
    let (head, body) = request.into_parts();
    let bytes = read_bytes(&head.headers, body, JSON, MAX_PING_BODY_BYTES).await?;
    serde_json::from_slice::<IgnoredAny>(&bytes).map_err(|error| Failure::malformed(error.to_string()))?;
    Ok(answer::json_text(StatusCode::OK, bytes))
}

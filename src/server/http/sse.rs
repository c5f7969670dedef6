//! `GET /api/v1/sales/{sale}/stream`: who may watch, and from which change on. The feed then writes the stream.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, Query, State, rejection::QueryRejection},
    http::{HeaderValue, header, request::Parts},
    response::Response,
};
use serde::Deserialize;

use super::{asked::visit, listener::StreamHandoff, problem::Failure, rest::unknown_sale};
use crate::{
    model::{frame::Snapshot, ids::SaleId, outcome::Code},
    server::{
        app::App,
        feed::{Hub, Resume},
        limits::StreamPermit,
    },
};

#[derive(Deserialize)]
pub struct StreamQuery {
    since: Option<String>,
    epoch: Option<String>,
}

/// The live feed of a sale: a snapshot, then everything that changes, as server-sent events (`snapshot`, `delta`,
/// `status`, `heartbeat`).
#[utoipa::path(
    get,
    path = "/api/v1/sales/{sale}/stream",
    tag = "sales",
    params(
        ("sale" = SaleId, Path, description = "The sale's id"),
        ("since" = Option<String>, Query, description = "The last seq that the viewer knows"),
        ("epoch" = Option<String>, Query, description = "The life of the database that this seq belongs to"),
        ("last-event-id" = Option<String>, Header, description = "As `since`, and beats it; sent by browsers"),
    ),
    responses(
        (status = 200, body = Snapshot, content_type = "text/event-stream"),
        (status = 404, description = "`not-found`"),
        (status = 429, description = "`rate-limited`: too many streams of this session or address"),
    )
)]
pub async fn stream(
    State(app): State<App>,
    Path(sale): Path<SaleId>,
    query: Result<Query<StreamQuery>, QueryRejection>,
    head: Parts,
) -> Result<Response, Failure> {
    app.engine.catalogue.learn_of(&sale).await;
    let hub = app.engine.catalogue.hub(&sale).ok_or_else(unknown_sale)?;
    let Query(query) = query.map_err(|_| Failure::malformed("The query cannot be read."))?;
    let visit = visit(&app, &head);
    let session = visit.known(&app.sessions, app.engine.clock().now())?.map(|asker| asker.buyer);
    let permit = app.limits.streams.try_open(session, visit.client_address()).ok_or_else(|| {
        Failure::new(Code::RateLimited, "There are too many open streams of this session or address.")
    })?;
    let last_event_id = head.headers.get("last-event-id").map(HeaderValue::as_bytes);
    let resume = Resume::read(last_event_id, query.since.as_deref(), query.epoch.as_deref());
    Ok(stream_response(hub, resume, permit))
}

/// The head of a stream, with the note that tells the listener to write the rest. The body here is empty, which is all
/// that HEAD needs.
pub fn stream_response(hub: Arc<Hub>, resume: Resume, permit: Arc<StreamPermit>) -> Response {
    let mut response = Response::new(Body::from_stream(futures_util::stream::empty::<Result<&[u8], std::io::Error>>()));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response.extensions_mut().insert(StreamHandoff { hub, resume, permit });
    response
}

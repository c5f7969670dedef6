//! Health and metrics, for operators.

use axum::{
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    model::outcome::Code,
    server::{
        app::App,
        http::{answer, problem::Failure},
        telemetry,
    },
};

#[derive(Serialize, ToSchema)]
pub struct Health {
    pub status: &'static str,
    /// What is lost that the server can do without: it is slower meanwhile.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lost: Vec<&'static str>,
}

/// Whether the process serves.
#[utoipa::path(get, path = "/healthz", tag = "operation", responses((status = 200, body = Health)))]
pub async fn healthz() -> Response {
    answer::ok(&Health { status: "ok", lost: Vec::new() })
}

/// Whether requests would be served well now.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "operation",
    responses((status = 200, body = Health), (status = 503, description = "`overloaded`, naming what is missing"))
)]
pub async fn readyz(State(app): State<App>) -> Result<Response, Failure> {
    if app.engine.ready().await {
        return Ok(answer::ok(&Health { status: "ready", lost: app.engine.lost().await }));
    }
    Err(Failure::new(Code::Overloaded, "The store does not answer."))
}

/// Counters and histograms, as Prometheus reads them.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "operation",
    responses((status = 200, body = String, content_type = "text/plain"))
)]
pub async fn metrics() -> Response {
    const PROMETHEUS_TEXT: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    ([(header::CONTENT_TYPE, PROMETHEUS_TEXT)], telemetry::metrics::render()).into_response()
}

//! Load runs.

use utoipa_axum::router::OpenApiRouter;

use crate::server::app::App;

/// The routes of simulations.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
}

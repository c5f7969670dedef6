//! The ways to guard stock, and which of them this server can run.

use axum::{extract::State, http::Uri, response::Response};

use crate::{
    model::strategy::StrategyList,
    server::{
        app::App,
        http::{answer, body::read_query, problem::Failure},
    },
};

/// All strategies: how each works, and what this server lacks for those that it cannot run.
#[utoipa::path(get, path = "/api/v1/strategies", tag = "sales", responses((status = 200, body = StrategyList)))]
pub async fn list(State(app): State<App>, uri: Uri) -> Result<Response, Failure> {
    let [] = read_query(&uri, [])?;
    Ok(answer::ok(&app.engine.catalogue.strategies()))
}

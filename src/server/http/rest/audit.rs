//! The recount of a sale.

use axum::{
    extract::{Path, State},
    http::Uri,
    response::Response,
};

use super::unknown_sale;
use crate::{
    model::{audit::Audit, ids::SaleId},
    server::{
        app::App,
        http::{answer, body::read_query, problem::Failure},
    },
};

/// Recounts seats, tickets and ledger, and says whether they agree with each other and with the counters.
#[utoipa::path(
    get,
    path = "/api/v1/sales/{sale}/audit",
    tag = "proof",
    params(("sale" = SaleId, Path, description = "The sale's id")),
    responses(
        (status = 200, body = Audit),
        (status = 403, description = "`forbidden`: a page of another site made a browser ask"),
        (status = 404, description = "`not-found`"),
        (status = 503, description = "`overloaded`"),
    )
)]
pub async fn audit(State(app): State<App>, Path(sale): Path<SaleId>, uri: Uri) -> Result<Response, Failure> {
    let audit = app.engine.recount.audit(&sale).await?.ok_or_else(unknown_sale)?;
    let [] = read_query(&uri, [])?;
    Ok(answer::ok(&audit))
}

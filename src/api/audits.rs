//! The recount of a sale.

use leptos::prelude::*;

use crate::{
    model::{audit::Audit, ids::SaleId},
    wire::Wire,
};

/// What a recount of seats, tickets and ledger says; `None` for an unknown sale.
#[server(name = AskAudit, prefix = "/rpc", endpoint = "audit", input = Wire, output = Wire)]
pub async fn audit(sale: SaleId) -> Result<Option<Audit>, ServerFnError> {
    use super::context;
    context::app()?.engine.recount.audit(&sale).await.map_err(context::unavailable)
}

//! Sales, their page, their state.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::Purchases;
use crate::{
    model::{
        frame::{Snapshot, StatusChange},
        ids::SaleId,
        outcome::Refusal,
        sale::{Sale, SalesPage},
        seat::SeatRow,
        strategy::StrategyKind,
    },
    wire::Wire,
};

/// Everything that the page of one sale is rendered from. The browser hydrates from the same value, and then applies
/// the changes that came after it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct SalePage {
    pub sale: Sale,
    /// The state of the sale. The live stream continues from its `seq`.
    pub snapshot: Snapshot,
    /// Geometry of the seat map. Its seats are in the order of the snapshot's letters.
    pub rows: Vec<SeatRow>,
    pub purchases: Purchases,
    /// Whether what is chosen is held and then paid. Else it is bought at once.
    pub is_paid: bool,
    /// The idempotency key of the form that works without script.
    pub form_key: String,
    /// Whether this sale may be attacked by the simulator.
    pub simulator: bool,
}

/// The sales on one page of the home page. Pages are counted from 1.
#[server(name = AskSales, prefix = "/rpc", endpoint = "sales", input = Wire, output = Wire)]
pub async fn sales(page: u32) -> Result<SalesPage, ServerFnError> {
    Ok(super::context::app()?.engine.catalogue.sales_on_a_page(page))
}

/// The page of one sale; `None` for an unknown sale.
#[server(name = AskSalePage, prefix = "/rpc", endpoint = "sale_page", input = Wire, output = Wire)]
pub async fn sale_page(sale: SaleId) -> Result<Option<SalePage>, ServerFnError> {
    use crate::model::sale::Checkout;
    let app = super::context::app()?;
    let catalogue = &app.engine.catalogue;
    let Some(found) = catalogue.sale(&sale).await else { return Ok(None) };
    let Some((snapshot, rows)) = catalogue.snapshot(&sale).zip(catalogue.seat_rows(&sale)) else { return Ok(None) };
    let purchases = super::purchases(sale).await?;
    let simulator = super::context::may_simulate(&found)?;
    let (is_paid, form_key) = (found.checkout == Checkout::Paid, super::form_key());
    Ok(Some(SalePage { sale: found, snapshot, rows, purchases, is_paid, form_key, simulator }))
}

/// The state of one sale as of its last commit, and what its organiser has announced. For viewers who cannot have the
/// live stream or have missed a part of it.
#[server(name = AskSnapshot, prefix = "/rpc", endpoint = "snapshot", input = Wire, output = Wire)]
pub async fn snapshot(sale: SaleId) -> Result<Option<(Snapshot, StatusChange)>, ServerFnError> {
    let catalogue = &super::context::app()?.engine.catalogue;
    let Some(Sale { status, opens_at, message, .. }) = catalogue.sale(&sale).await else { return Ok(None) };
    Ok(catalogue.snapshot(&sale).map(|snapshot| (snapshot, StatusChange { status, opens_at, message })))
}

/// Puts the stock of a rehearsal (or, in a demo, of a demo sale) back as it was created. A rehearsal can be given a
/// strategy: from then on it is sold with that one.
#[server(name = AskReset, prefix = "/rpc", endpoint = "reset", input = Wire, output = Wire)]
pub async fn reset(sale: SaleId, strategy: Option<StrategyKind>) -> Result<Result<Sale, Refusal>, ServerFnError> {
    use super::context;
    use crate::server::{engine::Answer, rehearsal};
    if let Err(refusal) = context::may_reset(&sale).await? {
        return Ok(Err(refusal));
    }
    let app = context::app()?;
    let decided = match strategy {
        Some(strategy) => rehearsal::rehearse_with(&app, &sale, strategy, None).await,
        None => app.engine.catalogue.reset_sale(&sale, None).await,
    };
    Ok(decided.map_err(context::unavailable)?.map(Answer::into_fresh))
}

//! Sales, their page, their state.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::Purchases;
use crate::{
    model::{frame::Snapshot, ids::SaleId, outcome::Refusal, sale::Sale, seat::SeatRow, strategy::StrategyKind},
    wire::Wire,
};

/// Everything the page of one sale is made from. The browser hydrates from exactly this, then replays what came after.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct SalePage {
    pub sale: Sale,
    /// State and `seq` from which the live stream goes on.
    pub snapshot: Snapshot,
    /// Geometry of the seat map, in the order of the snapshot's letters.
    pub rows: Vec<SeatRow>,
    pub purchases: Purchases,
    /// The idempotency key of the form that works without script.
    pub form_key: String,
    /// Whether this sale may be attacked by the simulator.
    pub simulator: bool,
}

/// All sales.
#[server(name = AskSales, prefix = "/rpc", endpoint = "sales", input = Wire, output = Wire)]
pub async fn sales() -> Result<Vec<Sale>, ServerFnError> {
    Ok(super::context::app()?.engine.catalogue.sales())
}

/// The page of one sale; `None` for an unknown one.
#[server(name = AskSalePage, prefix = "/rpc", endpoint = "sale_page", input = Wire, output = Wire)]
pub async fn sale_page(sale: SaleId) -> Result<Option<SalePage>, ServerFnError> {
    let app = super::context::app()?;
    let catalogue = &app.engine.catalogue;
    let Some(found) = catalogue.sale(&sale).await else { return Ok(None) };
    let Some((snapshot, rows)) = catalogue.snapshot(&sale).zip(catalogue.seat_rows(&sale)) else { return Ok(None) };
    let purchases = super::purchases(sale).await?;
    let simulator = super::context::may_simulate(&found)?;
    let form_key = match super::form_notice() {
        Some(super::FormNotice::Unknown { form_key }) => form_key,
        _ => uuid::Uuid::now_v7().to_string(),
    };
    Ok(Some(SalePage { sale: found, snapshot, rows, purchases, form_key, simulator }))
}

/// The state of one sale as of its last commit, for viewers who cannot have the stream.
#[server(name = AskSnapshot, prefix = "/rpc", endpoint = "snapshot", input = Wire, output = Wire)]
pub async fn snapshot(sale: SaleId) -> Result<Option<Snapshot>, ServerFnError> {
    let app = super::context::app()?;
    app.engine.catalogue.learn_of(&sale).await;
    Ok(app.engine.catalogue.snapshot(&sale))
}

/// Puts the stock of a rehearsal (or, in a demo, of a demo sale) back as it was made. With a strategy, for a rehearsal:
/// it is sold by that from then on.
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

//! One file per noun of the contract. A handler reads the request, calls one engine method and writes the answer; it
//! decides nothing.

pub mod audit; // the recount
pub mod health; // whether the server lives and is ready, and its metrics
pub mod index; // the list of routes, and the echo route
pub mod ledger; // the list of all changes, as a stream of lines
pub mod me; // who asks
pub mod orders; // what was bought
mod paging; // lists in pages
pub mod purchase; // buying
pub mod requests; // purchases that wait in a queue
pub mod sales; // sales and their stock
pub mod seat_lists; // long lists of seats, shared
pub mod seats; // named places
pub mod simulations; // load runs
pub mod strategies; // the ways to guard stock

use super::problem::Failure;
use crate::{model::ids::SaleId, server::engine::Engine};

pub fn unknown_sale() -> Failure {
    Failure::not_found("sale")
}

/// Refuses an unknown sale, where that must come before any complaint about the rest of the request.
pub async fn require_sale(engine: &Engine, sale: &SaleId) -> Result<(), Failure> {
    engine.catalogue.sale(sale).await.map(|_| ()).ok_or_else(unknown_sale)
}

/// The answer to a request for `sale` that could not be read. If the sale is unknown, the answer says that and not what
/// is wrong with the body.
pub async fn of_sale(engine: &Engine, sale: &SaleId, failure: Failure) -> Failure {
    require_sale(engine, sale).await.err().unwrap_or(failure)
}

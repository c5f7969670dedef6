//! One file per noun of the contract. A handler reads the request, calls one engine method and writes the answer; it
//! decides nothing.

pub mod audit; // the recount
pub mod health; // whether the server lives and is ready, and its metrics
pub mod holds; // units set aside, and what becomes of them
pub mod index; // the list of routes, and the echo route
pub mod ledger; // the list of all changes, as a stream of lines
pub mod me; // who asks
pub mod orders; // what was bought
mod paging; // lists in pages
pub mod payments; // paying at the payment provider, and what it tells
pub mod purchase; // buying
pub mod requests; // purchases that wait in a queue
pub mod sales; // sales and their stock
pub mod seat_lists; // long lists of seats, shared
pub mod seats; // named places
pub mod simulations; // load runs
pub mod strategies; // the ways to guard stock

use axum::{http::StatusCode, response::Response};
use serde::Serialize;

use super::{answer, problem::Failure};
use crate::{
    model::{
        ids::{RequestId, SaleId},
        order::Order,
        request::Receipt,
    },
    server::engine::{Answer, Engine},
};

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

/// The answer to a change: a fresh one, or the stored one where the same key came first.
fn changed<T: Serialize>(status: StatusCode, answer: Answer<T>) -> Response {
    match answer {
        Answer::Fresh(value) => answer::json(status, &value),
        Answer::Replayed { status, body } => {
            let status = StatusCode::from_u16(status).expect("only statuses that were sent are stored");
            answer::marked(answer::json_text(status, body), true)
        }
    }
}

/// The answer with an order that was made, or that was made before with the same key.
fn ordered(order: &Order, replayed: bool) -> Response {
    answer::marked(answer::created(order, &format!("/api/v1/orders/{}", order.id)), replayed)
}

/// The answer to a request that waits for its decision.
fn waiting(request: RequestId) -> Response {
    let receipt = Receipt::new(request);
    answer::at(answer::json(StatusCode::ACCEPTED, &receipt), &receipt.status_url)
}

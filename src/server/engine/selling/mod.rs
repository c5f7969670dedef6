//! Selling: how claims get from the edge to their strategy, their outcome, and what buyers own.

mod answered; // the result of a purchase, and whether the database was asked
mod buying; // how a claim gets from the edge to its strategy
mod cashier; // the payment provider, and who may call it
mod changing; // replacing what a hold has
mod desk; // the desk itself: the bounded queue of places, and the counts
mod extending; // more time for a hold
mod heirs; // purchases of sessions that somebody else may know
mod holding; // holding stock, and what is held
mod lookups; // looks holds up, many at once
mod orders; // the orders of buyers and the seats in them
mod paying; // payments at the payment provider
mod request; // a request for stock as the client sends it
mod settling; // what becomes of holds
mod waiting; // the outcome of purchases with a receipt

#[cfg(test)]
pub(super) use self::buying::Brought;
pub use self::{
    desk::Selling,
    holding::Holding,
    paying::{BegunPayment, Unheard, watch},
    request::Room,
};

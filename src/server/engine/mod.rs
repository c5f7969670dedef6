//! The decisions: the one place that joins strategy, store and feed.
//!
//! REST, server functions and the command line all come through here, and none of them decides anything by itself.
//! An [`Engine`] is several desks over one core. The desks share the core and know nothing of each other.

mod answer; // the result of an operation
mod catalogue; // sales: made, changed, stocked, and what everybody may see of them
mod contact; // how a buyer can be reached
mod core; // what all desks share
mod error; // why a request cannot be answered just now
mod facade; // the engine as the rest of the program uses it
mod following; // follows what other processes do to a shared store
mod hubs; // where the viewers of each sale listen
mod keyed; // how a request with a key begins, and the answers that are kept
mod keys; // which idempotency keys are known, and which are in flight
mod older_keys; // keys that an older version kept as they were sent
mod options; // how an engine is set up
mod recount; // the ledger and the independent recount
mod refusals; // the refusals that several desks give
mod selling; // how claims reach their strategy, receipts, and what buyers own
#[cfg(test)]
mod tests; // the rules, kept under load on a real store
mod upkeep; // checks the store, and keeps it small

pub use self::{
    answer::{Answer, Decided, Keyed},
    catalogue::Catalogue,
    error::EngineError,
    facade::Engine,
    keys::IdempotencyKey,
    options::{EngineOptions, Till},
    recount::audit,
    selling::{BegunPayment, Holding, Room, Unheard},
};

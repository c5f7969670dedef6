//! A sale in memory, and the decision of requests on it. Knows the store; knows no strategy.
//!
//! The mirror orders the work, answers reads, and refuses requests that certainly cannot win. It never decides who
//! wins: the conditional write of the sale's strategy decides that.

pub mod decide; // pure: decides claims on a given stock
mod desk; // what all strategies share: store, clock, ids, and what happens after a commit
mod free_seats; // which seats are free, row by row
mod identifiers; // UUIDv7 in the order of creation, and ticket codes
mod mirror; // a sale's place in memory, and how commits reach it in order
mod refusals; // the refusals that have to do with stock
mod sale; // the mirror of a sale: its counters and its seats
#[cfg(test)]
mod tests; // wishes decided on a sale, and ledger lines of other servers applied to it
mod wish; // what a buyer wishes for, and whether memory alone can refuse it

pub use desk::{Desk, Listeners, Sold};
pub use free_seats::FreeSeats;
pub use identifiers::Identifiers;
pub use mirror::{Commit, SaleDesk};
pub use refusals::{contended, key_reused, limit_reached, seats_taken, sold_out};
pub use sale::{SeatsNow, Stock, TierStock};
pub use wish::{Part, What, Wish, refuse_early};

//! What a sale looks like in memory, and what a request comes to on it. Knows the store; knows no strategy.
//!
//! The mirror orders the work, answers reads and refuses what is certain. It never decides who wins: that is said by the
//! conditional write of whichever strategy the sale has.

pub mod decide; // pure: what a batch of claims comes to on a given stock
mod desk; // what all strategies share: store, clock, ids, and what happens after a commit
mod free_seats; // which seats are free, row by row
mod identifiers; // UUIDv7 in the order of creation, and ticket codes
mod mirror; // a sale's place in memory, and how commits reach it in order
mod refusals; // the refusals that have to do with stock
mod sale; // the mirror of a sale: its counters and its seats
#[cfg(test)]
mod tests; // what wishes come to, and what the lines of other servers do
mod wish; // what a buyer wishes for, and what is certain of it

pub use desk::{Desk, Listeners, Sold};
pub use free_seats::FreeSeats;
pub use identifiers::Identifiers;
pub use mirror::{Commit, SaleDesk};
pub use refusals::{contended, key_reused, limit_reached, seats_taken, sold_out};
pub use sale::{Stock, TierStock};
pub use wish::{Part, What, Wish, refuse_early};

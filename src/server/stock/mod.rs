//! A sale in memory, and the decision of requests on it. Knows the store; knows no strategy.
//!
//! The mirror orders the work, answers reads, and refuses requests that certainly cannot win. It never decides who
//! wins: the conditional write of the sale's strategy decides that.

pub mod decide; // pure: decides claims on a given stock
mod desk; // what all strategies share: store, clock, ids, and what happens after a commit
mod free_seats; // which seats are free, row by row
mod identifiers; // UUIDv7 in the order of creation, and ticket codes
mod key_claim; // the key that came with a request, on its way to the decision
mod live_holds; // whose holds are live, and when the first may be released
mod mirror; // a sale's place in memory, and how commits reach it in order
mod pause; // the pause before a transaction is tried again
mod record; // what was granted, as rows to be recorded and as the buyer's answer
mod refusals; // the refusals that have to do with stock
mod sale; // the mirror of a sale: its counters and its seats
mod substitution; // the nearest free seats instead of named ones that are gone
#[cfg(test)]
mod tests; // wishes decided on a sale, and ledger lines of other servers applied to it
mod wish; // what a buyer wishes for, and whether memory alone can refuse it

pub use desk::{Desk, Listeners};
pub use free_seats::FreeSeats;
pub use identifiers::Identifiers;
pub use key_claim::{KeyClaim, KeyGuard, RecordedKey};
pub use mirror::{Change, Commit, SaleDesk};
pub use pause::pause_before_retry;
pub use record::{Asked, Held, Recorded, Sold, ticket};
pub use refusals::{contended, key_reused, limit_reached, price_changed, seats_taken, sold_out, too_many_holds};
pub use sale::{SeatsNow, Stock, TierStock};
pub use wish::{Part, Substitute, What, Wish, refuse_early};

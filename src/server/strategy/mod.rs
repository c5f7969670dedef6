//! How one unit is won. Knows neither HTTP nor the page, and publishes nothing by itself.
//!
//! Each strategy is one file and one implementation of [`Strategy`]. The last step of every safe one is a conditional SQL
//! write whose rows decide, so that nothing in front of it can oversell.

mod atomic_update; // one conditional update per request
mod claim; // a claim on stock, what it comes to, and what decides it
mod gate; // a gate in memory: who is on the way to the database
mod group_commit; // one writer, many buyers per commit
mod in_memory; // a gate in memory admits, the database confirms
mod naive; // reads, then writes what was read: oversells
mod one_by_one; // the frame of strategies that decide each claim in a transaction of its own
mod optimistic; // write only where the version still stands
mod pessimistic; // locked, read again, written
mod queued; // a receipt at once, workers decide from a queue in Redis
mod redis_gate; // a counter in Redis admits, the database decides
mod redis_lock; // a lease in Redis, in front of optimistic
mod registry; // the strategies that this server can run
mod skip_locked; // any unit that nobody else is just looking at
mod wanted; // a wish by the rows of the database

pub use claim::{Claim, Deciding, KeyClaim, KeyGuard, Strategy, Verdict};
pub use queued::{QueueOptions, Queued, Said};
#[cfg(test)]
pub use redis_gate::compare as compare_gate;
pub use registry::Registry;

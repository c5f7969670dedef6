//! How one unit is won. Knows neither HTTP nor the page, and publishes nothing by itself.
//!
//! Each strategy is one file and one implementation of [`Strategy`]. The last step of every safe strategy is a
//! conditional SQL write, and the rows that it changed decide. So nothing in front of that write can oversell.

mod atomic_update; // one conditional update per request
mod claim; // a claim on stock, its verdict, and the trait that decides it
mod gate; // a gate in memory: which claims are on their way to the database
mod group_commit; // one writer, many buyers per commit
mod in_memory; // a gate in memory lets claims in, the database confirms
mod naive; // reads, then writes without a condition: oversells
mod one_by_one; // the frame of strategies that decide each claim in a transaction of its own
mod optimistic; // write only where the version is still the same
mod pessimistic; // lock the row, read it, write it
mod queued; // a receipt at once, workers decide from a queue in Redis
mod redis_gate; // a counter in Redis lets claims in, the database decides
mod redis_lock; // a lease in Redis, in front of optimistic
mod registry; // the strategies that this server can run
mod skip_locked; // any unit whose row nobody else has locked
mod substitutes; // seats for claims that take others instead of those that are gone
mod wanted; // a wish in terms of the database's rows

pub use claim::{Claim, Deciding, Strategy, Taking, Verdict, Won};
pub use queued::{QueueOptions, Queued, Said};
#[cfg(test)]
pub use redis_gate::compare as compare_gate;
pub use registry::Registry;

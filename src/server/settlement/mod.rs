//! What becomes of holds: sold to their buyer, given back, released when their time is over, or changed. One way for all
//! strategies: where a hold ends, its row decides and not the stock.
//!
//! Holds of a sale that are to end and wait at the same time share a transaction. They take nothing from what is available and
//! have places of their own, so who pays never waits in the queue of those who claim. A change may take more, so it waits
//! there.

mod asked; // what is asked of a hold
mod change; // replaces what a hold has
mod due; // releases holds whose time is over
mod gathering; // pieces of work that one task takes together
mod late; // sells what was held to a buyer whose money came too late
mod line; // the settlements of a sale that wait, a batch at a time
mod planned; // what a change of a hold gives back and takes
mod settle; // the transaction of a batch

pub use asked::{Kept, Paid, Settlement};
pub use change::{Changed, change};
pub use due::{MAX_DECISIONS, may_be_freed, release_due, sweep};
pub use gathering::Gathering;
pub use late::{Late, LateMoney, buy_late};
pub use line::{Settled, Settlements};

//! What the tests share: the server under test, its clients, and the scale of the loops.

mod app; // the server as a child process
mod asking; // requests that many tests send
mod client; // requests and answers
pub mod disk; // what a disk may hold after a loss of power
pub mod faults; // a failing disk
mod ledger; // an exported ledger, checked without the server's code
mod postgres; // a shared database, and a connection to it that can be cut
mod proxy; // a proxy with planted faults
pub mod recording; // what a server did to its files
mod sales; // tiers of new sales, and the strategies that most tests use
pub mod scale; // how long the loops are
mod shop; // a server whose buyers pay at a stand-in
pub mod stand_in; // the payment provider's stand-in, and a receiver for its webhooks
mod storm; // many buyers at once
mod viewer; // one reader of the live stream, which shares no code with the server
pub mod wire; // bytes on a socket

pub use app::{ADMIN_TOKEN, Setup, TestApp, free_address};
pub use client::{Ask, Reply};
pub use ledger::ExportedLedger;
pub use postgres::{Database, Wire};
pub use proxy::{Fault, Proxy};
pub use sales::{STRATEGIES, general_admission, seated};
pub use shop::{Payer, Shop, paying_at};
pub use stand_in::{Receiver, StandIn};
pub use storm::{Shot, storm, wishes_for_seat, wishes_for_tier};
pub use viewer::{Event, Fold, Position, Viewer};

//! What the tests stand on: the server under test, its clients, and the scale of the loops.

mod app; // the server as a child process
mod client; // requests and answers
pub mod disk; // what a disk may hold after a loss of power
pub mod faults; // a disk that fails
mod ledger; // an exported ledger, checked without the server's code
mod postgres; // a shared database, and a wire to it that can be cut
pub mod recording; // what a server did to its files
pub mod scale; // how long the loops are
mod storm; // many buyers at once
mod viewer; // one reader of the live stream, with a fold of its own
pub mod wire; // bytes on a socket

pub use app::{ADMIN_TOKEN, Setup, TestApp};
pub use client::{Ask, Reply};
pub use ledger::ExportedLedger;
pub use postgres::{Database, Wire};
pub use storm::{Shot, storm, wishes_for_seat, wishes_for_tier};
pub use viewer::{Event, Fold, Position, Viewer};

/// A general-admission tier of a new sale: its id is `ga`.
pub fn general_admission(quantity: u64) -> serde_json::Value {
    serde_json::json!({ "name": "GA", "price": 2_500, "quantity": quantity })
}

/// A seated tier of a new sale in one section: its id is `floor`, its seats are `A-1` and so on.
pub fn seated(rows: u32, per_row: u32) -> serde_json::Value {
    serde_json::json!({
        "name": "Floor", "price": 4_000, "seats": { "sections": 1, "rows": rows, "per_row": per_row },
    })
}

/// The default strategy and the textbook's, over real sockets. All of them are judged by the engine's conformance suite.
pub const STRATEGIES: [&str; 2] = ["group_commit", "atomic_update"];

//! Plain data that the server and the browser share: the product's terms as types, and nothing else.
//!
//! No I/O, no clock, no randomness, no SQL and no markup live here. Input is parsed into these types at the edge, so
//! that the code behind needs no second check.

pub mod arrivals; // when the buyers of a load run arrive
pub mod audit; // what a recount of seats, tickets and ledger says
pub mod body; // request bodies: what a client may send, strictly parsed
pub mod currency; // how many decimal digits an amount has
pub mod frame; // the events of the live stream, and the digest that both ends compute
pub mod hold; // units set aside for a buyer until a time
pub mod ids; // identifiers: slugs, labels and UUIDv7
pub mod ledger; // the list of all changes, one line each
pub mod limits; // every bound of the system, with its unit
pub mod order; // a confirmed purchase and its tickets
pub mod outcome; // expected answers: what was bought, and why something was refused
pub mod pages; // the pages: path, title, who may read them
pub mod payment; // one try to pay for a hold
pub mod request; // a purchase that waits in a queue
pub mod retry; // retries when no answer of the server came back
pub mod rung; // best available: which seats are picked, and how well they stand together
pub mod sale; // a sale, its tiers and its status
pub mod scenario; // who asks for what in a load run, drawn from a seed
pub mod seat; // seats: states, labels and order
pub mod simulation; // a load run and its figures
pub mod strategy; // the ways in which stock can be guarded
pub mod strict; // JSON, read as strictly as the contract says
pub mod tally; // the figures of a load run, counted from its answers
pub mod time; // instants in UTC, to the millisecond

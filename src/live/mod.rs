//! What the browser believes about a sale, and how it hears of changes.
//!
//! `reducer` is pure and runs anywhere; `store` lays signals over it. `link` does what is due: `state` and `turn` say what that
//! is, and are pure. Three files alone touch what the browser has: `source` an `EventSource`, `channel` a `BroadcastChannel`,
//! `locks` the locks. No markup lives here.

mod census; // which pages have a stream, counted where no locks are, pure
mod channel; // what the pages of one browser tell each other
pub mod clock; // the server's time, anchored to what it says
pub mod connection; // how well the truth is heard: states and waiting times, pure
pub mod link; // keeps a page in touch: stream, leader or polls
mod locks; // locks that the pages of one browser share
pub mod reducer; // frames and intents folded into a view, pure
pub mod seat_set; // a set of seats, and which seats to paint again
mod source; // one EventSource, closed when dropped
mod state; // how a page hears, and what is due, pure
pub mod store; // signals over the view, one update per animation frame
mod turn; // which page has the stream, pure

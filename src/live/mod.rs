//! What the browser believes about a sale, and how it hears of changes.
//!
//! `reducer` is pure and runs anywhere; `store` puts signals over it. `state` and `turn` decide what is due and are
//! pure; `link` does it. Only three files touch the browser's own objects: `source` an `EventSource`, `channel` a
//! `BroadcastChannel`, `locks` the `navigator.locks`. No markup lives here.

mod census; // how many pages have a stream, where the browser has no locks, pure
pub mod channel; // messages between the pages of one browser
pub mod clock; // the server's time, corrected by every message
pub mod connection; // states of the connection and waits between tries, pure
pub mod link; // keeps a page up to date by a stream, the leading page or polls
mod locks; // locks that the pages of one browser share
pub mod reducer; // frames and intents folded into a view, pure
pub mod seat_set; // a set of seats, and which seats to paint again
mod source; // one EventSource, closed when dropped
mod state; // how a page gets its news, and what is due next, pure
pub mod store; // signals over the view, one update per animation frame
mod turn; // which page may have a stream, pure

//! What the browser believes about a sale, and how it hears of changes.
//!
//! `reducer` is pure and runs anywhere; `store` lays signals over it; `link` decides when to listen, poll or try again;
//! `source` is the only code that touches an `EventSource`. No markup lives here.

pub mod connection; // how well the truth is heard: states and waiting times, pure
pub mod link; // keeps one stream alive, polls while there is none
pub mod reducer; // frames and intents folded into a view, pure
mod source; // one EventSource, closed when dropped
pub mod store; // signals over the view, one update per animation frame

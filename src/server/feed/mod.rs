//! The live feed: one [`Hub`] per sale turns committed changes into frames and hands them to every viewer.
//!
//! ```text
//! engine --publish--> pending --tick--> published state --one frame, encoded once--> window, broadcast --> crowds of viewers
//! ```
//!
//! The engine publishes strictly after commit and in commit order. Nothing here reads SQL or decides about stock.
//! Everything except `publish` runs on the viewers' own runtime, so that watching never slows buying.

mod change; // what the engine tells a hub
mod crowd; // viewers to whom one task writes each frame
mod frame; // the events written to viewers, encoded once
mod hub; // one per sale: publishing, joining, closing
mod published; // the state that viewers have been sent
mod resume; // the position that a viewer says it has
#[cfg(test)]
mod tests;
mod ticker; // when frames are made
mod viewer; // one open stream
mod window; // frames kept for viewers who come back

pub use change::{Announcement, Change};
pub use hub::Hub;
pub use resume::Resume;
pub use viewer::watch;

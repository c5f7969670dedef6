//! What viewers hear: one [`Hub`] per sale, which turns committed changes into frames and hands them to every viewer.
//!
//! ```text
//! engine --publish--> pending --tick--> published state --one frame, encoded once--> window, broadcast --> crowds of viewers
//! ```
//!
//! The engine publishes strictly after commit and in commit order; nothing here reads SQL or decides about stock. All of
//! it but `publish` runs on the viewers' own runtime, so that watching never slows buying.

mod change; // what the engine tells a hub
mod crowd; // viewers who are told each frame one after another
mod frame; // what is written to viewers, encoded once
mod hub; // one per sale: publishing, joining, closing
mod published; // the state that viewers have been told
mod resume; // where a viewer says it stands
#[cfg(test)]
mod tests;
mod ticker; // when frames are made
mod viewer; // one open stream
mod window; // frames kept for viewers who come back

pub use change::{Announcement, Change};
pub use hub::Hub;
pub use resume::Resume;
pub use viewer::watch;

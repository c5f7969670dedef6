//! How much one client may have of what all share.

mod streams; // live streams open at once

pub use self::streams::{StreamCaps, StreamPermit};

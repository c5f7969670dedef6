//! Limits on how much of a shared resource one client may use.

mod streams; // live streams open at once

pub use self::streams::{StreamCaps, StreamPermit};

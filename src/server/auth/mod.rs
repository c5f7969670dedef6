//! Who asks.
pub struct Sessions {}

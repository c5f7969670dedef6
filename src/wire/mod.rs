//! How the two halves write to each other and read each other.

mod codec; // the codec of server functions
pub mod json; // a small reader of JSON for the browser's half

pub use codec::{Wire, write};

#[cfg(test)]
mod tests; // every type that crosses the wire, read by both readers

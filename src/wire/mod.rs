//! How server and browser write messages to each other, and read them.

mod codec; // the codec of server functions
pub mod json; // a small JSON reader for the browser

pub use codec::{Wire, write};

#[cfg(test)]
mod tests; // both readers read every type that crosses the wire

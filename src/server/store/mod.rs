//! SQL and only SQL: nothing here decides, publishes or knows who asks.
//!
//! One folder per database with the same file names, so that a diff of two shows the dialect.

pub mod sqlite;

pub use sqlite::*;

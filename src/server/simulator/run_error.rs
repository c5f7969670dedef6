//! Why a run could not be made.

use std::fmt;

use super::client::Fault;

/// Why the run could not be made. This says nothing about the sale's exactness.
#[derive(Debug)]
pub enum RunError {
    Unreachable(Fault),
    /// The server refused, with its words.
    Refused(String),
    /// The answer does not follow the contract.
    Unreadable(String),
}

impl fmt::Display for RunError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(fault) => fault.fmt(formatter),
            Self::Refused(detail) | Self::Unreadable(detail) => formatter.write_str(detail),
        }
    }
}

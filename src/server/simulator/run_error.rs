//! Why a run could not be made.

use std::fmt;

use super::client::Fault;

/// The run could not be made. Nothing of this is a finding about the sale.
#[derive(Debug)]
pub enum RunError {
    Unreachable(Fault),
    /// The server said no, in its own words.
    Refused(String),
    /// The server answered something that the contract does not know.
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

//! Why a run failed.

use std::fmt;

use super::client::Fault;

/// Why a run could not be started or finished. It says nothing about whether the sale is exact.
#[derive(Debug)]
pub enum RunError {
    /// No answer of the server arrived.
    Unreachable(Fault),
    /// The server refused, for the reason that it gave; or the sale has nothing that the buyers could ask for.
    Refused(String),
    /// The answer is not what the API promises. It may be a proxy's.
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

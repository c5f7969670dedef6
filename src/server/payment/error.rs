//! Why a call to the provider has no result.

use std::fmt;

/// The status with which the provider says that it is busy with the same request, or was asked too often.
const CONFLICT: u16 = 409;
const TOO_MANY_REQUESTS: u16 = 429;
const REQUEST_TIMEOUT: u16 = 408;

/// Why a call to the provider has no result. No text in it contains the key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ProviderError {
    /// There is no connection, or it broke off before the whole answer was there. In the second case the provider may
    /// have acted.
    Unreachable(String),
    /// No whole answer came before the deadline. The provider may have acted.
    TimedOut,
    /// The provider answered with an error.
    Refused {
        /// The HTTP status.
        status: u16,
        /// The provider's word for the reason, such as `charge_already_refunded`.
        code: Option<String>,
        /// The reason for people.
        message: String,
    },
    /// The provider answered with success, but with something that cannot be understood. It has acted.
    Unreadable(String),
}

impl ProviderError {
    /// Whether the provider has certainly not acted, and would refuse the same request again. After any other error the
    /// same request, with the same idempotency key, should be sent again.
    pub fn is_final(&self) -> bool {
        let passes_by = |status| matches!(status, CONFLICT | TOO_MANY_REQUESTS | REQUEST_TIMEOUT);
        matches!(self, Self::Refused { status, .. } if (400..500).contains(status) && !passes_by(*status))
    }

    /// Whether the provider has failed by itself. It may have acted, and repeats this answer to the same idempotency key.
    pub fn is_own_failure(&self) -> bool {
        matches!(self, Self::Refused { status: 500.., .. })
    }

    /// Whether the provider gives this reason.
    pub fn has_code(&self, wanted: &str) -> bool {
        matches!(self, Self::Refused { code: Some(code), .. } if code == wanted)
    }
}

impl fmt::Display for ProviderError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(reason) => write!(formatter, "the payment provider cannot be reached: {reason}"),
            Self::TimedOut => formatter.write_str("the payment provider did not answer in time"),
            Self::Refused { status, message, .. } => {
                write!(formatter, "the payment provider refused with {status}: {message}")
            }
            Self::Unreadable(reason) => {
                write!(formatter, "the payment provider's answer cannot be understood: {reason}")
            }
        }
    }
}

impl std::error::Error for ProviderError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_refusal_that_would_come_again_is_final() {
        let refused = |status| ProviderError::Refused { status, code: None, message: String::new() };
        for status in [400, 401, 402, 403, 404] {
            assert!(refused(status).is_final(), "{status}");
        }
        for status in [301, 408, 409, 429, 500, 503] {
            assert!(!refused(status).is_final(), "{status}");
        }
        for error in [
            ProviderError::TimedOut,
            ProviderError::Unreachable(String::new()),
            ProviderError::Unreadable(String::new()),
        ] {
            assert!(!error.is_final(), "{error}");
        }
    }
}

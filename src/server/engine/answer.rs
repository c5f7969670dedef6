//! The result of an operation, and the key that makes an organiser's operation happen only once.

use super::{error::EngineError, keys::IdempotencyKey};
use crate::model::{ids::BuyerId, outcome::Refusal};

/// The result of an operation: done, or refused for a reason that a client can understand.
pub type Decided<T> = Result<Result<T, Refusal>, EngineError>;

/// The answer to an organiser's request that may carry a key.
#[derive(Debug)]
pub enum Answer<T> {
    Fresh(T),
    /// The stored answer to an earlier request with the same key.
    Replayed {
        status: u16,
        body: String,
    },
}

impl<T> Answer<T> {
    /// The answer to a request without a key, which cannot be a replay.
    ///
    /// # Panics
    /// Where it is a replay.
    pub fn into_fresh(self) -> T {
        match self {
            Self::Fresh(answer) => answer,
            Self::Replayed { .. } => panic!("a request without a key has no earlier answer"),
        }
    }
}

/// The key that an organiser sent, and the organiser's id.
#[derive(Clone, Debug)]
pub struct Keyed {
    pub buyer: BuyerId,
    pub key: IdempotencyKey,
}

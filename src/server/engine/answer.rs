//! What an operation came to, and the key that makes an organiser's operation happen once.

use super::{error::EngineError, keys::IdempotencyKey};
use crate::model::{ids::BuyerId, outcome::Refusal};

/// What an operation came to: done, or refused for a reason that a client can understand.
pub type Decided<T> = Result<Result<T, Refusal>, EngineError>;

/// What a keyed request of an organiser came to.
#[derive(Debug)]
pub enum Answer<T> {
    Fresh(T),
    /// An earlier request with the same key was answered so.
    Replayed {
        status: u16,
        body: String,
    },
}

impl<T> Answer<T> {
    /// The answer to a request that came without a key, and so cannot be a replay.
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

/// The key that an organiser sent, and who that is.
#[derive(Clone, Debug)]
pub struct Keyed {
    pub buyer: BuyerId,
    pub key: IdempotencyKey,
}

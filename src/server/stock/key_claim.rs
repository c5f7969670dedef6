//! The key that came with a request, on its way to the decision.

use std::sync::Arc;

/// A key as it is recorded, and the fingerprint of the request that it came with.
pub type RecordedKey = (String, [u8; 16]);

/// The key that came with a request. While it lives, the same key of the same buyer is in flight.
#[derive(Clone)]
pub struct KeyClaim {
    pub key: String,
    pub fingerprint: [u8; 16],
    /// Holds the key in flight. It is only kept until the outcome is known.
    pub guard: Arc<dyn KeyGuard>,
}

impl KeyClaim {
    /// The part of the key that is recorded with an order or a hold.
    pub fn recorded(&self) -> RecordedKey {
        (self.key.clone(), self.fingerprint)
    }
}

/// Holds a key in flight until it is dropped.
pub trait KeyGuard: Send + Sync {
    /// Makes the key known, because an answer to it is stored or may be.
    fn remember(&self);
}

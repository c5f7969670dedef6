//! Which idempotency keys are known, and which are in flight.
//!
//! The set of known keys has no false negatives. A key that is not in the set was certainly never answered by this
//! process or before its start, so a request with that key may be refused from memory. A key that is in the set is
//! looked up in the store. On a shared store other processes answer keys too, so the store is asked there before a
//! keyed request is refused.

mod kept; // a key as it is kept: not as it was sent

use std::{
    hash::{BuildHasher, RandomState},
    sync::Arc,
};

use parking_lot::Mutex;
use rustc_hash::FxHashSet;

pub use self::kept::KeptKey;
use crate::{
    model::{
        ids::BuyerId,
        limits::{IDEMPOTENCY_TTL_MILLISECONDS, MAX_IDEMPOTENCY_KEY_CHARACTERS},
        time::Timestamp,
    },
    server::{derived_key::DerivedKey, stock::KeyGuard},
};

/// The purpose of the key that turns keys as they were sent into keys as they are kept.
const KEEPING_PURPOSE: &[u8] = b"onsale kept idempotency key v1";

/// A key as a buyer may send it: 1 to 255 printable ASCII characters.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// `None` where the text is not a key.
    pub fn parse(text: &str) -> Option<Self> {
        let printable = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        let fits = (1..=MAX_IDEMPOTENCY_KEY_CHARACTERS).contains(&text.len());
        (printable && fits).then(|| Self(text.to_owned()))
    }

    /// The key as it was sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The earliest time from which answers are still kept for their keys.
pub fn oldest_answer(now: Timestamp) -> Timestamp {
    now.plus_milliseconds(-IDEMPOTENCY_TTL_MILLISECONDS)
}

/// The keys of one server.
pub struct Keys {
    hasher: RandomState,
    keeping: DerivedKey,
    state: Mutex<State>,
}

/// Hashes of buyer and key. The hash has a random key of its own for each start, so that nobody can construct two
/// requests that collide. At 64 bits a collision by chance is very rare, and costs one buyer a second try.
#[derive(Default)]
struct State {
    known: FxHashSet<u64>,
    in_flight: FxHashSet<u64>,
}

/// What is known of a key when a request with it begins.
pub enum Begun {
    /// The key was certainly never answered by this process, nor before its start.
    Unknown(InFlight),
    /// The key may have been answered before. The store knows.
    MaybeKnown(InFlight),
    /// Another request with this key has not been answered yet.
    InFlight,
}

impl Keys {
    /// The keys of a server that starts, none of them known yet.
    pub fn new(secret: &[u8]) -> Self {
        let keeping = DerivedKey::new(secret, KEEPING_PURPOSE);
        Self { hasher: RandomState::new(), keeping, state: Mutex::default() }
    }

    /// Makes the keys known that were answered before the start, as they are kept.
    pub fn remember_all(&self, answered: &[(BuyerId, String)]) {
        let hashes: Vec<u64> = answered.iter().map(|(buyer, key)| self.hash(*buyer, key)).collect();
        self.state.lock().known.extend(hashes);
    }

    /// A key as it is kept. All servers with the same secret keep it in the same form.
    pub fn kept(&self, key: &IdempotencyKey) -> KeptKey {
        KeptKey::new(&self.keeping, key.as_str())
    }

    /// The kept form of a key that an older version kept as it was sent; `None` where this is a kept form already.
    pub fn of_older_version(&self, stored: &str) -> Option<KeptKey> {
        KeptKey::of_older_version(&self.keeping, stored)
    }

    /// Marks a key as in flight, unless it already is.
    pub fn begin(self: &Arc<Self>, buyer: BuyerId, key: &KeptKey) -> Begun {
        let hash = self.hash(buyer, key.as_str());
        let mut state = self.state.lock();
        if !state.in_flight.insert(hash) {
            return Begun::InFlight;
        }
        let guard = InFlight { keys: self.clone(), hash };
        if state.known.contains(&hash) { Begun::MaybeKnown(guard) } else { Begun::Unknown(guard) }
    }

    /// Makes a key known, even where no request of this process holds it in flight.
    pub fn remember(&self, buyer: BuyerId, key: &str) {
        let hash = self.hash(buyer, key);
        self.state.lock().known.insert(hash);
    }

    fn hash(&self, buyer: BuyerId, key: &str) -> u64 {
        self.hasher.hash_one((buyer.key_owner(), key))
    }
}

/// Keeps a key in flight until this is dropped. It travels with the claim, so that a client that goes away does not
/// free its key before the decision.
pub struct InFlight {
    keys: Arc<Keys>,
    hash: u64,
}

impl KeyGuard for InFlight {
    fn remember(&self) {
        self.keys.state.lock().known.insert(self.hash);
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.keys.state.lock().in_flight.remove(&self.hash);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buyer() -> BuyerId {
        BuyerId(uuid::Uuid::from_u128(7))
    }

    #[test]
    fn a_key_is_printable_ascii_of_1_to_255_characters() {
        for (text, is_key) in [("", false), ("a", true), ("ü", false), ("a\n", false), ("a b", true)] {
            assert_eq!(IdempotencyKey::parse(text).is_some(), is_key, "{text:?}");
        }
        assert!(IdempotencyKey::parse(&"k".repeat(255)).is_some());
        assert!(IdempotencyKey::parse(&"k".repeat(256)).is_none());
    }

    #[test]
    fn a_key_is_in_flight_until_its_guard_goes_and_known_once_remembered() {
        let keys = Arc::new(Keys::new(b"secret"));
        let key = keys.kept(&IdempotencyKey::parse("once").unwrap());
        let Begun::Unknown(guard) = keys.begin(buyer(), &key) else { panic!("a new key is unknown") };
        assert!(matches!(keys.begin(buyer(), &key), Begun::InFlight));
        guard.remember();
        drop(guard);
        assert!(matches!(keys.begin(buyer(), &key), Begun::MaybeKnown(_)));
        let other = BuyerId(uuid::Uuid::from_u128(8));
        assert!(matches!(keys.begin(other, &key), Begun::Unknown(_)), "a key belongs to the buyer who sent it");
        let heir = |own| buyer().heir([1; 4], [own; 6]);
        let Begun::Unknown(guard) = keys.begin(heir(1), &key) else {
            panic!("a session's heirs have keys of their own")
        };
        assert!(matches!(keys.begin(heir(2), &key), Begun::InFlight), "and share them");
        guard.remember();
        drop(guard);
        assert!(matches!(keys.begin(heir(2), &key), Begun::MaybeKnown(_)));
    }
}

//! The requests that this server gave receipts for and has not seen decided. Where Redis forgets such a request, this
//! server puts it back in line.

use std::{
    collections::{HashMap, hash_map},
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use tokio::sync::OwnedSemaphorePermit;

use super::entry::Entry;
use crate::{
    model::ids::{BuyerId, RequestId},
    server::telemetry::metrics::WAITING_REQUESTS,
};

/// How long a request waits before it is looked after.
const PATIENCE: Duration = Duration::from_secs(1);

#[derive(Default)]
pub struct Waiting {
    state: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    by_request: HashMap<RequestId, Kept>,
    /// By the owner of the key and the key.
    by_key: HashMap<(BuyerId, String), RequestId>,
    /// How many requests of each buyer wait.
    by_buyer: HashMap<BuyerId, usize>,
}

struct Kept {
    entry: Entry,
    since: Instant,
    /// The request's place in the server's bounded queue, given back when the outcome is known.
    place: Option<OwnedSemaphorePermit>,
}

impl Waiting {
    pub fn add(&self, entry: Entry, place: Option<OwnedSemaphorePermit>) {
        let mut table = self.state.lock();
        if let Some(key) = &entry.key {
            table.by_key.insert((entry.buyer.key_owner(), key.key.clone()), entry.request);
        }
        *table.by_buyer.entry(entry.buyer).or_default() += 1;
        table.by_request.insert(entry.request, Kept { entry, since: Instant::now(), place });
        table.tell();
    }

    /// Forgets a request, and returns its place.
    pub fn remove(&self, request: RequestId) -> Option<OwnedSemaphorePermit> {
        let mut table = self.state.lock();
        let kept = table.by_request.remove(&request)?;
        if let hash_map::Entry::Occupied(mut waiting) = table.by_buyer.entry(kept.entry.buyer) {
            *waiting.get_mut() -= 1;
            if *waiting.get() == 0 {
                waiting.remove();
            }
        }
        if let Some(key) = kept.entry.key {
            let of = (kept.entry.buyer.key_owner(), key.key);
            if table.by_key.get(&of) == Some(&request) {
                table.by_key.remove(&of);
            }
        }
        table.tell();
        kept.place
    }

    pub fn clear(&self) {
        *self.state.lock() = Table::default();
    }

    /// The waiting request that came with this key, and its fingerprint.
    pub fn find(&self, buyer: BuyerId, key: &str) -> Option<(RequestId, [u8; 16])> {
        let table = self.state.lock();
        let request = *table.by_key.get(&(buyer.key_owner(), key.to_owned()))?;
        Some((request, table.by_request.get(&request)?.entry.fingerprint()))
    }

    /// Whether a request of this buyer waits.
    pub fn has_buyer(&self, buyer: BuyerId) -> bool {
        self.state.lock().by_buyer.contains_key(&buyer)
    }

    pub fn owner(&self, request: RequestId) -> Option<BuyerId> {
        self.state.lock().by_request.get(&request).map(|kept| kept.entry.buyer)
    }

    /// The requests that have waited for at least [`PATIENCE`].
    pub fn patient(&self) -> Vec<Entry> {
        let table = self.state.lock();
        table
            .by_request
            .values()
            .filter(|kept| kept.since.elapsed() >= PATIENCE)
            .map(|kept| kept.entry.clone())
            .collect()
    }
}

impl Table {
    #[allow(clippy::cast_precision_loss)] // far below 2⁵³
    fn tell(&self) {
        metrics::gauge!(WAITING_REQUESTS).set(self.by_request.len() as f64);
    }
}

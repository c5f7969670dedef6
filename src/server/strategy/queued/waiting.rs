//! What this server gave receipts for and has not seen decided. Redis may forget it; then it is put back in line.

use std::{
    collections::HashMap,
    sync::Weak,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use tokio::sync::OwnedSemaphorePermit;

use super::{Shared, entry::Entry, line::State};
use crate::{
    model::ids::{BuyerId, RequestId},
    server::telemetry::metrics::WAITING_REQUESTS,
};

/// How often those that wait are looked after, and how long one waits before that.
const LOOK_EVERY: Duration = Duration::from_millis(500);
const PATIENCE: Duration = Duration::from_secs(1);
/// Requests that Redis is asked about at once.
const AT_ONCE: usize = 500;

#[derive(Default)]
pub struct Waiting {
    state: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    by_request: HashMap<RequestId, Kept>,
    by_key: HashMap<(BuyerId, String), RequestId>,
}

struct Kept {
    entry: Entry,
    since: Instant,
    /// Its place in the server's bounded queue, given back with the outcome.
    place: Option<OwnedSemaphorePermit>,
}

impl Waiting {
    pub fn add(&self, entry: Entry, place: Option<OwnedSemaphorePermit>) {
        let mut table = self.state.lock();
        if let Some(key) = &entry.key {
            table.by_key.insert((entry.buyer, key.key.clone()), entry.request);
        }
        table.by_request.insert(entry.request, Kept { entry, since: Instant::now(), place });
        table.tell();
    }

    /// Forgets a request, and returns its place.
    pub fn remove(&self, request: RequestId) -> Option<OwnedSemaphorePermit> {
        let mut table = self.state.lock();
        let kept = table.by_request.remove(&request)?;
        if let Some(key) = kept.entry.key {
            let of = (kept.entry.buyer, key.key);
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

    /// The request that waits for a key, with the fingerprint it came with.
    pub fn find(&self, buyer: BuyerId, key: &str) -> Option<(RequestId, [u8; 16])> {
        let table = self.state.lock();
        let request = *table.by_key.get(&(buyer, key.to_owned()))?;
        Some((request, table.by_request.get(&request)?.entry.fingerprint()))
    }

    pub fn owner(&self, request: RequestId) -> Option<BuyerId> {
        self.state.lock().by_request.get(&request).map(|kept| kept.entry.buyer)
    }

    /// Those that have waited for a while.
    fn patient(&self) -> Vec<Entry> {
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

pub async fn keep_looking_after(shared: Weak<Shared>) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let Some(shared) = shared.upgrade() else { return };
        let patient = shared.waiting.patient();
        for entries in patient.chunks(AT_ONCE) {
            shared.look_after(entries).await;
        }
    }
}

impl Shared {
    /// Forgets those that were decided elsewhere, puts those back in line that Redis has forgotten, and decides all while
    /// it cannot be asked.
    async fn look_after(&self, entries: &[Entry]) {
        let requests: Vec<_> = entries.iter().map(|entry| entry.request).collect();
        let Some(said) = self.line.look_at_all(&requests).await else {
            for entry in entries {
                self.decide_without_redis(entry).await;
            }
            return;
        };
        for (entry, said) in entries.iter().zip(said) {
            match said {
                Some(State::Pending) => {}
                Some(State::Decided(_)) => drop(self.waiting.remove(entry.request)),
                // It may just have been decided here.
                None if self.waiting.owner(entry.request).is_none() => {}
                None => {
                    if self.line.join(&Entry { again: true, ..entry.clone() }).await.is_ok() {
                        self.joined.notify_one();
                    }
                }
            }
        }
    }

    /// Decides an entry that Redis may have handed to somebody, or hand to somebody when it is back: whoever says first what
    /// becomes of it, in the database, has said it for all.
    async fn decide_without_redis(&self, entry: &Entry) {
        match self.decide(entry).await {
            Ok(_) => drop(self.waiting.remove(entry.request)),
            Err(error) => tracing::warn!(%error, request = %entry.request, "a purchase in line cannot be decided now"),
        }
    }
}

//! Looks after requests that have waited for a while, because Redis may have forgotten them, or be lost.

use std::{sync::Weak, time::Duration};

use super::{entry::Entry, line::State, shared::Shared};

/// How often the waiting requests are looked after.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Requests that Redis is asked about at once.
const AT_ONCE: usize = 500;

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
    /// Forgets the requests that another server has decided, and puts those back in line that Redis has forgotten.
    /// While Redis cannot be asked, decides all of them.
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
                // A worker of this server may have decided it a moment ago.
                None if self.waiting.owner(entry.request).is_none() => {}
                None => {
                    if self.line.join(&Entry { again: true, ..entry.clone() }).await.is_ok() {
                        self.joined.notify_one();
                    }
                }
            }
        }
    }

    /// Decides an entry without Redis. Redis may have handed the entry to another worker, or may do so when it is back.
    /// That is safe, because the first outcome in the database is valid for everybody.
    async fn decide_without_redis(&self, entry: &Entry) {
        match self.decide(entry).await {
            Ok(_) => drop(self.waiting.remove(entry.request)),
            Err(error) => tracing::warn!(%error, request = %entry.request, "a purchase in line cannot be decided now"),
        }
    }
}

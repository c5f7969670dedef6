//! What has waited for a while is looked after: Redis may have forgotten it, or be lost.

use std::{sync::Weak, time::Duration};

use super::{entry::Entry, line::State, shared::Shared};

/// How often those that wait are looked after.
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

//! One change after the other. A change is in the file before it is answered.

use parking_lot::{Mutex, MutexGuard};
use serde_json::Value;
use tokio::sync::Notify;

use super::{
    api_error::ApiError,
    book::Book,
    book_entries::{Change, Delivery, Entry, KeyedAnswer},
    identifiers::identifier,
    journal::Journal,
    written,
};
use crate::server::clock::Clock;
use axum::http::StatusCode;

/// How long an answer is given again to the same idempotency key, in seconds.
pub const KEY_SECONDS: i64 = 24 * 60 * 60;

pub struct Desk {
    pub clock: Clock,
    pub seed: u64,
    /// The stand-in's own address, such as `http://127.0.0.1:3900`.
    pub base_url: String,
    /// Whether anybody wants to know of events.
    pub has_webhook: bool,
    /// Rings when there are new webhooks.
    pub bell: Notify,
    state: Mutex<State>,
}

struct State {
    book: Book,
    /// `None` where nothing outlives the process.
    journal: Option<Journal>,
}

/// A change under construction: what is remembered now, and what is to be remembered.
pub struct Draft<'a> {
    pub book: &'a Book,
    /// Milliseconds since 1970.
    pub now: i64,
    pub seed: u64,
    pub base_url: &'a str,
    has_webhook: bool,
    change: Change,
}

/// An idempotency key, and the request that it stands for.
pub struct Keyed {
    pub key: String,
    pub request: String,
}

/// An answer, and whether it was given before.
pub struct Answered {
    pub body: Value,
    pub is_repeated: bool,
}

/// When a webhook is sent, and what is wrong with it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plan {
    /// How long it is held back, in milliseconds.
    pub delay: i64,
    pub is_forged: bool,
    pub is_doubled: bool,
}

impl Desk {
    pub fn new(book: Book, journal: Option<Journal>, seed: u64, base_url: String, has_webhook: bool) -> Self {
        let state = Mutex::new(State { book, journal });
        Self { clock: Clock::System, seed, base_url, has_webhook, bell: Notify::new(), state }
    }

    /// Milliseconds since 1970.
    pub fn now(&self) -> i64 {
        self.clock.now().milliseconds
    }

    /// Looks into the book.
    pub fn look<T>(&self, look: impl FnOnce(&Book) -> T) -> T {
        look(&self.state.lock().book)
    }

    /// Makes a change, or none where it fails.
    ///
    /// # Errors
    /// That of `make`, or that the change could not be remembered.
    pub fn change<T>(&self, make: impl FnOnce(&mut Draft<'_>) -> Result<T, ApiError>) -> Result<T, ApiError> {
        self.change_locked(self.state.lock(), make)
    }

    fn change_locked<T>(
        &self,
        mut state: MutexGuard<'_, State>,
        make: impl FnOnce(&mut Draft<'_>) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        let mut draft = Draft {
            book: &state.book,
            now: self.now(),
            seed: self.seed,
            base_url: &self.base_url,
            has_webhook: self.has_webhook,
            change: Change { ids: state.book.ids, entries: Vec::new() },
        };
        let made = make(&mut draft)?;
        let change = draft.change;
        if change.entries.is_empty() {
            return Ok(made);
        }
        if let Some(journal) = &mut state.journal {
            // Of a webhook's tries nobody is told. At worst it is sent once more.
            let is_try = |entry: &Entry| matches!(entry, Entry::Delivery(delivery) if delivery.tries > 0);
            let is_flushed = !change.entries.iter().all(is_try);
            journal.append(&change, is_flushed).map_err(|error| {
                tracing::error!(%error, "the state of the payment provider cannot be written");
                ApiError::own_fault(StatusCode::INTERNAL_SERVER_ERROR, "The state cannot be written.")
            })?;
        }
        state.book.apply(change);
        drop(state);
        self.bell.notify_one();
        Ok(made)
    }

    /// The same, but whoever sends the same idempotency key again gets the first answer, and nothing is changed.
    ///
    /// # Errors
    /// Also if the key was used for another request.
    pub fn change_once(
        &self,
        keyed: Option<Keyed>,
        make: impl FnOnce(&mut Draft<'_>) -> Result<Value, ApiError>,
    ) -> Result<Answered, ApiError> {
        let state = self.state.lock();
        let Some(Keyed { key, request }) = keyed else {
            let body = self.change_locked(state, make)?;
            return Ok(Answered { body, is_repeated: false });
        };
        if let Some(before) = state.book.keyed_answer(&key, seconds(self.now()) - KEY_SECONDS) {
            if before.request != request {
                return Err(ApiError::key_used_otherwise(&key));
            }
            return Ok(Answered { body: before.body.clone(), is_repeated: true });
        }
        let body = self.change_locked(state, |draft| {
            let body = make(draft)?;
            let created = draft.now_seconds();
            draft.put(Entry::KeyedAnswer(KeyedAnswer { key, request, body: body.clone(), created }));
            Ok(body)
        })?;
        Ok(Answered { body, is_repeated: false })
    }
}

impl Draft<'_> {
    /// Seconds since 1970.
    pub fn now_seconds(&self) -> i64 {
        seconds(self.now)
    }

    pub fn id(&mut self, prefix: &str) -> String {
        identifier(self.seed, self.number(), prefix)
    }

    pub fn put(&mut self, entry: Entry) {
        self.change.entries.push(entry);
    }

    /// Plans a webhook about an event.
    pub fn tell(&mut self, kind: &str, object: &Value, plan: Plan) {
        if !self.has_webhook {
            return;
        }
        let (event, created) = (self.id("evt_"), self.now_seconds());
        let body = written::event(&event, kind, created, object).to_string();
        let copies = if plan.is_doubled { 2 } else { 1 };
        for _ in 0..copies {
            let delivery = Delivery {
                number: self.number(),
                event: event.clone(),
                body: body.clone(),
                due: self.now.saturating_add(plan.delay),
                created,
                tries: 0,
                is_forged: plan.is_forged,
                last_status: None,
                is_done: false,
            };
            self.put(Entry::Delivery(delivery));
        }
    }

    fn number(&mut self) -> u64 {
        self.change.ids += 1;
        self.change.ids
    }
}

pub const fn seconds(milliseconds: i64) -> i64 {
    milliseconds.div_euclid(1_000)
}

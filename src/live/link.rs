//! Keeps one stream alive: opens it where the page's state ends, watches its heartbeat, tries again with growing waits,
//! polls while it cannot be had, and lets it go while nobody looks.

use std::{cell::RefCell, rc::Rc};

use gloo_timers::callback::Interval;
use leptos::{prelude::*, task::spawn_local};

use super::{
    connection::{POLL_MILLISECONDS, STALE_AFTER_MILLISECONDS, connection, retry_milliseconds},
    reducer::{Frame, Verdict},
    source::{Heard, Source},
    store::{Hearing, LiveStore},
};
use crate::{
    api,
    model::{ids::SaleId, time::Timestamp},
};

/// Time between two looks at what is due.
const WATCH_MILLISECONDS: u32 = 250;

/// Listens for as long as it lives.
pub struct Link {
    _watch: Interval,
    _state: Rc<RefCell<State>>,
}

struct State {
    sale: SaleId,
    store: LiveStore,
    source: Option<Source>,
    /// Numbers the streams: messages of an earlier one are dropped.
    generation: u64,
    /// Whether the stream has been opened by the server.
    speaks: bool,
    /// Whether the next stream has to begin with a snapshot.
    needs_snapshot: bool,
    /// Failed tries in a row.
    attempt: u32,
    retry_at: Timestamp,
    poll_at: Timestamp,
    polls_succeed: bool,
    /// When the server was last heard, by stream or poll, and when the stream was last asked for.
    heard_at: Timestamp,
    asked_at: Timestamp,
}

/// What a look finds to be due.
struct Due {
    stream: bool,
    poll: bool,
}

impl Link {
    /// To be called in the browser only, in an effect.
    pub fn start(sale: SaleId, store: LiveStore) -> Self {
        let now = browser_now();
        let state = Rc::new(RefCell::new(State {
            sale,
            store,
            source: None,
            generation: 0,
            speaks: false,
            needs_snapshot: false,
            attempt: 0,
            retry_at: now,
            poll_at: now.plus_milliseconds(POLL_MILLISECONDS),
            polls_succeed: false,
            heard_at: now,
            asked_at: now,
        }));
        look(&state);
        let watched = Rc::clone(&state);
        let watch = Interval::new(WATCH_MILLISECONDS, move || look(&watched));
        Self { _watch: watch, _state: state }
    }
}

impl State {
    fn due(&mut self, now: Timestamp, is_hidden: bool) -> Due {
        if is_hidden {
            // A hidden tab would keep one of the browser's few connections busy for nobody.
            self.let_go(now);
            return Due { stream: false, poll: false };
        }
        if self.source.is_some() && now.since(self.heard_at.max(self.asked_at)) >= STALE_AFTER_MILLISECONDS {
            self.let_go(now);
        }
        let due =
            Due { stream: self.source.is_none() && now >= self.retry_at, poll: !self.speaks && now >= self.poll_at };
        if due.poll {
            self.poll_at = now.plus_milliseconds(POLL_MILLISECONDS);
        }
        due
    }

    /// Closes the stream; the next look opens another at `retry_at`.
    fn let_go(&mut self, retry_at: Timestamp) {
        self.source = None;
        self.speaks = false;
        self.retry_at = retry_at;
    }

    /// The stream failed: wait before the next try, longer each time.
    fn fail(&mut self, now: Timestamp) {
        let chance = uuid::Uuid::now_v7().as_bytes()[15];
        self.let_go(now.plus_milliseconds(retry_milliseconds(self.attempt, chance)));
        self.attempt = self.attempt.saturating_add(1);
    }

    fn address(&self) -> String {
        let stream = format!("/api/v1/sales/{}/stream", self.sale);
        if self.needs_snapshot {
            return stream;
        }
        self.store.read(|view| format!("{stream}?since={}&epoch={}", view.seq(), view.epoch()))
    }

    fn tell(&self, now: Timestamp) {
        let silence = now.since(self.heard_at).max(0);
        self.store.set_hearing(Hearing {
            is_listening: true,
            connection: connection(self.speaks, silence, self.polls_succeed),
            silence_seconds: silence / 1000,
        });
    }
}

fn look(state: &Rc<RefCell<State>>) {
    let now = browser_now();
    let due = state.borrow_mut().due(now, document().hidden());
    if due.stream {
        open(state, now);
    }
    if due.poll {
        poll(Rc::clone(state));
    }
    state.borrow().tell(now);
}

fn open(state: &Rc<RefCell<State>>, now: Timestamp) {
    let (address, generation) = {
        let mut state = state.borrow_mut();
        state.generation += 1;
        state.asked_at = now;
        (state.address(), state.generation)
    };
    let listener = Rc::downgrade(state);
    let source = Source::open(&address, move |heard| {
        if let Some(state) = listener.upgrade()
            && state.borrow().generation == generation
        {
            hear(&state, heard);
        }
    });
    let mut state = state.borrow_mut();
    if source.is_none() {
        state.fail(now);
    }
    state.source = source;
}

fn hear(state: &Rc<RefCell<State>>, heard: Heard) {
    let now = browser_now();
    if matches!(heard, Heard::Ended) {
        state.borrow_mut().fail(now);
    } else {
        let verdict = match heard {
            Heard::Frame(frame) => take(state, frame),
            Heard::Unreadable => Verdict::NeedsSnapshot,
            Heard::Opened | Heard::Ended => Verdict::Applied,
        };
        let mut state = state.borrow_mut();
        state.heard_at = now;
        state.speaks = true;
        state.polls_succeed = false;
        state.attempt = 0;
        if verdict == Verdict::NeedsSnapshot {
            state.needs_snapshot = true;
            state.let_go(now);
        }
    }
    state.borrow().tell(now);
}

fn take(state: &Rc<RefCell<State>>, frame: Frame) -> Verdict {
    let store = state.borrow().store;
    let is_snapshot = matches!(frame, Frame::Snapshot(_));
    let verdict = store.apply(frame);
    if is_snapshot {
        state.borrow_mut().needs_snapshot = false;
    }
    verdict
}

fn poll(state: Rc<RefCell<State>>) {
    let (sale, store) = (state.borrow().sale.clone(), state.borrow().store);
    // Weak: a poll that is under way must not keep a page alive that has been left.
    let state = Rc::downgrade(&state);
    spawn_local(async move {
        let answer = api::snapshot(sale).await;
        let Some(state) = state.upgrade() else { return };
        let snapshot = answer.ok().flatten();
        let mut state = state.borrow_mut();
        state.polls_succeed = snapshot.is_some() && !state.speaks;
        if let Some(snapshot) = snapshot {
            store.apply_polled(snapshot);
            state.heard_at = browser_now();
        }
    });
}

/// The browser's own clock: good for intervals, not for the server's time.
#[allow(clippy::cast_possible_truncation)] // whole milliseconds of a moment are far below 2⁵³
pub fn browser_now() -> Timestamp {
    Timestamp::from_milliseconds(js_sys::Date::now() as i64)
}

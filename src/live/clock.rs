//! The server's time as the browser knows it: an anchor, corrected by every message from the server, plus a stopwatch
//! that only runs forward. The visitor's wall clock is never read.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use leptos::{prelude::*, wasm_bindgen::JsCast, web_sys::PerformanceResourceTiming};

use crate::model::time::Timestamp;

/// How often the time on the page is updated.
const TICK: Duration = Duration::from_millis(250);
/// A message that is late by no more than this was only slow on its way, so the clock is not set back.
const TOLERATED_DELAY_MILLISECONDS: i64 = 2_000;

/// The server's time when this page's stopwatch read zero, in milliseconds. It is a static because a page has only one
/// server. Used in the browser only.
static ANCHOR: AtomicI64 = AtomicI64::new(0);

/// The anchor after a message with the server's time `server` arrived when the stopwatch read `stopwatch`. Pure.
///
/// A message travels for a while, so the server's time is never earlier than what the message says. A time later than
/// our clock is therefore believed at once. An earlier time is believed only if a slow message cannot explain it: then
/// the stopwatch went wrong, or the server's clock was set.
const fn anchored(anchor: i64, server: i64, stopwatch: i64) -> i64 {
    let delay = anchor + stopwatch - server;
    if 0 <= delay && delay <= TOLERATED_DELAY_MILLISECONDS { anchor } else { server - stopwatch }
}

/// The server's time. It runs on in the browser and stands still on the server.
#[derive(Clone, Copy)]
pub struct ServerClock(RwSignal<Timestamp>);

impl ServerClock {
    /// A clock that starts from the time at which the server rendered the page.
    pub fn start(at_rendering: Timestamp) -> Self {
        let clock = Self(RwSignal::new(at_rendering));
        Effect::new(move |_| {
            // The page was rendered when its first byte came, not now: the download has taken time since then.
            ANCHOR.store(at_rendering.milliseconds - page_came_at(), Ordering::Relaxed);
            clock.tick();
            if let Ok(interval) = set_interval_with_handle(move || clock.tick(), TICK) {
                on_cleanup(move || interval.clear());
            }
        });
        clock
    }

    /// Reactive: changes with every tick.
    pub fn now(self) -> ReadSignal<Timestamp> {
        self.0.read_only()
    }

    /// Corrects the clock by a time that the server sent.
    pub fn hear(self, server: Timestamp) {
        let anchor = anchored(ANCHOR.load(Ordering::Relaxed), server.milliseconds, stopwatch());
        ANCHOR.store(anchor, Ordering::Relaxed);
        self.tick();
    }

    fn tick(self) {
        let _ = self.0.try_set(Timestamp::from_milliseconds(ANCHOR.load(Ordering::Relaxed) + stopwatch()));
    }
}

/// Milliseconds since the page was requested, by a clock that only runs forward. In the browser only.
#[allow(clippy::cast_possible_truncation)] // the age of a page is far below 2⁵³ milliseconds
pub fn stopwatch() -> i64 {
    window().performance().map_or(0.0, |performance| performance.now()) as i64
}

/// What the stopwatch read when the page's first byte came. If the browser does not say, what it reads now.
#[allow(clippy::cast_possible_truncation)] // as above
fn page_came_at() -> i64 {
    let entries = window().performance().map(|performance| performance.get_entries_by_type("navigation"));
    let navigation = entries.and_then(|entries| entries.get(0).dyn_into::<PerformanceResourceTiming>().ok());
    match navigation.map_or(0, |navigation| navigation.response_start() as i64) {
        0 => stopwatch(),
        came_at => came_at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The server's time when the stopwatch reads `stopwatch`.
    const fn time(anchor: i64, stopwatch: i64) -> i64 {
        anchor + stopwatch
    }

    #[test]
    fn a_message_that_was_slow_does_not_set_the_time_back() {
        let anchor = 1_000_000;
        assert_eq!(anchored(anchor, 1_008_500, 10_000), anchor);
        assert_eq!(anchored(anchor, 1_010_000, 10_000), anchor);
    }

    #[test]
    fn a_later_time_is_believed_at_once() {
        // First a message that was quicker, then a stopwatch that stood still while the machine slept.
        assert_eq!(time(anchored(1_000_000, 1_005_030, 5_010), 5_010), 1_005_030);
        assert_eq!(time(anchored(1_000_000, 4_600_000, 6_000), 7_000), 4_601_000);
    }

    #[test]
    fn a_time_that_is_wrong_by_more_than_a_slow_message_is_put_right() {
        let jumped = 3_600_000;
        assert_eq!(time(anchored(1_000_000, 1_010_000, jumped), jumped + 1_000), 1_011_000);
    }
}

//! The server's time, as the browser knows it: an anchor that every word of the server sets anew, and a stopwatch that only
//! runs forward. The visitor's wall clock is never asked.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use leptos::{prelude::*, wasm_bindgen::JsCast, web_sys::PerformanceResourceTiming};

use crate::model::time::Timestamp;

/// Time between two ticks of the time that is shown.
const TICK: Duration = Duration::from_millis(250);
/// A word of the server that is later than expected by no more than this was slow on its way: the time does not go back.
const TOLERATED_DELAY_MILLISECONDS: i64 = 2_000;

/// The server's time when the stopwatch of this page said zero, in milliseconds. A page has one server. In the browser only.
static ANCHOR: AtomicI64 = AtomicI64::new(0);

/// The anchor after the server has said `server` when the stopwatch said `stopwatch`. Pure.
///
/// A message travels for a while, so the server's time is never earlier than what the message says: a later time is believed
/// at once. An earlier one is believed only where the way cannot explain it: the stopwatch went wrong, or the server's clock
/// was set.
const fn anchored(anchor: i64, server: i64, stopwatch: i64) -> i64 {
    let delay = anchor + stopwatch - server;
    if 0 <= delay && delay <= TOLERATED_DELAY_MILLISECONDS { anchor } else { server - stopwatch }
}

/// The server's time, going on in the browser. On the server it stands still.
#[derive(Clone, Copy)]
pub struct ServerClock(RwSignal<Timestamp>);

impl ServerClock {
    /// A clock that goes on from when the page was made.
    pub fn start(at_rendering: Timestamp) -> Self {
        let clock = Self(RwSignal::new(at_rendering));
        Effect::new(move |_| {
            // The time that the download took has passed as well.
            ANCHOR.store(at_rendering.milliseconds - page_came_at(), Ordering::Relaxed);
            clock.tick();
            if let Ok(interval) = set_interval_with_handle(move || clock.tick(), TICK) {
                on_cleanup(move || interval.clear());
            }
        });
        clock
    }

    /// Reactive: ticks.
    pub fn now(self) -> ReadSignal<Timestamp> {
        self.0.read_only()
    }

    /// The server has said what time it is.
    pub fn hear(self, server: Timestamp) {
        let anchor = anchored(ANCHOR.load(Ordering::Relaxed), server.milliseconds, stopwatch());
        ANCHOR.store(anchor, Ordering::Relaxed);
        self.tick();
    }

    fn tick(self) {
        let _ = self.0.try_set(Timestamp::from_milliseconds(ANCHOR.load(Ordering::Relaxed) + stopwatch()));
    }
}

/// Milliseconds since the page was asked for, by a clock that only runs forward. In the browser only.
#[allow(clippy::cast_possible_truncation)] // the age of a page is far below 2⁵³ milliseconds
pub fn stopwatch() -> i64 {
    window().performance().map_or(0.0, |performance| performance.now()) as i64
}

/// What the stopwatch said when the page's first byte came; now, where the browser does not tell.
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

    /// The server's time by the stopwatch.
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
        // A message that was quicker, or a stopwatch that stood still while the machine slept.
        assert_eq!(time(anchored(1_000_000, 1_005_030, 5_010), 5_010), 1_005_030);
        assert_eq!(time(anchored(1_000_000, 4_600_000, 6_000), 7_000), 4_601_000);
    }

    #[test]
    fn a_time_that_is_wrong_by_more_than_a_slow_message_is_put_right() {
        let jumped = 3_600_000;
        assert_eq!(time(anchored(1_000_000, 1_010_000, jumped), jumped + 1_000), 1_011_000);
    }
}

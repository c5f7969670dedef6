//! The server's time, as the browser knows it: an anchor that every word of the server sets anew, and a stopwatch that only
//! runs forward. The visitor's wall clock is never asked.

use std::time::Duration;

use leptos::{prelude::*, wasm_bindgen::JsCast, web_sys::PerformanceResourceTiming};

use crate::model::time::Timestamp;

/// Time between two ticks of the time that is shown.
const TICK: Duration = Duration::from_millis(250);
/// A word of the server that is later than expected by no more than this was slow on its way: the time does not go back.
const TOLERATED_DELAY_MILLISECONDS: i64 = 2_000;

/// What the stopwatch said at a moment of the server's time. Pure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Anchor {
    server: Timestamp,
    stopwatch: i64,
}

impl Anchor {
    /// The server said `server` when the stopwatch said `stopwatch`, in milliseconds.
    pub const fn new(server: Timestamp, stopwatch: i64) -> Self {
        Self { server, stopwatch }
    }

    /// The server's time when the stopwatch says `stopwatch`.
    pub const fn time(self, stopwatch: i64) -> Timestamp {
        self.server.plus_milliseconds(stopwatch - self.stopwatch)
    }

    /// The anchor after the server has said `server`. A message travels for a while, so the server's time is never earlier
    /// than what the message says: a later time is believed at once. An earlier one is believed only where the way cannot
    /// explain it: the stopwatch went wrong, or the server's clock was set.
    pub const fn heard(self, server: Timestamp, stopwatch: i64) -> Self {
        let delay = self.time(stopwatch).since(server);
        if 0 <= delay && delay <= TOLERATED_DELAY_MILLISECONDS { self } else { Self::new(server, stopwatch) }
    }
}

/// The server's time, going on in the browser. On the server it stands still.
#[derive(Clone, Copy)]
pub struct ServerClock {
    anchor: StoredValue<Anchor>,
    now: RwSignal<Timestamp>,
}

impl ServerClock {
    /// A clock that goes on from when the page was made.
    pub fn start(at_rendering: Timestamp) -> Self {
        let anchor = StoredValue::new(Anchor::new(at_rendering, 0));
        let clock = Self { anchor, now: RwSignal::new(at_rendering) };
        Effect::new(move |_| {
            // The time that the download took has passed as well.
            anchor.set_value(Anchor::new(at_rendering, page_came_at()));
            clock.tick();
            if let Ok(interval) = set_interval_with_handle(move || clock.tick(), TICK) {
                on_cleanup(move || interval.clear());
            }
        });
        clock
    }

    /// Reactive: ticks.
    pub fn now(self) -> ReadSignal<Timestamp> {
        self.now.read_only()
    }

    /// The server has said what time it is.
    pub fn hear(self, server: Timestamp) {
        self.anchor.try_update_value(|anchor| *anchor = anchor.heard(server, stopwatch()));
        self.tick();
    }

    fn tick(self) {
        if let Some(anchor) = self.anchor.try_get_value() {
            let _ = self.now.try_set(anchor.time(stopwatch()));
        }
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

    fn time(milliseconds: i64) -> Timestamp {
        Timestamp::from_milliseconds(milliseconds)
    }

    #[test]
    fn the_time_goes_on_with_the_stopwatch() {
        let anchor = Anchor::new(time(1_000_000), 300);
        assert_eq!(anchor.time(300), time(1_000_000));
        assert_eq!(anchor.time(4_300), time(1_004_000));
    }

    #[test]
    fn a_message_that_was_slow_does_not_set_the_time_back() {
        let anchor = Anchor::new(time(1_000_000), 0);
        assert_eq!(anchor.heard(time(1_008_500), 10_000), anchor);
        assert_eq!(anchor.heard(time(1_010_000), 10_000).time(10_000), time(1_010_000));
    }

    #[test]
    fn a_later_time_is_believed_at_once() {
        // A page that came slowly, or a stopwatch that stood still while the machine slept.
        let anchor = Anchor::new(time(1_000_000), 5_000);
        assert_eq!(anchor.heard(time(1_000_020), 5_010).time(5_010), time(1_000_020));
        assert_eq!(anchor.heard(time(4_600_000), 6_000).time(7_000), time(4_601_000));
    }

    #[test]
    fn a_time_that_is_wrong_by_more_than_a_slow_message_is_put_right() {
        let anchor = Anchor::new(time(1_000_000), 0);
        let jumped = 3_600_000;
        assert_eq!(anchor.heard(time(1_010_000), jumped).time(jumped + 1_000), time(1_011_000));
    }
}

//! The only place that reads the wall clock. Tests give the engine a clock that they move by hand.

use std::{
    sync::{
        Arc, LazyLock,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use crate::model::time::Timestamp;

/// The wall clock when the process first asked for the time, and the stopwatch then.
static STARTED: LazyLock<(Timestamp, Duration)> = LazyLock::new(|| {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let wall = Timestamp::from_milliseconds(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX));
    (wall, stopwatch())
});

#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The wall clock as it was at the start, and a stopwatch from then on: whoever sets the wall clock meanwhile neither
    /// opens a sale early nor keeps it shut.
    #[default]
    System,
    /// Milliseconds since 1970, set by a test.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    pub fn manual(start: Timestamp) -> Self {
        Self::Manual(Arc::new(AtomicI64::new(start.milliseconds)))
    }

    pub fn now(&self) -> Timestamp {
        match self {
            Self::System => {
                let (wall, started) = *STARTED;
                let passed = stopwatch().saturating_sub(started).as_millis();
                wall.plus_milliseconds(i64::try_from(passed).unwrap_or(i64::MAX))
            }
            Self::Manual(milliseconds) => Timestamp::from_milliseconds(milliseconds.load(Ordering::SeqCst)),
        }
    }

    /// Moves a manual clock forward. On the system's clock it does nothing.
    pub fn advance(&self, milliseconds: i64) {
        if let Self::Manual(now) = self {
            now.fetch_add(milliseconds, Ordering::SeqCst);
        }
    }
}

/// A clock that only runs forward, also while the machine sleeps. Nobody can set it.
#[cfg(target_os = "linux")]
fn stopwatch() -> Duration {
    let since_boot = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Duration::try_from(since_boot).unwrap_or_default()
}

/// A clock that only runs forward. Nobody can set it.
#[cfg(not(target_os = "linux"))]
fn stopwatch() -> Duration {
    static FIRST: LazyLock<std::time::Instant> = LazyLock::new(std::time::Instant::now);
    FIRST.elapsed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_goes_on_with_the_stopwatch_from_the_wall_clock_at_the_start() {
        let (wall, started) = *STARTED;
        let before = stopwatch();
        let now = Clock::System.now();
        let after = stopwatch();
        let passed = |at: Duration| i64::try_from((at - started).as_millis()).unwrap();
        assert!((passed(before)..=passed(after)).contains(&now.since(wall)));
    }
}

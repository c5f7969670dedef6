//! How long and how often to measure, and the type of a result.

use std::time::Duration;

use super::report::Sample;

/// Why a run is not valid.
pub type Failure = Box<dyn std::error::Error>;
pub type Measured = Result<Vec<Sample>, Failure>;

const DEFAULT_REPETITIONS: usize = 3;
const DEFAULT_SECONDS: f64 = 3.0;

/// How long and how often to measure.
pub struct Settings {
    /// The duration of each loop of requests.
    pub duration: Duration,
    pub repetitions: usize,
    wanted: Option<String>,
}

impl Settings {
    pub fn from_environment() -> Self {
        let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<f64>().ok());
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a handful
        let repetitions =
            number("ONSALE_BENCH_REPETITIONS").map_or(DEFAULT_REPETITIONS, |count| count.max(1.0) as usize);
        let duration = Duration::from_secs_f64(number("ONSALE_BENCH_SECONDS").unwrap_or(DEFAULT_SECONDS));
        Self { duration, repetitions, wanted: std::env::var("ONSALE_BENCH_ROWS").ok() }
    }

    /// Whether this group is to be measured.
    pub fn wants(&self, group: &str) -> bool {
        self.wanted
            .as_ref()
            .map_or(!group.starts_with("attacks"), |wanted| wanted.split(',').any(|name| name.trim() == group))
    }
}

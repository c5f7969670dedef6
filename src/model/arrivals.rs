//! When the buyers of a load run arrive: the same plan on the server, in the terminal and in the browser.
//!
//! With a rate the load is open loop: the plan is fixed before the run, and slow answers do not change it.

use std::time::Duration;

use super::limits::{MAX_SIMULATION_RATE_PER_SECOND, MIN_SIMULATION_RATE_PER_SECOND};

/// The planned moments of arrival, counted from the start of the run.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub enum Arrivals {
    /// All buyers arrive at the start. Only the run's concurrency limits how many act at the same time.
    #[default]
    AtOnce,
    /// This many buyers arrive per second, evenly spaced.
    PerSecond(f64),
}

impl Arrivals {
    /// Arrivals at `rate` per second, or all at once without a rate. `None` if the rate is out of bounds.
    pub fn at_rate(rate: Option<f64>) -> Option<Self> {
        match rate {
            None => Some(Self::AtOnce),
            Some(rate) => (MIN_SIMULATION_RATE_PER_SECOND..=MAX_SIMULATION_RATE_PER_SECOND)
                .contains(&rate)
                .then_some(Self::PerSecond(rate)),
        }
    }

    /// `buyers` arrivals spread over `seconds`, or all at once if that is 0. Very few buyers arrive in less time,
    /// because the rate is kept within its bounds.
    pub fn over(buyers: u32, seconds: u32) -> Self {
        if seconds == 0 {
            return Self::AtOnce;
        }
        let rate = f64::from(buyers) / f64::from(seconds);
        Self::PerSecond(rate.clamp(MIN_SIMULATION_RATE_PER_SECOND, MAX_SIMULATION_RATE_PER_SECOND))
    }

    /// Buyers per second. `None` if all arrive at once.
    pub const fn rate(self) -> Option<f64> {
        match self {
            Self::AtOnce => None,
            Self::PerSecond(rate) => Some(rate),
        }
    }

    /// When the buyer with this number arrives. Buyers are counted from 0.
    pub fn moment(self, buyer: usize) -> Duration {
        match self {
            Self::AtOnce => Duration::ZERO,
            #[allow(clippy::cast_precision_loss)] // numbers of buyers lie far below 2⁵³
            Self::PerSecond(rate) => Duration::from_secs_f64(buyer as f64 / rate),
        }
    }

    /// When the last of `buyers` buyers arrives.
    pub fn last_moment(self, buyers: u32) -> Duration {
        self.moment(buyers.saturating_sub(1) as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn buyers_at_a_rate_are_evenly_spaced_from_the_start_on() {
        let plan = Arrivals::at_rate(Some(4.0)).unwrap();
        let moments: Vec<u128> = (0..5).map(|buyer| plan.moment(buyer).as_millis()).collect();
        assert_eq!(moments, [0, 250, 500, 750, 1_000]);
        assert_eq!((plan.rate(), plan.last_moment(5)), (Some(4.0), SECOND));
        assert_eq!(Arrivals::AtOnce.last_moment(10_000), Duration::ZERO);
    }

    #[test]
    fn buyers_spread_over_a_time_have_all_arrived_within_it() {
        for (buyers, seconds) in [(500, 8), (9, 8), (10_000, 8), (1, 8), (7, 60), (10_000, 3_600)] {
            let plan = Arrivals::over(buyers, seconds);
            let last = plan.last_moment(buyers);
            assert!(last < SECOND * seconds, "{buyers} over {seconds} s: {last:?}");
            assert_eq!(Arrivals::at_rate(plan.rate()), Some(plan), "the rate is one that the server takes");
        }
        assert_eq!(Arrivals::over(500, 8), Arrivals::PerSecond(62.5));
        assert_eq!(Arrivals::over(500, 0), Arrivals::AtOnce);
        assert_eq!(Arrivals::over(2, 60), Arrivals::PerSecond(1.0), "no slower than one a second");
    }

    #[test]
    fn a_rate_lies_within_its_bounds() {
        assert_eq!(Arrivals::at_rate(None), Some(Arrivals::AtOnce));
        for rate in [1.0, 1.5, 100_000.0] {
            assert_eq!(Arrivals::at_rate(Some(rate)), Some(Arrivals::PerSecond(rate)));
        }
        for rate in [0.0, -1.0, 0.999, 100_000.5, f64::NAN, f64::INFINITY] {
            assert_eq!(Arrivals::at_rate(Some(rate)), None, "{rate}");
        }
    }
}

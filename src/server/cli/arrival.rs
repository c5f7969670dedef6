//! The flags that say when the buyers of a run arrive, the same for every command that sends buyers.

use clap::Args;

use crate::model::{
    arrivals::Arrivals,
    limits::{MAX_ARRIVAL_SECONDS, MAX_SIMULATION_RATE_PER_SECOND, MIN_SIMULATION_RATE_PER_SECOND},
};

#[derive(Args)]
pub struct ArrivalArgs {
    /// Open loop: so many buyers arrive per second, evenly spaced, however slow the answers are. Latency counts from
    /// the planned moment of arrival. Without this and --over, all buyers arrive at once.
    #[arg(long, value_name = "PER_SECOND", conflicts_with = "over", value_parser = rate)]
    rate: Option<f64>,
    /// Open loop, as a time: the arrivals are spread evenly over so many seconds, at least one per second. 0 means at
    /// once.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(..=i64::from(MAX_ARRIVAL_SECONDS)))]
    over: Option<u32>,
}

impl ArrivalArgs {
    pub fn arrivals(&self, buyers: u32) -> Arrivals {
        match (self.rate, self.over) {
            (Some(rate), _) => Arrivals::PerSecond(rate),
            (None, Some(seconds)) => Arrivals::over(buyers, seconds),
            (None, None) => Arrivals::AtOnce,
        }
    }
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok().and_then(|rate| Arrivals::at_rate(Some(rate))?.rate());
    rate.ok_or_else(|| {
        format!(
            "a number of buyers per second from {MIN_SIMULATION_RATE_PER_SECOND} to {MAX_SIMULATION_RATE_PER_SECOND}"
        )
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct CommandLine {
        #[command(flatten)]
        arrival: ArrivalArgs,
    }

    fn arrivals(flags: &[&str]) -> Option<Arrivals> {
        let words = ["onsale"].iter().chain(flags);
        CommandLine::try_parse_from(words).ok().map(|line| line.arrival.arrivals(500))
    }

    #[test]
    fn buyers_arrive_at_once_at_a_rate_or_over_a_time() {
        assert_eq!(arrivals(&[]), Some(Arrivals::AtOnce));
        assert_eq!(arrivals(&["--rate", "40.5"]), Some(Arrivals::PerSecond(40.5)));
        assert_eq!(arrivals(&["--over", "8"]), Some(Arrivals::PerSecond(62.5)));
        assert_eq!(arrivals(&["--over", "0"]), Some(Arrivals::AtOnce));
    }

    #[test]
    fn what_is_out_of_bounds_or_says_two_things_is_refused() {
        for flags in [
            &["--rate", "0.5"][..],
            &["--rate", "0"],
            &["--rate=-3"],
            &["--rate", "NaN"],
            &["--rate", "inf"],
            &["--rate", "many"],
            &["--rate", "100001"],
            &["--over=-1"],
            &["--over", "1.5"],
            &["--over", "3601"],
            &["--over", "many"],
            &["--rate", "5", "--over", "8"],
        ] {
            assert_eq!(arrivals(flags), None, "{flags:?}");
        }
    }
}

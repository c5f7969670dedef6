//! The figures of a load run, folded from its answers, the same on the server and in the browser.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use serde::Deserialize;

use super::{ids::BuyerId, order::Order, outcome::Code, simulation::Simulation};

/// The longest latency told apart, in microseconds; longer ones count as this.
const MAX_LATENCY_MICROSECONDS: u64 = 120_000_000;
/// Latencies are kept to three digits.
const SIGNIFICANT_DIGITS: u8 = 3;

/// What a virtual buyer was told.
#[derive(Clone, PartialEq, Debug)]
pub enum Answer {
    Won(Order),
    /// A correct refusal: not a failure.
    Refused(Code),
    /// A transport fault, or an answer that should not be.
    Failed(String),
}

/// The one member of a problem document that decides.
#[derive(Deserialize)]
struct ProblemCode {
    code: Code,
}

impl Answer {
    /// Reads the answer to a purchase from its status and body.
    pub fn read(status: u16, body: &[u8]) -> Self {
        if status == 201 {
            return match serde_json::from_slice(body) {
                Ok(order) => Self::Won(order),
                Err(error) => Self::Failed(format!("201 whose body is no order: {error}")),
            };
        }
        match serde_json::from_slice(body) {
            Ok(ProblemCode { code }) if is_refusal(code) && code.status() == status => Self::Refused(code),
            _ => Self::Failed(format!("unexpected answer {status}")),
        }
    }
}

/// Whether a buyer who did nothing wrong can be told this.
const fn is_refusal(code: Code) -> bool {
    matches!(
        code,
        Code::SoldOut
            | Code::SeatTaken
            | Code::LimitReached
            | Code::Contended
            | Code::SaleNotOpen
            | Code::Overloaded
            | Code::RateLimited
    )
}

/// Counters and latencies so far.
#[derive(Clone, Debug)]
pub struct Tally {
    won: u64,
    refused: BTreeMap<Code, u64>,
    errors: u64,
    last_winner: Option<BuyerId>,
    latencies: Histogram<u32>,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            won: 0,
            refused: BTreeMap::new(),
            errors: 0,
            last_winner: None,
            latencies: Histogram::new_with_max(MAX_LATENCY_MICROSECONDS, SIGNIFICANT_DIGITS)
                .expect("the bounds of the histogram are constants that fit"),
        }
    }
}

impl Tally {
    pub fn record(&mut self, answer: &Answer, latency_microseconds: u64) {
        match answer {
            Answer::Won(order) => {
                self.won += 1;
                self.last_winner = Some(order.buyer);
            }
            Answer::Refused(code) => *self.refused.entry(*code).or_default() += 1,
            Answer::Failed(_) => self.errors += 1,
        }
        self.latencies.saturating_record(latency_microseconds.max(1));
    }

    /// Buyers who have their answer.
    pub fn answered(&self) -> u64 {
        self.won + self.refused.values().sum::<u64>() + self.errors
    }

    /// The latency below which the share `quantile` of all answers came, in milliseconds.
    pub fn quantile_milliseconds(&self, quantile: f64) -> f64 {
        to_milliseconds(self.latencies.value_at_quantile(quantile))
    }

    /// Brings the figures of `simulation` up to date. A single winner is named when the race was for one seat.
    pub fn write_to(&self, simulation: &mut Simulation, duration_milliseconds: u64, race_for_one_seat: bool) {
        simulation.won = self.won;
        simulation.refused.clone_from(&self.refused);
        simulation.errors = self.errors;
        simulation.duration_ms = duration_milliseconds;
        simulation.throughput = per_second(self.answered(), duration_milliseconds);
        simulation.p50_ms = self.quantile_milliseconds(0.50);
        simulation.p90_ms = self.quantile_milliseconds(0.90);
        simulation.p95_ms = self.quantile_milliseconds(0.95);
        simulation.p99_ms = self.quantile_milliseconds(0.99);
        simulation.max_ms = to_milliseconds(self.latencies.max());
        simulation.winner = if race_for_one_seat { self.last_winner } else { None };
    }
}

#[allow(clippy::cast_precision_loss)] // latencies and counts lie far below 2⁵³
fn to_milliseconds(microseconds: u64) -> f64 {
    microseconds as f64 / 1000.0
}

/// Answers per second; a run shorter than a millisecond counts as one.
#[allow(clippy::cast_precision_loss)] // counts lie far below 2⁵³
fn per_second(answers: u64, duration_milliseconds: u64) -> f64 {
    answers as f64 * 1000.0 / duration_milliseconds.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(code: Code) -> Vec<u8> {
        format!(r#"{{"type":"about:blank","title":"x","status":{},"code":"{code}"}}"#, code.status()).into_bytes()
    }

    #[test]
    fn a_refusal_is_an_answer_and_a_wrong_status_is_a_failure() {
        assert_eq!(Answer::read(409, &refusal(Code::SeatTaken)), Answer::Refused(Code::SeatTaken));
        assert_eq!(Answer::read(503, &refusal(Code::Overloaded)), Answer::Refused(Code::Overloaded));
        for (status, body) in [
            (500, refusal(Code::SeatTaken)),
            (404, refusal(Code::NotFound)),
            (200, b"{}".to_vec()),
            (201, b"{}".to_vec()),
            (409, b"not json".to_vec()),
        ] {
            assert!(matches!(Answer::read(status, &body), Answer::Failed(_)), "{status}");
        }
    }

    #[test]
    fn quantiles_and_counts_come_from_the_answers() {
        let mut tally = Tally::default();
        for latency in 1..=100 {
            tally.record(&Answer::Refused(Code::SoldOut), latency * 1000);
        }
        tally.record(&Answer::Failed("reset".to_owned()), 500_000);
        assert_eq!(tally.answered(), 101);
        let near = |value: f64, wanted: f64| (value - wanted).abs() / wanted < 0.02;
        assert!(near(tally.quantile_milliseconds(0.5), 51.0));
        assert!(near(tally.quantile_milliseconds(1.0), 500.0));
    }
}

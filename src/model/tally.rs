//! The figures of a load run, counted from its answers in the same way on the server and in the browser.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use serde::Deserialize;

use super::{
    ids::BuyerId,
    order::Order,
    outcome::{BuyOutcome, Code},
    retry::{leaves_outcome_open, unexpected_status},
    simulation::{PAID, Simulation, Workload},
};

/// The longest latency that is recorded, in microseconds. Longer latencies count as this.
const MAX_LATENCY_MICROSECONDS: u64 = 120_000_000;
/// Latencies are recorded to three significant digits.
const SIGNIFICANT_DIGITS: u8 = 3;

/// What a virtual buyer was told.
#[derive(Clone, PartialEq, Debug)]
pub enum Answer {
    Won(Order),
    /// The buyer of a journey held something, and left without it in this way.
    Left(&'static str),
    /// A correct refusal: not a failure.
    Refused(Code),
    /// A transport fault or an unexpected answer.
    Failed(String),
}

/// The only member of a problem document that matters here.
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
                Err(error) => Self::Failed(format!("The answer 201 carries no order: {error}.")),
            };
        }
        match serde_json::from_slice(body) {
            Ok(ProblemCode { code }) if is_refusal(code) && code.status() == status => Self::Refused(code),
            _ => Self::Failed(unexpected_status(status)),
        }
    }

    /// Whether this answer leaves the outcome of the request unknown, so that the request must be sent again with the
    /// same key. `status` is the status of the answer.
    pub fn leaves_outcome_open(&self, status: u16) -> bool {
        matches!(self, Self::Failed(_)) && (leaves_outcome_open(status) || status == Code::IdempotencyInFlight.status())
    }
}

impl From<BuyOutcome> for Answer {
    fn from(outcome: BuyOutcome) -> Self {
        match outcome {
            BuyOutcome::Bought { order, .. } => Self::Won(order),
            BuyOutcome::Refused(refusal) if is_refusal(refusal.code) => Self::Refused(refusal.code),
            BuyOutcome::Refused(refusal) => Self::Failed(format!("An unexpected refusal: {}.", refusal.code.name())),
            BuyOutcome::Waiting { .. } => Self::Failed("The purchase still waits in the queue.".to_owned()),
        }
    }
}

/// Whether a buyer who did nothing wrong can get this code.
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

/// Latencies so far.
#[derive(Clone, Debug)]
pub struct Latencies(Histogram<u32>);

impl Default for Latencies {
    fn default() -> Self {
        let histogram = Histogram::new_with_max(MAX_LATENCY_MICROSECONDS, SIGNIFICANT_DIGITS);
        Self(histogram.expect("the bounds of the histogram are constants that fit"))
    }
}

impl Latencies {
    pub fn record(&mut self, microseconds: u64) {
        self.0.saturating_record(microseconds.max(1));
    }

    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// The latency that the share `quantile` of all answers did not exceed, in milliseconds.
    pub fn quantile_milliseconds(&self, quantile: f64) -> f64 {
        to_milliseconds(self.0.value_at_quantile(quantile))
    }

    pub fn mean_milliseconds(&self) -> f64 {
        self.0.mean() / 1000.0
    }

    /// Brings the latencies of `simulation` up to date.
    pub fn write_to(&self, simulation: &mut Simulation) {
        simulation.p50_ms = self.quantile_milliseconds(0.50);
        simulation.p90_ms = self.quantile_milliseconds(0.90);
        simulation.p95_ms = self.quantile_milliseconds(0.95);
        simulation.p99_ms = self.quantile_milliseconds(0.99);
        simulation.max_ms = to_milliseconds(self.0.max());
    }
}

/// Answers so far.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    won: u64,
    refused: BTreeMap<Code, u64>,
    left: BTreeMap<&'static str, u64>,
    /// Whether the buyers make journeys, so that it is told how these end.
    has_journeys: bool,
    errors: u64,
    last_error: Option<String>,
    last_winner: Option<BuyerId>,
}

impl Tally {
    pub fn new(workload: Workload) -> Self {
        Self { has_journeys: workload == Workload::Journey, ..Self::default() }
    }

    pub fn count(&mut self, answer: &Answer) {
        match answer {
            Answer::Won(order) => {
                self.won += 1;
                self.last_winner = Some(order.buyer);
            }
            Answer::Left(how) => *self.left.entry(how).or_default() += 1,
            Answer::Refused(code) => *self.refused.entry(*code).or_default() += 1,
            Answer::Failed(told) => {
                self.errors += 1;
                self.last_error = Some(told.clone());
            }
        }
    }

    /// How many buyers have their answer.
    pub fn answered(&self) -> u64 {
        self.won + self.refused.values().sum::<u64>() + self.left.values().sum::<u64>() + self.errors
    }

    /// Brings the counts of `simulation` up to date. The winner is set only if the race was for one seat.
    pub fn write_to(&self, simulation: &mut Simulation, duration_milliseconds: u64, race_for_one_seat: bool) {
        simulation.won = self.won;
        simulation.refused.clone_from(&self.refused);
        if self.has_journeys {
            simulation.outcomes = self.left.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
            simulation.outcomes.insert(PAID.to_owned(), self.won);
        }
        simulation.errors = self.errors;
        simulation.last_error.clone_from(&self.last_error);
        simulation.duration_ms = duration_milliseconds;
        simulation.throughput = per_second(self.answered(), duration_milliseconds);
        simulation.winner = if race_for_one_seat { self.last_winner } else { None };
    }
}

#[allow(clippy::cast_precision_loss)] // latencies and counts lie far below 2⁵³
fn to_milliseconds(microseconds: u64) -> f64 {
    microseconds as f64 / 1000.0
}

/// Answers per second. A run shorter than a millisecond counts as one millisecond.
#[allow(clippy::cast_precision_loss)] // counts lie far below 2⁵³
fn per_second(answers: u64, duration_milliseconds: u64) -> f64 {
    answers as f64 * 1000.0 / duration_milliseconds.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ids::SimulationId, outcome::Refusal};

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
    fn only_an_answer_that_says_nothing_of_the_outcome_is_asked_for_again() {
        let is_open = |status, body: &[u8]| Answer::read(status, body).leaves_outcome_open(status);
        for (status, body) in [
            (502, b"<html>Bad Gateway</html>".to_vec()),
            (504, Vec::new()),
            (503, b"no server is available".to_vec()),
            (201, b"{\"id\":".to_vec()),
            (409, refusal(Code::IdempotencyInFlight)),
        ] {
            assert!(is_open(status, &body), "{status}");
        }
        for (status, body) in [
            (409, refusal(Code::SoldOut)),
            (503, refusal(Code::Overloaded)),
            (404, refusal(Code::NotFound)),
            (422, refusal(Code::Invalid)),
        ] {
            assert!(!is_open(status, &body), "{status}");
        }
        assert_eq!(
            Answer::read(502, b"<html>"),
            Answer::Failed(
                "A proxy answered 502 in the server's place: it got no valid answer from the server.".to_owned()
            )
        );
    }

    #[test]
    fn a_refusal_told_as_a_value_counts_like_one_told_by_status() {
        let refused = |code| Answer::from(BuyOutcome::Refused(Refusal::new(code, "")));
        assert_eq!(refused(Code::SoldOut), Answer::Refused(Code::SoldOut));
        assert!(matches!(refused(Code::NotFound), Answer::Failed(_)));
    }

    #[test]
    fn counts_come_from_the_answers() {
        let mut tally = Tally::default();
        for _ in 0..3 {
            tally.count(&Answer::Refused(Code::SoldOut));
        }
        tally.count(&Answer::Failed("The connection was reset.".to_owned()));
        let mut simulation = Simulation::begun(SimulationId(uuid::Uuid::nil()), "rehearsal".into(), 4, 4, 1);
        tally.write_to(&mut simulation, 2_000, false);
        assert_eq!((simulation.answered(), simulation.refused_in_all(), simulation.errors), (4, 3, 1));
        assert_eq!(simulation.last_error.as_deref(), Some("The connection was reset."));
        assert!((simulation.throughput - 2.0).abs() < f64::EPSILON);
    }

    #[test]
    fn quantiles_come_from_the_latencies() {
        let mut latencies = Latencies::default();
        for milliseconds in 1..=100 {
            latencies.record(milliseconds * 1000);
        }
        latencies.record(u64::MAX);
        let near = |value: f64, wanted: f64| (value - wanted).abs() / wanted < 0.02;
        assert!(near(latencies.quantile_milliseconds(0.5), 51.0));
        assert!(near(latencies.quantile_milliseconds(1.0), 120_000.0));
    }
}

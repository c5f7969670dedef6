//! The state of the panel: the current run, and the ended runs. Drivers write here, views read.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{
    model::{
        ids::SaleId,
        simulation::{Simulation, SimulationStatus, Target},
        strategy::StrategyKind,
    },
    ui::kit::document::{SIMULATE, hand_focus_on},
};

/// The most requests that a browser sends at once. It would only queue further requests, and would let several hundred
/// fail.
pub const MAX_BROWSER_CONCURRENCY: u32 = 64;

/// Who sends the buyers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Engine {
    Browser,
    Server,
}

impl Engine {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Browser => "browser",
            Self::Server => "server",
        }
    }
}

/// The place of a run among the runs of its comparison, counted from 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stage {
    pub place: u32,
    pub of: u32,
}

/// A checked request for a run.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Request {
    pub sale: SaleId,
    pub buyers: u32,
    pub concurrency: u32,
    /// Buyers who arrive per second. `None`: all arrive at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
    pub target: Target,
    pub engine: Engine,
    /// The strategy that sells. `None`: the sale's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy: Option<StrategyKind>,
    /// The same seed draws the same requests again. `None`: a new seed is drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// The number of the round. Runs that were started together, to be compared, have the same number.
    pub round: u32,
    /// The place of the run in its comparison. `None` for a single run.
    #[serde(skip)]
    pub stage: Option<Stage>,
}

/// The figures at one moment of a run.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Sample {
    pub at_ms: u64,
    /// Answers per second since the previous sample.
    pub per_second: f64,
    /// Latencies of all answers so far.
    pub p50_ms: f64,
    pub p99_ms: f64,
}

/// Time that requests spent in the browser before they were sent.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct BrowserQueue {
    pub p50_ms: f64,
    pub p99_ms: f64,
}

/// One run with its figures, as it is shown, compared and exported.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Run {
    pub request: Request,
    pub simulation: Simulation,
    pub samples: Vec<Sample>,
    /// Only present if the browser sent the buyers and discloses this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub browser_queue: Option<BrowserQueue>,
}

impl Run {
    pub const fn new(request: Request, simulation: Simulation) -> Self {
        Self { request, simulation, samples: Vec::new(), browser_queue: None }
    }

    /// Takes newer figures, and keeps a sample of what has changed since the previous figures.
    pub fn advance(&mut self, simulation: Simulation) {
        let (answers, elapsed) = (
            simulation.answered().saturating_sub(self.simulation.answered()),
            simulation.duration_ms.saturating_sub(self.simulation.duration_ms),
        );
        if elapsed > 0 {
            #[allow(clippy::cast_precision_loss)] // counts lie far below 2⁵³
            let per_second = answers as f64 * 1000.0 / elapsed as f64;
            let Simulation { duration_ms: at_ms, p50_ms, p99_ms, .. } = simulation;
            self.samples.push(Sample { at_ms, per_second, p50_ms, p99_ms });
        }
        self.simulation = simulation;
    }
}

/// The state of one panel: a bundle of signals, cheap to copy.
#[derive(Clone, Copy, Default)]
pub struct Session {
    /// The sale that is chosen in the form.
    pub sale: RwSignal<Option<SaleId>>,
    /// The run that is going on or has just ended.
    pub run: RwSignal<Option<Run>>,
    /// All ended runs, oldest first.
    pub ended: RwSignal<Vec<Run>>,
    pub running: RwSignal<bool>,
    /// Whether the current round, or the last attempt, is a comparison.
    pub comparing: RwSignal<bool>,
    pub cancelled: RwSignal<bool>,
    /// What went wrong, if the round could not begin or go on.
    pub trouble: RwSignal<Option<String>>,
    /// What screen readers announce.
    pub announcement: RwSignal<String>,
}

impl Session {
    /// Begins a round, which is one run or the runs of a comparison, and returns its number.
    pub fn begin(self) -> u32 {
        self.run.set(None);
        self.trouble.set(None);
        self.cancelled.set(false);
        self.running.set(true);
        let begun = if self.comparing.get_untracked() { "The comparison has begun." } else { "The run has begun." };
        self.announcement.set(begun.to_owned());
        self.ended.with_untracked(|ended| ended.last().map_or(0, |run| run.request.round)) + 1
    }

    /// Whether the visitor has cancelled.
    pub fn is_cancelled(self) -> bool {
        self.cancelled.try_get_untracked().unwrap_or(true)
    }

    /// Shows how far the run is.
    pub fn show(self, run: &Run) {
        self.run.try_set(Some(run.clone()));
    }

    /// Shows the run as ended, and keeps it for comparison.
    pub fn end(self, run: Run) {
        self.announcement.try_set(summary(&run.simulation));
        self.keep(run.clone());
        self.run.try_set(Some(run));
        self.stop();
    }

    /// Removes the progress and its button. Before that, the focus moves away from them.
    fn stop(self) {
        hand_focus_on(".simulator-progress", &[SIMULATE]);
        self.running.try_set(false);
    }

    /// Keeps an ended run beside the others.
    pub fn keep(self, run: Run) {
        self.ended.try_update(|ended| ended.push(run));
    }

    /// Ends the comparison. Its table shows the result.
    pub fn end_comparison(self, announcement: String) {
        self.announcement.try_set(announcement);
        self.run.try_set(None);
        self.stop();
    }

    /// Ends a run or a comparison that could not be started or finished.
    pub fn fail(self, trouble: String) {
        self.trouble.try_set(Some(trouble));
        self.end_comparison(String::new());
    }
}

/// A run in one sentence.
fn summary(run: &Simulation) -> String {
    let end = if run.status == SimulationStatus::Cancelled { "was cancelled" } else { "has ended" };
    let verdict = match (&run.audit, run.is_clean()) {
        (_, true) => "The audit is clean.",
        (Some(_), false) => "The audit is not clean.",
        (None, false) => "The audit could not be read.",
    };
    format!(
        "The run {end}: {} won, {} refused, {} errors in {} milliseconds. {verdict}",
        run.won,
        run.refused_in_all(),
        run.errors,
        run.duration_ms
    )
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::model::ids::SimulationId;

    #[test]
    fn a_sample_tells_what_came_since_the_one_before() {
        let request = Request {
            sale: "rehearsal".into(),
            buyers: 10,
            concurrency: 2,
            rate: None,
            target: Target::Any,
            engine: Engine::Server,
            strategy: None,
            seed: None,
            round: 1,
            stage: None,
        };
        let begun = Simulation::begun(SimulationId(Uuid::nil()), "rehearsal".into(), 10, 2, 1);
        let mut run = Run::new(request, begun.clone());
        run.advance(Simulation { won: 4, duration_ms: 100, ..begun.clone() });
        run.advance(Simulation { won: 4, duration_ms: 100, ..begun.clone() });
        run.advance(Simulation { won: 10, duration_ms: 400, ..begun });
        let rates: Vec<f64> = run.samples.iter().map(|sample| sample.per_second).collect();
        assert_eq!(rates, [40.0, 20.0]);
    }
}

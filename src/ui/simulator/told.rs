//! Runs in words: the load, whether the run was exact, which strategy sold, the result of a round. The words are the
//! same on the page, in the exported files, and in the terminal.

use serde::Serialize;

use super::session::{Engine, Run};
use crate::{
    model::{
        simulation::{Simulation, SimulationStatus},
        strategy::StrategyKind,
    },
    ui::kit::money::{rounded, tenths},
};

/// The JSON export of the page and of the terminal.
#[derive(Serialize)]
pub struct Export<'a> {
    /// The kind of database.
    store: &'a str,
    /// Whether every strategy that promises to be exact was exact.
    pub exact: bool,
    runs: &'a [Run],
}

impl<'a> Export<'a> {
    pub fn new(store: &'a str, runs: &'a [Run]) -> Self {
        Self { store, exact: runs.iter().all(|run| is_as_promised(&run.simulation)), runs }
    }
}

/// Whether the run was exact, or its strategy does not promise to be.
pub fn is_as_promised(run: &Simulation) -> bool {
    run.is_clean() || run.strategy.is_some_and(|strategy| !strategy.is_exact())
}

/// The audit's verdict in a word or two.
pub fn verdict(run: &Simulation) -> String {
    let found = match &run.audit {
        None => "Not audited",
        Some(_) if run.is_clean() => "Exact",
        Some(audit) if audit.phantoms > 0 => "Oversold",
        Some(audit) if audit.leaks > 0 => "Lost units",
        Some(_) => "Not exact",
    };
    let cancelled = if run.status == SimulationStatus::Cancelled { ", cancelled" } else { "" };
    let errors = if run.errors > 0 { format!(", {} errors", run.errors) } else { String::new() };
    format!("{found}{cancelled}{errors}")
}

/// The name of the strategy that sold.
pub fn strategy_name(run: &Simulation) -> &'static str {
    run.strategy.map_or("not known", StrategyKind::name)
}

/// The runs of the newest round.
pub fn newest(runs: &[Run]) -> &[Run] {
    runs.chunk_by(started_together).last().unwrap_or_default()
}

/// Whether two runs belong to one round.
pub fn started_together(one: &Run, other: &Run) -> bool {
    one.request.round == other.request.round
}

/// The result of a round, in a sentence or two.
pub fn summary(round: &[Run]) -> String {
    let oversold = round.iter().filter_map(|run| {
        let phantoms = run.simulation.audit.as_ref()?.phantoms;
        let name = strategy_name(&run.simulation);
        (phantoms > 0).then(|| format!(" {name} sold {phantoms} units that were not there."))
    });
    let oversold: String = oversold.collect();
    let broken: Vec<_> =
        round.iter().filter(|run| !is_as_promised(&run.simulation)).map(|run| strategy_name(&run.simulation)).collect();
    let verdict = if broken.is_empty() {
        "All that promise to be exact were.".to_owned()
    } else {
        format!("Not exact, against their promise: {}.", broken.join(", "))
    };
    format!("The comparison of {} strategies has ended.{oversold} {verdict}", round.len())
}

/// The load of a run: how its buyers arrive, and how many act at once.
pub fn load(rate: Option<f64>, concurrency: u32) -> String {
    match rate {
        None => format!("{concurrency} at once"),
        Some(rate) => format!("{} a second, at most {concurrency} at once", rate_text(rate)),
    }
}

/// A rate, without its decimal digit if that is zero.
fn rate_text(rate: f64) -> String {
    if rate.fract() == 0.0 { rounded(rate).to_string() } else { tenths(rate) }
}

/// Says from which moment latency counts.
pub const fn latency_from(rate: Option<f64>) -> &'static str {
    match rate {
        None => "from the moment of sending",
        Some(_) => "from the planned moment of arrival",
    }
}

/// Who sent the buyers.
pub const fn sent_by(run: &Run) -> &'static str {
    match run.request.engine {
        Engine::Browser => "from this browser",
        Engine::Server => "from the server",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_load_says_how_buyers_arrive() {
        assert_eq!(load(None, 100), "100 at once");
        assert_eq!(load(Some(62.5), 100), "62.5 a second, at most 100 at once");
        assert_eq!(load(Some(1.0), 2), "1 a second, at most 2 at once");
    }
}

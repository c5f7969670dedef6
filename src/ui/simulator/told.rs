//! What is told of ended runs in words: whether they were exact, which strategy sold, what a round came to. The same on the
//! page, in the files that are exported, and in the terminal.

use serde::Serialize;

use super::session::{Engine, Run};
use crate::model::{
    simulation::{Simulation, SimulationStatus},
    strategy::StrategyKind,
};

/// What is exported as JSON, from the page and from the terminal.
#[derive(Serialize)]
pub struct Export<'a> {
    /// What the sale is kept in.
    store: &'a str,
    /// Whether every strategy that promises to be exact was.
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

/// What the audit says in a word or two.
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

/// The runs that were started together last.
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

/// Who sent the buyers.
pub const fn sent_by(run: &Run) -> &'static str {
    match run.request.engine {
        Engine::Browser => "from this browser",
        Engine::Server => "from the server",
    }
}

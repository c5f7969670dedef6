//! The ended runs side by side: rows in rounds, the newest round first, and bars where a round has several runs. The
//! same is drawn on the page and into the file that is exported.

use serde::Serialize;

use super::{
    bars::{Bar, bars},
    session::{Engine, Request, Run},
};
use crate::{
    model::{
        audit::Audit,
        simulation::{Simulation, SimulationStatus},
        strategy::StrategyKind,
    },
    ui::kit::{
        markup::escape,
        money::{rounded, rounded_up},
    },
};

/// A column: its heading, the name of its figure in the markup, and what stands in it.
type Column = (&'static str, &'static str, fn(&Simulation) -> String);

const COLUMNS: [Column; 8] = [
    ("Sold", "sold", |run| of_audit(run, |audit| audit.sold)),
    ("Phantoms", "phantoms", |run| of_audit(run, |audit| audit.phantoms)),
    ("Leaks", "leaks", |run| of_audit(run, |audit| audit.leaks)),
    ("Requests/s", "throughput", |run| rounded(run.throughput).to_string()),
    ("p50 ms", "p50", |run| rounded_up(run.p50_ms).to_string()),
    ("p99 ms", "p99", |run| rounded_up(run.p99_ms).to_string()),
    ("Refusals that touched the database", "refusals-by-database", |run| {
        run.refusals_by_database.map_or_else(|| "not known".to_owned(), |refusals| refusals.to_string())
    }),
    ("Verdict", "verdict", verdict),
];

/// What is exported as JSON, from the page and from the terminal.
#[derive(Serialize)]
pub struct Export<'a> {
    /// What the sale is kept in.
    store: &'a str,
    /// Whether every strategy that promises to be exact was.
    exact: bool,
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

fn of_audit(run: &Simulation, figure: fn(&Audit) -> u64) -> String {
    run.audit.as_ref().map_or_else(|| "not known".to_owned(), |audit| figure(audit).to_string())
}

/// The name of the strategy that sold.
pub fn strategy_name(run: &Simulation) -> &'static str {
    run.strategy.map_or("not known", StrategyKind::name)
}

/// The runs that were started together last.
pub fn newest(runs: &[Run]) -> &[Run] {
    runs.chunk_by(started_together).last().unwrap_or_default()
}

fn started_together(one: &Run, other: &Run) -> bool {
    one.request.round == other.request.round
}

/// What came of a round, in a sentence or two.
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

/// Nothing, until a run has ended.
pub fn draw(ended: &[Run]) -> String {
    if ended.is_empty() {
        return String::new();
    }
    format!(
        r#"<div class="simulator-comparison" data-key="comparison"><div class="simulator-comparison-head"><h2 id="simulator-comparison">Runs side by side</h2><div class="simulator-actions"><button class="button-quiet" type="button" data-do="export-json">Export as JSON</button><button class="button-quiet" type="button" data-do="export-page">Export as a page</button></div></div><div class="simulator-table" role="region" aria-labelledby="simulator-comparison" tabindex="0">{}</div>{}</div>"#,
        table(ended),
        charts(newest(ended)),
    )
}

/// All rounds as one table.
pub fn table(runs: &[Run]) -> String {
    let (mut names, mut rounds) = (String::new(), String::new());
    for (name, ..) in COLUMNS {
        names += &format!(r#"<th scope="col">{name}</th>"#);
    }
    let newest = newest(runs);
    for round in runs.chunk_by(started_together).rev() {
        let is_newest = std::ptr::eq(round, newest);
        rounds += &format!(
            r#"<tbody data-key="round-{}"><tr class="comparison-round"><th scope="rowgroup" colspan="{}"><span>{}</span></th></tr>"#,
            round[0].request.round,
            COLUMNS.len() + 1,
            parameters(&round[0]),
        );
        for run in round {
            rounds += &row(&run.simulation, is_newest);
        }
        rounds += "</tbody>";
    }
    format!(
        r#"<table data-testid="comparison"><caption><span>What the audit found after each run. A refusal touched the database if that was asked anything for it; all others came from memory.</span></caption><thead><tr><th scope="col">Strategy</th>{names}</tr></thead>{rounds}</table>"#
    )
}

fn row(run: &Simulation, is_newest: bool) -> String {
    let name = strategy_name(run);
    let strategy = if is_newest { name } else { "" };
    let mut row = format!(
        r#"<tr data-strategy="{strategy}" data-clean="{}" data-key="{}"><th scope="row"><code>{name}</code></th>"#,
        run.is_clean(),
        run.id,
    );
    for (_, figure, value) in COLUMNS {
        row += &format!(r#"<td data-figure="{figure}">{}</td>"#, value(run));
    }
    row + "</tr>"
}

/// What a round was asked to do.
fn parameters(run: &Run) -> String {
    let Request { sale, buyers, concurrency, target, .. } = &run.request;
    format!(
        "{buyers} buyers {} at {} ({}), {concurrency} at once, seed {}",
        sent_by(run),
        escape(sale.as_str()),
        escape(&target.to_string()),
        run.simulation.seed,
    )
}

/// Who sent the buyers.
pub const fn sent_by(run: &Run) -> &'static str {
    match run.request.engine {
        Engine::Browser => "from this browser",
        Engine::Server => "from the server",
    }
}

/// Bars for a round of several runs.
pub fn charts(round: &[Run]) -> String {
    if round.len() < 2 {
        return String::new();
    }
    let of = |figure: fn(&Simulation) -> (u64, u64)| -> Vec<Bar> {
        let bar = |run: &Run| {
            let (value, excess) = figure(&run.simulation);
            Bar { name: strategy_name(&run.simulation), value, excess }
        };
        round.iter().map(bar).collect()
    };
    let capacity = round.iter().find_map(|run| Some(run.simulation.audit.as_ref()?.capacity));
    let sold = of(|run| run.audit.as_ref().map_or((0, 0), |audit| (audit.sold, audit.phantoms.min(audit.sold))));
    let is_metered = round.iter().all(|run| run.simulation.refusals_by_database.is_some());
    let refusals = if is_metered {
        let refusals = of(|run| (run.refusals_by_database.unwrap_or_default(), 0));
        bars("Refusals by the database", None, &refusals)
    } else {
        String::new()
    };
    format!(
        r#"<div class="comparison-charts">{}{}{}{refusals}</div>"#,
        bars("Units sold", capacity, &sold),
        bars("Requests per second", None, &of(|run| (rounded(run.throughput), 0))),
        bars("Latency, p99 in ms", None, &of(|run| (rounded_up(run.p99_ms), 0))),
    )
}

#[cfg(test)]
pub(super) mod tests;

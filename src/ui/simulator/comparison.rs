//! The ended runs side by side: rows in rounds, the newest round first, and bars where a round has several runs. The
//! same is drawn on the page and into the file that is exported.

use leptos::prelude::*;
use serde::Serialize;

use super::{
    bars::{Bar, bars},
    driver,
    figures::whole_number,
    session::{Engine, Request, Run, Session},
};
use crate::{
    model::{
        audit::Audit,
        simulation::{Simulation, SimulationStatus},
        strategy::StrategyKind,
    },
    ui::kit::{
        html::{Html, html},
        money::rounded,
    },
};

/// A column: its heading, the name of its figure in the markup, and what stands in it.
type Column = (&'static str, &'static str, fn(&Simulation) -> String);

const COLUMNS: [Column; 8] = [
    ("Sold", "sold", |run| of_audit(run, |audit| audit.sold)),
    ("Phantoms", "phantoms", |run| of_audit(run, |audit| audit.phantoms)),
    ("Leaks", "leaks", |run| of_audit(run, |audit| audit.leaks)),
    ("Requests/s", "throughput", |run| rounded(run.throughput).to_string()),
    ("p50 ms", "p50", |run| whole_number(run.p50_ms).to_string()),
    ("p99 ms", "p99", |run| whole_number(run.p99_ms).to_string()),
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

/// Nothing, until a run has ended.
#[component]
pub fn Comparison(session: Session, store: String) -> impl IntoView {
    let ended = session.ended;
    let is_shown = Memo::new(move |_| !ended.with(Vec::is_empty));
    let store = StoredValue::new(store);
    let save_json = move |_| ended.with_untracked(|runs| driver::save_json(&store.get_value(), runs));
    let save_page = move |_| ended.with_untracked(|runs| driver::save_page(&store.get_value(), runs));
    move || {
        is_shown.get().then(|| view! {
            <div class="simulator-comparison">
                <div class="simulator-comparison-head">
                    <h2 id="simulator-comparison">"Runs side by side"</h2>
                    <div class="simulator-actions">
                        <button class="button-quiet" type="button" on:click=save_json>"Export as JSON"</button>
                        <button class="button-quiet" type="button" on:click=save_page>"Export as a page"</button>
                    </div>
                </div>
                <div class="simulator-table" role="region" aria-labelledby="simulator-comparison" tabindex="0"
                    inner_html=move || ended.with(|runs| table(runs).into_string())></div>
                <div class="comparison-bars" inner_html=move || ended.with(|runs| charts(newest(runs)).into_string())></div>
            </div>
        })
    }
}

/// All rounds as one table.
pub fn table(runs: &[Run]) -> Html {
    let names: Html = COLUMNS.iter().map(|(name, ..)| html!(r#"<th scope="col">{name}</th>"#, name = name)).collect();
    let newest = newest(runs);
    let round = |round: &[Run]| {
        let is_newest = std::ptr::eq(round, newest);
        html!(
            r#"<tbody><tr class="comparison-round"><th scope="rowgroup" colspan="{columns}"><span>{parameters}</span></th></tr>{rows}</tbody>"#,
            columns = COLUMNS.len() + 1,
            parameters = parameters(&round[0]),
            rows = round.iter().map(|run| row(&run.simulation, is_newest)).collect::<Html>(),
        )
    };
    html!(
        r#"<table data-testid="comparison"><caption><span>What the audit found after each run. A refusal touched the database if the database was asked anything for it; all others came from memory.</span></caption><thead><tr><th scope="col">Strategy</th>{names}</tr></thead>{rounds}</table>"#,
        names = names,
        rounds = runs.chunk_by(started_together).rev().map(round).collect::<Html>(),
    )
}

fn row(run: &Simulation, is_newest: bool) -> Html {
    let name = strategy_name(run);
    let figure = |(_, figure, value): &Column| {
        html!(r#"<td data-figure="{figure}">{value}</td>"#, figure = figure, value = value(run))
    };
    html!(
        r#"<tr data-strategy="{strategy}" data-clean="{is_clean}"><th scope="row"><code>{name}</code></th>{figures}</tr>"#,
        strategy = if is_newest { name } else { "" },
        is_clean = run.is_clean(),
        name = name,
        figures = COLUMNS.iter().map(figure).collect::<Html>(),
    )
}

/// What a round was asked to do.
fn parameters(run: &Run) -> String {
    let Request { sale, buyers, concurrency, target, .. } = &run.request;
    format!(
        "{buyers} buyers {} at {} ({}), {concurrency} at once, seed {}",
        sent_by(run),
        sale,
        target,
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
pub fn charts(round: &[Run]) -> Html {
    if round.len() < 2 {
        return Html::default();
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
    let refusals = is_metered.then(|| {
        let refusals = of(|run| (run.refusals_by_database.unwrap_or_default(), 0));
        bars("Refusals by the database", None, &refusals)
    });
    html!(
        r#"<div class="comparison-charts">{sold}{throughput}{latency}{refusals}</div>"#,
        sold = bars("Units sold", capacity, &sold),
        throughput = bars("Requests per second", None, &of(|run| (rounded(run.throughput), 0))),
        latency = bars("Latency, p99 in ms", None, &of(|run| (whole_number(run.p99_ms), 0))),
        refusals = refusals,
    )
}

#[cfg(test)]
pub(super) mod tests;

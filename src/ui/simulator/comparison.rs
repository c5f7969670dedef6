//! The ended runs side by side: rows in rounds, the newest round first, and bars where a round has several runs. The
//! same is drawn on the page and into the file that is exported.

use super::{
    bars::{Bar, bars},
    figures::whole_number,
    session::{Request, Run},
    told::{load, newest, sent_by, started_together, strategy_name, verdict},
};
use crate::{
    model::{audit::Audit, simulation::Simulation},
    ui::kit::{
        html::{Html, html},
        money::rounded,
    },
};

/// The caption of the table.
const CAPTION: &str = "The audit's result after each run. A refusal touched the database if it needed any statement; all \
                       others came from memory.";

/// A column: its heading, the name of its figure in the markup, and the text of its cells.
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

fn of_audit(run: &Simulation, figure: fn(&Audit) -> u64) -> String {
    run.audit.as_ref().map_or_else(|| "not known".to_owned(), |audit| figure(audit).to_string())
}

/// All rounds as one table.
pub fn table(runs: &[Run]) -> Html {
    let names: Html = COLUMNS.iter().map(|(name, ..)| html!(r#"<th scope="col">{name}</th>"#, name = name)).collect();
    let newest = newest(runs);
    let round = |round: &[Run]| {
        let is_newest = std::ptr::eq(round, newest);
        html!(
            r#"<tbody>
<tr class="comparison-round"><th scope="rowgroup" colspan="{columns}"><span>{parameters}</span></th></tr>
{rows}</tbody>"#,
            columns = COLUMNS.len() + 1,
            parameters = parameters(&round[0]),
            rows = round.iter().map(|run| row(&run.simulation, is_newest)).collect::<Html>(),
        )
    };
    html!(
        r#"<table data-testid="comparison"><caption><span>{caption}</span></caption>
<thead><tr><th scope="col">Strategy</th>{names}</tr></thead>{rounds}</table>"#,
        caption = CAPTION,
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
        r#"<tr data-strategy="{strategy}" data-clean="{is_clean}">
<th scope="row"><code>{name}</code></th>{figures}</tr>"#,
        strategy = if is_newest { name } else { "" },
        is_clean = run.is_clean(),
        name = name,
        figures = COLUMNS.iter().map(figure).collect::<Html>(),
    )
}

/// The parameters of a round.
fn parameters(run: &Run) -> String {
    let Request { sale, buyers, concurrency, rate, target, .. } = &run.request;
    format!(
        "{buyers} buyers {} at {} ({}), {}, seed {}",
        sent_by(run),
        sale,
        target,
        load(*rate, *concurrency),
        run.simulation.seed,
    )
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

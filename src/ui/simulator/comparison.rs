//! The ended runs side by side, and their export.

use super::{figures::whole, session::Run};
use crate::{
    model::audit::Audit,
    ui::kit::{markup::escape, money::rounded},
};

const COLUMNS: [&str; 14] = [
    "Run",
    "Sale",
    "Strategy",
    "Sent by",
    "Target",
    "Buyers",
    "At once",
    "Won",
    "Refused",
    "Errors",
    "Answers/s",
    "p99 ms",
    "Phantoms",
    "Leaks",
];

/// Nothing, until a run has ended.
pub fn draw(ended: &[Run]) -> String {
    if ended.is_empty() {
        return String::new();
    }
    let names = COLUMNS.map(|name| format!(r#"<th scope="col">{name}</th>"#)).concat();
    let rows: String = (1..).zip(ended).map(|(number, run)| row(number, run)).collect();
    format!(
        r#"<div class="simulator-comparison" data-key="comparison"><div class="simulator-comparison-head"><h2 id="simulator-comparison">Runs side by side</h2><button class="button-quiet" type="button" data-do="export">Export as JSON</button></div><div class="simulator-table" role="region" aria-labelledby="simulator-comparison" tabindex="0"><table><thead><tr>{names}</tr></thead><tbody>{rows}</tbody></table></div></div>"#
    )
}

fn row(number: usize, run: &Run) -> String {
    let (request, simulation) = (&run.request, &run.simulation);
    let of_audit = |value: fn(&Audit) -> String| simulation.audit.as_ref().map_or_else(|| "?".to_owned(), value);
    let cells = [
        escape(request.sale.as_str()),
        of_audit(|audit| audit.strategy.name().to_owned()),
        request.engine.name().to_owned(),
        escape(&request.target.to_string()),
        simulation.buyers.to_string(),
        simulation.concurrency.to_string(),
        simulation.won.to_string(),
        simulation.refused_in_all().to_string(),
        simulation.errors.to_string(),
        rounded(simulation.throughput).to_string(),
        whole(simulation.p99_ms),
        of_audit(|audit| audit.phantoms.to_string()),
        of_audit(|audit| audit.leaks.to_string()),
    ];
    let cells = cells.map(|cell| format!("<td>{cell}</td>")).concat();
    format!(r#"<tr><th scope="row">{number}</th>{cells}</tr>"#)
}

//! What came of a run, in numbers and words.

use super::{
    comparison::{sent_by, strategy_name},
    outcomes,
    progress::charts,
    session::Run,
};
use crate::{
    model::{
        audit::Audit,
        outcome::Code,
        simulation::{Simulation, SimulationStatus},
    },
    ui::kit::{
        markup::escape,
        money::{rounded, rounded_up},
    },
};

/// Contradictions that are shown; a strategy that oversells makes hundreds.
const MOST_CONTRADICTIONS: usize = 10;

pub fn draw(run: &Run) -> String {
    let Run { request, simulation, browser_queue, .. } = run;
    let heading = match simulation.status {
        SimulationStatus::Cancelled => "What came of it before it was cancelled",
        _ => "What came of it",
    };
    let winner = simulation.winner.map_or_else(|| "—".to_owned(), |winner| winner.to_string());
    let queue = browser_queue.map(|queue| {
        format!(
            r#"<p class="simulator-note">Latency is the server's time. Before that, requests waited in the browser itself: p50 {}, p99 {} ms.</p>"#,
            whole(queue.p50_ms),
            whole(queue.p99_ms),
        )
    });
    let figures = [
        figure("Won", &simulation.won.to_string(), "result-won", ""),
        figure("Refused", &simulation.refused_in_all().to_string(), "result-refused", ""),
        figure("Errors", &simulation.errors.to_string(), "result-errors", ""),
        figure("Duration", &simulation.duration_ms.to_string(), "result-duration", "ms"),
        figure("Throughput", &rounded(simulation.throughput).to_string(), "result-throughput", "/s"),
        figure("p50", &whole(simulation.p50_ms), "result-p50", "ms"),
        figure("p90", &whole(simulation.p90_ms), "result-p90", "ms"),
        figure("p95", &whole(simulation.p95_ms), "result-p95", "ms"),
        figure("p99", &whole(simulation.p99_ms), "result-p99", "ms"),
        figure("Slowest", &whole(simulation.max_ms), "result-max", "ms"),
        figure("Winner of the seat", &winner, "result-winner", ""),
    ];
    format!(
        r#"<div class="simulator-figures" data-key="figures"><h2>{heading}</h2><p class="simulator-note">{buyers} buyers {sent}, {concurrency} at once, against {sale} ({target}), sold by <code>{strategy}</code>, seed {seed}.</p><dl class="simulator-results">{figures}</dl>{queue}{outcomes}{reasons}{charts}{verdict}</div>"#,
        buyers = request.buyers,
        sent = sent_by(run),
        strategy = strategy_name(simulation),
        concurrency = request.concurrency,
        sale = escape(request.sale.as_str()),
        target = escape(&request.target.to_string()),
        seed = simulation.seed,
        figures = figures.concat(),
        queue = queue.unwrap_or_default(),
        outcomes = outcomes::draw(simulation),
        reasons = reasons(simulation),
        charts = charts(run),
        verdict = verdict(simulation),
    )
}

/// A latency in whole milliseconds.
fn whole(milliseconds: f64) -> String {
    rounded_up(milliseconds).to_string()
}

/// One figure. The element that carries it holds nothing else.
fn figure(name: &str, value: &str, testid: &str, unit: &str) -> String {
    let width = if testid == "result-winner" { " simulator-result-wide" } else { "" };
    let unit = if unit.is_empty() { String::new() } else { format!("\u{202f}{unit}") };
    format!(
        r#"<div class="simulator-result{width}"><dt>{name}</dt><dd><span data-testid="{testid}">{value}</span>{unit}</dd></div>"#
    )
}

/// Refusals by their reason.
fn reasons(simulation: &Simulation) -> String {
    if simulation.refused.is_empty() {
        return String::new();
    }
    let reason = |(code, count): (&Code, &u64)| format!("<li>{} <code>{code}</code> <b>{count}</b></li>", code.title());
    let rows: String = simulation.refused.iter().map(reason).collect();
    let touched = simulation.refusals_by_database.map(|refusals| {
        format!(r#"<p class="simulator-note"><b>{refusals}</b> of all refusals touched the database; the others came from memory.</p>"#)
    });
    format!(r#"<h3>Refused, by reason</h3><ul class="simulator-reasons">{rows}</ul>{}"#, touched.unwrap_or_default())
}

/// The audit's verdict, and where the answers contradict it.
fn verdict(simulation: &Simulation) -> String {
    let Some(Audit { capacity, available, held, sold, orders, phantoms, leaks, ledger, .. }) = &simulation.audit else {
        return r#"<p class="simulator-verdict" data-clean="false">The audit could not be read.</p>"#.to_owned();
    };
    let is_clean = simulation.is_clean();
    let words = if is_clean { "Clean: each unit was sold once, and none was lost." } else { "Not clean." };
    let chain = if ledger.verified { "verified" } else { "not verified" };
    let told = simulation.contradictions.iter().take(MOST_CONTRADICTIONS);
    let mut contradictions: String = told.map(|told| format!("<li>{}</li>", escape(told))).collect();
    if let Some(more @ 1..) = simulation.contradictions.len().checked_sub(MOST_CONTRADICTIONS) {
        contradictions += &format!("<li>and {more} more</li>");
    }
    format!(
        r#"<div class="simulator-verdict" data-clean="{is_clean}"><h3>The audit's verdict</h3><p><b>{words}</b></p><p>Capacity {capacity}: {sold} sold in {orders} orders, {held} held, {available} available. The ledger's {entries} entries are {chain}.</p><dl class="simulator-results">{}{}</dl><ul>{contradictions}</ul></div>"#,
        figure("Phantoms (sold, but not there)", &phantoms.to_string(), "result-phantoms", ""),
        figure("Leaks (there, but lost)", &leaks.to_string(), "result-leaks", ""),
        entries = ledger.entries,
    )
}

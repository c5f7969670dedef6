//! The result of a run, in numbers and words.

use leptos::prelude::*;

use super::{
    chart::Charts,
    outcomes::Outcomes,
    session::{BrowserQueue, Run},
    told::{latency_from, load, sent_by, strategy_name},
};
use crate::{
    model::{
        audit::Audit,
        simulation::{Simulation, SimulationStatus},
    },
    ui::kit::{border::part, money::rounded},
};

/// The most contradictions that are shown; a strategy that oversells produces hundreds.
const MOST_CONTRADICTIONS: usize = 10;

#[component]
pub fn Figures(run: Run) -> impl IntoView {
    let (sent_by, strategy) = (sent_by(&run), strategy_name(&run.simulation));
    let Run { request, simulation, samples, browser_queue } = run;
    let heading = match simulation.status {
        SimulationStatus::Cancelled => "Result before it was cancelled",
        _ => "Result",
    };
    let drawn = simulation.clone();
    let samples = StoredValue::new(samples);
    part(view! {
        <div class="simulator-figures">
            <h2>{heading}</h2>
            <p class="simulator-note">
                {request.buyers} " buyers " {sent_by} ", " {load(request.rate, request.concurrency)} ", against "
                {request.sale.0} " (" {request.target.to_string()} "), sold by " <code>{strategy}</code> ", seed "
                {simulation.seed} "."
            </p>
            <Numbers simulation=simulation.clone() />
            {simulation.last_error.clone().map(|told| view! { <p class="simulator-note">"Last error: " {told}</p> })}
            <LatencyNote rate=request.rate queue=browser_queue />
            <Outcomes simulation=move || Some(drawn.clone()) />
            <Reasons simulation=simulation.clone() />
            <Charts samples=move || samples.get_value() />
            <Verdict simulation />
        </div>
    })
}

#[component]
fn Numbers(simulation: Simulation) -> impl IntoView {
    let winner = simulation.winner.map_or_else(|| "—".to_owned(), |winner| winner.to_string());
    let counts = [
        ("Won", simulation.won, "result-won", ""),
        ("Refused", simulation.refused_in_all(), "result-refused", ""),
        ("Errors", simulation.errors, "result-errors", ""),
        ("Duration", simulation.duration_ms, "result-duration", "ms"),
        ("Throughput", rounded(simulation.throughput), "result-throughput", "/s"),
        ("p50", whole_number(simulation.p50_ms), "result-p50", "ms"),
        ("p90", whole_number(simulation.p90_ms), "result-p90", "ms"),
        ("p95", whole_number(simulation.p95_ms), "result-p95", "ms"),
        ("p99", whole_number(simulation.p99_ms), "result-p99", "ms"),
        ("Slowest", whole_number(simulation.max_ms), "result-max", "ms"),
    ];
    let figures =
        counts.map(|(name, value, testid, unit)| view! { <Figure name value=value.to_string() testid unit /> });
    view! {
        <dl class="simulator-results">
            {figures.into_iter().collect_view()}
            <Figure name="Winner of the seat" value=winner testid="result-winner" unit="" />
        </dl>
    }
}

/// Latencies are shown in whole milliseconds, rounded up.
pub fn whole_number(milliseconds: f64) -> u64 {
    rounded(milliseconds.ceil())
}

/// One figure. Its element contains nothing else.
#[component]
fn Figure(name: &'static str, value: String, testid: &'static str, unit: &'static str) -> impl IntoView {
    let class = if testid == "result-winner" { "simulator-result simulator-result-wide" } else { "simulator-result" };
    let unit = if unit.is_empty() { String::new() } else { format!("\u{202f}{unit}") };
    view! {
        <div class=class>
            <dt>{name}</dt>
            <dd>
                <span data-testid=testid>{value}</span>
                {unit}
            </dd>
        </div>
    }
}

/// The moment from which latency counts, and the wait inside the browser.
#[component]
fn LatencyNote(rate: Option<f64>, queue: Option<BrowserQueue>) -> impl IntoView {
    let queue = queue.map(|queue| {
        let place = if rate.is_some() { " Of that time" } else { " Before that" };
        view! {
            {place} ", requests waited in the browser itself: p50 " {whole_number(queue.p50_ms)} ", p99 "
            {whole_number(queue.p99_ms)} " ms."
        }
    });
    view! { <p class="simulator-note">"Latency counts " {latency_from(rate)} "." {queue}</p> }
}

/// Refusals by their reason.
#[component]
fn Reasons(simulation: Simulation) -> impl IntoView {
    let Simulation { refused, refusals_by_database, .. } = simulation;
    (!refused.is_empty()).then(|| {
        let reasons = refused.into_iter().map(|(code, count)| {
            view! { <li>{code.title()} " " <code>{code.name()}</code> " " <b>{count}</b></li> }
        });
        let touched = refusals_by_database.map(|refusals| {
            view! {
                <p class="simulator-note">
                    <b>{refusals}</b>
                    " of all refusals touched the database; the others came from memory."
                </p>
            }
        });
        view! {
            <h3>"Refused, by reason"</h3>
            <ul class="simulator-reasons">{reasons.collect_view()}</ul>
            {touched}
        }
    })
}

/// The audit's verdict, and where the answers contradict it.
#[component]
fn Verdict(simulation: Simulation) -> impl IntoView {
    let is_clean = simulation.is_clean();
    let Simulation { audit, contradictions, .. } = simulation;
    let words = match &audit {
        None => "The audit could not be read.",
        Some(_) if is_clean => "Clean: each unit was sold once, and none was lost.",
        Some(_) => "Not clean.",
    };
    let more = contradictions.len().saturating_sub(MOST_CONTRADICTIONS);
    let told = contradictions.into_iter().take(MOST_CONTRADICTIONS).map(|told| view! { <li>{told}</li> });
    view! {
        <div class="simulator-verdict" data-clean=is_clean.to_string()>
            <h3>"The audit's verdict"</h3>
            <p>
                <b>{words}</b>
            </p>
            {audit.map(|audit| view! { <Counted audit /> })}
            <ul>{told.collect_view()} {(more > 0).then(|| view! { <li>"and " {more} " more"</li> })}</ul>
        </div>
    }
}

/// What the audit counted.
#[component]
fn Counted(audit: Audit) -> impl IntoView {
    let Audit { capacity, available, held, sold, orders, phantoms, leaks, ledger, .. } = audit;
    let (entries, chain) = (ledger.entries, if ledger.verified { "verified" } else { "not verified" });
    let text = format!(
        "Capacity {capacity}: {sold} sold in {orders} orders, {held} held, {available} available. The ledger's {entries} \
         entries are {chain}."
    );
    view! {
        <p>{text}</p>
        <dl class="simulator-results">
            <Figure name="Phantoms (sold, but not there)" value=phantoms.to_string() testid="result-phantoms" unit="" />
            <Figure name="Leaks (there, but lost)" value=leaks.to_string() testid="result-leaks" unit="" />
        </dl>
    }
}

//! What came of a run, in numbers and words.

use leptos::prelude::*;

use super::{
    outcomes::Outcomes,
    progress::Charts,
    session::{Engine, Run},
};
use crate::model::{
    audit::Audit,
    simulation::{Simulation, SimulationStatus},
};

#[component]
pub fn Figures(run: Run) -> impl IntoView {
    let simulation = run.simulation.clone();
    let heading = match simulation.status {
        SimulationStatus::Cancelled => "What came of it before it was cancelled",
        _ => "What came of it",
    };
    let winner = simulation.winner.map_or_else(|| "—".to_owned(), |winner| winner.to_string());
    let queue = run.browser_queue.map(|queue| {
        view! {
            <p class="simulator-note">
                {format!(
                    "Latency is the server's time. Before that, requests waited in the browser itself: p50 {}, p99 {} ms.",
                    whole(queue.p50_ms), whole(queue.p99_ms),
                )}
            </p>
        }
    });
    let sent = match run.request.engine {
        Engine::Browser => "from this browser",
        Engine::Server => "from the server",
    };
    let request = &run.request;
    let asked = format!(
        "{} buyers {sent}, {} at once, against {} ({}), seed {}.",
        request.buyers, request.concurrency, request.sale, request.target, simulation.seed
    );
    view! {
        <div class="simulator-figures">
            <h2>{heading}</h2>
            <p class="simulator-note">{asked}</p>
            <dl class="simulator-results">
                <Figure name="Won" value=simulation.won.to_string() testid="result-won" />
                <Figure name="Refused" value=simulation.refused_in_all().to_string() testid="result-refused" />
                <Figure name="Errors" value=simulation.errors.to_string() testid="result-errors" />
                <Figure name="Duration" value=simulation.duration_ms.to_string() testid="result-duration" unit="ms" />
                <Figure name="Throughput" value=format!("{:.0}", simulation.throughput) testid="result-throughput" unit="/s" />
                <Figure name="p50" value=whole(simulation.p50_ms) testid="result-p50" unit="ms" />
                <Figure name="p90" value=whole(simulation.p90_ms) testid="result-p90" unit="ms" />
                <Figure name="p95" value=whole(simulation.p95_ms) testid="result-p95" unit="ms" />
                <Figure name="p99" value=whole(simulation.p99_ms) testid="result-p99" unit="ms" />
                <Figure name="Slowest" value=whole(simulation.max_ms) testid="result-max" unit="ms" />
                <Figure name="Winner of the seat" value=winner testid="result-winner" is_wide=true />
            </dl>
            {queue}
            <Outcomes simulation=simulation.clone() />
            <Reasons simulation=simulation.clone() />
            <Charts run />
            <Verdict simulation />
        </div>
    }
}

/// Latencies are shown in whole milliseconds, never rounded down.
pub fn whole(milliseconds: f64) -> String {
    format!("{:.0}", milliseconds.ceil())
}

/// One figure. The element that carries it holds nothing else.
#[component]
fn Figure(
    name: &'static str,
    value: String,
    testid: &'static str,
    #[prop(optional)] unit: &'static str,
    #[prop(optional)] is_wide: bool,
) -> impl IntoView {
    view! {
        <div class="simulator-result" class:simulator-result-wide=is_wide>
            <dt>{name}</dt>
            <dd><span data-testid=testid>{value}</span>{(!unit.is_empty()).then(|| format!("\u{202f}{unit}"))}</dd>
        </div>
    }
}

/// Refusals by their reason.
#[component]
fn Reasons(simulation: Simulation) -> impl IntoView {
    (!simulation.refused.is_empty()).then(|| {
        let rows = simulation.refused.iter().map(|(code, count)| {
            view! { <li>{code.title()}" "<code>{code.name()}</code>" "<b>{*count}</b></li> }
        });
        view! {
            <h3>"Refused, by reason"</h3>
            <ul class="simulator-reasons">{rows.collect_view()}</ul>
        }
    })
}

/// The audit's verdict, and where the answers contradict it.
#[component]
fn Verdict(simulation: Simulation) -> impl IntoView {
    let Some(audit) = simulation.audit.clone() else {
        return view! { <p class="simulator-verdict" data-clean="false">"The audit could not be read."</p> }.into_any();
    };
    let is_clean = simulation.is_clean();
    let Audit { capacity, available, held, sold, orders, phantoms, leaks, ledger, .. } = audit;
    let words = if is_clean { "Clean: each unit was sold once, and none was lost." } else { "Not clean." };
    let chain = if ledger.verified { "verified" } else { "not verified" };
    let contradictions = simulation.contradictions.iter().map(|told| view! { <li>{told.clone()}</li> });
    view! {
        <div class="simulator-verdict" data-clean=is_clean.to_string()>
            <h3>"The audit's verdict"</h3>
            <p><b>{words}</b></p>
            <p>
                {format!(
                    "Capacity {capacity}: {sold} sold in {orders} orders, {held} held, {available} available. \
                     The ledger's {} entries are {chain}.",
                    ledger.entries,
                )}
            </p>
            <dl class="simulator-results">
                <Figure name="Phantoms (sold, but not there)" value=phantoms.to_string() testid="result-phantoms" />
                <Figure name="Leaks (there, but lost)" value=leaks.to_string() testid="result-leaks" />
            </dl>
            <ul>{contradictions.collect_view()}</ul>
        </div>
    }
    .into_any()
}

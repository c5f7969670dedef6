//! How far the run is, while it goes on.

use leptos::prelude::*;

use super::{
    chart::{Chart, Line},
    outcomes::Outcomes,
    session::{Run, Session},
};

#[component]
pub fn Progress(session: Session) -> impl IntoView {
    let answered = Memo::new(move |_| session.run.with(|run| run.as_ref().map_or(0, |run| run.simulation.answered())));
    let buyers = Memo::new(move |_| session.run.with(|run| run.as_ref().map_or(1, |run| run.request.buyers)));
    view! {
        <div class="simulator-progress">
            <div class="simulator-progress-line">
                <progress aria-label="Buyers answered" max=move || buyers.get() value=move || answered.get()></progress>
                <span class="simulator-progress-count">{answered}" of "{buyers}" answered"</span>
                <button class="button-quiet" type="button"
                    disabled=move || session.cancelled.get()
                    on:click=move |_| session.cancelled.set(true)>
                    {move || if session.cancelled.get() { "Cancelling…" } else { "Cancel" }}
                </button>
            </div>
            {move || session.run.get().map(|run| view! {
                <Outcomes simulation=run.simulation.clone() />
                <Charts run />
            })}
        </div>
    }
}

/// Requests per second and latency over the time of a run.
#[component]
pub fn Charts(run: Run) -> impl IntoView {
    let line = |name, class, value: fn(&super::session::Sample) -> f64| Line {
        name,
        class,
        points: run.samples.iter().map(|sample| (sample.at_ms, value(sample))).collect(),
    };
    let throughput = vec![line("Answers per second", "line-first", |sample| sample.per_second)];
    let latency = vec![
        line("p99 so far", "line-first", |sample| sample.p99_ms),
        line("p50 so far", "line-second", |sample| sample.p50_ms),
    ];
    view! {
        <div class="simulator-charts">
            <Chart title="Answers per second" unit="/s" lines=throughput />
            <Chart title="Latency" unit="ms" lines=latency />
        </div>
    }
}

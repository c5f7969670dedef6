//! The ended runs side by side, and their export.

use leptos::prelude::*;

use super::{
    driver,
    figures::whole,
    session::{Run, Session},
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

#[component]
pub fn Comparison(session: Session) -> impl IntoView {
    view! {
        <Show when=move || session.ended.with(|ended| !ended.is_empty())>
            <div class="simulator-comparison">
                <div class="simulator-comparison-head">
                    <h2 id="simulator-comparison">"Runs side by side"</h2>
                    <button class="button-quiet" type="button"
                        on:click=move |_| session.ended.with_untracked(|ended| driver::save(ended))>
                        "Export as JSON"
                    </button>
                </div>
                <div class="simulator-table" role="region" aria-labelledby="simulator-comparison" tabindex="0">
                    <table>
                        <thead>
                            <tr>{COLUMNS.map(|name| view! { <th scope="col">{name}</th> }).into_iter().collect_view()}</tr>
                        </thead>
                        <tbody>
                            {move || session.ended.with(|ended| {
                                (1..).zip(ended).map(|(number, run)| row(number, run)).collect_view()
                            })}
                        </tbody>
                    </table>
                </div>
            </div>
        </Show>
    }
}

fn row(number: usize, run: &Run) -> impl IntoView + use<> {
    let (request, simulation) = (&run.request, &run.simulation);
    let of_audit = |value: fn(&crate::model::audit::Audit) -> String| {
        simulation.audit.as_ref().map_or_else(|| "?".to_owned(), value)
    };
    let cells = [
        request.sale.to_string(),
        of_audit(|audit| audit.strategy.name().to_owned()),
        request.engine.name().to_owned(),
        request.target.to_string(),
        simulation.buyers.to_string(),
        simulation.concurrency.to_string(),
        simulation.won.to_string(),
        simulation.refused_in_all().to_string(),
        simulation.errors.to_string(),
        format!("{:.0}", simulation.throughput),
        whole(simulation.p99_ms),
        of_audit(|audit| audit.phantoms.to_string()),
        of_audit(|audit| audit.leaks.to_string()),
    ];
    view! {
        <tr>
            <th scope="row">{number}</th>
            {cells.map(|cell| view! { <td>{cell}</td> }).into_iter().collect_view()}
        </tr>
    }
}

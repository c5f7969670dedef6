//! The simulator: many buyers at once, from the visitor's own browser or from the server, and what came of it.

mod chart; // figures over time, as lines
mod comparison; // the ended runs side by side
#[cfg(feature = "hydrate")]
mod driver; // makes a run: by the server, or by this browser
#[cfg(not(feature = "hydrate"))]
#[path = "driver_absent.rs"]
mod driver;
mod figures; // what came of a run, in numbers and words
mod form; // what the visitor wishes for
mod outcomes; // answers stacked by their meaning
mod progress; // how far the run is
pub mod session; // the run that goes on, and those before it

use leptos::prelude::*;
use leptos_meta::Title;

use self::{
    comparison::Comparison,
    figures::Figures,
    form::Form,
    progress::Progress,
    session::{Run, Session},
};
use crate::model::ids::SaleId;

/// The simulator on a page of its own.
#[component]
pub fn SimulatorPage() -> impl IntoView {
    view! {
        <Title text="Simulator" />
        <div class="simulator-page">
            <section class="intro">
                <p class="eyebrow">"Rehearsal"</p>
                <h1>"Simulator"</h1>
                <p class="lead">
                    "Send thousands of buyers at a sale in the same moment, and see whether it stays exact: each unit sold "
                    "once, none left behind. A refused buyer is a right answer."
                </p>
            </section>
            <SimulatorPanel />
        </div>
    }
}

/// The simulator. With `sale` it attacks that one; without, the visitor chooses.
#[component]
pub fn SimulatorPanel(#[prop(optional, into)] sale: Option<SaleId>) -> impl IntoView {
    let session = Session::default();
    on_cleanup(move || {
        session.cancelled.try_set(true);
    });
    let heading = sale.is_some().then(|| view! { <h2>"Simulator"</h2> });
    let ended_run = Signal::derive(move || if session.running.get() { None } else { session.run.get() });
    view! {
        <section class="simulator" data-testid="simulator" aria-label="Simulator">
            {heading}
            <Form session sale />
            <Show when=move || session.running.get()>
                <Progress session />
            </Show>
            <p class="simulator-note" role="status">{move || session.announcement.get()}</p>
            {move || ended_run.get().map(|run: Run| view! { <Figures run /> })}
            <Comparison session />
        </section>
    }
}

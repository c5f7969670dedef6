//! The simulator: many buyers at once, from the visitor's own browser or from the server, and the result.

mod bars; // one figure of several runs, as bars
mod chart; // figures over time, as lines
mod choices; // the strategies to compare
mod comparison; // tables and bars of the ended runs
pub mod document; // table and bars as a self-contained file
mod driver; // makes a run, by the server or by this browser
mod fields; // reads and checks the fields of the form
mod figures; // the result of a run, in numbers and words
mod form; // the form and its buttons
mod inputs; // the fields of the form
mod live_stock; // what is left of the attacked sale, live
mod outcomes; // answers stacked by their meaning
mod progress; // the progress of the current run
pub mod session; // the state of the panel: the current run and the ended runs
mod side_by_side; // the ended runs on the page
pub mod start; // the panel's initial data
pub mod told; // runs in words

use leptos::prelude::*;

use self::{
    figures::Figures, form::SimulatorForm, live_stock::LiveStock, progress::Progress, session::Session,
    side_by_side::Comparison, start::Start,
};
use super::kit::{lazy::lazy_island, start::started_from};

lazy_island! {
    /// The form that sends the buyers, and the result.
    pub fn SimulatorIsland() -> impl IntoView {
        let start: Start = started_from(start::START);
        let store = start.list.store.clone();
        let is_alone = start.is_alone;
        let session = Session::default();
        session.sale.set(Some(start.chosen.clone()));
        let is_running = move || session.running.get();
        let ended_run = move || session.run.get().filter(|_| !is_running());
        view! {
            <SimulatorForm session start />
            // A sale's page has the map, but it is out of sight while the panel is read. So the small map is shown there
            // too, during a run.
            {move || (is_alone || is_running()).then(|| view! { <LiveStock session /> })}
            {move || is_running().then(|| view! { <Progress session /> })}
            // The element stays while it is empty: a screen reader announces only changes of an element that it knows.
            <p class="simulator-note" role="status">{move || session.announcement.get()}</p>
            {move || ended_run().map(|run| view! { <Figures run /> })}
            <Comparison session store />
        }
    }
}

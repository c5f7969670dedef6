//! The simulator: many buyers at once, from the visitor's own browser or from the server, and the result.

mod bars; // one figure of several runs, as bars
mod chart; // figures over time, as lines
mod choices; // the strategies to compare
mod comparison; // tables and bars of the ended runs
pub mod document; // the same as a file that stands by itself
mod driver; // makes a run: by the server, or by this browser
mod fields; // the fields of the form, and the reading of them
mod figures; // the result of a run, in numbers and words
mod form; // what the visitor wishes for
mod outcomes; // answers stacked by their meaning
mod progress; // how far the run is
pub mod session; // the run that goes on, and those before it
mod side_by_side; // the ended runs on the page
pub mod start; // what the panel starts from
pub mod told; // what is told of ended runs in words

use leptos::prelude::*;

use self::{
    figures::Figures, form::SimulatorForm, progress::Progress, session::Session, side_by_side::Comparison, start::Start,
};
use super::kit::start::started_from;

/// The form that sends the buyers, and what becomes of them.
#[cfg_attr(feature = "split", island(lazy))]
#[cfg_attr(not(feature = "split"), island)]
pub fn SimulatorIsland() -> impl IntoView {
    let start: Start = started_from(start::START);
    let store = start.list.store.clone();
    let session = Session::default();
    let is_running = move || session.running.get();
    let ended_run = move || session.run.get().filter(|_| !is_running());
    view! {
        <SimulatorForm session start />
        {move || is_running().then(|| view! { <Progress session /> })}
        // It stays whatever stands around it: only so is what comes announced.
        <p class="simulator-note" role="status">{move || session.announcement.get()}</p>
        {move || ended_run().map(|run| view! { <Figures run /> })}
        <Comparison session store />
    }
}

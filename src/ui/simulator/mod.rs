//! The simulator: many buyers at once, from the visitor's own browser or from the server, and what came of it.

mod bars; // one figure of several runs, as bars
mod chart; // figures over time, as lines
pub mod comparison; // the ended runs side by side
pub mod document; // the same as a file that stands by itself
#[cfg(feature = "hydrate")]
mod driver; // makes a run: by the server, or by this browser
#[cfg(not(feature = "hydrate"))]
#[path = "driver_absent.rs"]
mod driver;
mod figures; // what came of a run, in numbers and words
pub mod form; // what the visitor wishes for
mod outcomes; // answers stacked by their meaning
mod progress; // how far the run is
pub mod results; // everything below the form
pub mod session; // the run that goes on, and those before it

use leptos::prelude::*;

use self::session::Session;
use super::kit::{
    listening::{listen, meaning},
    redraw::keep_current,
};

/// Makes the form that it frames send its buyers, and shows what comes of it.
#[cfg_attr(feature = "split", island(lazy))]
#[cfg_attr(not(feature = "split"), island)]
pub fn SimulatorIsland(children: Children) -> impl IntoView {
    Effect::new(|_| untrack(|| attend(Session::default())));
    children()
}

fn attend(session: Session) {
    keep_current("simulator-trouble", move || form::trouble(session));
    keep_current("simulator-actions", move || form::actions(session));
    keep_current("comparison-actions", move || form::comparison_actions(session));
    keep_current("simulator-results", move || results::draw(session));
    form::attend(session);
    listen("click", move |event| match meaning(event) {
        Some((wish, _)) if wish == "reset" => driver::reset(session, form::chosen_sale()),
        Some((wish, _)) if wish == "cancel" => session.cancelled.set(true),
        Some((wish, _)) if wish == "compare" && !session.running.get_untracked() => form::compare(session),
        Some((wish, _)) if wish == "export-json" => session.ended.with_untracked(|ended| driver::save_json(ended)),
        Some((wish, _)) if wish == "export-page" => session.ended.with_untracked(|ended| driver::save_page(ended)),
        _ => {}
    });
}

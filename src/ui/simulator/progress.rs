//! The progress of the current run.

use leptos::prelude::*;

use super::{
    chart::Charts,
    outcomes::Outcomes,
    session::{Run, Session, Stage},
    told::strategy_name,
};
use crate::ui::kit::border::part;

#[component]
pub fn Progress(session: Session) -> impl IntoView {
    let Session { run, cancelled, .. } = session;
    let answered = move || run.with(|run| run.as_ref().map_or((0, 1), answered_of));
    let cancel_text = move || if cancelled.get() { "Cancelling…" } else { "Cancel" };
    let simulation = move || run.with(|run| run.as_ref().map(|run| run.simulation.clone()));
    let samples = move || run.with(|run| run.as_ref().map(|run| run.samples.clone()).unwrap_or_default());
    let has_begun = Memo::new(move |_| run.with(Option::is_some));
    let stage = move || {
        run.with(|run| {
            let run = run.as_ref()?;
            Some((run.request.stage?, strategy_name(&run.simulation)))
        })
    };
    part(view! {
        <div class="simulator-progress">
            {move || stage().map(|(Stage { place, of }, strategy)| view! {
                <p class="simulator-stage">"Strategy " {place} " of " {of} ": " <code>{strategy}</code></p>
            })}
            <div class="simulator-progress-line">
                <progress aria-label="Buyers answered" max=move || answered().1.to_string()
                    value=move || answered().0.to_string()></progress>
                <span class="simulator-progress-count">{move || answered().0} " of " {move || answered().1} " answered"</span>
                <button class="button-quiet" type="button" aria-disabled=move || cancelled.get().then_some("true")
                    on:click=move |_| cancelled.set(true)>
                    {cancel_text}
                </button>
            </div>
            {move || has_begun.get().then(|| view! { <Outcomes simulation /> <Charts samples /> })}
        </div>
    })
}

/// The number of answered buyers, and the number of all buyers. In a comparison, the buyers of all its runs count.
fn answered_of(run: &Run) -> (u64, u64) {
    let (answered, buyers) = (run.simulation.answered(), u64::from(run.request.buyers));
    match run.request.stage {
        Some(Stage { place, of }) => (answered + u64::from(place - 1) * buyers, buyers * u64::from(of)),
        None => (answered, buyers),
    }
}

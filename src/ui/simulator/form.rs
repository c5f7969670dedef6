//! The form: its fields, and the buttons that start a run, a comparison or a reset.

use leptos::{ev::SubmitEvent, html, prelude::*, web_sys::FormData};

use super::{
    choices::StrategyChoices,
    driver,
    fields::{Typed, compared},
    inputs::{Fields, TROUBLE},
    session::Session,
    start::Start,
};
use crate::{model::ids::SaleId, ui::kit::border::part};

#[component]
pub fn SimulatorForm(session: Session, start: Start) -> impl IntoView {
    let (strategies, can_change) = (start.list.strategies.clone(), start.can_change);
    let form = NodeRef::<html::Form>::new();
    // The values in the form now. Only a browser asks for them.
    let filled = move || form.get_untracked().and_then(|form| FormData::new_with_form(&form).ok());
    let send = move |event: SubmitEvent| {
        event.prevent_default();
        if let (false, Some(filled)) = (session.running.get_untracked(), filled()) {
            session.comparing.set(false);
            match Typed::of(&filled).read() {
                Ok(request) => driver::start(session, request),
                Err(told) => session.trouble.set(Some(told)),
            }
        }
    };
    let compare = move |_| {
        if let (false, Some(filled)) = (session.running.get_untracked(), filled()) {
            session.comparing.set(true);
            let request = Typed::of(&filled).for_comparison().read();
            match request.and_then(|request| Ok((request, compared(&filled)?))) {
                Ok((request, strategies)) => driver::compare(session, request, strategies),
                Err(told) => session.trouble.set(Some(told)),
            }
        }
    };
    let reset = move |_| {
        if let (false, Some(filled)) = (session.running.get_untracked(), filled()) {
            driver::reset(session, SaleId(filled.get("sale").as_string().unwrap_or_default()));
        }
    };
    let is_busy = move || session.running.get().then_some("true");
    let is_comparing = move || session.comparing.get();
    let send_text = move || if is_busy().is_some() && !is_comparing() { "Running…" } else { "Send the buyers" };
    let compare_text =
        move || if is_busy().is_some() && is_comparing() { "Comparing…" } else { "Compare strategies" };
    part(view! {
        <form node_ref=form class="simulator-form script-only" novalidate on:submit=send>
            <Fields session start />
            {can_change.then(|| view! { <StrategyChoices strategies=strategies.clone() /> })}
            // The element stays while it is empty: a screen reader announces only changes of an element that it knows.
            <p class="simulator-trouble" id=TROUBLE role="alert">{move || session.trouble.get()}</p>
            <div class="simulator-actions">
                <button class="button" type="submit" data-testid="simulate" aria-disabled=is_busy>{send_text}</button>
                <button class="button-quiet" type="button" aria-disabled=is_busy on:click=reset>"Reset the sale"</button>
                {can_change.then(|| view! {
                    <button class="button-quiet" type="button" data-testid="compare" aria-disabled=is_busy
                        on:click=compare>
                        {compare_text}
                    </button>
                })}
            </div>
        </form>
    })
}

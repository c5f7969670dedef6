//! What the visitor wishes for.

use leptos::{ev::SubmitEvent, html, prelude::*, web_sys::FormData};

use super::{
    choices::{StrategyChoices, StrategyOptions},
    driver,
    fields::{Typed, compared},
    session::Session,
    start::Start,
};
use crate::{
    model::{
        ids::SaleId,
        limits::{MAX_SIMULATED_BUYERS, MAX_SIMULATION_CONCURRENCY},
    },
    ui::kit::border::part,
};

const TROUBLE: &str = "simulator-trouble";
const DEFAULT_BUYERS: &str = "500";
const DEFAULT_CONCURRENCY: &str = "100";

#[component]
pub fn SimulatorForm(session: Session, start: Start) -> impl IntoView {
    let Start { sales, chosen, list, can_change } = start;
    let form = NodeRef::<html::Form>::new();
    // What stands in the form now: only a browser asks.
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
            // The server sends them: a browser would compare itself.
            let request = Typed::of(&filled).by_the_server().read();
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
            <div class="simulator-fields">
                <label class="simulator-field">"Sale" <SaleField sales chosen /></label>
                <TargetField session />
                <NumberField session label="Buyers" name="buyers" most=MAX_SIMULATED_BUYERS value=DEFAULT_BUYERS />
                <NumberField session label="Requests at once" name="concurrency" most=MAX_SIMULATION_CONCURRENCY
                    value=DEFAULT_CONCURRENCY />
                <label class="simulator-field">
                    "Sent by"
                    <select name="engine">
                        <option value="server">"the server"</option>
                        <option value="browser">"this browser (64 max)"</option>
                    </select>
                </label>
                <label class="simulator-field">
                    "Strategy"
                    <select name="strategy">
                        <option value="">"the sale's"</option>
                        {can_change.then(|| view! { <StrategyOptions strategies=list.strategies.clone() /> })}
                    </select>
                </label>
                <label class="simulator-field">
                    "Seed"
                    <input name="seed" inputmode="numeric" placeholder="drawn anew" autocomplete="off"
                        aria-describedby=described_by(session) />
                </label>
            </div>
            {can_change.then(|| view! { <StrategyChoices strategies=list.strategies.clone() /> })}
            // It stays while it has nothing to say: only so is what comes announced.
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

/// Ties a field to what is wrong, while something is.
fn described_by(session: Session) -> impl Fn() -> Option<&'static str> + Copy + Send + Sync + 'static {
    move || session.trouble.with(|trouble| trouble.is_some().then_some(TROUBLE))
}

#[component]
fn SaleField(sales: Vec<(SaleId, String)>, chosen: SaleId) -> impl IntoView {
    let options = sales.into_iter().map(|(id, name)| {
        let is_chosen = id == chosen;
        view! { <option value=id.0 selected=is_chosen>{name}</option> }
    });
    view! { <select name="sale">{options.collect_view()}</select> }
}

#[component]
fn TargetField(session: Session) -> impl IntoView {
    view! {
        <label class="simulator-field">
            "Target"
            <input name="target" value="any" autocomplete="off" spellcheck="false" list="simulator-targets"
                aria-describedby=described_by(session) />
            <datalist id="simulator-targets">
                <option value="any"></option>
                <option value="seat:A-1"></option>
                <option value="tier:ga"></option>
            </datalist>
        </label>
    }
}

#[component]
fn NumberField(
    session: Session,
    label: &'static str,
    name: &'static str,
    most: u32,
    value: &'static str,
) -> impl IntoView {
    view! {
        <label class="simulator-field">
            {label}
            <input name=name type="number" inputmode="numeric" min="1" max=most value=value
                aria-describedby=described_by(session) />
        </label>
    }
}

//! The fields of the form.

use leptos::{html, prelude::*};

use super::{choices::StrategyOptions, session::Session, start::Start};
use crate::{
    model::{
        ids::SaleId,
        limits::{MAX_SIMULATED_BUYERS, MAX_SIMULATION_CONCURRENCY},
    },
    ui::kit::border::part,
};

/// The id of the element that says what is wrong.
pub const TROUBLE: &str = "simulator-trouble";
const DEFAULT_BUYERS: &str = "500";
const DEFAULT_CONCURRENCY: &str = "100";
/// The choices of the time over which buyers arrive, in seconds.
const ARRIVALS: [(&str, &str); 4] =
    [(super::fields::AT_ONCE, "at once"), ("8", "8 seconds"), ("30", "30 seconds"), ("120", "2 minutes")];
/// Long enough to watch seats turn.
const DEFAULT_ARRIVAL: &str = "8";

#[component]
pub fn Fields(session: Session, start: Start) -> impl IntoView {
    let Start { sales, chosen, list, can_change, .. } = start;
    part(view! {
        <div class="simulator-fields">
            <label class="simulator-field">"Sale" <SaleField session sales chosen /></label>
            <TargetField session />
            <NumberField session label="Buyers" name="buyers" most=MAX_SIMULATED_BUYERS value=DEFAULT_BUYERS />
            <label class="simulator-field">"Arrive over" <ArrivalField /></label>
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
                <input name="seed" inputmode="numeric" placeholder="random" autocomplete="off"
                    aria-describedby=described_by(session) />
            </label>
        </div>
    })
}

/// Connects a field with the message of what is wrong, while there is one.
fn described_by(session: Session) -> impl Fn() -> Option<&'static str> + Copy + Send + Sync + 'static {
    move || session.trouble.with(|trouble| trouble.is_some().then_some(TROUBLE))
}

#[component]
fn SaleField(session: Session, sales: Vec<(SaleId, String)>, chosen: SaleId) -> impl IntoView {
    let options = sales.into_iter().map(|(id, name)| {
        let is_chosen = id == chosen;
        view! { <option value=id.0 selected=is_chosen>{name}</option> }
    });
    let field = NodeRef::<html::Select>::new();
    let choose = move |chosen: String| session.sale.set(Some(SaleId(chosen)));
    // The visitor may have chosen a sale before hydration.
    Effect::new(move |_| field.get().map(|field| choose(field.value())));
    view! {
        <select node_ref=field name="sale" on:change=move |event| choose(event_target_value(&event))>
            {options.collect_view()}
        </select>
    }
}

#[component]
fn ArrivalField() -> impl IntoView {
    let options = ARRIVALS.map(|(seconds, name)| {
        view! { <option value=seconds selected=seconds == DEFAULT_ARRIVAL>{name}</option> }
    });
    view! { <select name="arrive_over">{options.into_iter().collect_view()}</select> }
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

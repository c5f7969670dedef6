//! The simulator's own page, and its panel: the form. What comes of it is drawn in the browser.

use leptos::prelude::*;
use leptos_meta::Title;

use super::drawn;
use crate::{
    api,
    model::{
        ids::SaleId,
        limits::{MAX_SIMULATED_BUYERS, MAX_SIMULATION_CONCURRENCY},
    },
    ui::simulator::{SimulatorIsland, form, results, session::Session},
};

/// The sale that stands in the field at first: one made to be attacked.
const DEFAULT_SALE: &str = "rehearsal";
const DEFAULT_BUYERS: &str = "500";
const DEFAULT_CONCURRENCY: &str = "100";

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
            <Simulator sale=None />
        </div>
    }
}

/// The simulator. With `sale` it attacks that one; without, the visitor chooses.
#[component]
pub fn Simulator(sale: Option<SaleId>) -> impl IntoView {
    let heading = sale.is_some().then(|| view! { <h2>"Simulator"</h2> });
    view! {
        <SimulatorIsland>
            <section class="simulator" data-testid="simulator" aria-label="Simulator">
                {heading}
                <Form sale />
                {drawn(results::draw(Session::default()))}
            </section>
        </SimulatorIsland>
    }
}

/// The form, as it stands before anything was sent.
#[component]
fn Form(sale: Option<SaleId>) -> impl IntoView {
    let session = Session::default();
    view! {
        <form class="simulator-form" novalidate data-do="simulate">
            <div class="simulator-fields">
                <label class="simulator-field">
                    "Sale"
                    <SaleField sale />
                </label>
                <label class="simulator-field">
                    "Target"
                    <input name="target" value="any" autocomplete="off" spellcheck="false" list="simulator-targets" />
                    <datalist id="simulator-targets">
                        <option value="any"></option>
                        <option value="seat:A-1"></option>
                        <option value="tier:ga"></option>
                    </datalist>
                </label>
                <label class="simulator-field">
                    "Buyers"
                    <input name="buyers" type="number" inputmode="numeric" min="1" max=MAX_SIMULATED_BUYERS
                        value=DEFAULT_BUYERS />
                </label>
                <label class="simulator-field">
                    "Requests at once"
                    <input name="concurrency" type="number" inputmode="numeric" min="1" max=MAX_SIMULATION_CONCURRENCY
                        value=DEFAULT_CONCURRENCY />
                </label>
                <label class="simulator-field">
                    "Sent by"
                    <select name="engine">
                        <option value="server">"the server"</option>
                        <option value="browser">"this browser (64 max)"</option>
                    </select>
                </label>
            </div>
            {drawn(form::trouble(session))}
            {drawn(form::actions(session))}
            <noscript>
                <p>"This page needs script to send buyers. "<code>"onsale attack"</code>" does the same from a terminal."</p>
            </noscript>
        </form>
    }
    .into_any()
}

/// The choice of the sale: a list of all that may be attacked, or the one that is fixed.
#[component]
fn SaleField(sale: Option<SaleId>) -> impl IntoView {
    Suspend::new(async move {
        let known = match sale {
            Some(SaleId(sale)) => vec![(sale.clone(), sale)],
            None => {
                let sales = api::simulated_sales().await.unwrap_or_default();
                sales.into_iter().map(|sale| (sale.id.0, sale.name)).collect()
            }
        };
        let options = known.into_iter().map(|(id, name)| {
            let is_default = id == DEFAULT_SALE;
            view! { <option value=id selected=is_default>{name}</option> }
        });
        view! { <select name="sale">{options.collect_view()}</select> }
    })
}

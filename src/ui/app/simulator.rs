//! The simulator's own page, and the panel that it shares with the pages of sales. The panel's code is a file of its
//! own, which is fetched when the panel is seen.

use std::sync::Arc;

use leptos::prelude::*;
use leptos_meta::Title;

use super::{handed::hand_over, parts::NotLoaded};
use crate::{
    api,
    model::{ids::SaleId, pages::SIMULATOR, sale::Sale},
    ui::simulator::{
        SimulatorIsland, document,
        start::{START, Start},
    },
};

/// The sale that is chosen at first. It is there for rehearsals.
const DEFAULT_SALE: &str = "rehearsal";

/// Shown where the visitor may attack no sale.
const NOTHING_TO_ATTACK: &str = "There is no sale here that you may attack. Only a demo opens its rehearsals to everybody; \
                                 elsewhere the organiser starts simulations, over the API.";

/// The simulator on a page of its own.
#[component]
pub fn SimulatorPage() -> impl IntoView {
    view! {
        <Title text=SIMULATOR.title />
        <div class="simulator-page">
            <section class="intro">
                <p class="eyebrow">"Rehearsal"</p>
                <h1>"Simulator"</h1>
                <p class="lead">
                    "Send thousands of buyers to a sale, and see whether it stays exact: each unit sold once, none left over. \
                    A refused buyer is a correct answer."
                </p>
            </section>
            <Simulator sale=None />
        </div>
    }
}

/// The simulator's panel. It attacks `sale`; if that is `None`, the visitor chooses a sale.
#[component]
pub fn Simulator(sale: Option<Arc<Sale>>) -> impl IntoView {
    let heading = sale.is_some().then(|| view! { <h2>"Simulator"</h2> });
    view! {
        <section class="simulator" data-testid="simulator" aria-label="Simulator" data-lazy="simulator">
            {heading}
            <noscript>
                <p class="notice">
                    <span>
                        "The simulator needs script to send buyers. "<code>"onsale attack"</code>" and "
                        <code>"onsale compare"</code>" do the same from a terminal."
                    </span>
                </p>
            </noscript>
            <NotLoaded text="The simulator could not be loaded. Press again to retry." />
            <template id=document::FRAME inner_html=document::frame().into_string()></template>
            {Suspend::new(async move {
                let start = start(sale).await;
                if start.sales.is_empty() {
                    return view! { <p class="notice">{NOTHING_TO_ATTACK}</p> }.into_any();
                }
                view! { {hand_over(START, start)} <SimulatorIsland /> }.into_any()
            })}
        </section>
    }
}

async fn start(sale: Option<Arc<Sale>>) -> Start {
    let list = api::strategies().await.unwrap_or_default();
    // Only rehearsals can change their strategy.
    let can_change = sale.as_ref().is_none_or(|sale| sale.rehearsal);
    let is_alone = sale.is_none();
    let chosen = sale.as_ref().map_or_else(|| SaleId(DEFAULT_SALE.to_owned()), |sale| sale.id.clone());
    let sales = match sale {
        Some(sale) => vec![(sale.id.clone(), sale.id.0.clone())],
        None => {
            let sales = api::simulated_sales().await.unwrap_or_default();
            sales.into_iter().map(|sale| (sale.id, sale.name)).collect()
        }
    };
    Start { sales, chosen, list, is_alone, can_change }
}

//! The heart: one sale, its seat map, its counters, and the panel that buys.

mod buyers; // several buyers side by side
mod desk; // what the parts of the page share
mod hearing; // how fresh the page is
mod legend; // tiers and prices, also a filter
mod map; // the seat map in the document: listeners and painting
mod map_markup; // the seat map as a string, pure
mod outcome; // what the form without script came to
mod panel; // the buy form and what came of it
mod purchase; // from the choice to tickets or a reason
mod quantity; // how many units
mod seating; // which seat stands where, pure
mod stock; // the counters

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::{use_params_map, use_query_map};

use self::{
    buyers::BuyerCards, desk::Desk, legend::Legend, map::SeatMap, outcome::outcome_message, panel::Panel,
    seating::Seating, stock::StockTable,
};
use super::{
    app::NotFound,
    kit::{
        countdown::{Countdown, moment, server_time},
        status::StatusBadge,
        toast::Toasts,
    },
    simulator::SimulatorPanel,
};
use crate::{
    api::{self, Purchases},
    live::{link::Link, reducer::View},
    model::{ids::SaleId, sale::SaleStatus},
};

#[component]
pub fn SalePage() -> impl IntoView {
    let params = use_params_map();
    let id = Memo::new(move |_| SaleId(params.with(|params| params.get("sale").unwrap_or_default())));
    let page = Resource::new_blocking(move || id.get(), api::sale_page);
    let refetch = Callback::new(move |()| page.refetch());
    view! {
        <Transition fallback=|| view! { <p class="quiet">"Opening the box office…"</p> }>
            {move || Suspend::new(async move {
                match page.await {
                    Ok(Some(page)) => view! { <Sale page refetch /> }.into_any(),
                    Ok(None) => view! { <NotFound /> }.into_any(),
                    Err(_) => view! { <Unavailable /> }.into_any(),
                }
            })}
        </Transition>
    }
}

#[component]
fn Unavailable() -> impl IntoView {
    view! {
        <Title text="Unavailable" />
        <section class="message-page" role="alert">
            <h1>"The box office is busy"</h1>
            <p class="lead">"This page cannot be shown now. Nothing is lost; try again in a moment."</p>
        </section>
    }
}

#[component]
fn Sale(
    page: api::SalePage,
    /// Makes the page anew, for when the seat map itself has changed.
    refetch: Callback<()>,
) -> impl IntoView {
    let api::SalePage { sale, snapshot, rows, purchases, form_key, simulator } = page;
    let outcome = use_query_map().with_untracked(|query| query.get("outcome"));
    let toasts = Toasts::new(outcome.as_deref().and_then(outcome_message));
    let seating = Seating::new(rows);
    let owned = indices(&seating, &purchases);
    let view = View::new(snapshot, sale.opens_at, sale.message.clone(), &owned);
    let has_seats = seating.seats() > 0;
    let desk = Desk::new(sale.clone(), seating, view, server_time(sale.server_now), toasts, purchases.orders);
    listen(desk, refetch);
    let simulator = simulator.then(|| view! { <SimulatorPanel sale=sale.id.clone() /> }.into_any());
    view! {
        <Title text=sale.name.clone() />
        <SaleHead desk />
        <div class="sale" data-seats=has_seats.to_string()>
            {has_seats.then(|| view! { <div class="sale-map"><Legend desk /><SeatMap desk /></div> })}
            <Panel desk form_key />
            <div class="sale-more">
                <StockTable desk />
                <BuyerCards desk />
                {simulator}
            </div>
        </div>
    }
    .into_any()
}

#[component]
fn SaleHead(desk: Desk) -> impl IntoView {
    let sale = desk.sale();
    let status = Memo::new(move |_| desk.status());
    let opens_at = Memo::new(move |_| desk.live.shown().with(|shown| shown.opens_at));
    let message = Memo::new(move |_| desk.live.shown().with(|shown| shown.message.clone()));
    let opening = move || {
        opens_at.get().filter(|_| status.get() == SaleStatus::Soon).map(|opens_at| {
            view! {
                <p class="opening">
                    "Opens in " <Countdown opens_at now=desk.now /> " " <span class="quiet">{moment(opens_at)}</span>
                </p>
            }
        })
    };
    view! {
        <header class="sale-head">
            <p class="sale-facts">
                <StatusBadge status />
                {sale.rehearsal.then(|| view! { <span class="badge" data-status="rehearsal">"Rehearsal"</span> })}
            </p>
            <h1>{sale.name.clone()}</h1>
            {opening}
            {move || message.get().map(|message| view! { <p class="notice">{message}</p> })}
        </header>
    }
    .into_any()
}

/// Listens to the sale for as long as the page stands.
fn listen(desk: Desk, refetch: Callback<()>) {
    Effect::new(move |_| {
        // Owned by the effect: leaving the page drops it, and the stream with it.
        StoredValue::new_local(Link::start(desk.id(), desk.live));
    });
    let replaced = desk.live.replaced();
    Effect::new(move |_| {
        if replaced.get() == 0 {
            return;
        }
        if desk.live.read(View::seats) != desk.seating().seats() as usize {
            refetch.run(());
        } else if !desk.orders.with_untracked(Vec::is_empty) {
            // A reset makes orders void: what is still owned is for the server to say.
            leptos::task::spawn_local(async move {
                if let Ok(purchases) = api::purchases(desk.id()).await {
                    desk.live.set_owned(&indices(&desk.seating(), &purchases));
                    let _ = desk.orders.try_set(purchases.orders);
                }
            });
        }
    });
}

fn indices(seating: &Seating, purchases: &Purchases) -> Vec<u32> {
    purchases.seats.iter().filter_map(|label| seating.index_of(label)).collect()
}

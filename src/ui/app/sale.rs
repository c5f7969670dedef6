//! The page of one sale: where its parts stand. What they show is drawn by the parts themselves.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::{use_params_map, use_query_map};

use super::{
    drawn::{drawn, written_down},
    not_found::NotFound,
    simulator::Simulator,
};
use crate::{
    api,
    model::ids::SaleId,
    ui::{
        kit::toast,
        sale::{Desk, SaleIsland, buyers, head, legend, map_markup, panel, quantity, stock},
    },
};

#[component]
pub fn SalePage() -> impl IntoView {
    let id = SaleId(use_params_map().with_untracked(|params| params.get("sale").unwrap_or_default()));
    let outcome = use_query_map().with_untracked(|query| query.get("outcome"));
    Suspend::new(async move {
        match api::sale_page(id).await {
            Ok(Some(page)) => view! { <Sale page outcome /> }.into_any(),
            Ok(None) => view! { <NotFound /> }.into_any(),
            Err(_) => view! { <Unavailable /> }.into_any(),
        }
    })
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
fn Sale(page: api::SalePage, outcome: Option<String>) -> impl IntoView {
    let (name, form_key, simulator) = (page.sale.name.clone(), page.form_key.clone(), page.simulator);
    let data = written_down(&(&page, &outcome));
    let desk = Desk::new(page, outcome);
    view! {
        <Title text=name />
        <SaleIsland>
            {data}
            <Parts desk form_key simulator />
        </SaleIsland>
    }
}

/// The parts of the page around one desk.
#[component]
fn Parts(desk: Desk, form_key: String, simulator: bool) -> impl IntoView {
    let (sale, has_seats) = (desk.sale(), desk.seating().seats() > 0);
    view! {
        {drawn(head::draw(desk))}
        <div class="sale" data-seats=has_seats.to_string()>
            {has_seats.then(|| view! { <div class="sale-map">{drawn(legend::draw(desk))}<SeatMap desk /></div> })}
            <Panel desk form_key has_seats />
            <div class="sale-more">
                {drawn(stock::table(desk))}
                {drawn(buyers::draw(desk))}
                {simulator.then(|| view! { <Simulator sale=Some(sale.clone()) /> })}
            </div>
        </div>
    }
    .into_any()
}

/// What is left, what to buy, what came of it. The form works without script.
#[component]
fn Panel(desk: Desk, form_key: String, has_seats: bool) -> impl IntoView {
    let action = format!("/sales/{}/buy", desk.id());
    let seat_field = r#"<label class="field"><span>Seat, or leave it empty for the best one</span><input name="seat" placeholder="A-12" autocomplete="off"></label>"#;
    view! {
        <section class="panel" aria-label="Buy">
            <div class="panel-head">
                {drawn(stock::counter(desk))}
                {drawn(panel::connection(desk))}
            </div>
            <form class="buy-form" method="post" action=action data-do="buy">
                <input type="hidden" name="idempotency_key" value=form_key />
                {drawn(panel::tiers(desk))}
                {has_seats.then(|| view! { <noscript inner_html=seat_field></noscript> })}
                {drawn(quantity::draw(desk))}
                {drawn(panel::picked(desk))}
                {drawn(panel::total(desk))}
                {drawn(panel::button(desk))}
            </form>
            {drawn(toast::draw(desk.toasts))}
            {drawn(panel::own_tickets(desk))}
        </section>
    }
    .into_any()
}

#[component]
fn SeatMap(desk: Desk) -> impl IntoView {
    let markup = desk.live.read(|view| map_markup::map_markup(&desk.seating(), &desk.sale().tiers, view));
    view! {
        <div class="map">
            <p class="stage" aria-hidden="true"><span>"Stage"</span></p>
            <div class="map-scroll">
                <div
                    class="grid"
                    data-density=density(desk.seating().widest_line())
                    role="grid"
                    aria-label="Seat map"
                    aria-multiselectable="true"
                    aria-describedby="map-keys"
                    inner_html=markup
                ></div>
            </div>
            <p id="map-keys" class="map-keys">
                "Arrow keys move, Space picks, Page Up and Page Down change the section."
            </p>
            <MapKey />
        </div>
    }
    .into_any()
}

/// How close seats stand, so that the widest line fits beside the panel where the pointer is fine enough.
const fn density(widest_line: u32) -> &'static str {
    match widest_line {
        0..=26 => "wide",
        27..=34 => "middling",
        _ => "close",
    }
}

/// What the shapes mean.
#[component]
fn MapKey() -> impl IntoView {
    let entry = |status: &'static str, is_selected: Option<&'static str>, text: &'static str| {
        view! {
            <li>
                <span class="seat key-seat" data-status=status data-selected=is_selected aria-hidden="true"></span>
                {text}
            </li>
        }
    };
    view! {
        <ul class="map-key" role="list" aria-label="What the shapes mean">
            {entry("available", None, "Available")}
            {entry("available", Some("true"), "Picked")}
            {entry("held", None, "Held")}
            {entry("sold", None, "Sold")}
            {entry("mine", None, "Yours")}
        </ul>
    }
    .into_any()
}

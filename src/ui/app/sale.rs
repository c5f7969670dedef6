//! The page of one sale: its island with the seat map inside, and the simulator below.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::{use_params_map, use_query_map};

use super::{drawings, handed::write_down, not_found::NotFound, parts::NotLoaded, simulator::Simulator};
use crate::{
    api::{self, Claims, FormNotice},
    model::{
        ids::{HoldId, SaleId},
        pages::SALE,
    },
    ui::sale::{BuyersIsland, Desk, NO_COOKIES, START, SaleIsland},
};

#[component]
pub fn SalePage() -> impl IntoView {
    let id = SaleId(use_params_map().with_untracked(|params| params.get("sale").unwrap_or_default()));
    let claims = use_query_map().with_untracked(|query| {
        let claim = |name| query.get(name);
        Claims {
            outcome: claim("outcome"),
            order: claim("order"),
            request: claim("request"),
            hold: claim("hold"),
            seats: claim("seats"),
            seal: claim("seal"),
        }
    });
    Suspend::new(async move {
        let offer = api::told_offer(&claims);
        let outcome = api::told_outcome(&id, claims).await;
        match api::sale_page(id).await {
            Ok(Some(page)) => view! { <Sale page outcome offer /> }.into_any(),
            Ok(None) => view! { <NotFound /> }.into_any(),
            Err(_) => view! { <Unavailable /> }.into_any(),
        }
    })
}

#[component]
pub fn Unavailable() -> impl IntoView {
    view! {
        <Title text="Unavailable" />
        <section class="message-page" role="alert">
            <h1>"The box office is busy"</h1>
            <p class="lead">"This page cannot be shown now. Nothing is lost; try again in a moment."</p>
        </section>
    }
}

#[component]
fn Sale(page: api::SalePage, outcome: Option<String>, offer: Option<(HoldId, String)>) -> impl IntoView {
    let (name, simulator) = (page.sale.name.clone(), page.simulator);
    let start = write_down(START, (page.clone(), outcome.clone()));
    let desk = Desk::new(page, outcome);
    provide_context(desk);
    view! {
        <Title text=name />
        {start}
        {api::form_notice().map(|notice| view! { <Notice notice /> })}
        {offer.map(|(hold, seats)| view! { <ChangeOffer desk hold seats /> })}
        <div class="sale" data-seats=desk.has_seats().to_string()>
            <SaleIsland>{desk.has_seats().then(|| view! { <SeatMap desk /> })}</SaleIsland>
            <div class="sale-below">
                // Only where things are bought at once: buyers of a sale that has to be paid go to pages of their own.
                {(!desk.is_paid()).then(|| view! { <Buyers /> })}
                {simulator.then(|| view! { <Simulator sale=Some(desk.sale()) /> })}
            </div>
        </div>
    }
    .into_any()
}

#[component]
fn Buyers() -> impl IntoView {
    view! {
        <section class="buyers script-only" aria-labelledby="buyers-title" data-lazy="buyers">
            <NotLoaded text="The buyers could not be loaded. Press again to retry." />
            <BuyersIsland />
        </section>
    }
    .into_any()
}

/// Offers to change the visitor's own hold, after a form without script has named a seat that they hold already.
#[component]
fn ChangeOffer(desk: Desk, hold: HoldId, seats: String) -> impl IntoView {
    view! {
        <form class="notice" method="post" action=format!("{}/hold", SALE.of(desk.id().as_str()))>
            <p>
                "You hold one of these already: " <strong>{seats.clone()}</strong>
                ". You can make that hold have exactly these; its time stays the same."
            </p>
            <input type="hidden" name="hold" value=hold.to_string() />
            <input type="hidden" name="seat" value=seats />
            <p><button type="submit" class="button-quiet" data-testid="change">"Change my hold"</button></p>
        </form>
    }
    .into_any()
}

/// The notice above the page after a form was sent without script.
#[component]
fn Notice(notice: FormNotice) -> impl IntoView {
    let (title, detail) = match notice {
        FormNotice::NoCookie => ("Nothing was bought: your browser keeps no cookies", NO_COOKIES),
        FormNotice::Unknown { .. } => (
            "The box office does not answer",
            "It is not known whether that went through. Choose the same and press again: if it went through, you get \
             its result, and nothing is bought or held twice.",
        ),
    };
    view! {
        <div class="notice" role="alert">
            <p>
                <strong>{title}</strong>
            </p>
            <p>{detail}</p>
        </div>
    }
    .into_any()
}

#[component]
fn SeatMap(desk: Desk) -> impl IntoView {
    let markup = desk.live.read(|view| drawings::of(&desk.seating(), &desk.sale().tiers, view));
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
            <p id="map-keys" class="map-keys script-only">
                "Arrow keys move, Space picks, Page Up and Page Down change the section."
            </p>
            <MapKey />
        </div>
    }
    .into_any()
}

/// How close to each other seats are drawn. It is chosen so that the widest line of seats fits beside the panel. The
/// style sheet follows it only where the pointer is fine enough to hit small seats.
const fn density(widest_line: u32) -> &'static str {
    match widest_line {
        0..=26 => "wide",
        27..=34 => "middling",
        _ => "close",
    }
}

/// The key to the shapes of the seats.
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

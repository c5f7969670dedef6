//! The panel beside the map: how fresh the page is, what to buy, the result. Its form works without script.

use std::collections::BTreeSet;

use leptos::prelude::*;

use super::{
    desk::{Choice, Desk},
    purchase::buy,
    quantity::Quantity,
    stock::Counter,
    tickets::OwnTickets,
    tiers::TierOptions,
};
use crate::{
    live::connection::Connection,
    model::{pages::SALE, sale::SaleStatus},
    ui::kit::{
        border::part,
        document::{BUY, hand_focus_on},
        html::Html,
        money::money,
        toast::ToastList,
    },
};

/// Stands in the form where no script runs, and the map cannot be used.
const SEAT_FIELD: &str = r#"<label class="field"><span>Seat, or leave it empty for the best one</span><input name="seat" placeholder="A-12" autocomplete="off"></label>"#;

#[component]
pub fn Panel(desk: Desk) -> impl IntoView {
    let seat_field = desk.has_seats().then(|| Html::trusted(SEAT_FIELD).into_string());
    part(view! {
        <section class="panel" aria-label="Buy">
            <div class="panel-head">
                <Counter desk />
                <ConnectionState desk />
            </div>
            <form
                class="buy-form"
                method="post"
                action=format!("{}/buy", SALE.of(desk.id().as_str()))
                on:submit=move |event| {
                    event.prevent_default();
                    if untrack(|| offer(desk)).can_buy {
                        buy(desk);
                    }
                }
            >
                <input type="hidden" name="idempotency_key" value=desk.form_key() />
                <TierOptions desk />
                <noscript inner_html=seat_field.unwrap_or_default()></noscript>
                <Quantity desk />
                <Picked desk />
                <Total desk />
                <BuyButton desk />
            </form>
            <ToastList toasts=desk.toasts />
            <OwnTickets desk />
        </section>
    })
}

/// How fresh the page is.
#[component]
fn ConnectionState(desk: Desk) -> impl IntoView {
    let hearing = desk.live.hearing();
    let text = move || match hearing.get() {
        hearing if !hearing.is_listening => "As the page was loaded".to_owned(),
        hearing => match hearing.connection {
            Connection::Live => "Live".to_owned(),
            Connection::Reconnecting => "Connecting…".to_owned(),
            Connection::Polling => "Checking every second".to_owned(),
            Connection::Stale => format!("Last heard {} s ago", hearing.silence_seconds),
        },
    };
    view! {
        <p class="connection" data-testid="connection" data-state=move || hearing.get().connection.name()>
            <span class="connection-mark" aria-hidden="true"></span>
            <span class="figures">{text}</span>
        </p>
    }
}

/// The seats picked on the map, each with the way to give it back.
#[component]
fn Picked(desk: Desk) -> impl IntoView {
    view! {
        <ul class="picked" role="list" aria-label="Picked seats">
            <For each=move || desk.picked.get() key=|seat| *seat let(seat)>
                <PickedSeat desk seat />
            </For>
        </ul>
    }
}

#[component]
fn PickedSeat(desk: Desk, seat: u32) -> impl IntoView {
    let seating = desk.seating();
    let label = seating.label(seat).map(|label| label.to_string()).unwrap_or_default();
    let tier = seating.tier_index(seat).and_then(|tier| desk.tier(tier));
    let (name, price) =
        tier.map(|tier| (tier.name, money(tier.price, &tier.currency, tier.currency_digits))).unwrap_or_default();
    let give_back = move |_| {
        hand_focus_on(".picked-seat", &[BUY]);
        desk.toggle(seat);
    };
    view! {
        <li class="picked-seat">
            <span class="picked-label">{label.clone()}</span>
            <span class="quiet">{name}</span>
            <span class="figures">{price}</span>
            <button type="button" class="icon-button" aria-label=format!("Give {label} back")
                on:click=give_back>
                "×"
            </button>
        </li>
    }
}

/// What the choice costs.
#[component]
fn Total(desk: Desk) -> impl IntoView {
    let total = move || {
        let (total, currency, digits) = desk.total();
        money(total, &currency, digits)
    };
    view! {
        <p class="total">
            <span>"Total"</span>
            <strong class="figures">{total}</strong>
        </p>
    }
}

/// The button that buys. It is never disabled for the browser, which would take the focus away from it.
#[component]
fn BuyButton(desk: Desk) -> impl IntoView {
    let offer = move || offer(desk);
    view! {
        <button
            type="submit"
            class="button buy"
            data-testid="buy"
            aria-disabled=move || (!offer().can_buy).then_some("true")
            aria-busy=move || desk.is_buying.get().then_some("true")
        >
            {move || offer().text}
        </button>
    }
}

/// What the button says, and whether it can be pressed.
struct Offer {
    text: String,
    can_buy: bool,
}

/// Reactive.
fn offer(desk: Desk) -> Offer {
    let closed = match desk.status() {
        _ if desk.is_buying.get() => "Buying…",
        SaleStatus::Soon => "Not open yet",
        SaleStatus::Paused => "Sale paused",
        SaleStatus::SoldOut => "Sold out",
        SaleStatus::Closed => "Sale closed",
        SaleStatus::Open => "",
    };
    if !closed.is_empty() {
        return Offer { text: closed.to_owned(), can_buy: false };
    }
    let text = match desk.choice() {
        Choice::Lost(_) => "Pick another seat".to_owned(),
        Choice::Seats(seats) => seats_text(&seats),
        Choice::Units { tier, quantity } => match (desk.is_seated(tier), quantity) {
            (true, 1) => "Buy the best seat".to_owned(),
            (true, quantity) => format!("Buy the best {quantity}, together"),
            (false, 1) => "Buy 1 ticket".to_owned(),
            (false, quantity) => format!("Buy {quantity} tickets"),
        },
    };
    Offer { text, can_buy: true }
}

fn seats_text(seats: &BTreeSet<u32>) -> String {
    if seats.len() == 1 { "Buy this seat".to_owned() } else { format!("Buy these {} seats", seats.len()) }
}

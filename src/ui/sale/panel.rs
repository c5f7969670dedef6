//! The panel beside the map: how fresh the page is, what to buy, the result. Its form works without script.

use leptos::{ev::KeyboardEvent, prelude::*};

use super::{
    desk::Desk,
    holds::OwnHolds,
    offer::{BuyButton, Offers},
    outcome::NO_COOKIES,
    purchase::buy,
    quantity::Quantity,
    stock::Counter,
    tickets::OwnTickets,
    tiers::TierOptions,
};
use crate::{
    live::connection::Connection,
    model::pages::SALE,
    ui::kit::{
        border::part,
        document::{BUY, hand_focus_on},
        html::Html,
        toast::ToastList,
    },
};

/// The form's field for seats where no script runs, because the map cannot be used there.
const SEAT_FIELD: &str = r#"<label class="field"><span>Seat, or leave it empty for the best one</span>
<input name="seat" placeholder="A-12 or A-12, A-13" autocomplete="off"></label>"#;

#[component]
pub fn Panel(desk: Desk) -> impl IntoView {
    let offers = Offers::new(desk);
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
                action=format!("{}/{}", SALE.of(desk.id().as_str()), if desk.is_paid() { "hold" } else { "buy" })
                on:submit=move |event| {
                    event.prevent_default();
                    let offer = offers.take();
                    if offer.is_open {
                        buy(desk, offer);
                    }
                }
                on:keydown=move |event: KeyboardEvent| {
                    // A key that is held down counts as one press.
                    if event.repeat() && event.key() == "Enter" {
                        event.prevent_default();
                    }
                }
            >
                <input type="hidden" name="idempotency_key" value=desk.form_key() />
                <TierOptions desk />
                <noscript inner_html=seat_field.unwrap_or_default()></noscript>
                <Quantity desk />
                <Picked desk />
                <Total desk />
                <BuyButton desk offers />
            </form>
            <p class="notice" role="alert" hidden=move || !desk.has_no_cookies.get()>{NO_COOKIES}</p>
            <ToastList toasts=desk.toasts />
            <OwnHolds desk />
            <OwnTickets desk />
        </section>
    })
}

/// How current the page is.
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

/// The seats picked on the map, each with a button that gives it back.
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
    let tier = seating.tier_index(seat).unwrap_or_default();
    let name = desk.tier(tier).map(|tier| tier.name);
    let give_back = move |_| {
        hand_focus_on(".picked-seat", &[BUY]);
        desk.toggle(seat);
    };
    view! {
        <li class="picked-seat">
            <span class="picked-label">{label.clone()}</span>
            <span class="quiet">{name}</span>
            <span class="figures">{move || desk.amount(desk.price(tier))}</span>
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
    view! {
        <p class="total">
            <span>"Total"</span>
            <strong class="figures">{move || desk.amount(desk.total_of(&desk.choice()))}</strong>
        </p>
    }
}

//! The panel beside the map: what is left, what to buy, what came of it. Its form works without script.

use leptos::{ev::SubmitEvent, prelude::*};

use super::{
    desk::{Choice, Desk},
    hearing::ConnectionState,
    legend::left_text,
    purchase::buy,
    quantity::Quantity,
    stock::Counter,
};
use crate::{
    model::{
        order::Order,
        sale::{SaleStatus, Tier},
    },
    ui::kit::{money::money, ticket::OrderTickets, toast::ToastList},
};

/// Orders shown on the sale's page; all of them are on the page of tickets.
const MAX_ORDERS: usize = 5;

#[component]
pub fn Panel(desk: Desk, form_key: String) -> impl IntoView {
    view! {
        <section class="panel" aria-label="Buy">
            <div class="panel-head">
                <Counter desk />
                <ConnectionState desk />
            </div>
            <BuyForm desk form_key />
            <ToastList toasts=desk.toasts />
            <OwnTickets desk />
        </section>
    }
    .into_any()
}

#[component]
fn BuyForm(desk: Desk, form_key: String) -> impl IntoView {
    let sale = desk.sale();
    let has_seats = sale.tiers.iter().any(|tier| tier.seated);
    let on_submit = move |event: SubmitEvent| {
        event.prevent_default();
        buy(desk);
    };
    let tiers = sale.tiers.iter().cloned().enumerate().map(|(index, tier)| view! { <TierOption desk index tier /> });
    let seat_field = r#"<label class="field"><span>Seat, or leave it empty for the best one</span><input name="seat" placeholder="A-12" autocomplete="off"></label>"#;
    view! {
        <form class="buy-form" method="post" action=format!("/sales/{}/buy", sale.id) on:submit=on_submit>
            <input type="hidden" name="idempotency_key" value=form_key />
            <fieldset class="tier-options">
                <legend>{if has_seats { "Pick seats on the map, or take the best of" } else { "Tickets" }}</legend>
                {tiers.collect_view()}
            </fieldset>
            {has_seats.then(|| view! { <noscript inner_html=seat_field></noscript> })}
            <Quantity desk />
            <Picked desk />
            <p class="total">
                <span>"Total"</span>
                <strong class="figures">{move || { let (total, currency) = desk.total(); money(total, &currency) }}</strong>
            </p>
            <BuyButton desk />
        </form>
    }
    .into_any()
}

#[component]
fn TierOption(desk: Desk, index: usize, tier: Tier) -> impl IntoView {
    let shown = desk.live.shown();
    let left = Memo::new(move |_| shown.with(|shown| shown.tiers.get(index).map_or(0, |tier| tier.counts.available)));
    let is_chosen = move || matches!(desk.choice(), Choice::Units { tier, .. } if tier == index);
    let is_first_choice = untrack(is_chosen);
    view! {
        <label class=format!("tier-option hue-{}", index % 4) data-empty=move || (left.get() == 0).then_some("true")>
            <input
                type="radio"
                name="tier"
                value=tier.id.to_string()
                checked=is_first_choice
                prop:checked=is_chosen
                on:change=move |_| desk.choose_tier(index)
            />
            <span class="tier-name">{tier.name.clone()}</span>
            <span class="tier-left figures" data-low=move || matches!(left.get(), 1 | 2).then_some("true")>
                {move || left_text(left.get())}
            </span>
            <span class="tier-price figures">{money(tier.price, &tier.currency)}</span>
        </label>
    }
    .into_any()
}

/// The seats picked on the map, each with the way to give it back.
#[component]
fn Picked(desk: Desk) -> impl IntoView {
    let seats = move || {
        let seating = desk.seating();
        let entries = desk.picked().get().into_iter().filter_map(|seat| {
            let tier = desk.tier(seating.tier_index(seat)?)?;
            Some((seat, seating.label(seat)?.to_string(), tier.name, money(tier.price, &tier.currency)))
        });
        entries.collect::<Vec<_>>()
    };
    view! {
        <ul class="picked" role="list" aria-label="Picked seats">
            <For each=seats key=|(seat, ..)| *seat let((seat, label, tier, price))>
                <li class="picked-seat">
                    <span class="picked-label">{label.clone()}</span>
                    <span class="quiet">{tier}</span>
                    <span class="figures">{price}</span>
                    <button type="button" class="icon-button" aria-label=format!("Give {label} back") on:click=move |_| desk.toggle(seat)>
                        "×"
                    </button>
                </li>
            </For>
        </ul>
    }
    .into_any()
}

#[component]
fn BuyButton(desk: Desk) -> impl IntoView {
    let label = Memo::new(move |_| button(desk));
    view! {
        <button
            type="submit"
            class="button buy"
            data-testid="buy"
            disabled=move || !label.get().1
            aria-busy=move || desk.is_buying.get().then_some("true")
        >
            {move || label.get().0}
        </button>
    }
    .into_any()
}

/// What the button says, and whether it can be pressed.
fn button(desk: Desk) -> (String, bool) {
    if desk.is_buying.get() {
        return ("Buying…".to_owned(), false);
    }
    match desk.status() {
        SaleStatus::Soon => return ("Not open yet".to_owned(), false),
        SaleStatus::Paused => return ("Sale paused".to_owned(), false),
        SaleStatus::SoldOut => return ("Sold out".to_owned(), false),
        SaleStatus::Closed => return ("Sale closed".to_owned(), false),
        SaleStatus::Open => {}
    }
    let text = match desk.choice() {
        Choice::Lost(_) => "Pick another seat".to_owned(),
        Choice::Seats(seats) if seats.len() == 1 => "Buy this seat".to_owned(),
        Choice::Seats(seats) => format!("Buy these {} seats", seats.len()),
        Choice::Units { tier, quantity } => match (desk.tier(tier).is_some_and(|tier| tier.seated), quantity) {
            (true, 1) => "Buy the best seat".to_owned(),
            (true, quantity) => format!("Buy the best {quantity}, together"),
            (false, 1) => "Buy 1 ticket".to_owned(),
            (false, quantity) => format!("Buy {quantity} tickets"),
        },
    };
    (text, true)
}

/// The buyer's own tickets in this sale.
#[component]
fn OwnTickets(desk: Desk) -> impl IntoView {
    let tiers = desk.sale().tiers.clone();
    let newest = move || desk.orders.get().into_iter().take(MAX_ORDERS).collect::<Vec<Order>>();
    let has_any = Memo::new(move |_| !desk.orders.with(Vec::is_empty));
    view! {
        <section class="own-tickets" aria-label="Your tickets" hidden=move || !has_any.get()>
            <h2>"Your tickets"</h2>
            <For each=newest key=|order| order.id let:order>
                <OrderTickets order tiers=tiers.clone() sale_name=None />
            </For>
            <p><a href="/tickets">"All my tickets"</a></p>
        </section>
    }
    .into_any()
}

//! The panel beside the map: how fresh the page is, what to buy, what came of it. Its form works without script.

use leptos::prelude::*;

use super::{
    desk::{Choice, Desk},
    legend::left_text,
};
use crate::{
    live::connection::Connection,
    model::sale::SaleStatus,
    ui::kit::{
        markup::{escape, when},
        money::money,
        ticket::order_tickets,
    },
};

/// Orders shown on the sale's page; all of them are on the page of tickets.
const MAX_ORDERS: usize = 5;

/// How fresh the page is.
pub fn connection(desk: Desk) -> String {
    let hearing = desk.live.hearing().get();
    let text = match hearing.connection {
        Connection::Live => "Live".to_owned(),
        Connection::Reconnecting => "Connecting…".to_owned(),
        Connection::Polling => "Asking every moment".to_owned(),
        Connection::Stale => format!("Last heard {} s ago", hearing.silence_seconds),
    };
    format!(
        r#"<p class="connection" data-testid="connection" data-state="{}" data-live="connection"><span class="connection-mark" aria-hidden="true"></span><span class="figures">{text}</span></p>"#,
        hearing.connection.name(),
    )
}

/// The choice of a tier, for units that are not picked on the map.
pub fn tiers(desk: Desk) -> String {
    let (sale, choice) = (desk.sale(), desk.choice());
    let mut options = String::new();
    for (index, tier) in sale.tiers.iter().enumerate() {
        let left = desk.left(index);
        let is_chosen = matches!(choice, Choice::Units { tier, .. } if tier == index);
        options += &format!(
            r#"<label class="tier-option hue-{}"{}><input type="radio" name="tier" value="{}"{} data-do="tier" data-of="{index}"><span class="tier-name">{}</span><span class="tier-left figures"{}>{}</span><span class="tier-price figures">{}</span></label>"#,
            index % 4,
            when(left == 0, r#" data-empty="true""#),
            escape(tier.id.as_str()),
            when(is_chosen, " checked"),
            escape(&tier.name),
            when(matches!(left, 1 | 2), r#" data-low="true""#),
            left_text(left),
            escape(&money(tier.price, &tier.currency)),
        );
    }
    let has_seats = sale.tiers.iter().any(|tier| tier.seated);
    let legend = if has_seats { "Pick seats on the map, or take the best of" } else { "Tickets" };
    format!(r#"<fieldset class="tier-options" data-live="tiers"><legend>{legend}</legend>{options}</fieldset>"#)
}

/// The seats picked on the map, each with the way to give it back.
pub fn picked(desk: Desk) -> String {
    let (sale, seating) = (desk.sale(), desk.seating());
    let entry = |seat: u32| {
        let tier = sale.tiers.get(seating.tier_index(seat)?)?;
        let label = escape(seating.label(seat)?.as_str());
        Some(format!(
            r#"<li class="picked-seat" data-key="{seat}"><span class="picked-label">{label}</span><span class="quiet">{}</span><span class="figures">{}</span><button type="button" class="icon-button" aria-label="Give {label} back" data-do="give-back" data-of="{seat}">×</button></li>"#,
            escape(&tier.name),
            escape(&money(tier.price, &tier.currency)),
        ))
    };
    let entries: String = desk.picked.with(|picked| picked.iter().filter_map(|seat| entry(*seat)).collect());
    format!(r#"<ul class="picked" role="list" aria-label="Picked seats" data-live="picked">{entries}</ul>"#)
}

/// What the choice costs.
pub fn total(desk: Desk) -> String {
    let (total, currency) = desk.total();
    let total = escape(&money(total, &currency));
    format!(r#"<p class="total" data-live="total"><span>Total</span><strong class="figures">{total}</strong></p>"#)
}

/// The button that buys.
pub fn button(desk: Desk) -> String {
    let is_buying = desk.is_buying.get();
    let (text, can_buy) = if is_buying { ("Buying…".to_owned(), false) } else { offer(desk) };
    format!(
        r#"<button type="submit" class="button buy" data-testid="buy"{}{} data-live="button">{text}</button>"#,
        when(!can_buy, " disabled"),
        when(is_buying, r#" aria-busy="true""#),
    )
}

/// What the button says, and whether it can be pressed.
fn offer(desk: Desk) -> (String, bool) {
    let closed = match desk.status() {
        SaleStatus::Soon => "Not open yet",
        SaleStatus::Paused => "Sale paused",
        SaleStatus::SoldOut => "Sold out",
        SaleStatus::Closed => "Sale closed",
        SaleStatus::Open => "",
    };
    if !closed.is_empty() {
        return (closed.to_owned(), false);
    }
    let text = match desk.choice() {
        Choice::Lost(_) => "Pick another seat".to_owned(),
        Choice::Seats(seats) if seats.len() == 1 => "Buy this seat".to_owned(),
        Choice::Seats(seats) => format!("Buy these {} seats", seats.len()),
        Choice::Units { tier, quantity } => match (desk.is_seated(tier), quantity) {
            (true, 1) => "Buy the best seat".to_owned(),
            (true, quantity) => format!("Buy the best {quantity}, together"),
            (false, 1) => "Buy 1 ticket".to_owned(),
            (false, quantity) => format!("Buy {quantity} tickets"),
        },
    };
    (text, true)
}

/// The buyer's own tickets in this sale, the newest first.
pub fn own_tickets(desk: Desk) -> String {
    let sale = desk.sale();
    let orders: Vec<String> = desk
        .orders
        .with(|orders| orders.iter().take(MAX_ORDERS).map(|order| order_tickets(order, &sale.tiers, None)).collect());
    format!(
        r#"<section class="own-tickets" aria-label="Your tickets" data-live="own-tickets"{}><h2>Your tickets</h2>{}<p><a href="/tickets">All my tickets</a></p></section>"#,
        when(orders.is_empty(), " hidden"),
        orders.concat(),
    )
}

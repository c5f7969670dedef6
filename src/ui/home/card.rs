//! One sale on the home page.

use crate::{
    model::{
        sale::{Counts, Sale, SaleStatus},
        time::Timestamp,
    },
    ui::kit::{
        availability::availability_bar,
        countdown::{countdown, moment},
        markup::escape,
        money::{grouped, money},
        status::badge,
    },
};

/// The cards in the order of the list. `now` is read only where an opening is near, so that a clock's tick draws nothing
/// anew elsewhere.
pub fn cards(sales: &[Sale], now: impl Fn() -> Timestamp) -> String {
    let cards: String = sales.iter().map(|sale| card(sale, &now)).collect();
    format!(r#"<ul class="cards" role="list" data-live="cards">{cards}</ul>"#)
}

fn card(sale: &Sale, now: &impl Fn() -> Timestamp) -> String {
    let counts = Counts { available: sale.available, held: sale.held, sold: sale.sold };
    let message = sale.message.as_deref().map(|message| format!(r#"<p class="card-message">{}</p>"#, escape(message)));
    let opening = sale.opens_at.filter(|_| sale.status == SaleStatus::Soon).map(|opens_at| {
        format!(
            r#"<p class="card-opening">Opens in {} <span class="quiet">{}</span></p>"#,
            countdown(opens_at, now()),
            moment(opens_at)
        )
    });
    format!(
        r#"<li class="card" data-status="{status}" data-key="{id}"><div class="card-head">{badge}<span class="card-kind">{kind}</span></div><h2 class="card-name"><a href="/sales/{id}">{name}</a></h2><p class="card-price figures">{price}</p>{message}{opening}<div class="card-stock">{bar}<p class="card-left figures"><strong>{available}</strong> of {capacity} left</p></div></li>"#,
        status = sale.status.name(),
        id = escape(sale.id.as_str()),
        badge = badge(sale.status),
        kind = kind(sale),
        name = escape(&sale.name),
        price = escape(&price_range(sale)),
        message = message.unwrap_or_default(),
        opening = opening.unwrap_or_default(),
        bar = availability_bar(counts),
        available = grouped(counts.available),
        capacity = grouped(counts.capacity()),
    )
}

fn kind(sale: &Sale) -> &'static str {
    match (sale.rehearsal, sale.tiers.iter().any(|tier| tier.seated), sale.tiers.iter().all(|tier| tier.seated)) {
        (true, ..) => "Rehearsal",
        (_, _, true) => "Numbered seats",
        (_, true, false) => "Seats and admission",
        (_, false, _) => "General admission",
    }
}

fn price_range(sale: &Sale) -> String {
    let cheapest = sale.tiers.iter().min_by_key(|tier| tier.price);
    let dearest = sale.tiers.iter().max_by_key(|tier| tier.price);
    match (cheapest, dearest) {
        (Some(low), Some(high)) if low.price == high.price => money(low.price, &low.currency),
        (Some(low), Some(high)) => {
            format!("{} – {}", money(low.price, &low.currency), money(high.price, &high.currency))
        }
        _ => String::new(),
    }
}

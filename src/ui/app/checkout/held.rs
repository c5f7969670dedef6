//! What is held, piece by piece, and what it costs.

use leptos::prelude::*;

use crate::{
    model::{
        hold::{Hold, HoldItem},
        pages::SALE,
        rung::Rung,
        sale::Sale,
    },
    ui::kit::money::{grouped, money},
};

#[component]
pub fn Held(hold: Hold, sale: Sale) -> impl IntoView {
    let amount = |minor_units: u64| money(minor_units, &hold.currency, hold.currency_digits);
    let is_live = hold.status.is_live();
    let has_substitutes = is_live && hold.items.iter().any(|item| item.substitute.is_some());
    let address = SALE.of(sale.id.as_str());
    let substitutes = has_substitutes.then(|| {
        view! {
            <p class="notice" data-testid="substitute">
                <span>
                    "Somebody was faster. These are the nearest free seats: take them, or give them back and "
                    <a href=address>"choose others"</a> "."
                </span>
            </p>
        }
    });
    let stand = match hold.rung {
        Some(Rung::Rows) => Some("The seats stand in rows behind each other."),
        Some(Rung::Scattered) => Some("The seats are not side by side."),
        _ => None,
    };
    let items = hold.items.iter().map(|item| {
        let tier = sale.tiers.iter().find(|tier| tier.id == item.tier);
        let tier = tier.map_or_else(|| item.tier.to_string(), |tier| tier.name.clone());
        view! { <Item item=item.clone() tier price=amount(item.price * item.quantity) /> }
    });
    view! {
        {substitutes}
        <ul class="held-items" role="list">
            {items.collect_view()}
        </ul>
        {stand.map(|stand| view! { <p class="quiet">{stand}</p> })}
        <p class="total">
            <span>"Total"</span>
            <strong class="figures" data-testid="total">{amount(hold.total)}</strong>
        </p>
    }
    .into_any()
}

#[component]
fn Item(item: HoldItem, tier: String, price: String) -> impl IntoView {
    let place = match &item.seat {
        Some(seat) => format!("Seat {seat}"),
        None if item.quantity == 1 => "1 ticket".to_owned(),
        None => format!("{} tickets", grouped(item.quantity)),
    };
    let instead =
        item.substitute.map(|asked| view! { <span class="held-instead">" instead of " {asked.to_string()}</span> });
    view! {
        <li class="held-item">
            <span class="held-place">{place} {instead}</span>
            <span class="quiet">{tier}</span>
            <span class="figures">{price}</span>
        </li>
    }
    .into_any()
}

//! One sale on the home page.

use leptos::prelude::*;

use crate::{
    model::{
        pages::SALE,
        sale::{Counts, Sale, SaleStatus, Tier},
        time::Timestamp,
    },
    ui::kit::{
        availability::AvailabilityBar,
        countdown::Opening,
        money::{grouped, money},
        status::StatusBadge,
    },
};

/// The card of one sale. It starts from `first` and then shows the sale with the same id in `sales`, as that changes.
#[component]
pub fn SaleCard(sales: RwSignal<Vec<Sale>>, first: Sale, now: ReadSignal<Timestamp>) -> impl IntoView {
    let link = SALE.of(first.id.as_str());
    let sale = Memo::new(move |_| {
        let found = sales.with(|sales| sales.iter().find(|sale| sale.id == first.id).cloned());
        found.unwrap_or_else(|| first.clone())
    });
    let status = move || sale.with(|sale| sale.status);
    let counts = move || {
        sale.with(|Sale { available, held, sold, .. }| Counts { available: *available, held: *held, sold: *sold })
    };
    let opens_at = move || sale.with(|sale| sale.opens_at.filter(|_| sale.status == SaleStatus::Soon));
    view! {
        <li class="card" data-status=move || status().name()>
            <div class="card-head">
                <StatusBadge status />
                <span class="card-kind">{move || sale.with(kind)}</span>
            </div>
            <h2 class="card-name">
                <a href=link>{move || sale.with(|sale| sale.name.clone())}</a>
            </h2>
            <p class="card-price figures">{move || sale.with(price_range)}</p>
            {move || sale.with(|sale| sale.message.clone()).map(|message| view! { <p class="card-message">{message}</p> })}
            {move || opens_at().map(|opens_at| view! { <Opening opens_at now class="card-opening" /> })}
            <div class="card-stock">
                <AvailabilityBar counts />
                <p class="card-left figures">
                    <strong>{move || grouped(counts().available)}</strong> " of " {move || grouped(counts().capacity())} " left"
                </p>
            </div>
        </li>
    }
}

fn kind(sale: &Sale) -> &'static str {
    match (sale.rehearsal, sale.tiers.iter().any(|tier| tier.seated), sale.tiers.iter().all(|tier| tier.seated)) {
        (true, ..) => "Rehearsal",
        (_, _, true) => "Numbered seats",
        (_, true, false) => "Seats and admission",
        (_, false, _) => "General admission",
    }
}

fn price(tier: &Tier) -> String {
    money(tier.price, &tier.currency, tier.currency_digits)
}

fn price_range(sale: &Sale) -> String {
    let cheapest = sale.tiers.iter().min_by_key(|tier| tier.price);
    let dearest = sale.tiers.iter().max_by_key(|tier| tier.price);
    match (cheapest, dearest) {
        (Some(low), Some(high)) if low.price == high.price => price(low),
        (Some(low), Some(high)) => format!("{} – {}", price(low), price(high)),
        _ => String::new(),
    }
}

//! One sale on the home page.

use leptos::prelude::*;

use crate::{
    model::{
        sale::{Counts, Sale, SaleStatus},
        time::Timestamp,
    },
    ui::kit::{
        availability::AvailabilityBar,
        countdown::{Countdown, moment},
        money::{grouped, money},
        status::StatusBadge,
    },
};

/// `sale` is `None` only for the moment between a sale's going and its card's.
#[component]
pub fn SaleCard(sale: Signal<Option<Sale>>, now: Signal<Timestamp>) -> impl IntoView {
    let first = sale.get_untracked();
    let (name, address, kind, price) = first
        .as_ref()
        .map(|sale| (sale.name.clone(), format!("/sales/{}", sale.id), kind(sale), price_range(sale)))
        .unwrap_or_default();
    let status = Memo::new(move |_| sale.with(|sale| sale.as_ref().map_or(SaleStatus::Closed, |sale| sale.status)));
    let counts = Memo::new(move |_| sale.with(|sale| sale.as_ref().map(counts).unwrap_or_default()));
    let opens_at = Memo::new(move |_| {
        sale.with(|sale| sale.as_ref().filter(|sale| sale.status == SaleStatus::Soon).and_then(|sale| sale.opens_at))
    });
    let message = Memo::new(move |_| sale.with(|sale| sale.as_ref().and_then(|sale| sale.message.clone())));
    view! {
        <li class="card" data-status=move || status.get().name()>
            <div class="card-head">
                <StatusBadge status />
                <span class="card-kind">{kind}</span>
            </div>
            <h2 class="card-name"><a href=address>{name}</a></h2>
            <p class="card-price figures">{price}</p>
            {move || message.get().map(|message| view! { <p class="card-message">{message}</p> })}
            {move || opens_at.get().map(|opens_at| view! {
                <p class="card-opening">"Opens in " <Countdown opens_at now /> <span class="quiet">{moment(opens_at)}</span></p>
            })}
            <div class="card-stock">
                <AvailabilityBar counts />
                <p class="card-left figures">
                    <strong>{move || grouped(counts.get().available)}</strong>
                    {move || format!(" of {} left", grouped(counts.get().capacity()))}
                </p>
            </div>
        </li>
    }
}

fn counts(sale: &Sale) -> Counts {
    Counts { available: sale.available, held: sale.held, sold: sale.sold }
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

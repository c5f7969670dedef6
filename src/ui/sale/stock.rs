//! The counters: how much is available, held and sold, in all and per tier.

use leptos::prelude::*;

use super::desk::Desk;
use crate::{
    live::reducer::ShownCounts,
    model::sale::{Counts, SaleStatus},
    ui::kit::{availability::AvailabilityBar, money::grouped},
};

/// From this many left, the counter draws attention.
const LOW_STOCK: u64 = 2;

/// The sale's available units, large.
#[component]
pub fn Counter(desk: Desk) -> impl IntoView {
    let shown = desk.live.shown();
    let total = Memo::new(move |_| shown.with(|shown| shown.total));
    let counts = Signal::derive(move || total.get().counts);
    let stock = move || match (desk.status(), counts.get().available) {
        (SaleStatus::SoldOut, _) | (_, 0) => "none",
        (_, left) if left <= LOW_STOCK => "low",
        _ => "ample",
    };
    let caption = move || match (stock(), counts.get().held) {
        ("none", 0) => format!("left of {}: sold out", grouped(counts.get().capacity())),
        ("none", held) => format!("left of {}, {held} held", grouped(counts.get().capacity())),
        ("low", _) => format!("left of {}: the last", grouped(counts.get().capacity())),
        _ => format!("left of {}", grouped(counts.get().capacity())),
    };
    view! {
        <div class="counter" data-stock=stock>
            <p class="counter-line">
                <span
                    class="counter-figure figures"
                    data-testid="available"
                    data-tentative=move || total.get().is_tentative.then_some("true")
                >
                    {move || counts.get().available}
                </span>
                " "
                <span class="counter-caption">{caption}</span>
            </p>
            <AvailabilityBar counts />
        </div>
    }
    .into_any()
}

/// All counters as a table.
#[component]
pub fn StockTable(desk: Desk) -> impl IntoView {
    let shown = desk.live.shown();
    let sale = desk.sale();
    let rows = sale.tiers.iter().enumerate().map(|(index, tier)| {
        let counts = Memo::new(move |_| shown.with(|shown| shown.tiers.get(index).copied().unwrap_or_default()));
        view! { <StockRow name=tier.name.clone() counts /> }
    });
    let total = Memo::new(move |_| shown.with(|shown| shown.total));
    let has_total = sale.tiers.len() > 1;
    view! {
        <table class="stock figures">
            <caption>"Stock"</caption>
            <thead>
                <tr>
                    <th scope="col">"Tier"</th>
                    <th scope="col">"Available"</th>
                    <th scope="col">"Held"</th>
                    <th scope="col">"Sold"</th>
                </tr>
            </thead>
            <tbody>
                {rows.collect_view()}
                {has_total.then(|| view! { <StockRow name="All".to_owned() counts=total /> })}
            </tbody>
        </table>
    }
    .into_any()
}

#[component]
fn StockRow(name: String, counts: Memo<ShownCounts>) -> impl IntoView {
    let figure = move |read: fn(Counts) -> u64| move || grouped(read(counts.get().counts));
    view! {
        <tr data-tentative=move || counts.get().is_tentative.then_some("true")>
            <th scope="row">{name}</th>
            <td>{figure(|counts| counts.available)}</td>
            <td>{figure(|counts| counts.held)}</td>
            <td>{figure(|counts| counts.sold)}</td>
        </tr>
    }
    .into_any()
}

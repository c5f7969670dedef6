//! The counters: how much is available, held and sold, in total and per tier.

use leptos::prelude::*;

use super::desk::Desk;
use crate::{
    live::reducer::ShownCounts,
    model::sale::SaleStatus,
    ui::kit::{availability::AvailabilityBar, border::part, money::grouped},
};

/// The counter draws attention when this many or fewer are left.
const LOW_STOCK: u64 = 2;

/// The sale's available units, large.
#[component]
pub fn Counter(desk: Desk) -> impl IntoView {
    let shown = desk.live.shown();
    let total = move || shown.with(|shown| shown.total);
    let counts = move || total().counts;
    let stock = move || match (desk.status(), counts().available) {
        (SaleStatus::SoldOut, _) | (_, 0) => "none",
        (_, left) if left <= LOW_STOCK => "low",
        _ => "ample",
    };
    let caption = move || {
        let of = grouped(counts().capacity());
        match (stock(), counts().held) {
            ("none", 0) => format!("left of {of}: sold out"),
            ("none", held) => format!("left of {of}, {held} held"),
            ("low", _) => format!("left of {of}: the last"),
            _ => format!("left of {of}"),
        }
    };
    part(view! {
        <div class="counter" data-stock=stock>
            <p class="counter-line">
                <span class="counter-figure figures" data-testid="available"
                    data-tentative=move || total().is_tentative.then_some("true")>
                    {move || counts().available}
                </span>
                " "
                <span class="counter-caption">{caption}</span>
            </p>
            <AvailabilityBar counts />
        </div>
    })
}

/// All counters as a table.
#[component]
pub fn StockTable(desk: Desk) -> impl IntoView {
    let tiers = desk.sale().tiers.clone();
    let shown = desk.live.shown();
    let all = (tiers.len() > 1).then(|| {
        let counts = move || shown.with(|shown| shown.total);
        view! { <StockRow name="All".to_owned() counts /> }
    });
    let rows = tiers.into_iter().enumerate().map(|(index, tier)| {
        let counts = move || shown.with(|shown| shown.tiers.get(index).copied().unwrap_or_default());
        view! { <StockRow name=tier.name counts /> }
    });
    part(view! {
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
            <tbody>{rows.collect_view()} {all}</tbody>
        </table>
    })
}

#[component]
fn StockRow<F>(name: String, counts: F) -> impl IntoView
where
    F: Fn() -> ShownCounts + Copy + Send + Sync + 'static,
{
    view! {
        <tr data-tentative=move || counts().is_tentative.then_some("true")>
            <th scope="row">{name}</th>
            <td>{move || grouped(counts().counts.available)}</td>
            <td>{move || grouped(counts().counts.held)}</td>
            <td>{move || grouped(counts().counts.sold)}</td>
        </tr>
    }
}

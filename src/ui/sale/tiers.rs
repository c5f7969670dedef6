//! The choice of a tier for units that are not picked on the map.

use leptos::prelude::*;

use super::{
    desk::{Choice, Desk},
    legend::{left_text, with_hue},
};
use crate::{
    model::sale::Tier,
    ui::kit::{border::part, document::find},
};

#[component]
pub fn TierOptions(desk: Desk) -> impl IntoView {
    let tiers = desk.sale().tiers.clone();
    let legend = if desk.has_seats() { "Pick seats on the map, or take the best of" } else { "Tickets" };
    part(view! {
        <fieldset class="tier-options">
            <legend>{legend}</legend>
            {tiers.into_iter().enumerate().map(|(index, tier)| view! { <TierOption desk index tier /> }).collect_view()}
        </fieldset>
    })
}

#[component]
fn TierOption(desk: Desk, index: usize, tier: Tier) -> impl IntoView {
    let left = move || desk.left(index);
    let is_chosen = move || matches!(desk.choice(), Choice::Units { tier, .. } if tier == index);
    // Without script the form needs the attribute `checked`. With script the property shows what the visitor chose.
    let is_first = untrack(is_chosen);
    view! {
        <label class=with_hue("tier-option", index) data-empty=move || (left() == 0).then_some("true")>
            <input
                type="radio"
                name="tier"
                value=tier.id.0
                data-tier=index
                checked=is_first
                prop:checked=is_chosen
                on:change=move |_| desk.choose_tier(index)
            />
            <span class="tier-name">{tier.name}</span>
            <span class="tier-left figures" data-low=move || matches!(left(), 1 | 2).then_some("true")>
                {move || left_text(left())}
            </span>
            <span class="tier-price figures">{move || desk.amount(desk.price(index))}</span>
        </label>
    }
}

/// Takes over the tier that was chosen before the script ran.
pub fn adopt(desk: Desk) {
    let chosen = find("[name=tier]:checked").and_then(|field| field.get_attribute("data-tier")?.parse().ok());
    if let Some(tier) = chosen {
        desk.choose_tier(tier);
    }
}

//! The tiers with their prices, above the map. Each is a button that dims the seats of all other tiers.

use leptos::prelude::*;

use super::desk::Desk;
use crate::{
    model::sale::Tier,
    ui::kit::{border::part, money::grouped},
};

/// How many hues for tiers the style sheet has. Further tiers start again with the first hue.
const TIER_HUES: usize = 4;

/// Adds to `class` the class that gives a tier its hue.
pub fn with_hue(class: &str, tier: usize) -> String {
    format!("{class} hue-{}", tier % TIER_HUES)
}

#[component]
pub fn Legend(desk: Desk) -> impl IntoView {
    let tiers = desk.sale().tiers.clone();
    let entries = tiers.into_iter().enumerate().filter(|(_, tier)| tier.seated);
    part(view! {
        <ul class="legend script-only" role="list" aria-label="Prices; a press shows only that price on the map">
            {entries.map(|(index, tier)| view! { <LegendEntry desk index tier /> }).collect_view()}
        </ul>
    })
}

#[component]
fn LegendEntry(desk: Desk, index: usize, tier: Tier) -> impl IntoView {
    let filter = desk.filter;
    let is_pressed = move || filter.get() == Some(index);
    let left = move || desk.left(index);
    view! {
        <li>
            <button
                type="button"
                class=with_hue("legend-entry", index)
                aria-pressed=move || if is_pressed() { "true" } else { "false" }
                data-empty=move || (left() == 0).then_some("true")
                on:click=move |_| filter.update(|only| *only = Some(index).filter(|_| *only != Some(index)))
            >
                <span class="legend-swatch" aria-hidden="true"></span>
                <span class="legend-name">{tier.name}</span>
                <span class="legend-price figures">{move || desk.amount(desk.price(index))}</span>
                <span class="legend-left figures">{move || left_text(left())}</span>
            </button>
        </li>
    }
}

/// What is left of a tier, in words.
pub fn left_text(left: u64) -> String {
    match left {
        0 => "Sold out".to_owned(),
        1 | 2 => format!("Last {left}"),
        _ => format!("{} left", grouped(left)),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_last_ones_are_called_so() {
        let texts = [0, 1, 2, 3, 1_200].map(super::left_text);
        assert_eq!(texts, ["Sold out", "Last 1", "Last 2", "3 left", "1,200 left"]);
    }
}

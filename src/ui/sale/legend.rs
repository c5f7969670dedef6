//! The tiers with their prices, above the map. Each is a button that shows only its own seats in full strength.

use leptos::prelude::*;

use super::desk::Desk;
use crate::ui::kit::money::{grouped, money};

#[component]
pub fn Legend(desk: Desk) -> impl IntoView {
    let shown = desk.live.shown();
    let sale = desk.sale();
    let entries = sale.tiers.iter().enumerate().filter(|(_, tier)| tier.seated).map(|(index, tier)| {
        let left = move || shown.with(|shown| shown.tiers.get(index).map_or(0, |tier| tier.counts.available));
        let is_only = move || desk.filter.get() == Some(index);
        let toggle = move |_| desk.filter.update(|only| *only = if *only == Some(index) { None } else { Some(index) });
        view! {
            <li>
                <button
                    type="button"
                    class=format!("legend-entry hue-{}", index % 4)
                    aria-pressed=move || is_only().to_string()
                    data-empty=move || (left() == 0).then_some("true")
                    on:click=toggle
                >
                    <span class="legend-swatch" aria-hidden="true"></span>
                    <span class="legend-name">{tier.name.clone()}</span>
                    <span class="legend-price figures">{money(tier.price, &tier.currency)}</span>
                    <span class="legend-left figures">{move || left_text(left())}</span>
                </button>
            </li>
        }
    });
    view! {
        <ul class="legend" role="list" aria-label="Prices; a press shows only that price on the map">
            {entries.collect_view()}
        </ul>
    }
    .into_any()
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

//! The tiers with their prices, above the map. Each is a button that shows only its own seats in full strength.

use leptos::prelude::*;

use super::desk::Desk;
use crate::ui::kit::{
    markup::{escape, when},
    money::{grouped, money},
};

pub fn draw(desk: Desk) -> String {
    let (sale, only) = (desk.sale(), desk.filter.get());
    let entries: String = sale
        .tiers
        .iter()
        .enumerate()
        .filter(|(_, tier)| tier.seated)
        .map(|(index, tier)| {
            let left = desk.left(index);
            format!(
                r#"<li><button type="button" class="legend-entry hue-{}" aria-pressed="{}"{} data-do="filter" data-of="{index}"><span class="legend-swatch" aria-hidden="true"></span><span class="legend-name">{}</span><span class="legend-price figures">{}</span><span class="legend-left figures">{}</span></button></li>"#,
                index % 4,
                only == Some(index),
                when(left == 0, r#" data-empty="true""#),
                escape(&tier.name),
                escape(&money(tier.price, &tier.currency)),
                left_text(left),
            )
        })
        .collect();
    format!(
        r#"<ul class="legend" role="list" aria-label="Prices; a press shows only that price on the map" data-live="legend">{entries}</ul>"#
    )
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

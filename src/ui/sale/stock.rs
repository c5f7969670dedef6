//! The counters: how much is available, held and sold, in all and per tier.

use leptos::prelude::*;

use super::desk::Desk;
use crate::{
    live::reducer::ShownCounts,
    model::sale::SaleStatus,
    ui::kit::{
        availability::availability_bar,
        markup::{escape, when},
        money::grouped,
    },
};

/// From this many left, the counter draws attention.
const LOW_STOCK: u64 = 2;
const TENTATIVE: &str = r#" data-tentative="true""#;

/// The sale's available units, large.
pub fn counter(desk: Desk) -> String {
    let ShownCounts { counts, is_tentative } = desk.live.shown().with(|shown| shown.total);
    let stock = match (desk.status(), counts.available) {
        (SaleStatus::SoldOut, _) | (_, 0) => "none",
        (_, left) if left <= LOW_STOCK => "low",
        _ => "ample",
    };
    let more = match (stock, counts.held) {
        ("none", 0) => ": sold out".to_owned(),
        ("none", held) => format!(", {held} held"),
        ("low", _) => ": the last".to_owned(),
        _ => String::new(),
    };
    format!(
        r#"<div class="counter" data-stock="{stock}" data-live="counter"><p class="counter-line"><span class="counter-figure figures" data-testid="available"{}>{}</span> <span class="counter-caption">left of {}{more}</span></p>{}</div>"#,
        when(is_tentative, TENTATIVE),
        counts.available,
        grouped(counts.capacity()),
        availability_bar(counts),
    )
}

/// All counters as a table.
pub fn table(desk: Desk) -> String {
    let sale = desk.sale();
    let mut rows = String::new();
    desk.live.shown().with(|shown| {
        for (tier, counts) in sale.tiers.iter().zip(&shown.tiers) {
            rows += &row(&tier.name, counts);
        }
        if sale.tiers.len() > 1 {
            rows += &row("All", &shown.total);
        }
    });
    format!(
        r#"<table class="stock figures" data-live="stock"><caption>Stock</caption><thead><tr><th scope="col">Tier</th><th scope="col">Available</th><th scope="col">Held</th><th scope="col">Sold</th></tr></thead><tbody>{rows}</tbody></table>"#
    )
}

fn row(name: &str, ShownCounts { counts, is_tentative }: &ShownCounts) -> String {
    format!(
        r#"<tr{}><th scope="row">{}</th><td>{}</td><td>{}</td><td>{}</td></tr>"#,
        when(*is_tentative, TENTATIVE),
        escape(name),
        grouped(counts.available),
        grouped(counts.held),
        grouped(counts.sold),
    )
}

//! How many units of the chosen tier: a number with a button on each side, kept between 1 and what can be had.

use leptos::prelude::*;

use super::desk::{Choice, Desk};
use crate::ui::kit::{
    markup::{escape, when},
    money::money,
};

pub fn draw(desk: Desk) -> String {
    let (tier, quantity) = (desk.tier.get(), desk.quantity.get());
    let most = desk.most(tier);
    let subtotal = desk.sale().tiers.get(tier).map(|tier| {
        let text = money(tier.price * u64::from(quantity), &tier.currency);
        format!("{quantity} × {} = {text}", money(tier.price, &tier.currency))
    });
    format!(
        r#"<div class="quantity" data-live="quantity"{unused}><label for="quantity">How many</label><div class="stepper"><button type="button" class="icon-button" aria-label="One less"{least} data-do="less">−</button><input id="quantity" class="figures" type="number" name="quantity" inputmode="numeric" min="1" max="{most}" value="{quantity}" data-do="quantity"><button type="button" class="icon-button" aria-label="One more"{last} data-do="more">+</button></div><p class="subtotal figures">{subtotal}</p></div>"#,
        unused = when(!matches!(desk.choice(), Choice::Units { .. }), r#" data-unused="true""#),
        least = when(quantity <= 1, " disabled"),
        last = when(quantity >= most, " disabled"),
        subtotal = escape(&subtotal.unwrap_or_default()),
    )
}

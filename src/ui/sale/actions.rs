//! What the visitor does on the page of a sale, but for the seat map.

use leptos::{
    prelude::*,
    wasm_bindgen::JsCast,
    web_sys::{Event, HtmlInputElement},
};

use super::{buyers, desk::Desk, purchase::buy};
use crate::ui::kit::{
    listening::{element_of, listen, meaning},
    redraw::find,
};

pub fn attend(desk: Desk) {
    adopt(desk);
    listen("click", move |event| {
        let Some((wish, about)) = meaning(event) else { return };
        match wish.as_str() {
            "filter" => {
                let tier = about as usize;
                desk.filter.update(|only| *only = if *only == Some(tier) { None } else { Some(tier) });
            }
            "less" => desk.choose_quantity(desk.quantity.get_untracked().saturating_sub(1)),
            "more" => desk.choose_quantity(desk.quantity.get_untracked() + 1),
            "give-back" => desk.toggle(about),
            "dismiss" => desk.toasts.dismiss(about),
            "card-add" => buyers::add(desk),
            "card-race" => buyers::race(desk),
            "card-buy" => buyers::buy(desk, about),
            "card-remove" => buyers::remove(desk, about),
            _ => {}
        }
    });
    listen("change", move |event| match (meaning(event), field_of(event)) {
        (Some((wish, tier)), _) if wish == "tier" => desk.choose_tier(tier as usize),
        (Some((wish, _)), Some(field)) if wish == "quantity" => take_typed(desk, &field),
        _ => {}
    });
    listen("submit", move |event| {
        if meaning(event).is_some_and(|(wish, _)| wish == "buy") {
            event.prevent_default();
            buy(desk);
        }
    });
}

/// Takes over what the visitor chose in the form before anybody listened.
fn adopt(desk: Desk) {
    let chosen = find("[name=tier]:checked").and_then(|field| field.get_attribute("data-of")?.parse().ok());
    if let Some(tier) = chosen {
        desk.choose_tier(tier);
    }
    if let Some(field) = find("#quantity").and_then(|field| field.dyn_into().ok()) {
        take_typed(desk, &field);
    }
}

/// Chooses the quantity that was typed, and shows what came of it. What is not a number leaves the quantity as it was.
fn take_typed(desk: Desk, field: &HtmlInputElement) {
    if let Ok(typed) = field.value().parse() {
        desk.choose_quantity(typed);
    }
    field.set_value(&desk.quantity.get_untracked().to_string());
}

fn field_of(event: &Event) -> Option<HtmlInputElement> {
    element_of(event)?.dyn_into().ok()
}

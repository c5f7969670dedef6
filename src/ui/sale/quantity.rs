//! How many units of the chosen tier: a number with a button on each side, kept between 1 and what can be bought.

use leptos::{html, prelude::*, wasm_bindgen::JsCast, web_sys::HtmlInputElement};

use super::desk::{Choice, Desk};
use crate::ui::kit::{border::part, document::find};

const FIELD: &str = "quantity";

#[component]
pub fn Quantity(desk: Desk) -> impl IntoView {
    let field = NodeRef::<html::Input>::new();
    let quantity = move || desk.quantity.get();
    let most = move || desk.most(desk.tier.get());
    let is_unused = move || !matches!(desk.choice(), Choice::Units { .. });
    let least_reached = move || quantity() <= 1;
    let most_reached = move || quantity() >= most();
    let take = move |_| {
        if let Some(field) = field.get_untracked() {
            take_typed(desk, &field);
        }
    };
    part(view! {
        <div class="quantity" data-unused=move || is_unused().then_some("true")>
            <label for=FIELD>"How many"</label>
            <div class="stepper">
                <button type="button" class="icon-button script-only" aria-label="One less"
                    aria-disabled=move || least_reached().then_some("true")
                    on:click=move |_| desk.choose_quantity(desk.quantity.get_untracked().saturating_sub(1))>
                    "−"
                </button>
                <input node_ref=field id=FIELD class="figures" type="number" name="quantity" inputmode="numeric" min="1"
                    max=move || most().to_string() value="1" prop:value=move || quantity().to_string() on:change=take />
                <button type="button" class="icon-button script-only" aria-label="One more"
                    aria-disabled=move || most_reached().then_some("true")
                    on:click=move |_| desk.choose_quantity(desk.quantity.get_untracked() + 1)>
                    "+"
                </button>
            </div>
            <p class="subtotal figures">{move || subtotal(desk)}</p>
        </div>
    })
}

fn subtotal(desk: Desk) -> String {
    let (price, quantity) = (desk.price(desk.tier.get()), desk.quantity.get());
    format!("{quantity} × {} = {}", desk.amount(price), desk.amount(price * u64::from(quantity)))
}

/// Takes over the quantity that was typed before the script ran.
pub fn adopt(desk: Desk) {
    if let Some(field) = find(&format!("#{FIELD}")).and_then(|field| field.dyn_into().ok()) {
        take_typed(desk, &field);
    }
}

/// Chooses the quantity that was typed, and shows what is chosen now. Text that is not a number does not change the
/// quantity.
fn take_typed(desk: Desk, field: &HtmlInputElement) {
    if let Ok(typed) = field.value().parse() {
        desk.choose_quantity(typed);
    }
    field.set_value(&desk.quantity.get_untracked().to_string());
}

//! How many units of the chosen tier: a number with a button on each side, kept between 1 and what can be had.

use leptos::prelude::*;

use super::desk::{Choice, Desk};
use crate::ui::kit::money::money;

#[component]
pub fn Quantity(desk: Desk) -> impl IntoView {
    let most = Memo::new(move |_| desk.most(desk.chosen_tier()));
    let quantity = Memo::new(move |_| desk.quantity());
    let is_least = move || quantity.get() <= 1;
    let is_most = move || quantity.get() >= most.get();
    let less = move |_| desk.choose_quantity(quantity.get_untracked().saturating_sub(1));
    let more = move |_| desk.choose_quantity(quantity.get_untracked() + 1);
    let is_used = move || matches!(desk.choice(), Choice::Units { .. });
    let subtotal = move || {
        let tier = desk.tier(desk.chosen_tier())?;
        let text = money(tier.price * u64::from(quantity.get()), &tier.currency);
        Some(format!("{} × {} = {text}", quantity.get(), money(tier.price, &tier.currency)))
    };
    let type_in = move |event| {
        // What is not a number leaves the quantity as it was.
        if let Ok(typed) = event_target_value(&event).parse::<u32>() {
            desk.choose_quantity(typed);
        }
    };
    view! {
        <div class="quantity" data-unused=move || (!is_used()).then_some("true")>
            <label for="quantity">"How many"</label>
            <div class="stepper">
                <button type="button" class="icon-button" aria-label="One less" disabled=is_least on:click=less>
                    "−"
                </button>
                <input
                    id="quantity"
                    class="figures"
                    type="number"
                    name="quantity"
                    inputmode="numeric"
                    min="1"
                    max=move || most.get().to_string()
                    value="1"
                    prop:value=move || quantity.get().to_string()
                    on:change=type_in
                />
                <button type="button" class="icon-button" aria-label="One more" disabled=is_most on:click=more>
                    "+"
                </button>
            </div>
            <p class="subtotal figures">{subtotal}</p>
        </div>
    }
    .into_any()
}

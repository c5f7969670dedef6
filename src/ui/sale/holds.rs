//! What the visitor holds in the sale and has not paid yet.

use leptos::prelude::*;

use super::desk::Desk;
use crate::{
    api::OwnHold,
    model::pages::CHECKOUT,
    ui::kit::{border::part, countdown::remaining},
};

/// The holds whose time is not over, each with a link to its page.
#[component]
pub fn OwnHolds(desk: Desk) -> impl IntoView {
    let list = move || desk.holds.get().into_iter().map(|hold| view! { <HeldUnits desk hold /> }).collect_view();
    part(view! { <div class="own-holds">{list}</div> })
}

#[component]
fn HeldUnits(desk: Desk, hold: OwnHold) -> impl IntoView {
    let OwnHold { id, units, expires_at } = hold;
    let left = move || expires_at.since(desk.now.get());
    view! {
        <p class="own-hold" data-testid="own-hold" hidden=move || left() <= 0>
            <span class="figures">{move || format!("{units} held for you, {} left", remaining(left()))}</span>
            <a class="button-quiet" href=CHECKOUT.of(&id.to_string())>"Check out"</a>
        </p>
    }
}

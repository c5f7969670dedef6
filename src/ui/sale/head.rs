//! The head of the page: name, status, the time until the opening, and the organiser's message.

use leptos::prelude::*;

use super::desk::Desk;
use crate::{
    model::sale::SaleStatus,
    ui::kit::{border::part, countdown::Opening, status::StatusBadge},
};

#[component]
pub fn Head(desk: Desk) -> impl IntoView {
    let sale = desk.sale();
    let shown = desk.live.shown();
    let opens_at = move || (desk.status() == SaleStatus::Soon).then(|| shown.with(|shown| shown.opens_at)).flatten();
    let message = move || shown.with(|shown| shown.message.clone());
    part(view! {
        <header class="sale-head">
            <p class="sale-facts">
                <StatusBadge status=move || desk.status() />
                {sale.rehearsal.then(|| view! { <span class="badge" data-status="rehearsal">"Rehearsal"</span> })}
            </p>
            <h1>{sale.name.clone()}</h1>
            {move || opens_at().map(|opens_at| view! { <Opening opens_at now=desk.now class="opening" /> })}
            {move || message().map(|message| view! { <p class="notice">{message}</p> })}
        </header>
    })
}

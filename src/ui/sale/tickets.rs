//! The buyer's own tickets in this sale.

use leptos::prelude::*;

use super::desk::Desk;
use crate::{
    model::pages::TICKETS,
    ui::kit::{border::part, money::grouped, ticket::OrderTickets},
};

/// Orders shown on the sale's page. The page of tickets shows all of them.
const MAX_ORDERS: usize = 5;

/// The newest orders first.
#[component]
pub fn OwnTickets(desk: Desk) -> impl IntoView {
    let orders = move || desk.orders.with(|orders| orders.iter().take(MAX_ORDERS).cloned().collect::<Vec<_>>());
    part(view! {
        <section class="own-tickets" aria-label="Your tickets" hidden=move || desk.orders.with(Vec::is_empty)>
            <h2>"Your tickets"</h2>
            <For each=orders key=|order| order.id let(order)>
                <OrderTickets order tiers=desk.sale().tiers.clone() sale_name=None />
            </For>
            <p>
                <a href=TICKETS.path>{move || link_text(desk)}</a>
            </p>
        </section>
    })
}

/// The text of the link. It says how many orders there are if not all are shown. Reactive.
fn link_text(desk: Desk) -> String {
    let orders = desk.orders.with(Vec::len) as u64 + desk.older.get();
    if orders <= MAX_ORDERS as u64 {
        return "All my tickets".to_owned();
    }
    format!("All my tickets, of {} orders", grouped(orders))
}

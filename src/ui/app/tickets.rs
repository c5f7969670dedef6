//! What the visitor owns: orders and their tickets, the newest first.

use leptos::prelude::*;
use leptos_meta::Title;

use super::drawn::drawn;
use crate::{
    api,
    model::{order::Order, sale::Sale},
    ui::kit::ticket::order_tickets,
};

#[component]
pub fn TicketsPage() -> impl IntoView {
    view! {
        <Title text="My tickets" />
        <section class="intro">
            <p class="eyebrow">"Yours"</p>
            <h1>"My tickets"</h1>
            <p class="lead">"They belong to this browser. The code is the ticket: show it at the door, and to nobody before."</p>
        </section>
        {Suspend::new(async move {
            match (api::my_orders().await, api::sales().await) {
                (Ok(orders), Ok(sales)) => view! { <Orders orders sales /> }.into_any(),
                _ => view! { <p class="notice" role="alert">"Your tickets cannot be read now. They are safe; try again in a moment."</p> }.into_any(),
            }
        })}
    }
}

#[component]
fn Orders(orders: Vec<Order>, sales: Vec<Sale>) -> impl IntoView {
    if orders.is_empty() {
        return view! {
            <div class="notice">
                <p>"You have no tickets yet."</p>
                <p><a class="button" href="/">"See what is on sale"</a></p>
            </div>
        }
        .into_any();
    }
    let orders = orders.iter().map(|order| {
        let sale = sales.iter().find(|sale| sale.id == order.sale);
        let (name, tiers) = sale.map_or((order.sale.as_str(), &[][..]), |sale| (&sale.name, &sale.tiers));
        drawn(order_tickets(order, tiers, Some(name)))
    });
    view! { <div class="orders">{orders.collect_view()}</div> }.into_any()
}

//! What the visitor owns: orders and their tickets, the newest first.

use leptos::prelude::*;
use leptos_meta::Title;

use crate::{
    api,
    model::{
        order::Order,
        pages::{HOME, TICKETS},
        sale::Sale,
    },
    ui::kit::ticket::OrderTickets,
};

#[component]
pub fn TicketsPage() -> impl IntoView {
    view! {
        <Title text=TICKETS.title />
        <section class="intro">
            <p class="eyebrow">"Yours"</p>
            <h1>{TICKETS.title}</h1>
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
                <p><a class="button" href=HOME.path>"See what is on sale"</a></p>
            </div>
        }
        .into_any();
    }
    let orders = orders.into_iter().map(|order| {
        let sale = sales.iter().find(|sale| sale.id == order.sale);
        let name = sale.map_or_else(|| order.sale.to_string(), |sale| sale.name.clone());
        let tiers = sale.map(|sale| sale.tiers.clone()).unwrap_or_default();
        view! { <OrderTickets order tiers sale_name=Some(name) /> }
    });
    view! { <div class="orders">{orders.collect_view()}</div> }.into_any()
}

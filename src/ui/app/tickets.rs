//! What the visitor owns: orders and their tickets, the newest first.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

use super::paging::Paging;
use crate::{
    api::{self, MyOrders},
    model::{
        ids::OrderId,
        pages::{HOME, TICKETS},
    },
    ui::kit::{money::grouped, ticket::OrderTickets},
};

#[component]
pub fn TicketsPage() -> impl IntoView {
    let asked = use_query_map().with_untracked(|query| query.get("after"));
    let after: Option<OrderId> = asked.and_then(|after| after.parse().ok());
    view! {
        <Title text=TICKETS.title />
        <section class="intro">
            <p class="eyebrow">"Yours"</p>
            <h1>{TICKETS.title}</h1>
            <p class="lead">"They belong to this browser. The code is the ticket: show it at the door, and to nobody before."</p>
        </section>
        {Suspend::new(async move {
            match api::my_orders(after).await {
                Ok(found) => view! { <Orders found is_first=after.is_none() /> }.into_any(),
                Err(_) => view! {
                    <p class="notice" role="alert">
                        "Your tickets cannot be read now. They are safe; try again in a moment."
                    </p>
                }
                .into_any(),
            }
        })}
    }
}

#[component]
fn Orders(found: MyOrders, is_first: bool) -> impl IntoView {
    let MyOrders { orders, next, in_all, sales } = found;
    if orders.is_empty() && is_first {
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
    let newest = (!is_first).then(|| (TICKETS.path.to_owned(), "Newest orders"));
    let older = next.map(|next| (format!("{}?after={next}", TICKETS.path), "Older orders"));
    let says = format!("{} of {} orders", orders.len(), grouped(in_all));
    view! {
        <div class="orders">{orders.collect_view()}</div>
        <Paging label="Pages of orders" previous=newest says next=older />
    }
    .into_any()
}

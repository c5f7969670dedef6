//! A bought ticket with its code.

use leptos::prelude::*;

use crate::{
    model::{
        order::{Order, Ticket},
        sale::Tier,
    },
    ui::kit::{countdown::moment, money::money},
};

/// The tickets of one order, ready to be shown at the door. `tiers` provides the tiers' names; a tier that is missing
/// there is shown by its id. `sale_name` is `None` on a page that shows the sale's name anyway.
#[component]
pub fn OrderTickets(order: Order, tiers: Vec<Tier>, sale_name: Option<String>) -> impl IntoView {
    let ticket = |ticket: &Ticket| {
        let tier = tiers.iter().find(|tier| tier.id == ticket.tier).map(|tier| tier.name.clone());
        let place = ticket.seat.as_ref().map_or_else(|| "Admission".to_owned(), |seat| format!("Seat {seat}"));
        view! {
            <li class="ticket">
                <div class="ticket-body">
                    <p class="ticket-place">{place}</p>
                    <p class="ticket-tier">{tier.unwrap_or_else(|| ticket.tier.to_string())}</p>
                </div>
                <div class="ticket-stub">
                    <span class="ticket-code-label">"Code"</span>
                    <code class="ticket-code">{spaced(&ticket.code)}</code>
                </div>
            </li>
        }
    };
    view! {
        <article class="order" data-order=order.id.to_string()>
            {sale_name.map(|name| view! { <h2 class="order-name">{name}</h2> })}
            <ul class="tickets" role="list">
                {order.tickets.iter().map(ticket).collect_view()}
            </ul>
            <p class="order-facts figures">
                <span>{money(order.total, &order.currency, order.currency_digits)}</span>
                <span>{moment(order.created_at)}</span>
                <span>"Ledger no. " {order.seq}</span>
            </p>
        </article>
    }
}

/// A code in groups of four, so that it can be read aloud.
fn spaced(code: &str) -> String {
    code.as_bytes().chunks(4).map(|group| String::from_utf8_lossy(group)).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    #[test]
    fn codes_are_read_in_groups_of_four() {
        assert_eq!(super::spaced("00ff00ff0"), "00ff 00ff 0");
    }
}

//! A bought ticket with its code.

use crate::{
    model::{order::Order, sale::Tier},
    ui::kit::{countdown::moment, markup::escape, money::money},
};

/// One order as its tickets, ready to be shown at the door. `tiers` gives their names where they are known, the identifier
/// stands in for an unknown one; `sale_name` stands where the page does not say it already.
pub fn order_tickets(order: &Order, tiers: &[Tier], sale_name: Option<&str>) -> String {
    let name = sale_name.map(|name| format!(r#"<h2 class="order-name">{}</h2>"#, escape(name))).unwrap_or_default();
    let mut tickets = String::new();
    for ticket in &order.tickets {
        let tier = tiers.iter().find(|tier| tier.id == ticket.tier).map_or(ticket.tier.as_str(), |tier| &tier.name);
        let place = ticket.seat.as_ref().map_or_else(|| "Admission".to_owned(), |seat| format!("Seat {seat}"));
        tickets += &format!(
            r#"<li class="ticket"><div class="ticket-body"><p class="ticket-place">{}</p><p class="ticket-tier">{}</p></div><div class="ticket-stub"><span class="ticket-code-label">Code</span><code class="ticket-code">{}</code></div></li>"#,
            escape(&place),
            escape(tier),
            escape(&spaced(&ticket.code)),
        );
    }
    format!(
        r#"<article class="order" data-order="{id}" data-key="{id}">{name}<ul class="tickets" role="list">{tickets}</ul><p class="order-facts figures"><span>{}</span><span>{}</span><span>Ledger no. {}</span></p></article>"#,
        escape(&money(order.total, &order.currency)),
        moment(order.created_at),
        order.seq,
        id = order.id,
    )
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

//! What became of a hold: its tickets, or what happened and what to do.

use leptos::prelude::*;

use crate::{
    model::{
        hold::HoldStatus,
        order::Order,
        pages::{SALE, TICKETS},
        payment::{Payment, PaymentStatus},
        sale::Sale,
    },
    ui::kit::ticket::OrderTickets,
};

/// The title of the page of a hold that has ended; `None` while its units are still set aside.
pub const fn title(status: HoldStatus, was_declined: bool) -> Option<&'static str> {
    match status {
        HoldStatus::Active | HoldStatus::Paying => None,
        HoldStatus::Confirmed => Some("You have it"),
        HoldStatus::Released if was_declined => Some("The payment was declined"),
        HoldStatus::Released => Some("Given back"),
        HoldStatus::Expired => Some("The time is over"),
    }
}

const fn detail(status: HoldStatus, was_declined: bool) -> &'static str {
    match status {
        HoldStatus::Active | HoldStatus::Paying => "",
        HoldStatus::Confirmed => "The code is the ticket: show it at the door, and to nobody before.",
        HoldStatus::Released if was_declined => {
            "You have paid nothing, and what you held is on sale again. Choose again, and pay in another way."
        }
        HoldStatus::Released => "What you held is on sale again, and you own nothing of it.",
        HoldStatus::Expired => {
            "What you held is on sale again, and you own nothing of it. Choose again, as long as some are left."
        }
    }
}

/// What is told of tickets that a reset made void.
const VOID: &str = "The organiser has reset this sale. Whoever had paid for tickets gets the money back.";

/// What has become of a payment that bought nothing, where that is not plain.
fn about_money(payment: &Payment) -> Option<String> {
    match payment.status {
        PaymentStatus::Refunded => {
            let reason = payment.reason.clone().unwrap_or_default();
            Some(format!("Your money goes back to you. {reason}"))
        }
        PaymentStatus::Pending => {
            let text = "A payment was under way. If it has gone through, you get the tickets where they are still free, \
                        and your money back where they are not. Load this page again to see it.";
            Some(text.to_owned())
        }
        PaymentStatus::Succeeded | PaymentStatus::Declined | PaymentStatus::Expired => None,
    }
}

#[component]
pub fn Ended(
    status: HoldStatus,
    was_declined: bool,
    order: Option<Order>,
    sale: Sale,
    payment: Option<Payment>,
) -> impl IntoView {
    let Some(title) = title(status, was_declined) else { return ().into_any() };
    let is_bought = status == HoldStatus::Confirmed;
    // A reset of the sale voids its orders.
    let is_void = is_bought && order.is_none();
    let title = match is_bought {
        true if is_void => "These tickets are void",
        true => "Your tickets",
        false => title,
    };
    let is_lost = status == HoldStatus::Expired || was_declined;
    let (class, address, text) = match is_bought {
        true => ("button-quiet", TICKETS.path.to_owned(), "All my tickets"),
        false => ("button", SALE.of(sale.id.as_str()), "Choose again"),
    };
    let name = if was_declined { "declined" } else { status.name() };
    let tickets = order.map(|order| view! { <OrderTickets order tiers=sale.tiers.clone() sale_name=None /> });
    let money_told = payment.and_then(|payment| about_money(&payment)).map(|text| {
        view! { <p class="notice" data-testid="money">{text}</p> }
    });
    view! {
        <section class="ended" data-testid="ended" data-ending=name role=if is_lost { "alert" } else { "status" }>
            <h2>{title}</h2>
            <p class="quiet">{if is_void { VOID } else { detail(status, was_declined) }}</p>
            {money_told}
            {tickets}
            <p><a class=class href=address>{text}</a></p>
        </section>
    }
    .into_any()
}

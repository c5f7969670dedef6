//! One press of the button: from the choice to tickets or a reason.

use std::time::Duration;

use gloo_timers::future::sleep;
use leptos::{prelude::*, task::spawn_local};

use super::{
    desk::{Choice, Desk},
    outcome::outcome_message,
};
use crate::{
    api,
    live::reducer::{Intent, Settlement},
    model::{
        body::BuyBody,
        ids::{SeatLabel, TierId},
        order::Order,
        outcome::{BuyOutcome, Code, Refusal},
    },
    ui::kit::toast::ToastKind,
};

/// Tries of one purchase, under one key, before the buyer is told that the answer did not come.
const TRIES: u32 = 3;
/// The wait before the second try; it doubles.
const FIRST_WAIT: Duration = Duration::from_millis(400);

/// One request for stock.
struct Wish {
    body: BuyBody,
    intent: Intent,
    seat: Option<SeatLabel>,
}

/// Buys what is chosen. Several picked seats are several purchases: each is won or lost by itself.
pub fn buy(desk: Desk) {
    if desk.is_buying.get_untracked() {
        return;
    }
    let choice = untrack(|| desk.choice());
    if let Choice::Lost(seat) = choice {
        desk.lose(seat);
        return;
    }
    let wishes = wishes(desk, choice);
    desk.is_buying.set(true);
    desk.unpick_all();
    let started: Vec<(u64, Wish)> =
        wishes.into_iter().map(|wish| (desk.live.intend(wish.intent.clone()), wish)).collect();
    spawn_local(async move {
        let mut won = Vec::new();
        for (intent, wish) in started {
            let key = desk.key_for(&wish.body);
            let answer = ask(desk, &wish.body, &key).await;
            won.extend(settle(desk, intent, wish, key, answer));
        }
        celebrate(desk, won);
        let _ = desk.is_buying.try_set(false);
    });
}

fn wishes(desk: Desk, choice: Choice) -> Vec<Wish> {
    match choice {
        Choice::Seats(seats) => {
            let seating = desk.seating();
            let wish = |seat: u32| {
                let label = seating.label(seat)?;
                let tier = desk.tier(seating.tier_index(seat)?)?;
                Some(Wish {
                    body: BuyBody::seat(label.clone()),
                    intent: Intent::seat(tier.id, seat),
                    seat: Some(label),
                })
            };
            seats.into_iter().filter_map(wish).collect()
        }
        Choice::Units { tier, quantity } => desk
            .tier(tier)
            .map(|tier| Wish {
                body: BuyBody::tier(tier.id.clone(), quantity),
                intent: Intent::units(tier.id, u64::from(quantity)),
                seat: None,
            })
            .into_iter()
            .collect(),
        Choice::Lost(_) => Vec::new(),
    }
}

/// Asks, and asks again under the same key where no answer came. `None`: still unknown.
async fn ask(desk: Desk, body: &BuyBody, key: &str) -> Option<BuyOutcome> {
    let mut wait = FIRST_WAIT;
    for attempt in 1..=TRIES {
        match api::buy(desk.id(), body.clone(), key.to_owned()).await {
            Ok(BuyOutcome::Waiting { request }) => {
                let message = desk.toasts.show(ToastKind::Waiting, "In line", "The result will be shown here.");
                let followed = api::follow(request, None).await;
                desk.toasts.dismiss(message);
                if let Ok(outcome) = followed {
                    return Some(outcome);
                }
            }
            Ok(outcome) => return Some(outcome),
            Err(error) => {
                if let Some(refusal) = api::refusal_of(&error) {
                    return Some(BuyOutcome::Refused(refusal));
                }
            }
        }
        if attempt < TRIES {
            sleep(wait).await;
            wait *= 2;
        }
    }
    None
}

fn settle(desk: Desk, intent: u64, wish: Wish, key: String, answer: Option<BuyOutcome>) -> Option<Order> {
    match answer {
        Some(BuyOutcome::Bought { order, .. }) => {
            let seating = desk.seating();
            let seats = order.tickets.iter().filter_map(|ticket| seating.index_of(ticket.seat.as_ref()?)).collect();
            desk.live.settle(intent, Settlement::Won { seq: order.seq, seats });
            desk.live.tell_purchase();
            Some(order)
        }
        Some(BuyOutcome::Refused(refusal)) => {
            let is_taken = refusal.code == Code::SeatTaken;
            desk.live.settle(intent, if is_taken { Settlement::SeatTaken } else { Settlement::RolledBack });
            match wish.seat {
                Some(seat) if is_taken => desk.lose(seat),
                _ => tell(desk, &refusal),
            }
            None
        }
        Some(BuyOutcome::Waiting { .. }) | None => {
            desk.live.settle(intent, Settlement::RolledBack);
            desk.remember_unanswered(wish.body, key);
            desk.toasts.show(
                ToastKind::Error,
                "No answer",
                "The box office cannot be reached. Try again: if the first try went through, you get its tickets.",
            );
            None
        }
    }
}

fn tell(desk: Desk, refusal: &Refusal) {
    match outcome_message(refusal.code.name()) {
        // Who was in line is told the code alone.
        Some((kind, title, detail)) if refusal.detail.is_empty() => desk.toasts.show(kind, title, detail),
        _ => desk.toasts.show(ToastKind::of(refusal.code), refusal.code.title(), refusal.detail.clone()),
    };
}

fn celebrate(desk: Desk, won: Vec<Order>) {
    let tier_name = |tier: &TierId| {
        let sale = desk.sale();
        sale.tiers.iter().find(|known| known.id == *tier).map_or_else(|| tier.to_string(), |known| known.name.clone())
    };
    let places: Vec<String> = won
        .iter()
        .flat_map(|order| &order.tickets)
        .map(|ticket| ticket.seat.as_ref().map_or_else(|| tier_name(&ticket.tier), ToString::to_string))
        .collect();
    if places.is_empty() {
        return;
    }
    let title = if places.len() == 1 { "You have it".to_owned() } else { format!("You have {}", places.len()) };
    let detail = if places.len() <= 6 { places.join(", ") } else { format!("{} and more", places[..6].join(", ")) };
    desk.toasts.show(ToastKind::Success, title, format!("{detail}. The tickets are below."));
    let _ = desk.orders.try_update(|orders| {
        for order in won {
            orders.retain(|known| known.id != order.id);
            orders.insert(0, order);
        }
    });
}

//! What a press of the button does: from the choice to tickets, or to the reason why there are none.

use std::time::Duration;

use gloo_timers::future::sleep;
use leptos::{prelude::*, task::spawn_local};

use super::{
    desk::{Choice, Desk},
    offer::Offer,
    outcome::outcome_message,
};
use crate::{
    api,
    live::{
        reducer::{Intent, SeatFace, Settlement},
        seat_set::SeatSet,
    },
    model::{
        body::BuyBody,
        ids::{SeatLabel, TierId},
        order::Order,
        outcome::{BuyOutcome, Code, Refusal},
        rung::Rung,
    },
    ui::kit::toast::ToastKind,
};

/// How often one purchase is tried, always with the same key, before the visitor is told that no answer came.
const TRIES: u32 = 3;
/// How often it is tried if the server answers that it is still deciding. That happens after the page was reloaded
/// meanwhile.
const TRIES_IN_FLIGHT: u32 = 12;
/// The wait before the second try. It doubles with each try, up to `LONGEST_WAIT`.
const FIRST_WAIT: Duration = Duration::from_millis(400);
const LONGEST_WAIT: Duration = Duration::from_millis(1_600);

/// One request for stock.
struct Wish {
    body: BuyBody,
    /// The choice as one line of text, under which the idempotency key is stored.
    choice: String,
    /// What the page shows as being bought: one intent for each picked seat.
    intents: Vec<Intent>,
    /// The picked seats; empty for units.
    seats: SeatSet,
    /// How the button said that the seats will stand together, if the server picks them.
    promise: Option<Rung>,
}

/// Buys what the button offered. Several picked seats are one purchase: all of them are won, or none.
pub fn buy(desk: Desk, offer: Offer) {
    if desk.is_buying.get_untracked() {
        return;
    }
    if untrack(|| desk.allowance()) == 0 {
        desk.tell_limit();
        return;
    }
    if let Choice::Lost(seat) = offer.choice {
        desk.lose(seat);
        return;
    }
    let Some(wish) = wish(desk, offer) else { return };
    desk.is_buying.set(true);
    desk.unpick_all();
    let intents: Vec<u64> = wish.intents.iter().map(|intent| desk.live.intend(intent.clone())).collect();
    spawn_local(async move {
        let key = desk.intents.key(&wish.choice);
        let answer = ask(desk, &wish.body, &key).await;
        settle(desk, &intents, wish, answer);
        let _ = desk.is_buying.try_set(false);
    });
}

fn wish(desk: Desk, offer: Offer) -> Option<Wish> {
    match offer.choice {
        Choice::Seats(seats) => {
            let seating = desk.seating();
            let labels: Vec<SeatLabel> = seats.as_slice().iter().filter_map(|&seat| seating.label(seat)).collect();
            let intent = |seat: u32| Some(Intent::seat(desk.tier(seating.tier_index(seat)?)?.id, seat));
            Some(Wish {
                choice: labels.iter().map(SeatLabel::as_str).collect::<Vec<_>>().join(" "),
                body: BuyBody::seats(labels),
                intents: seats.as_slice().iter().filter_map(|&seat| intent(seat)).collect(),
                seats,
                promise: None,
            })
        }
        Choice::Units { tier, quantity } => {
            let tier = desk.tier(tier)?.id;
            Some(Wish {
                choice: format!("{tier} {quantity}"),
                body: BuyBody::tier(tier.clone(), quantity),
                intents: vec![Intent::units(tier, u64::from(quantity))],
                seats: SeatSet::new(),
                promise: offer.promise,
            })
        }
        Choice::Lost(_) => None,
    }
}

/// Sends the purchase, and sends it again with the same key if no answer came. `None` if the outcome is still unknown.
async fn ask(desk: Desk, body: &BuyBody, key: &str) -> Option<BuyOutcome> {
    let (mut wait, mut tries, mut most) = (FIRST_WAIT, 0, TRIES);
    loop {
        match api::buy(desk.id(), body.clone(), key.to_owned()).await {
            Ok(BuyOutcome::Waiting { request }) => {
                let message = desk.toasts.show(ToastKind::Waiting, "In line", "The result will be shown here.");
                let followed = api::follow(request, None).await;
                desk.toasts.dismiss(message);
                if let Ok(outcome) = followed {
                    return Some(outcome);
                }
            }
            Ok(BuyOutcome::Refused(refusal)) if refusal.code == Code::IdempotencyInFlight => most = TRIES_IN_FLIGHT,
            Ok(outcome) => return Some(outcome),
            Err(error) => {
                if let Some(refusal) = api::refusal_of(&error) {
                    return Some(BuyOutcome::Refused(refusal));
                }
            }
        }
        tries += 1;
        if tries >= most {
            return None;
        }
        sleep(wait).await;
        wait = LONGEST_WAIT.min(wait * 2);
    }
}

fn settle(desk: Desk, intents: &[u64], wish: Wish, answer: Option<BuyOutcome>) {
    match answer {
        Some(BuyOutcome::Bought { order, .. }) => {
            let seating = desk.seating();
            let seats = order.tickets.iter().filter_map(|ticket| seating.index_of(ticket.seat.as_ref()?)).collect();
            let mut won = Settlement::Won { seq: order.seq, seats };
            for intent in intents {
                desk.live.settle(*intent, won);
                won = Settlement::Won { seq: order.seq, seats: Vec::new() };
            }
            desk.live.tell_purchase();
            celebrate(desk, order, &wish);
        }
        Some(BuyOutcome::Refused(refusal)) => refuse(desk, intents, wish, &refusal),
        Some(BuyOutcome::Waiting { .. }) | None => {
            roll_back(desk, intents);
            desk.pick_again(wish.seats);
            desk.toasts.show(
                ToastKind::Error,
                "No answer",
                "The box office cannot be reached. Try again: if the first try went through, you get its tickets.",
            );
        }
    }
}

fn roll_back(desk: Desk, intents: &[u64]) {
    intents.iter().for_each(|intent| desk.live.settle(*intent, Settlement::RolledBack));
}

/// Handles a refusal: nothing was bought. The picked seats stay picked, except those that are gone.
fn refuse(desk: Desk, intents: &[u64], wish: Wish, refusal: &Refusal) {
    let is_taken = refusal.code == Code::SeatTaken;
    let is_alone = wish.seats.len() == 1;
    let is_named = |seat: u32| desk.seating().label(seat).is_some_and(|label| refusal.seats.contains(&label));
    // A purchase in line is refused by a code alone, without seats. Then the map shows which are gone, now or soon.
    let is_gone_on_the_map = |seat: u32| desk.live.read(|view| view.face(seat) != SeatFace::Available);
    let is_gone = |seat: u32| match refusal.seats.is_empty() {
        _ if !is_taken => false,
        true => is_alone || is_gone_on_the_map(seat),
        false => is_named(seat),
    };
    let gone: Vec<u32> = wish.seats.as_slice().iter().copied().filter(|&seat| is_gone(seat)).collect();
    let mut seats = wish.seats.as_slice().iter();
    for intent in intents {
        let is_gone = seats.next().is_some_and(|seat| gone.contains(seat));
        desk.live.settle(*intent, if is_gone { Settlement::SeatTaken } else { Settlement::RolledBack });
    }
    desk.pick_again(wish.seats);
    desk.start_rest(refusal.code.title().to_owned(), Some(wish.choice));
    if gone.is_empty() {
        tell(desk, refusal);
    }
    for label in gone.into_iter().filter_map(|seat| desk.seating().label(seat)) {
        desk.lose(label);
    }
    if refusal.code == Code::Unauthenticated {
        desk.has_no_cookies.set(true);
    }
}

fn tell(desk: Desk, refusal: &Refusal) {
    match outcome_message(refusal.code.name()) {
        // A purchase in line is refused by a code alone, so the detail comes from our own list.
        Some((kind, title, detail)) if refusal.detail.is_empty() => desk.toasts.show(kind, title, detail),
        _ => desk.toasts.show(ToastKind::of(refusal.code), refusal.code.title(), refusal.detail.clone()),
    };
}

fn celebrate(desk: Desk, order: Order, wish: &Wish) {
    let tier_name = |tier: &TierId| {
        let sale = desk.sale();
        sale.tiers.iter().find(|known| known.id == *tier).map_or_else(|| tier.to_string(), |known| known.name.clone())
    };
    let place =
        |seat: &Option<SeatLabel>, tier: &TierId| seat.as_ref().map_or_else(|| tier_name(tier), ToString::to_string);
    let mut places: Vec<String> =
        order.tickets.iter().take(6).map(|ticket| place(&ticket.seat, &ticket.tier)).collect();
    let count = order.tickets.len();
    if count > places.len() {
        places.push("and more".to_owned());
    }
    let title = if count == 1 { "You have it".to_owned() } else { format!("You have {count}") };
    let stand = wish.promise.zip(order.rung).map_or("", |(promised, reached)| lower_than_promised(promised, reached));
    desk.start_rest(title.clone(), Some(wish.choice.clone()));
    desk.toasts.show(ToastKind::Success, title, format!("{}. {stand}The tickets are below.", places.join(", ")));
    let is_new = desk.orders.try_update(|orders| {
        let known = orders.len();
        orders.retain(|known| known.id != order.id);
        let is_new = orders.len() == known;
        orders.insert(0, order);
        is_new
    });
    if is_new == Some(true) {
        desk.units.update(|units| *units += u32::try_from(count).unwrap_or(u32::MAX));
    }
}

/// What the message adds if the seats stand worse than the button promised, because others were faster.
fn lower_than_promised(promised: Rung, reached: Rung) -> &'static str {
    match (promised, reached) {
        (Rung::Together | Rung::Orphan, Rung::Rows) => "Others were faster: they stand in rows behind each other. ",
        (Rung::Together | Rung::Orphan | Rung::Rows, Rung::Scattered) => {
            "Others were faster: they are not side by side. "
        }
        _ => "",
    }
}

//! What a press of the button does: from the choice to tickets, or to the reason why there are none.

use leptos::{prelude::*, task::spawn_local};

use super::{
    desk::{Choice, Desk},
    offer::Offer,
    outcome::outcome_message,
};
use crate::{
    api::{self, HoldAnswer},
    live::{
        reducer::{Intent, SeatFace, Settlement},
        seat_set::SeatSet,
    },
    model::{
        body::{BuyBody, HoldBody, OnConflict, Quantity},
        ids::{SeatLabel, TierId},
        order::Order,
        outcome::{BuyOutcome, Code, Refusal},
        pages::{CHECKOUT, SALE},
        rung::Rung,
    },
    ui::kit::toast::ToastKind,
};

/// What is bought or held.
enum Stock {
    Seats(Vec<SeatLabel>),
    Units { tier: TierId, quantity: u32 },
}

/// One request for stock.
struct Wish {
    stock: Stock,
    /// The choice as one line of text, under which the idempotency key is stored.
    choice: String,
    /// What the page shows as being bought: one intent for each picked seat.
    intents: Vec<Intent>,
    /// The picked seats; empty for units.
    seats: SeatSet,
    /// How the button said that the seats will stand together, if the server picks them.
    promise: Option<Rung>,
    /// What the page says that it costs, in minor units.
    total: u64,
}

impl Wish {
    fn to_buy(&self) -> BuyBody {
        match &self.stock {
            Stock::Seats(labels) => BuyBody::seats(labels.clone()),
            Stock::Units { tier, quantity } => BuyBody::tier(tier.clone(), *quantity),
        }
    }

    /// Seats that are gone meanwhile are replaced by the nearest free ones. More than the page has told is never to be
    /// paid.
    fn to_hold(&self) -> HoldBody {
        let max_total = Some(self.total);
        match &self.stock {
            Stock::Seats(labels) => HoldBody {
                seats: Some(labels.clone()),
                on_conflict: Some(OnConflict::Nearest),
                max_total,
                ..HoldBody::default()
            },
            Stock::Units { tier, quantity } => {
                let items = vec![Quantity { tier: tier.clone(), quantity: i64::from(*quantity) }];
                HoldBody { items: Some(items), max_total, ..HoldBody::default() }
            }
        }
    }
}

/// Buys what the button offered, or holds it. Several picked seats are one purchase: all of them are won, or none.
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
        if desk.is_paid() {
            let answer = ask_to_hold(desk, &wish, &key).await;
            settle_hold(desk, &intents, wish, answer);
        } else {
            let answer = ask(desk, &wish, &key).await;
            settle(desk, &intents, wish, answer);
        }
        let _ = desk.is_buying.try_set(false);
    });
}

fn wish(desk: Desk, offer: Offer) -> Option<Wish> {
    let (holds, total) = (desk.is_paid(), untrack(|| desk.total_of(&offer.choice)));
    match offer.choice {
        Choice::Seats(seats) => {
            let seating = desk.seating();
            let labels: Vec<SeatLabel> = seats.as_slice().iter().filter_map(|&seat| seating.label(seat)).collect();
            let tier = |seat: u32| Some(desk.tier(seating.tier_index(seat)?)?.id);
            let intent = |seat: u32| Some(Intent::seat(tier(seat)?, seat).held(holds));
            Some(Wish {
                choice: labels.iter().map(SeatLabel::as_str).collect::<Vec<_>>().join(" "),
                stock: Stock::Seats(labels),
                intents: seats.as_slice().iter().filter_map(|&seat| intent(seat)).collect(),
                seats,
                promise: None,
                total,
            })
        }
        Choice::Units { tier, quantity } => {
            let tier = desk.tier(tier)?.id;
            Some(Wish {
                choice: format!("{tier} {quantity}"),
                intents: vec![Intent::units(tier.clone(), u64::from(quantity)).held(holds)],
                stock: Stock::Units { tier, quantity },
                seats: SeatSet::new(),
                promise: offer.promise,
                total,
            })
        }
        Choice::Lost(_) => None,
    }
}

/// Sends the purchase, and sends it again with the same key if no answer came. `None` if the outcome is still unknown.
async fn ask(desk: Desk, wish: &Wish, key: &str) -> Option<BuyOutcome> {
    let body = wish.to_buy();
    let answer = api::insist(async || match api::buy(desk.id(), body.clone(), key.to_owned()).await? {
        BuyOutcome::Waiting { request } => {
            let message = desk.toasts.show(ToastKind::Waiting, "In line", "The result will be shown here.");
            let outcome = api::follow(request, None).await;
            desk.toasts.dismiss(message);
            outcome.map(Some).map_err(ServerFnError::new)
        }
        BuyOutcome::Refused(refusal) if refusal.code == Code::IdempotencyInFlight => Ok(None),
        outcome => Ok(Some(outcome)),
    });
    answer.await.map(|answer| answer.unwrap_or_else(BuyOutcome::Refused))
}

/// The same for a choice that is held.
async fn ask_to_hold(desk: Desk, wish: &Wish, key: &str) -> Option<HoldAnswer> {
    let body = wish.to_hold();
    let answer = api::insist(async || match api::hold(desk.id(), body.clone(), key.to_owned()).await? {
        HoldAnswer::Undecided => Ok(None),
        answer => Ok(Some(answer)),
    });
    answer.await.map(|answer| answer.unwrap_or_else(HoldAnswer::from))
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
        Some(BuyOutcome::Waiting { .. }) | None => tell_no_answer(desk, intents, wish),
    }
}

/// Goes to the page of the hold, or says why nothing is held.
fn settle_hold(desk: Desk, intents: &[u64], wish: Wish, answer: Option<HoldAnswer>) {
    match answer {
        Some(HoldAnswer::Held { hold, seq }) => {
            for intent in intents {
                desk.live.settle(*intent, Settlement::Won { seq, seats: Vec::new() });
            }
            desk.start_rest("Held for you".to_owned(), Some(wish.choice));
            go_to(&CHECKOUT.of(&hold.to_string()));
        }
        // The visitor holds one of the seats already, by another page. The server draws the offer to change that hold.
        Some(HoldAnswer::Offered { offer }) => {
            roll_back(desk, intents);
            go_to(&format!("{}?{offer}", SALE.of(desk.id().as_str())));
        }
        Some(HoldAnswer::Refused { refusal, total }) => {
            desk.told_total.set(total);
            refuse(desk, intents, wish, &refusal);
        }
        Some(HoldAnswer::Undecided) | None => tell_no_answer(desk, intents, wish),
    }
}

fn go_to(address: &str) {
    // This fails only for an address that is none.
    let _ = window().location().assign(address);
}

fn tell_no_answer(desk: Desk, intents: &[u64], wish: Wish) {
    roll_back(desk, intents);
    desk.pick_again(wish.seats);
    let gets = if desk.is_paid() { "it is held for you" } else { "you get its tickets" };
    let detail = format!("The box office cannot be reached. Try again: if the first try went through, {gets}.");
    desk.toasts.show(ToastKind::Error, "No answer", detail);
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

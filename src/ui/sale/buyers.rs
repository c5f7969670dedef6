//! Several buyers side by side, each with a session and a count of its own, to feel contention with one's own hands.

use leptos::{prelude::*, task::spawn_local};

use super::{
    buyer::Buyer,
    desk::{Choice, Desk},
};
use crate::{
    api::{self, GuestAnswer},
    live::reducer::{Intent, Settlement},
    model::{
        body::BuyBody,
        outcome::{BuyOutcome, Code},
    },
    ui::kit::{
        markup::{escape, when},
        toast::ToastKind,
    },
};

/// A browser keeps about six connections to one address; more buyers would only wait in its own line.
const MAX_BUYERS: usize = 6;

/// What a buyer goes for: the first picked seat, or one unit of the chosen tier.
struct Goal {
    body: BuyBody,
    intent: Intent,
    name: String,
}

pub fn draw(desk: Desk) -> String {
    let goal = goal(desk).map_or_else(|| "Nothing chosen".to_owned(), |goal| format!("Buy {}", escape(&goal.name)));
    let (count, cards) =
        desk.buyers.with(|buyers| (buyers.len(), buyers.iter().map(|buyer| card(buyer, &goal)).collect::<String>()));
    format!(
        r#"<section class="buyers" aria-labelledby="buyers-title" data-live="buyers"><div class="section-head"><div><h2 id="buyers-title">Several buyers</h2><p class="quiet">Each has a session of its own. Let them go for the same thing, and see who wins.</p></div><div class="section-actions"><button type="button" class="button-quiet" id="card-add"{} data-do="card-add">Add a buyer</button><button type="button" class="button-quiet" id="card-race"{} data-do="card-race">All at once</button></div></div><ul class="buyer-cards" role="list">{cards}</ul></section>"#,
        when(count >= MAX_BUYERS, " disabled"),
        when(count < 2, " disabled"),
    )
}

fn card(buyer: &Buyer, goal: &str) -> String {
    let Buyer { number, owned, is_buying, message, .. } = buyer;
    let message = message.as_ref().map(|(kind, text)| {
        format!(r#"<p class="buyer-message" data-kind="{}" role="status">{}</p>"#, kind.name(), escape(text))
    });
    format!(
        r#"<li class="buyer-card" id="card-{number}" data-key="{number}"><div class="buyer-head"><h3>Buyer {number}</h3><button type="button" class="icon-button" id="card-{number}-remove" aria-label="Remove buyer {number}" data-do="card-remove" data-of="{number}">×</button></div><p class="buyer-owned"><strong class="figures" id="card-{number}-owned"{tentative}>{shown}</strong> owned</p><button type="button" class="button-quiet" id="card-{number}-buy"{disabled} data-do="card-buy" data-of="{number}">{text}</button>{message}</li>"#,
        tentative = when(*is_buying, r#" data-tentative="true""#),
        shown = owned + u32::from(*is_buying),
        disabled = when(*is_buying, " disabled"),
        text = if *is_buying { "Buying…" } else { goal },
        message = message.unwrap_or_default(),
    )
}

/// Reactive: follows the page's choice.
fn goal(desk: Desk) -> Option<Goal> {
    let seating = desk.seating();
    let seat = match desk.choice() {
        Choice::Seats(seats) => *seats.first()?,
        Choice::Lost(label) => seating.index_of(&label)?,
        Choice::Units { tier, .. } => {
            let tier = desk.tier(tier)?;
            return Some(Goal {
                body: BuyBody::tier(tier.id.clone(), 1),
                intent: Intent::units(tier.id, 1),
                name: format!("1 {}", tier.name),
            });
        }
    };
    let label = seating.label(seat)?;
    let tier = desk.tier(seating.tier_index(seat)?)?;
    Some(Goal { name: label.to_string(), body: BuyBody::seat(label), intent: Intent::seat(tier.id, seat) })
}

pub fn add(desk: Desk) {
    desk.buyers.update(|buyers| {
        // Numbers are not given twice, so that a message is never taken for another buyer's.
        let number = desk.next_buyer.get_value();
        desk.next_buyer.set_value(number + 1);
        buyers.push(Buyer { number, token: None, owned: 0, is_buying: false, message: None });
    });
}

pub fn remove(desk: Desk, number: u32) {
    desk.buyers.update(|buyers| buyers.retain(|buyer| buyer.number != number));
}

/// All buyers go for it at once.
pub fn race(desk: Desk) {
    let numbers: Vec<u32> = desk.buyers.with_untracked(|buyers| buyers.iter().map(|buyer| buyer.number).collect());
    for number in numbers {
        buy(desk, number);
    }
}

pub fn buy(desk: Desk, number: u32) {
    let Some(Goal { body, intent, name }) = untrack(|| goal(desk)) else { return };
    let is_ready = desk.buyers.with_untracked(|buyers| {
        buyers
            .iter()
            .find(|buyer| buyer.number == number)
            .filter(|buyer| !buyer.is_buying)
            .map(|buyer| buyer.token.clone())
    });
    let Some(token) = is_ready else { return };
    change(desk, number, |buyer| {
        buyer.is_buying = true;
        buyer.message = None;
    });
    let intent = desk.live.intend(intent);
    spawn_local(async move {
        let key = uuid::Uuid::now_v7().to_string();
        let answer = api::buy_as_guest(desk.id(), body, key, token.as_deref()).await;
        settle(desk, number, intent, &name, answer.ok());
    });
}

fn settle(desk: Desk, number: u32, intent: u64, name: &str, answer: Option<GuestAnswer>) {
    let (outcome, token) = answer.map_or((None, None), |answer| (Some(answer.outcome), answer.token));
    let mut bought = 0;
    let (settlement, kind, text) = match outcome {
        Some(BuyOutcome::Bought { order, .. }) => {
            bought = u32::try_from(order.tickets.len()).unwrap_or(u32::MAX);
            // The seats are this buyer's, not the visitor's: on the map they are sold.
            (Settlement::Won { seq: order.seq, seats: Vec::new() }, ToastKind::Success, format!("Got {name}"))
        }
        Some(BuyOutcome::Refused(refusal)) if refusal.code == Code::SeatTaken => {
            (Settlement::SeatTaken, ToastKind::Conflict, format!("{name} is taken"))
        }
        Some(BuyOutcome::Refused(refusal)) => {
            (Settlement::RolledBack, ToastKind::of(refusal.code), refusal.code.title().to_owned())
        }
        Some(BuyOutcome::Waiting { .. }) | None => (Settlement::RolledBack, ToastKind::Error, "No answer".to_owned()),
    };
    desk.live.settle(intent, settlement);
    change(desk, number, |buyer| {
        if token.is_some() {
            buyer.token = token;
        }
        buyer.owned += bought;
        buyer.is_buying = false;
        buyer.message = Some((kind, text));
    });
}

/// Changes one buyer, unless it was removed meanwhile.
fn change(desk: Desk, number: u32, change: impl FnOnce(&mut Buyer)) {
    desk.buyers.update(|buyers| {
        if let Some(buyer) = buyers.iter_mut().find(|buyer| buyer.number == number) {
            change(buyer);
        }
    });
}

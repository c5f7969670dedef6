//! Several buyers side by side, each with its own session and count. They let the visitor try out what contention is.
//! Few visitors scroll down to them, so their code is a file of its own.

use leptos::{prelude::*, task::spawn_local};

use super::desk::{Choice, Desk};
use crate::{
    api::{self, GuestAnswer},
    live::reducer::{Intent, Settlement},
    model::{
        body::BuyBody,
        outcome::{BuyOutcome, Code},
    },
    ui::kit::{border::part, document::hand_focus_on, lazy::lazy_island, seen::seen, toast::ToastKind},
};

/// A browser keeps about six connections to one address. The requests of more buyers would only wait inside the
/// browser.
const MAX_BUYERS: usize = 6;

/// One additional buyer.
#[derive(Clone, Copy)]
struct Buyer {
    number: u32,
    /// Identifies the buyer to the server. `None` before its first purchase.
    token: RwSignal<Option<String>>,
    owned: RwSignal<u32>,
    /// Whether a purchase is under way. Its unit is shown as owned, tentatively.
    is_buying: RwSignal<bool>,
    message: RwSignal<Option<(ToastKind, String)>>,
    /// Whether an answer has just come. The buyer cannot buy again until the visitor has seen it.
    is_resting: RwSignal<bool>,
}

impl Buyer {
    fn new(number: u32) -> Self {
        Self {
            number,
            token: RwSignal::new(None),
            owned: RwSignal::new(0),
            is_buying: RwSignal::new(false),
            message: RwSignal::new(None),
            is_resting: RwSignal::new(false),
        }
    }
}

/// What a buyer tries to buy: the first picked seat, or one unit of the chosen tier.
struct Goal {
    body: BuyBody,
    intent: Intent,
    name: String,
}

lazy_island! {
    /// The cards of the buyers, below the sale.
    pub fn BuyersIsland() -> impl IntoView {
        let desk = use_context::<Desk>().or_else(Desk::of_the_page).expect("the sale's island is above this one");
        let buyers = RwSignal::new(Vec::<Buyer>::new());
        // No number is used twice, so that a message never appears at another buyer.
        let next = StoredValue::new(1);
        let is_full = move || buyers.with(Vec::len) >= MAX_BUYERS;
        let is_alone = move || buyers.with(Vec::len) < 2;
        let add = move |_| {
            if !untrack(is_full) {
                let number = next.get_value();
                next.set_value(number + 1);
                buyers.update(|buyers| buyers.push(Buyer::new(number)));
            }
        };
        let race = move |_| {
            if !untrack(is_alone) {
                buyers.get_untracked().into_iter().for_each(|buyer| buy(desk, buyer));
            }
        };
        part(view! {
                <div class="section-head">
                    <div>
                        <h2 id="buyers-title">"Several buyers"</h2>
                        <p class="quiet">"Each has a session of its own. Let them go for the same thing, and see who wins."</p>
                    </div>
                    <div class="section-actions">
                        <button type="button" class="button-quiet" id="card-add"
                            aria-disabled=move || is_full().then_some("true") on:click=add>
                            "Add a buyer"
                        </button>
                        <button type="button" class="button-quiet" id="card-race"
                            aria-disabled=move || is_alone().then_some("true") on:click=race>
                            "All at once"
                        </button>
                    </div>
                </div>
                <ul class="buyer-cards" role="list">
                    <For each=move || buyers.get() key=|buyer| buyer.number let(buyer)>
                        <BuyerCard desk buyer buyers />
                    </For>
                </ul>
        })
    }
}

#[component]
fn BuyerCard(desk: Desk, buyer: Buyer, buyers: RwSignal<Vec<Buyer>>) -> impl IntoView {
    let Buyer { number, owned, is_buying, message, is_resting, .. } = buyer;
    let remove = move |_| {
        hand_focus_on(&format!("#card-{number}"), &["#card-add"]);
        buyers.update(|buyers| buyers.retain(|known| known.number != number));
    };
    let goal_text = move || goal(desk).map_or_else(|| "Nothing chosen".to_owned(), |goal| format!("Buy {}", goal.name));
    let is_waiting = move || is_buying.get() || is_resting.get();
    let text = move || match message.get().filter(|_| is_resting.get()) {
        _ if is_buying.get() => "Buying…".to_owned(),
        Some((_, text)) => text,
        None if has_all(desk, buyer) => "Has all it may have".to_owned(),
        None => goal_text(),
    };
    let told = move || {
        message
            .get()
            .map(|(kind, text)| view! { <p class="buyer-message" data-kind=kind.name() role="status">{text}</p> })
    };
    view! {
        <li class="buyer-card" id=format!("card-{number}")>
            <div class="buyer-head">
                <h3>"Buyer " {number}</h3>
                <button type="button" class="icon-button" id=format!("card-{number}-remove")
                    aria-label=format!("Remove buyer {number}") on:click=remove>
                    "×"
                </button>
            </div>
            <p class="buyer-owned">
                <strong class="figures" id=format!("card-{number}-owned")
                    data-tentative=move || is_buying.get().then_some("true")>
                    {move || owned.get() + u32::from(is_buying.get())}
                </strong>
                " owned"
            </p>
            <button type="button" class="button-quiet" id=format!("card-{number}-buy")
                aria-disabled=move || is_waiting().then_some("true") on:click=move |_| buy(desk, buyer)>
                {text}
            </button>
            {told}
        </li>
    }
}

/// What a buyer would try to buy now. Reactive: follows the choice on the page.
fn goal(desk: Desk) -> Option<Goal> {
    let seating = desk.seating();
    let seat = match desk.choice() {
        Choice::Seats(seats) => *seats.as_slice().first()?,
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

/// Whether this buyer has reached the sale's limit per buyer. Reactive.
fn has_all(desk: Desk, buyer: Buyer) -> bool {
    desk.sale().max_per_buyer.is_some_and(|limit| buyer.owned.get() >= limit)
}

fn buy(desk: Desk, buyer: Buyer) {
    let Some(Goal { body, intent, name }) = untrack(|| goal(desk)) else { return };
    if buyer.is_buying.get_untracked() || buyer.is_resting.get_untracked() {
        return;
    }
    if untrack(|| has_all(desk, buyer)) {
        buyer.message.set(Some((ToastKind::Limit, Code::LimitReached.title().to_owned())));
        return;
    }
    buyer.is_buying.set(true);
    buyer.message.set(None);
    let token = buyer.token.get_untracked();
    let intent = desk.live.intend(intent);
    spawn_local(async move {
        let key = uuid::Uuid::now_v7().to_string();
        let answer = api::buy_as_guest(desk.id(), body, key, token.as_deref()).await;
        settle(desk, buyer, intent, &name, answer.ok());
        seen().await;
        buyer.is_resting.try_set(false);
    });
}

/// Applies the answer to the page and to the buyer's card. `try_` is needed because the card may have been removed
/// meanwhile.
fn settle(desk: Desk, buyer: Buyer, intent: u64, name: &str, answer: Option<GuestAnswer>) {
    let (outcome, token) = answer.map_or((None, None), |answer| (Some(answer.outcome), answer.token));
    let (settlement, kind, text) = match outcome {
        Some(BuyOutcome::Bought { order, .. }) => {
            let bought = u32::try_from(order.tickets.len()).unwrap_or(u32::MAX);
            buyer.owned.try_update(|owned| *owned += bought);
            // The seats belong to this buyer and not to the visitor, so the map shows them as sold.
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
    if token.is_some() {
        buyer.token.try_set(token);
    }
    buyer.is_resting.try_set(true);
    buyer.is_buying.try_set(false);
    buyer.message.try_set(Some((kind, text)));
}

//! One buyer: own session, own count, own messages.

use leptos::{prelude::*, task::spawn_local};

use super::super::desk::{Choice, Desk};
use crate::{
    api::{self, GuestAnswer},
    live::reducer::{Intent, Settlement},
    model::{
        body::BuyBody,
        outcome::{BuyOutcome, Code},
    },
    ui::kit::toast::ToastKind,
};

/// What the buyer goes for: the first picked seat, or one unit of the chosen tier.
struct Goal {
    body: BuyBody,
    intent: Intent,
    name: String,
}

#[component]
pub fn BuyerCard(
    desk: Desk,
    number: u32,
    /// Steps each time all buyers are called to buy at once.
    race: Signal<u32>,
    on_remove: impl Fn() + Send + Sync + 'static,
) -> impl IntoView {
    let buyer = Buyer {
        token: StoredValue::new(None),
        owned: RwSignal::new(0),
        pending: RwSignal::new(0),
        message: RwSignal::new(None),
    };
    Effect::new(move |before: Option<u32>| {
        let now = race.get();
        if before.is_some_and(|before| before != now) {
            buyer.buy(desk);
        }
        now
    });
    let message = move || {
        buyer.message.get().map(|(kind, text)| {
            view! { <p class="buyer-message" data-kind=kind.name() role="status">{text}</p> }
        })
    };
    view! {
        <li class="buyer-card" id=format!("card-{number}")>
            <div class="buyer-head">
                <h3>{format!("Buyer {number}")}</h3>
                <button
                    type="button"
                    class="icon-button"
                    id=format!("card-{number}-remove")
                    aria-label=format!("Remove buyer {number}")
                    on:click=move |_| on_remove()
                >
                    "×"
                </button>
            </div>
            <p class="buyer-owned">
                <strong
                    class="figures"
                    id=format!("card-{number}-owned")
                    data-tentative=move || (buyer.pending.get() > 0).then_some("true")
                >
                    {move || buyer.owned.get() + buyer.pending.get()}
                </strong>
                " owned"
            </p>
            <button
                type="button"
                class="button-quiet"
                id=format!("card-{number}-buy")
                disabled=move || { buyer.pending.get() > 0 }
                on:click=move |_| buyer.buy(desk)
            >
                {move || if buyer.pending.get() > 0 { "Buying…".to_owned() } else { goal_text(desk) }}
            </button>
            {message}
        </li>
    }
    .into_any()
}

fn goal_text(desk: Desk) -> String {
    goal(desk).map_or_else(|| "Nothing chosen".to_owned(), |goal| format!("Buy {}", goal.name))
}

/// Reactive: follows the page's choice.
fn goal(desk: Desk) -> Option<Goal> {
    let seating = desk.seating();
    match desk.choice() {
        Choice::Seats(seats) => {
            let seat = *seats.first()?;
            let label = seating.label(seat)?;
            let tier = desk.tier(seating.tier_index(seat)?)?;
            Some(Goal {
                body: BuyBody::seat(label.clone()),
                intent: Intent::seat(tier.id, seat),
                name: label.to_string(),
            })
        }
        Choice::Lost(label) => {
            let seat = seating.index_of(&label)?;
            let tier = desk.tier(seating.tier_index(seat)?)?;
            Some(Goal {
                body: BuyBody::seat(label.clone()),
                intent: Intent::seat(tier.id, seat),
                name: label.to_string(),
            })
        }
        Choice::Units { tier, .. } => {
            let tier = desk.tier(tier)?;
            Some(Goal {
                body: BuyBody::tier(tier.id.clone(), 1),
                intent: Intent::units(tier.id, 1),
                name: format!("1 {}", tier.name),
            })
        }
    }
}

#[derive(Clone, Copy)]
struct Buyer {
    token: StoredValue<Option<String>>,
    owned: RwSignal<u32>,
    pending: RwSignal<u32>,
    message: RwSignal<Option<(ToastKind, String)>>,
}

impl Buyer {
    fn buy(self, desk: Desk) {
        let Some(Goal { body, intent, name }) = untrack(|| goal(desk)) else { return };
        if self.pending.get_untracked() > 0 {
            return;
        }
        self.pending.set(1);
        self.message.set(None);
        let intent = desk.live.intend(intent);
        spawn_local(async move {
            let (key, token) = (uuid::Uuid::now_v7().to_string(), self.token.get_value());
            let answer = api::buy_as_guest(desk.id(), body, key, token.as_deref()).await;
            if let Ok(GuestAnswer { token: Some(token), .. }) = &answer {
                let _ = self.token.try_set_value(Some(token.clone()));
            }
            let _ = self.pending.try_set(0);
            self.settle(desk, intent, &name, answer.ok().map(|answer| answer.outcome));
        });
    }

    fn settle(self, desk: Desk, intent: u64, name: &str, answer: Option<BuyOutcome>) {
        let (settlement, kind, text) = match answer {
            Some(BuyOutcome::Bought { order, .. }) => {
                let _ = self.owned.try_update(|owned| *owned += u32::try_from(order.tickets.len()).unwrap_or(u32::MAX));
                // The seats are this buyer's, not the visitor's: on the map they are sold.
                (Settlement::Won { seq: order.seq, seats: Vec::new() }, ToastKind::Success, format!("Got {name}"))
            }
            Some(BuyOutcome::Refused(refusal)) if refusal.code == Code::SeatTaken => {
                (Settlement::SeatTaken, ToastKind::Conflict, format!("{name} is taken"))
            }
            Some(BuyOutcome::Refused(refusal)) => {
                (Settlement::RolledBack, ToastKind::of(refusal.code), refusal.code.title().to_owned())
            }
            None => (Settlement::RolledBack, ToastKind::Error, "No answer".to_owned()),
        };
        desk.live.settle(intent, settlement);
        let _ = self.message.try_set(Some((kind, text)));
    }
}

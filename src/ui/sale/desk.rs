//! What the parts of one sale's page share: the sale, the live view, the choice, the messages.

use std::{collections::BTreeSet, sync::Arc};

use leptos::{prelude::*, task::spawn_local};

use super::{outcome::outcome_message, own, seating::Seating};
use crate::{
    api::SalePage,
    live::{
        clock::ServerClock,
        reducer::{SeatFace, View},
        store::{LiveStore, Shown},
    },
    model::{
        body::BuyBody,
        ids::{SaleId, SeatLabel},
        limits::MAX_UNITS_PER_REQUEST,
        order::Order,
        sale::{Sale, SaleStatus, Tier},
        time::Timestamp,
    },
    ui::kit::toast::{ToastKind, Toasts},
};

/// What the buyer is about to buy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Choice {
    /// Seats picked on the map.
    Seats(BTreeSet<u32>),
    /// A quantity of a tier: admission, or the best seats together.
    Units { tier: usize, quantity: u32 },
    /// The picked seat has just gone to somebody else: nothing is bought until the buyer chooses again.
    Lost(SeatLabel),
}

/// What the parts of the page share: a bundle of signals. Copy it.
#[derive(Clone, Copy)]
pub struct Desk {
    sale: StoredValue<Arc<Sale>>,
    seating: StoredValue<Arc<Seating>>,
    pub live: LiveStore,
    /// The server's time.
    pub now: ReadSignal<Timestamp>,
    pub toasts: Toasts,
    pub orders: RwSignal<Vec<Order>>,
    /// Whether a purchase is under way.
    pub is_buying: RwSignal<bool>,
    /// Position of the only tier that the map shows in full strength.
    pub filter: RwSignal<Option<usize>>,
    /// The seats picked on the map.
    pub picked: RwSignal<BTreeSet<u32>>,
    lost: RwSignal<Option<SeatLabel>>,
    /// Position of the tier whose units are chosen.
    pub tier: RwSignal<usize>,
    pub quantity: RwSignal<u32>,
    status: Memo<SaleStatus>,
    /// The idempotency key of the form that works without script.
    form_key: StoredValue<String>,
    /// Purchases whose answer never came, with their keys: the same wish again must not buy twice.
    unanswered: StoredValue<Vec<(BuyBody, String)>>,
}

impl Desk {
    /// A desk over what the page was made from. `outcome` is what the form without script came to.
    pub fn new(page: SalePage, outcome: Option<String>) -> Self {
        let SalePage { sale, snapshot, rows, purchases, form_key, .. } = page;
        let seating = Seating::new(rows);
        let owned = seating.indices_of(&purchases.seats);
        let view = View::new(snapshot, sale.opens_at, sale.message.clone(), &owned);
        let first_tier = view.shown_tiers().iter().position(|tier| tier.counts.available > 0).unwrap_or(0);
        let clock = ServerClock::start(sale.server_now);
        let (now, live) = (clock.now(), LiveStore::new(view, clock));
        Self {
            now,
            sale: StoredValue::new(Arc::new(sale)),
            seating: StoredValue::new(Arc::new(seating)),
            live,
            toasts: Toasts::new(outcome.as_deref().and_then(outcome_message)),
            orders: RwSignal::new(purchases.orders),
            is_buying: RwSignal::new(false),
            filter: RwSignal::new(None),
            picked: RwSignal::new(BTreeSet::new()),
            lost: RwSignal::new(None),
            tier: RwSignal::new(first_tier),
            quantity: RwSignal::new(1),
            status: Memo::new(move |_| status_at(now, live)),
            form_key: StoredValue::new(form_key),
            unanswered: StoredValue::new(Vec::new()),
        }
    }

    /// The sale as it was when the page was made; its figures live in `live`.
    pub fn sale(self) -> Arc<Sale> {
        self.sale.get_value()
    }

    pub fn id(self) -> SaleId {
        self.sale.with_value(|sale| sale.id.clone())
    }

    pub fn tier(self, index: usize) -> Option<Tier> {
        self.sale.with_value(|sale| sale.tiers.get(index).cloned())
    }

    pub fn is_seated(self, tier: usize) -> bool {
        self.sale.with_value(|sale| sale.tiers.get(tier).is_some_and(|tier| tier.seated))
    }

    /// Units of a tier that can be had now. Reactive.
    pub fn left(self, tier: usize) -> u64 {
        self.live.shown().with(|shown| shown.tiers.get(tier).map_or(0, |tier| tier.counts.available))
    }

    pub fn seating(self) -> Arc<Seating> {
        self.seating.get_value()
    }

    pub fn has_seats(self) -> bool {
        self.seating.with_value(|seating| seating.seats() > 0)
    }

    pub fn form_key(self) -> String {
        self.form_key.get_value()
    }

    /// What the buyer has chosen. Reactive.
    pub fn choice(self) -> Choice {
        let picked = self.picked.get();
        if !picked.is_empty() {
            return Choice::Seats(picked);
        }
        match self.lost.get() {
            Some(seat) => Choice::Lost(seat),
            None => Choice::Units { tier: self.tier.get(), quantity: self.quantity.get() },
        }
    }

    /// Price of the choice in minor units, with its currency. Reactive.
    pub fn total(self) -> (u64, String) {
        let sale = self.sale();
        let price = |tier: usize| sale.tiers.get(tier).map_or(0, |tier| tier.price);
        let total = match self.choice() {
            Choice::Seats(seats) => {
                let seating = self.seating();
                seats.iter().filter_map(|&seat| seating.tier_index(seat)).map(price).sum()
            }
            Choice::Units { tier, quantity } => price(tier) * u64::from(quantity),
            Choice::Lost(_) => 0,
        };
        (total, sale.tiers.first().map(|tier| tier.currency.clone()).unwrap_or_default())
    }

    /// The most units of a tier that one wish may name now, at least 1. Reactive.
    pub fn most(self, tier: usize) -> u32 {
        let allowed = self.sale().max_per_buyer.unwrap_or(MAX_UNITS_PER_REQUEST).min(MAX_UNITS_PER_REQUEST);
        u32::try_from(self.left(tier)).unwrap_or(u32::MAX).clamp(1, allowed.max(1))
    }

    pub fn choose_tier(self, tier: usize) {
        self.unpick_all();
        self.tier.set(tier);
        self.quantity.set(self.quantity.get_untracked().min(untrack(|| self.most(tier))));
    }

    pub fn choose_quantity(self, quantity: u32) {
        self.unpick_all();
        self.quantity.set(quantity.clamp(1, untrack(|| self.most(self.tier.get()))));
    }

    /// Picks an available seat, or gives a picked one back.
    pub fn toggle(self, seat: u32) {
        let is_free = self.live.read(|view| view.face(seat) == SeatFace::Available && !view.is_tentative(seat));
        self.picked.update(|picked| {
            if !picked.remove(&seat) && is_free {
                picked.insert(seat);
            }
        });
        self.lost.set(None);
    }

    pub fn unpick_all(self) {
        if !self.picked.with_untracked(BTreeSet::is_empty) {
            self.picked.set(BTreeSet::new());
        }
        if self.lost.with_untracked(Option::is_some) {
            self.lost.set(None);
        }
    }

    /// Takes seats that cannot be had any more out of the selection, and says so of those that somebody else has.
    pub fn drop_lost_seats(self) {
        let gone: Vec<u32> = self.picked.with_untracked(|picked| {
            self.live
                .read(|view| picked.iter().copied().filter(|&seat| view.face(seat) != SeatFace::Available).collect())
        });
        for seat in gone {
            self.picked.update(|picked| {
                picked.remove(&seat);
            });
            if !self.is_own(seat)
                && let Some(label) = self.seating().label(seat)
            {
                self.lose(label);
            }
        }
    }

    fn is_own(self, seat: u32) -> bool {
        self.live.read(|view| view.face(seat) == SeatFace::Mine)
    }

    /// A seat that the buyer wanted cannot be had any more. Nothing is bought until the buyer chooses again. Who has the seat
    /// is said once the server has been asked: it may be the visitor, by another page.
    pub fn lose(self, seat: SeatLabel) {
        self.lost.set(Some(seat.clone()));
        spawn_local(async move {
            let is_known = self.ask_what_is_owned().await;
            if self.seating().index_of(&seat).is_some_and(|index| self.is_own(index)) {
                if self.lost.with_untracked(|lost| lost.as_ref() == Some(&seat)) {
                    self.lost.set(None);
                }
                return;
            }
            let detail = if is_known { "Somebody was faster." } else { "It cannot be had any more." };
            self.toasts.show(ToastKind::Conflict, format!("{seat} is taken"), format!("{detail} Pick another seat."));
        });
    }

    /// Has the server say what the visitor owns. Returns whether it answered.
    pub async fn ask_what_is_owned(self) -> bool {
        own::ask(self.id(), self.live, &self.seating(), self.orders).await
    }

    /// The status, with an opening that the clock has reached already. Reactive.
    pub fn status(self) -> SaleStatus {
        self.status.get()
    }

    /// The key for a wish: a new one, unless the same wish went unanswered before.
    pub fn key_for(self, body: &BuyBody) -> String {
        let known = self.unanswered.try_update_value(|unanswered| {
            unanswered.iter().position(|(wish, _)| wish == body).map(|position| unanswered.remove(position).1)
        });
        known.flatten().unwrap_or_else(|| uuid::Uuid::now_v7().to_string())
    }

    pub fn remember_unanswered(self, body: BuyBody, key: String) {
        self.unanswered.try_update_value(|unanswered| unanswered.push((body, key)));
    }
}

fn status_at(now: ReadSignal<Timestamp>, live: LiveStore) -> SaleStatus {
    let (status, opens_at) = live.shown().with(|Shown { status, opens_at, .. }| (*status, *opens_at));
    let is_due = status == SaleStatus::Soon && opens_at.is_some_and(|opens_at| now.get() >= opens_at);
    if is_due { SaleStatus::Open } else { status }
}

//! What the parts of one sale's page share: the sale, the live view, the choice, the messages.

use std::sync::{Arc, OnceLock};

use leptos::{prelude::*, task::spawn_local};

use super::{outcome::outcome_message, own::merge, seating::Seating};
use crate::{
    api::{self, OwnHold, SalePage},
    live::{
        clock::ServerClock,
        reducer::{SeatFace, View},
        seat_set::SeatSet,
        store::{LiveStore, Shown},
    },
    model::{
        ids::{SaleId, SeatLabel},
        limits::MAX_UNITS_PER_REQUEST,
        order::Order,
        sale::{Sale, SaleStatus, Tier},
        time::Timestamp,
    },
    ui::kit::{
        intent::Intents,
        money::money,
        seen::seen,
        toast::{ToastKind, Toasts},
    },
};

/// What the buyer is about to buy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Choice {
    /// Seats picked on the map.
    Seats(SeatSet),
    /// A quantity of a tier: admission, or the best seats together.
    Units { tier: usize, quantity: u32 },
    /// The picked seat has just gone to another buyer. Nothing is bought until the visitor chooses again.
    Lost(SeatLabel),
}

/// What the parts of the page share: a bundle of signals, cheap to copy.
#[derive(Clone, Copy)]
pub struct Desk {
    sale: StoredValue<Arc<Sale>>,
    seating: StoredValue<Arc<Seating>>,
    pub live: LiveStore,
    /// The server's time.
    pub now: ReadSignal<Timestamp>,
    pub toasts: Toasts,
    pub orders: RwSignal<Vec<Order>>,
    /// How many older orders there are that `orders` does not contain.
    pub older: RwSignal<u64>,
    /// Units of this sale that the visitor owns or holds.
    pub units: RwSignal<u32>,
    /// What the visitor holds, to be paid for.
    pub holds: RwSignal<Vec<OwnHold>>,
    /// What the choice costs, if the server has said that the page was wrong about it.
    pub told_total: RwSignal<Option<u64>>,
    is_paid: bool,
    /// Whether a purchase is under way.
    pub is_buying: RwSignal<bool>,
    /// Whether something has just happened. For a second the button says what, and cannot be pressed.
    pub is_resting: RwSignal<bool>,
    rest_text: StoredValue<String>,
    /// The number of the latest rest, so that the end of an earlier rest does not end a later one.
    rests: StoredValue<u32>,
    pub intents: Intents,
    /// Whether the browser keeps no cookies. Then nothing is bought, because the visitor could not find the tickets
    /// again.
    pub has_no_cookies: RwSignal<bool>,
    /// Position of the tier to which the map is filtered; the others are dimmed.
    pub filter: RwSignal<Option<usize>>,
    /// The seats picked on the map.
    pub picked: RwSignal<SeatSet>,
    lost: RwSignal<Option<SeatLabel>>,
    /// Position of the tier whose units are chosen.
    pub tier: RwSignal<usize>,
    pub quantity: RwSignal<u32>,
    status: Memo<SaleStatus>,
    /// The idempotency key of the form that works without script.
    form_key: StoredValue<String>,
}

/// The desk of the page, for its other islands. It is a static because a page shows only one sale. In the browser only.
static OF_THE_PAGE: OnceLock<Desk> = OnceLock::new();

impl Desk {
    /// Makes the desk from the page's data. `outcome` is the result of a form that was sent without script.
    pub fn new(page: SalePage, outcome: Option<String>) -> Self {
        let SalePage { sale, snapshot, rows, purchases, is_paid, form_key, .. } = page;
        let seating = Seating::new(rows);
        let owned = seating.indices_of(&purchases.seats);
        let view = View::new(snapshot, sale.opens_at, sale.message.clone(), &owned);
        let first_tier = view.shown_tiers().iter().position(|tier| tier.counts.available > 0).unwrap_or(0);
        let clock = ServerClock::start(sale.server_now);
        let (now, live) = (clock.now(), LiveStore::new(view, clock));
        Self {
            now,
            seating: StoredValue::new(Arc::new(seating)),
            live,
            toasts: Toasts::new(outcome.as_deref().and_then(outcome_message)),
            orders: RwSignal::new(purchases.orders),
            older: RwSignal::new(purchases.older),
            units: RwSignal::new(purchases.units),
            holds: RwSignal::new(purchases.holds),
            told_total: RwSignal::new(None),
            is_paid,
            is_buying: RwSignal::new(false),
            is_resting: RwSignal::new(false),
            rest_text: StoredValue::new(String::new()),
            rests: StoredValue::new(0),
            intents: Intents::new(sale.id.as_str()),
            has_no_cookies: RwSignal::new(false),
            filter: RwSignal::new(None),
            picked: RwSignal::new(SeatSet::new()),
            lost: RwSignal::new(None),
            tier: RwSignal::new(first_tier),
            quantity: RwSignal::new(1),
            status: Memo::new(move |_| status_at(now, live)),
            form_key: StoredValue::new(form_key),
            sale: StoredValue::new(Arc::new(sale)),
        }
    }

    /// Gives the desk to the other islands of the page.
    pub fn share(self) {
        // A page has one desk, so there is none yet.
        let _ = OF_THE_PAGE.set(self);
    }

    /// The desk that the sale's island has shared.
    pub fn of_the_page() -> Option<Self> {
        OF_THE_PAGE.get().copied()
    }

    /// The sale as it was when the page was rendered. Its current figures are in `live`.
    pub fn sale(self) -> Arc<Sale> {
        self.sale.get_value()
    }

    pub fn id(self) -> SaleId {
        self.sale.with_value(|sale| sale.id.clone())
    }

    pub fn tier(self, index: usize) -> Option<Tier> {
        self.sale.with_value(|sale| sale.tiers.get(index).cloned())
    }

    /// Whether what is chosen is held and then paid. Else it is bought at once.
    pub fn is_paid(self) -> bool {
        self.is_paid
    }

    /// What a unit of a tier costs now, in minor units. Reactive.
    pub fn price(self, tier: usize) -> u64 {
        self.live.shown().track();
        let told = self.live.read(|view| view.price(tier));
        told.or_else(|| self.tier(tier).map(|tier| tier.price)).unwrap_or_default()
    }

    /// An amount in the currency of the sale, as visitors read it.
    pub fn amount(self, minor_units: u64) -> String {
        let currency = self.tier(0).map(|tier| (tier.currency, tier.currency_digits));
        let (currency, digits) = currency.unwrap_or_default();
        money(minor_units, &currency, digits)
    }

    pub fn is_seated(self, tier: usize) -> bool {
        self.sale.with_value(|sale| sale.tiers.get(tier).is_some_and(|tier| tier.seated))
    }

    /// Units of a tier that are available now. Reactive.
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

    /// What the visitor has chosen. Reactive.
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

    /// Price of a choice in minor units. Reactive.
    pub fn total_of(self, choice: &Choice) -> u64 {
        let total = match choice {
            Choice::Seats(seats) => {
                let seating = self.seating();
                let tiers = seats.as_slice().iter().filter_map(|&seat| seating.tier_index(seat));
                tiers.map(|tier| self.price(tier)).sum()
            }
            Choice::Units { tier, quantity } => self.price(*tier) * u64::from(*quantity),
            Choice::Lost(_) => 0,
        };
        self.told_total.get().unwrap_or(total)
    }

    /// The most units that the visitor may still buy in one order. Reactive.
    pub fn allowance(self) -> u32 {
        let limit = self.sale().max_per_buyer.unwrap_or(u32::MAX);
        limit.saturating_sub(self.units.get()).min(MAX_UNITS_PER_REQUEST)
    }

    /// Shows a message that says which limit is reached.
    pub fn tell_limit(self) {
        let detail = match self.sale().max_per_buyer {
            Some(limit) if limit <= MAX_UNITS_PER_REQUEST => format!("One buyer may have {limit} of this sale."),
            _ => format!("One order may have {MAX_UNITS_PER_REQUEST}."),
        };
        self.toasts.show(ToastKind::Limit, "Limit reached", detail);
    }

    /// The most units of a tier that can be bought at once now, at least 1. Reactive.
    pub fn most(self, tier: usize) -> u32 {
        u32::try_from(self.left(tier)).unwrap_or(u32::MAX).clamp(1, self.allowance().max(1))
    }

    pub fn choose_tier(self, tier: usize) {
        self.end_rest();
        self.unpick_all();
        self.tier.set(tier);
        self.quantity.set(self.quantity.get_untracked().min(untrack(|| self.most(tier))));
    }

    pub fn choose_quantity(self, quantity: u32) {
        self.end_rest();
        self.unpick_all();
        self.quantity.set(quantity.clamp(1, untrack(|| self.most(self.tier.get()))));
    }

    /// Picks an available seat, or gives a picked seat back. No more seats can be picked than the visitor may still
    /// buy.
    pub fn toggle(self, seat: u32) {
        self.end_rest();
        let is_free = self.live.read(|view| view.face(seat) == SeatFace::Available && !view.is_tentative(seat));
        let is_picked = self.picked.with_untracked(|picked| picked.contains(seat));
        let may_pick = self.picked.with_untracked(SeatSet::len) < untrack(|| self.allowance()) as usize;
        if is_free && !is_picked && !may_pick {
            self.tell_limit();
            return;
        }
        self.picked.update(|picked| {
            if !picked.remove(seat) && is_free {
                picked.insert(seat);
            }
        });
        self.lost.set(None);
    }

    /// After a failed purchase, picks those of its seats again that are still free.
    pub fn pick_again(self, mut seats: SeatSet) {
        for seat in self.taken(&seats) {
            seats.remove(seat);
        }
        let _ = self.picked.try_set(seats);
    }

    /// The seats of `seats` that are not free.
    fn taken(self, seats: &SeatSet) -> Vec<u32> {
        self.live.read(|view| {
            seats.as_slice().iter().copied().filter(|&seat| view.face(seat) != SeatFace::Available).collect()
        })
    }

    pub fn unpick_all(self) {
        if !self.picked.with_untracked(SeatSet::is_empty) {
            self.picked.set(SeatSet::new());
        }
        if self.lost.with_untracked(Option::is_some) {
            self.lost.set(None);
        }
    }

    /// Removes seats from the selection that are no longer available, and tells the visitor about those that are not
    /// their own.
    pub fn drop_lost_seats(self) {
        let gone = self.picked.with_untracked(|picked| self.taken(picked));
        if gone.is_empty() {
            return;
        }
        self.picked.update(|picked| gone.iter().for_each(|&seat| _ = picked.remove(seat)));
        for seat in gone {
            if !self.is_own(seat)
                && let Some(label) = self.seating().label(seat)
            {
                self.lose(label);
            }
        }
    }

    /// Whether the visitor owns or holds anything of the sale.
    pub fn has_anything(self) -> bool {
        !self.orders.with_untracked(Vec::is_empty) || !self.holds.with_untracked(Vec::is_empty)
    }

    fn is_own(self, seat: u32) -> bool {
        self.live.read(|view| view.face(seat) == SeatFace::Mine)
    }

    /// A seat that the visitor wanted is no longer available. Nothing is bought until the visitor chooses again. The
    /// message about it waits for the server, because the visitor may have bought the seat on another page.
    pub fn lose(self, seat: SeatLabel) {
        self.lost.set(Some(seat.clone()));
        self.start_rest(format!("{seat} is gone"), None);
        spawn_local(async move {
            let is_known = self.ask_what_is_owned().await;
            if self.seating().index_of(&seat).is_some_and(|index| self.is_own(index)) {
                if self.lost.with_untracked(|lost| lost.as_ref() == Some(&seat)) {
                    self.lost.set(None);
                }
                self.end_rest();
                return;
            }
            let who = if is_known { "Somebody was faster." } else { "It cannot be had any more." };
            let is_last = self.picked.try_with_untracked(SeatSet::is_empty).unwrap_or(true);
            let then = if is_last { "Pick another seat." } else { "The others stay picked." };
            self.toasts.show(ToastKind::Conflict, format!("{seat} is taken"), format!("{who} {then}"));
        });
    }

    /// Asks the server what the visitor owns. Returns whether it answered.
    pub async fn ask_what_is_owned(self) -> bool {
        let asked_at = self.live.read(View::seq);
        let Ok(told) = api::purchases(self.id()).await else { return false };
        self.live.set_owned(&self.seating().indices_of(&told.seats));
        let _ = self.units.try_set(told.units);
        let _ = self.holds.try_set(told.holds);
        let _ = self.older.try_set(told.older);
        let _ = self.orders.try_update(|orders| merge(orders, told.orders, asked_at));
        true
    }

    /// Shows on the button what has happened, until it was on the screen for a second. Meanwhile the button buys
    /// nothing, so a press that was meant for something else does no harm. Afterwards the answer to `choice` counts as
    /// seen.
    pub fn start_rest(self, text: String, choice: Option<String>) {
        let number = self.rests.get_value() + 1;
        self.rests.set_value(number);
        self.rest_text.set_value(text);
        self.is_resting.set(true);
        spawn_local(async move {
            seen().await;
            if let Some(choice) = choice {
                self.intents.forget(&choice);
            }
            if self.rests.try_get_value() == Some(number) {
                self.is_resting.set(false);
            }
        });
    }

    /// What the button says while it rests.
    pub fn rest_text(self) -> String {
        self.rest_text.get_value()
    }

    /// The visitor has chosen something else, so the button offers that at once.
    fn end_rest(self) {
        if self.told_total.get_untracked().is_some() {
            self.told_total.set(None);
        }
        if self.is_resting.get_untracked() {
            self.is_resting.set(false);
        }
    }

    /// The status. It is `Open` as soon as the clock has reached the opening time, even before the server says so.
    /// Reactive.
    pub fn status(self) -> SaleStatus {
        self.status.get()
    }
}

fn status_at(now: ReadSignal<Timestamp>, live: LiveStore) -> SaleStatus {
    let (status, opens_at) = live.shown().with(|Shown { status, opens_at, .. }| (*status, *opens_at));
    let is_due = status == SaleStatus::Soon && opens_at.is_some_and(|opens_at| now.get() >= opens_at);
    if is_due { SaleStatus::Open } else { status }
}

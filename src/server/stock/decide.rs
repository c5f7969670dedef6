//! Decides claims on a given stock. Pure: no clock, no store, and only the randomness that callers hand in.
//!
//! The result is a proposal. The guarded write that follows says whether the proposal stands.

use std::{collections::HashMap, sync::Arc};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    free_seats::FreeSeats,
    limit_reached,
    refusals::{price_changed, too_many_holds},
    sale::Stock,
    seats_taken, sold_out,
    wish::{Substitute, What, Wish},
};
use crate::{
    model::{
        ids::BuyerId,
        ledger::{ChangeKind, Units},
        outcome::Refusal,
        rung::Rung,
        time::Timestamp,
    },
    server::ledger::{self, Hash},
};

/// A proposal under construction: the stock as it would be after the claims granted so far.
///
/// Claims may still be added after the first ones have been committed and the stock includes them, because the draft
/// never gives back what it has taken.
pub struct Draft {
    at: Timestamp,
    /// `at` in the form that the ledger hashes.
    written_at: String,
    available: Vec<u64>,
    free_seats: FreeSeats,
    /// Units that each buyer granted so far would have, held or sold. Filled only where the sale has a limit per buyer.
    had: HashMap<BuyerId, u64>,
    /// Live holds that each buyer granted a hold so far would have.
    holds: HashMap<BuyerId, u32>,
    pub seq: u64,
    pub head_hash: Hash,
    /// The revision of the stock that this draft was begun on.
    pub revision: u64,
}

/// What one claim was granted.
#[derive(Debug)]
pub struct Grant {
    pub kind: ChangeKind,
    pub at: Timestamp,
    pub seq: u64,
    pub hash: Hash,
    /// In the order of tiers, each tier once.
    pub parts: Vec<Granted>,
    /// The ledger line's units.
    pub units: Vec<Units>,
    pub total: u64,
    pub currency: Arc<str>,
    /// Seats among those that were granted instead of others.
    pub substitutes: Vec<Substitute>,
}

/// What was granted of one tier.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Granted {
    pub tier_index: usize,
    /// Positions of the seats in order; empty for general admission.
    pub seats: Vec<u32>,
    pub quantity: u64,
    /// Of one unit.
    pub price: u64,
    /// How well those seats stand together that were picked for the buyer; `None` where none were.
    pub rung: Option<Rung>,
}

/// What a claim must not exceed, besides the sale's own limits.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Bounds {
    /// Only for holds: how many live ones the buyer may have afterwards.
    pub active_holds: Option<u32>,
    /// The most that it may cost, in minor units.
    pub max_total: Option<u64>,
}

/// Which line of the ledger a grant becomes.
pub struct Place<'a> {
    pub at: Timestamp,
    /// `at` in the form that the ledger hashes.
    pub written_at: &'a str,
    pub seq: u64,
    /// The hash of the preceding line.
    pub previous: &'a Hash,
}

impl Grant {
    /// Makes the grant of these parts: their ledger line with its hash, and their total. `reference` is the order or
    /// hold.
    pub fn new(stock: &Stock, kind: ChangeKind, reference: Uuid, parts: Vec<Granted>, place: &Place<'_>) -> Self {
        let units: Vec<_> = parts.iter().flat_map(|part| part.units(stock)).collect();
        let price = |part: &Granted| part.price * part.quantity;
        let first = parts.first().expect("a wish is for something");
        Self {
            kind,
            at: place.at,
            seq: place.seq,
            hash: ledger::hash(place.seq, place.written_at, kind, &units, Some(reference), place.previous),
            units,
            total: parts.iter().map(price).sum(),
            currency: stock.tiers[first.tier_index].currency.clone(),
            parts,
            substitutes: Vec::new(),
        }
    }
}

impl Granted {
    /// The units as a ledger line lists them: seats one by one, general admission as one quantity.
    fn units(&self, stock: &Stock) -> impl Iterator<Item = Units> {
        let tier = stock.tiers[self.tier_index].id.clone();
        let counted = self.seats.is_empty().then(|| Units { tier: tier.clone(), seat: None, quantity: self.quantity });
        let seat =
            move |position: &u32| Units { tier: tier.clone(), seat: Some(stock.label(*position).clone()), quantity: 1 };
        counted.into_iter().chain(self.seats.iter().map(seat))
    }
}

impl Draft {
    pub fn new(stock: &Stock) -> Self {
        Self {
            at: Timestamp::from_milliseconds(0),
            written_at: String::new(),
            available: stock.tiers.iter().map(|tier| tier.counts.available).collect(),
            free_seats: stock.free_seats.clone(),
            had: HashMap::new(),
            holds: HashMap::new(),
            seq: stock.seq,
            head_hash: stock.head_hash,
            revision: stock.revision,
        }
    }

    /// Sets the time of all lines that are granted from here on.
    pub fn set_time(&mut self, at: Timestamp) {
        if at != self.at {
            self.at = at;
            self.written_at = at.to_string();
        }
    }

    /// Grants or refuses one claim. A granted claim becomes a change of this kind for this order or hold; a refusal
    /// leaves the draft as it was.
    pub fn decide(
        &mut self,
        stock: &Stock,
        (kind, reference): (ChangeKind, Uuid),
        buyer: BuyerId,
        wish: &Wish,
        bounds: Bounds,
    ) -> Result<Grant, Refusal> {
        let available = &self.available;
        let price_of = |tier_index| price_before(stock, available, tier_index);
        let wish = &*wish.with_certain_seats(stock, &mut self.free_seats, price_of)?;
        self.check_left(stock, wish)?;
        let parts = self.take(stock, wish)?;
        let bounded = bounds.check_total(&parts).and_then(|()| {
            Ok((self.check_limit(stock, buyer, wish.quantity())?, self.check_holds(stock, buyer, bounds)?))
        });
        let (had, holds) = match bounded {
            Ok(bounded) => bounded,
            Err(refusal) => {
                parts.iter().for_each(|part| self.set_free(part, true));
                return Err(refusal);
            }
        };
        if let Some(had) = had {
            self.had.insert(buyer, had);
        }
        if let Some(holds) = holds {
            self.holds.insert(buyer, holds);
        }
        for part in &parts {
            self.available[part.tier_index] -= part.quantity;
        }
        let (previous, seq) = (self.head_hash, self.seq + 1);
        let place = Place { at: self.at, written_at: &self.written_at, seq, previous: &previous };
        let substitutes = wish.substitutes().to_vec();
        let grant = Grant { substitutes, ..Grant::new(stock, kind, reference, parts, &place) };
        (self.seq, self.head_hash) = (grant.seq, grant.hash);
        Ok(grant)
    }

    /// Checks that the named seats are free and that each tier has enough units left.
    fn check_left(&self, stock: &Stock, wish: &Wish) -> Result<(), Refusal> {
        // The sale may have been reset since the draft was begun, so that draft and stock differ. Such a draft is
        // dropped, and its claims are decided again.
        let is_gone = |position: &u32| {
            let tier_index = stock.tier_of(*position);
            !self.free_seats.is_free(tier_index, *position) || self.available[tier_index] == 0
        };
        if let Some(refusal) = seats_taken(stock, wish.seats().filter(is_gone)) {
            return Err(refusal);
        }
        let is_short = wish.units_by_tier().any(|(tier_index, units)| self.available[tier_index] < units);
        if is_short { Err(sold_out(&stock.id)) } else { Ok(()) }
    }

    /// Takes the seats of a wish. Within a tier the named seats come first, so that no other part of the wish picks
    /// them.
    fn take(&mut self, stock: &Stock, wish: &Wish) -> Result<Vec<Granted>, Refusal> {
        let mut parts: Vec<Granted> = Vec::with_capacity(wish.parts().len());
        for part in wish.parts() {
            let tier_index = part.tier_index;
            let picked = match &part.what {
                What::Seats(positions) => Some((positions.clone(), None)),
                What::Units(quantity) if stock.tiers[tier_index].seated => {
                    self.free_seats.pick(tier_index, *quantity).map(|best| (best.seats, Some(best.rung)))
                }
                What::Units(_) => Some((Vec::new(), None)),
            };
            let Some((seats, rung)) = picked else {
                parts.iter().for_each(|part| self.set_free(part, true));
                return Err(sold_out(&stock.id));
            };
            // One price for all units of the claim: the price before it.
            let price = price_before(stock, &self.available, tier_index);
            let granted = Granted { tier_index, seats, quantity: part.quantity(), price, rung };
            self.set_free(&granted, false);
            match parts.last_mut().filter(|last| last.tier_index == tier_index) {
                Some(last) => last.add(granted),
                None => parts.push(granted),
            }
        }
        Ok(parts)
    }

    fn set_free(&mut self, part: &Granted, is_free: bool) {
        self.free_seats.set(part.tier_index, &part.seats, is_free);
    }

    /// Returns how many units the buyer would own, or `None` where the sale has no limit per buyer.
    fn check_limit(&self, stock: &Stock, buyer: BuyerId, quantity: u64) -> Result<Option<u64>, Refusal> {
        let Some(limit) = stock.max_per_buyer else { return Ok(None) };
        let had = self.had.get(&buyer).or_else(|| stock.had.get(&buyer)).copied().unwrap_or_default() + quantity;
        if had > u64::from(limit) { Err(limit_reached(limit)) } else { Ok(Some(had)) }
    }

    /// Returns how many live holds the buyer would have, or `None` where nothing bounds their number.
    fn check_holds(&self, stock: &Stock, buyer: BuyerId, bounds: Bounds) -> Result<Option<u32>, Refusal> {
        let Some(most) = bounds.active_holds else { return Ok(None) };
        let holds = self.holds.get(&buyer).copied().unwrap_or_else(|| stock.live_holds.of_buyer(buyer));
        if holds >= most { Err(too_many_holds(most)) } else { Ok(Some(holds + 1)) }
    }
}

/// What a unit of a tier costs while this many of each tier are available.
fn price_before(stock: &Stock, available: &[u64], tier_index: usize) -> u64 {
    let tier = &stock.tiers[tier_index];
    tier.price_when(tier.counts.capacity().saturating_sub(available[tier_index]))
}

impl Bounds {
    /// # Errors
    /// If what was granted costs more than the buyer allows.
    pub fn check_total(self, parts: &[Granted]) -> Result<(), Refusal> {
        self.check_sum(parts.iter().map(|part| part.price * part.quantity).sum())
    }

    /// # Errors
    /// If this total is more than the buyer allows.
    pub fn check_sum(self, total: u64) -> Result<(), Refusal> {
        match self.max_total {
            Some(most) if total > most => Err(price_changed(total)),
            Some(_) | None => Ok(()),
        }
    }
}

impl Granted {
    /// Adds what another part of the same wish was granted of the same tier.
    pub fn add(&mut self, other: Self) {
        self.quantity += other.quantity;
        self.seats.extend(other.seats);
        self.seats.sort_unstable();
        self.rung = self.rung.max(other.rung);
    }
}

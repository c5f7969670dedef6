//! What a batch of claims comes to on a given stock. Pure: no clock, no store, no randomness beyond what it is handed.
//!
//! The result is a proposal: the guarded write that follows says whether it stands.

use std::{collections::HashMap, sync::Arc};

use uuid::Uuid;

use super::{
    free_seats::FreeSeats,
    limit_reached,
    sale::Stock,
    seats_taken, sold_out,
    wish::{What, Wish},
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
/// It may be added to while its first claims are committed already and the stock knows of them: what is taken stays taken.
pub struct Draft {
    at: Timestamp,
    /// The same as it is written.
    written_at: String,
    available: Vec<u64>,
    free_seats: FreeSeats,
    /// Units that the buyers granted so far would have, where the sale has a limit.
    had: HashMap<BuyerId, u64>,
    pub seq: u64,
    pub head_hash: Hash,
    /// Of the stock that it was begun on.
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
}

/// What was granted of one tier.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Granted {
    pub tier_index: usize,
    /// Positions of the seats in order; empty for general admission.
    pub seats: Vec<u32>,
    pub quantity: u64,
    /// How well those seats stand together that were picked for the buyer; `None` where none were.
    pub rung: Option<Rung>,
}

/// Which line of the ledger a grant becomes.
pub struct Place<'a> {
    pub at: Timestamp,
    /// The same as it is written.
    pub written_at: &'a str,
    pub seq: u64,
    /// The hash of the line before.
    pub previous: &'a Hash,
}

impl Grant {
    /// What these parts come to as a change of this kind, for this order or hold, at this place of the ledger.
    pub fn new(stock: &Stock, kind: ChangeKind, reference: Uuid, parts: Vec<Granted>, place: &Place<'_>) -> Self {
        let units: Vec<_> = parts.iter().flat_map(|part| part.units(stock)).collect();
        let price = |part: &Granted| stock.tiers[part.tier_index].price * part.quantity;
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
        }
    }
}

impl Granted {
    /// As the ledger writes it: seats one by one, general admission as one quantity.
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
            seq: stock.seq,
            head_hash: stock.head_hash,
            revision: stock.revision,
        }
    }

    /// `at` is the time of all lines from here on.
    pub fn set_time(&mut self, at: Timestamp) {
        if at != self.at {
            self.at = at;
            self.written_at = at.to_string();
        }
    }

    /// Grants or refuses one claim, which becomes a change of this kind for this order or hold. A refusal leaves the draft as
    /// it was.
    pub fn decide(
        &mut self,
        stock: &Stock,
        (kind, reference): (ChangeKind, Uuid),
        buyer: BuyerId,
        wish: &Wish,
    ) -> Result<Grant, Refusal> {
        self.check_left(stock, wish)?;
        let had = self.check_limit(stock, buyer, wish.quantity())?;
        let parts = self.take(stock, wish)?;
        if let Some(had) = had {
            self.had.insert(buyer, had);
        }
        for part in &parts {
            self.available[part.tier_index] -= part.quantity;
        }
        let (previous, seq) = (self.head_hash, self.seq + 1);
        let place = Place { at: self.at, written_at: &self.written_at, seq, previous: &previous };
        let grant = Grant::new(stock, kind, reference, parts, &place);
        (self.seq, self.head_hash) = (grant.seq, grant.hash);
        Ok(grant)
    }

    /// Whether the seats that are named are free, and enough units are left beside them.
    fn check_left(&self, stock: &Stock, wish: &Wish) -> Result<(), Refusal> {
        // The stock may have been put back since the draft was begun: then nothing of the draft will hold.
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

    /// Takes the seats of a wish: those that are named first, so that no other part of it picks them.
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
            let granted = Granted { tier_index, seats, quantity: part.quantity(), rung };
            self.set_free(&granted, false);
            match parts.last_mut().filter(|last| last.tier_index == tier_index) {
                Some(last) => last.add(granted),
                None => parts.push(granted),
            }
        }
        Ok(parts)
    }

    fn set_free(&mut self, part: &Granted, is_free: bool) {
        part.seats.iter().for_each(|position| self.free_seats.set(part.tier_index, *position, is_free));
    }

    /// What the buyer would have, where the sale has a limit.
    fn check_limit(&self, stock: &Stock, buyer: BuyerId, quantity: u64) -> Result<Option<u64>, Refusal> {
        let Some(limit) = stock.max_per_buyer else { return Ok(None) };
        let had = self.had.get(&buyer).or_else(|| stock.had.get(&buyer)).copied().unwrap_or_default() + quantity;
        if had > u64::from(limit) { Err(limit_reached(limit)) } else { Ok(Some(had)) }
    }
}

impl Granted {
    /// Adds what was granted of the same tier by another part of the wish.
    pub fn add(&mut self, other: Self) {
        self.quantity += other.quantity;
        self.seats.extend(other.seats);
        self.seats.sort_unstable();
        self.rung = self.rung.max(other.rung);
    }
}

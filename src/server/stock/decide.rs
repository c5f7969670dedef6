//! What a batch of claims comes to on a given stock. Pure: no clock, no store, no randomness beyond what it is handed.
//!
//! The result is a proposal: the guarded write that follows says whether it stands.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use super::{Wish, limit_reached, sale::Stock, seat_taken, sold_out};
use crate::{
    model::{
        ids::BuyerId,
        ledger::{ChangeKind, Units},
        outcome::Refusal,
        seat::SeatStatus,
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
    taken: HashSet<u32>,
    /// Units that the buyers granted so far would own, where the sale has a limit.
    owned: HashMap<BuyerId, u64>,
    pub seq: u64,
    pub head_hash: Hash,
    /// Of the stock that it was begun on.
    pub revision: u64,
}

/// What one claim was granted.
#[derive(Debug)]
pub struct Grant {
    pub at: Timestamp,
    pub seq: u64,
    pub hash: Hash,
    pub tier_index: usize,
    /// Positions of named seats; empty for general admission.
    pub seats: Vec<u32>,
    pub quantity: u64,
    /// The ledger line's units.
    pub units: Vec<Units>,
    pub total: u64,
    pub currency: Arc<str>,
}

impl Draft {
    pub fn new(stock: &Stock) -> Self {
        Self {
            at: Timestamp::from_milliseconds(0),
            written_at: String::new(),
            available: stock.tiers.iter().map(|tier| tier.counts.available).collect(),
            taken: HashSet::new(),
            owned: HashMap::new(),
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

    /// Grants or refuses one claim. A refusal leaves the draft as it was.
    pub fn decide(&mut self, stock: &Stock, order: uuid::Uuid, buyer: BuyerId, wish: Wish) -> Result<Grant, Refusal> {
        let (tier_index, seats, quantity) = self.find(stock, wish)?;
        let owned = self.check_limit(stock, buyer, quantity)?;
        if let Some(owned) = owned {
            self.owned.insert(buyer, owned);
        }
        self.available[tier_index] -= quantity;
        self.taken.extend(&seats);
        let tier = &stock.tiers[tier_index];
        let units = if seats.is_empty() {
            vec![Units { tier: tier.id.clone(), seat: None, quantity }]
        } else {
            let label = |position: &u32| Some(stock.map.labels[*position as usize].clone());
            seats.iter().map(|seat| Units { tier: tier.id.clone(), seat: label(seat), quantity: 1 }).collect()
        };
        self.seq += 1;
        self.head_hash =
            ledger::hash(self.seq, &self.written_at, ChangeKind::Buy, &units, Some(order), &self.head_hash);
        Ok(Grant {
            at: self.at,
            seq: self.seq,
            hash: self.head_hash,
            tier_index,
            seats,
            quantity,
            units,
            total: tier.price * quantity,
            currency: tier.currency.clone(),
        })
    }

    /// The tier, seats and quantity that a wish comes to, where they are left.
    fn find(&self, stock: &Stock, wish: Wish) -> Result<(usize, Vec<u32>, u64), Refusal> {
        match wish {
            Wish::Seat { position } => {
                let tier_index = stock.map.places[position as usize].0 as usize;
                let free = stock.seats[position as usize] == SeatStatus::Available && !self.taken.contains(&position);
                // The stock may have been put back since the draft was begun: then nothing of the draft will hold.
                if !free || self.available[tier_index] == 0 {
                    return Err(seat_taken(stock.map.labels[position as usize].as_str()));
                }
                Ok((tier_index, vec![position], 1))
            }
            Wish::Units { tier_index, quantity } => {
                if self.available[tier_index] < quantity {
                    return Err(sold_out(&stock.id));
                }
                if !stock.tiers[tier_index].seated {
                    return Ok((tier_index, Vec::new(), quantity));
                }
                stock
                    .pick_seats(tier_index, quantity, |position| self.taken.contains(&position))
                    .map(|seats| (tier_index, seats, quantity))
                    .ok_or_else(|| sold_out(&stock.id))
            }
        }
    }

    /// What the buyer would own, where the sale has a limit.
    fn check_limit(&self, stock: &Stock, buyer: BuyerId, quantity: u64) -> Result<Option<u64>, Refusal> {
        let Some(limit) = stock.max_per_buyer else { return Ok(None) };
        let owned = self.owned.get(&buyer).or_else(|| stock.owned.get(&buyer)).copied().unwrap_or_default() + quantity;
        if owned > u64::from(limit) { Err(limit_reached(limit)) } else { Ok(Some(owned)) }
    }
}

/// The refusal where the sale does not sell at `now`.
pub fn check_open(stock: &Stock, now: Timestamp) -> Result<(), Refusal> {
    use crate::model::{outcome::Code, sale::SaleStatus};
    let detail = match stock.status(now) {
        SaleStatus::Open | SaleStatus::SoldOut => return Ok(()),
        SaleStatus::Soon => "The sale has not opened yet.",
        SaleStatus::Paused => "The sale is paused.",
        SaleStatus::Closed => "The sale is closed.",
    };
    let mut refusal = Refusal::new(Code::SaleNotOpen, detail);
    refusal.opens_at = stock.opens_at;
    Err(refusal)
}

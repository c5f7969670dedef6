//! A wish in terms of the database's rows, for the strategies that decide each claim in a transaction of its own.

use std::borrow::Cow;

use super::Claim;
use crate::{
    model::{outcome::Refusal, seat::SeatStatus},
    server::stock::{FreeSeats, Part, Stock, What, decide::Granted, seats_taken, sold_out},
};

/// What a claim wants, by rows of the database, in the order of tiers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wanted {
    pub sale_id: i64,
    /// What becomes of the units: held or sold.
    pub to: SeatStatus,
    pub parts: Vec<WantedPart>,
    /// What is wanted of each tier in total.
    pub tiers: Vec<WantedTier>,
}

/// One part of a wish.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WantedPart {
    pub tier_index: usize,
    pub tier_id: i64,
    pub what: WantedUnits,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum WantedUnits {
    /// Named seats, by position, in order.
    Named(Vec<u32>),
    /// Any seats, this many of them.
    Seats(u64),
    /// Units without seats, this many of them.
    Counted(u64),
}

/// All that is wanted of one tier.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WantedTier {
    pub tier_id: i64,
    pub quantity: u64,
    pub seated: bool,
}

impl Wanted {
    pub fn of(claim: &Claim) -> Self {
        let stock = claim.sale.stock.read();
        let by_rows = |part: &Part| {
            let tier = &stock.tiers[part.tier_index];
            let what = match &part.what {
                What::Seats(positions) => WantedUnits::Named(positions.clone()),
                What::Units(quantity) if tier.seated => WantedUnits::Seats(*quantity),
                What::Units(quantity) => WantedUnits::Counted(*quantity),
            };
            WantedPart { tier_index: part.tier_index, tier_id: tier.tier_id, what }
        };
        let tier = |(tier_index, quantity): (usize, u64)| {
            let tier = &stock.tiers[tier_index];
            WantedTier { tier_id: tier.tier_id, quantity, seated: tier.seated }
        };
        Self {
            sale_id: stock.sale_id,
            to: claim.taking.to(),
            parts: claim.wish.parts().iter().map(by_rows).collect(),
            tiers: claim.wish.units_by_tier().map(tier).collect(),
        }
    }

    /// How many units are wanted of a tier in total.
    pub fn of_tier(&self, tier_id: i64) -> u64 {
        self.tiers.iter().filter(|tier| tier.tier_id == tier_id).map(|tier| tier.quantity).sum()
    }

    /// Positions of all named seats, in order.
    pub fn named_seats(&self) -> Vec<u32> {
        let mut seats = Vec::new();
        for part in &self.parts {
            if let WantedUnits::Named(positions) = &part.what {
                seats.extend(positions);
            }
        }
        seats.sort_unstable();
        seats
    }

    /// What is granted when each part got these seats, in order. The list of a part whose units have no seats is empty. The
    /// rung of the seats that were picked is judged by what else is free in the mirror.
    pub fn grant(&self, claim: &Claim, seats_by_part: Vec<Vec<u32>>) -> Vec<Granted> {
        let stock = claim.sale.stock.read();
        let mut granted: Vec<Granted> = Vec::with_capacity(self.tiers.len());
        for (part, seats) in self.parts.iter().zip(seats_by_part) {
            let quantity = match part.what {
                WantedUnits::Counted(quantity) => quantity,
                WantedUnits::Named(_) | WantedUnits::Seats(_) => seats.len() as u64,
            };
            let is_picked = matches!(part.what, WantedUnits::Seats(_)) && !seats.is_empty();
            let rung = is_picked.then(|| claim.pickable(&stock, part.tier_index).rung_of(part.tier_index, &seats));
            let price = stock.tiers[part.tier_index].price_now();
            let part = Granted { tier_index: part.tier_index, seats, quantity, price, rung };
            match granted.last_mut().filter(|last| last.tier_index == part.tier_index) {
                Some(last) => last.add(part),
                None => granted.push(part),
            }
        }
        granted
    }
}

impl Claim {
    /// The refusal where the database says that what is wanted is gone. `seats` are the named seats that the database
    /// reported, if any; else the mirror names the seats, or the refusal is "sold out".
    pub fn gone(&self, seats: Vec<u32>) -> Refusal {
        let stock = self.sale.stock.read();
        let is_gone = |position: &u32| stock.seats[*position as usize] != SeatStatus::Available;
        let of_one = || self.wish.seats().next().filter(|_| self.wish.quantity() == 1);
        seats_taken(&stock, seats.into_iter())
            .or_else(|| seats_taken(&stock, self.wish.seats().filter(is_gone)))
            .or_else(|| seats_taken(&stock, of_one().into_iter()))
            .unwrap_or_else(|| sold_out(&stock.id))
    }

    /// The best so many seats of a tier as the mirror has them, and none that the wish names elsewhere. They are a proposal:
    /// others may have them in a moment.
    pub fn best_seats(&self, tier_index: usize, units: u64) -> Vec<u32> {
        let stock = self.sale.stock.read();
        self.pickable(&stock, tier_index).pick(tier_index, units).map(|best| best.seats).unwrap_or_default()
    }

    /// The seats that may be picked of a tier: those that are free in the mirror and that the wish does not name.
    fn pickable<'stock>(&self, stock: &'stock Stock, tier_index: usize) -> Cow<'stock, FreeSeats> {
        let mut free_seats = Cow::Borrowed(&stock.free_seats);
        for part in self.wish.parts().iter().filter(|part| part.tier_index == tier_index) {
            if !part.seats().is_empty() {
                free_seats.to_mut().set(tier_index, part.seats(), false);
            }
        }
        free_seats
    }
}

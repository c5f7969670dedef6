//! What a buyer wishes for, by positions inside the sale, and whether memory alone can refuse it.

use serde::{Deserialize, Serialize};

use super::{sale::Stock, seats_taken, sold_out};
use crate::model::{outcome::Refusal, seat::SeatStatus, time::Timestamp};

/// What one request wishes for, all of it or nothing. The parts are in the order of their tiers, and strategies take
/// them in that order, so that no two claims wait for each other.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "Vec<Part>", into = "Vec<Part>")]
pub struct Wish {
    pub(super) parts: Vec<Part>,
    /// The named seats in the order in which they were named, where the nearest free seat shall be taken instead of each
    /// that is gone. Empty where the wish is for these seats and no others.
    pub(super) in_order: Vec<u32>,
    /// Seats among those of the parts that are taken instead of others.
    pub(super) substitutes: Vec<Substitute>,
}

/// A seat that is taken instead of another one. Both are positions in the sale.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Substitute {
    pub given: u32,
    pub asked: u32,
}

/// What is wished for of one tier.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Part {
    pub tier_index: usize,
    pub what: What,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// Named seats, by position, in order.
    Seats(Vec<u32>),
    /// Any units, this many of them.
    Units(u64),
}

impl Part {
    /// Positions of the named seats.
    pub fn seats(&self) -> &[u32] {
        match &self.what {
            What::Seats(positions) => positions,
            What::Units(_) => &[],
        }
    }

    pub fn quantity(&self) -> u64 {
        match &self.what {
            What::Seats(positions) => positions.len() as u64,
            What::Units(quantity) => *quantity,
        }
    }
}

impl Wish {
    /// Makes a wish of these parts, given in any order. `None` where a part is empty, there is no part, a seat is named
    /// twice, or a tier has two parts of the same kind (named seats, or any units).
    pub fn new(mut parts: Vec<Part>) -> Option<Self> {
        for part in &mut parts {
            if let What::Seats(positions) = &mut part.what {
                positions.sort_unstable();
            }
        }
        parts.sort_unstable();
        let kind = |part: &Part| (part.tier_index, matches!(part.what, What::Seats(_)));
        let is_named_twice = parts.windows(2).any(|two| kind(&two[0]) == kind(&two[1]))
            || parts.iter().any(|part| part.seats().windows(2).any(|two| two[0] == two[1]));
        let is_for_nothing = parts.is_empty() || parts.iter().any(|part| part.quantity() == 0);
        (!is_named_twice && !is_for_nothing).then(|| Self::of(parts))
    }

    fn of(parts: Vec<Part>) -> Self {
        Self { parts, in_order: Vec::new(), substitutes: Vec::new() }
    }

    /// A wish for one named seat.
    pub fn seat(stock: &Stock, position: u32) -> Self {
        Self::of(vec![Part { tier_index: stock.tier_of(position), what: What::Seats(vec![position]) }])
    }

    /// These seats, in whatever order. `None` where there are none, or one is named twice.
    pub fn seats_at(stock: &Stock, mut positions: Vec<u32>) -> Option<Self> {
        positions.sort_unstable_by_key(|position| stock.tier_of(*position));
        let of_one_tier = |one: &u32, other: &u32| stock.tier_of(*one) == stock.tier_of(*other);
        let part = |seats: &[u32]| Part { tier_index: stock.tier_of(seats[0]), what: What::Seats(seats.to_vec()) };
        Self::new(positions.chunk_by(of_one_tier).map(part).collect())
    }

    /// A wish for any units of one tier, this many of them.
    pub fn units(tier_index: usize, quantity: u64) -> Self {
        Self::of(vec![Part { tier_index, what: What::Units(quantity) }])
    }

    /// Whether the sale has these tiers and seats at all, sold or not.
    pub fn fits(&self, stock: &Stock) -> bool {
        self.parts.iter().all(|part| {
            let is_there = |position: &u32| {
                (*position as usize) < stock.seats.len() && stock.tier_of(*position) == part.tier_index
            };
            part.tier_index < stock.tiers.len() && part.seats().iter().all(is_there)
        })
    }

    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    pub fn quantity(&self) -> u64 {
        self.parts.iter().map(Part::quantity).sum()
    }

    /// How many units the wish takes of each tier, in the order of tiers.
    pub fn units_by_tier(&self) -> impl Iterator<Item = (usize, u64)> {
        let same_tier = |one: &Part, other: &Part| one.tier_index == other.tier_index;
        let tiers = self.parts.chunk_by(same_tier);
        tiers.map(|parts| (parts[0].tier_index, parts.iter().map(Part::quantity).sum()))
    }

    fn named_in(&self, tier_index: usize) -> u64 {
        let parts = self.parts.iter().filter(|part| part.tier_index == tier_index);
        parts.map(|part| part.seats().len() as u64).sum()
    }

    /// Positions of all named seats.
    pub fn seats(&self) -> impl Iterator<Item = u32> {
        self.parts.iter().flat_map(|part| part.seats()).copied()
    }

    /// The refusal of this wish where `stock` cannot fulfil it. The refusal is true, because the stock in memory holds
    /// only what is committed.
    pub fn refusal(&self, stock: &Stock) -> Option<Refusal> {
        let is_gone = |position: &u32| stock.seats[*position as usize] != SeatStatus::Available;
        let can_be_other = |position: &u32| self.is_flexible() && stock.may_have_substitute(*position);
        if self.seats().filter(is_gone).any(|position| !can_be_other(&position)) {
            return seats_taken(stock, self.seats().filter(is_gone));
        }
        // A named seat that is free can be had, whatever the counter of its tier says.
        let counts = |tier_index| {
            self.parts.iter().any(|part| part.tier_index == tier_index && matches!(part.what, What::Units(_)))
        };
        // Other seats may be taken instead of those that this wish names, so only its other units count then.
        let left_out = |tier_index| if self.is_flexible() { self.named_in(tier_index) } else { 0 };
        let mut counted = self.units_by_tier().filter(|(tier_index, _)| counts(*tier_index));
        let is_short =
            counted.any(|(tier_index, units)| stock.tiers[tier_index].counts.available < units - left_out(tier_index));
        is_short.then(|| sold_out(&stock.id))
    }
}

impl TryFrom<Vec<Part>> for Wish {
    type Error = &'static str;

    fn try_from(parts: Vec<Part>) -> Result<Self, Self::Error> {
        Self::new(parts).ok_or("a wish is for something, and names each seat and tier once")
    }
}

impl From<Wish> for Vec<Part> {
    fn from(wish: Wish) -> Self {
        wish.parts
    }
}

/// Refuses a wish that certainly cannot be fulfilled, from memory alone.
pub fn refuse_early(stock: &Stock, wish: &Wish, now: Timestamp) -> Result<(), Refusal> {
    stock.check_open(now)?;
    wish.refusal(stock).map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seats(tier_index: usize, positions: &[u32]) -> Part {
        Part { tier_index, what: What::Seats(positions.to_vec()) }
    }

    fn units(tier_index: usize, quantity: u64) -> Part {
        Part { tier_index, what: What::Units(quantity) }
    }

    #[test]
    fn parts_stand_in_the_order_of_tiers_and_seats_in_theirs() {
        let wish = Wish::new(vec![units(1, 2), units(0, 3), seats(0, &[7, 4])]).unwrap();
        assert_eq!(wish.parts(), [seats(0, &[4, 7]), units(0, 3), units(1, 2)]);
        assert_eq!(wish.units_by_tier().collect::<Vec<_>>(), [(0, 5), (1, 2)]);
        assert_eq!(wish.quantity(), 7);
    }

    #[test]
    fn nothing_is_named_twice_and_nothing_is_not_a_wish() {
        for parts in [
            vec![],
            vec![units(0, 0)],
            vec![seats(0, &[])],
            vec![seats(0, &[3, 3])],
            vec![units(0, 1), units(0, 2)],
            vec![seats(0, &[1]), seats(0, &[2])],
        ] {
            assert_eq!(Wish::new(parts.clone()), None, "{parts:?}");
        }
    }
}

//! A conflict gives a seat: instead of named seats that are gone, a wish gets the nearest free ones.

use std::borrow::Cow;

use super::{
    free_seats::FreeSeats,
    sale::Stock,
    seats_taken,
    wish::{Part, Substitute, What, Wish},
};
use crate::model::outcome::Refusal;

impl Wish {
    /// The same wish, but instead of each named seat that is gone, the nearest free one may be taken. `in_order` has the
    /// named seats in the order in which they were named, and those that were named first choose first. `None` where
    /// these are other seats than the wish names.
    pub fn or_nearest(mut self, in_order: Vec<u32>) -> Option<Self> {
        let (mut sorted, mut named): (Vec<u32>, Vec<u32>) = (in_order.clone(), self.seats().collect());
        sorted.sort_unstable();
        named.sort_unstable();
        self.in_order = in_order;
        (sorted == named).then_some(self)
    }

    /// Whether other seats may be taken instead of named ones that are gone.
    pub const fn is_flexible(&self) -> bool {
        !self.in_order.is_empty()
    }

    /// The named seats in the order in which they were named, if the wish is flexible.
    pub fn in_order(&self) -> &[u32] {
        &self.in_order
    }

    /// The seats that the wish names instead of others.
    pub fn substitutes(&self) -> &[Substitute] {
        &self.substitutes
    }

    /// The seat that was asked for, where this one is taken instead.
    pub fn substitute_for(&self, given: u32) -> Option<u32> {
        self.substitutes.iter().find(|substitute| substitute.given == given).map(|substitute| substitute.asked)
    }

    /// The wish with certain seats: the named ones that are free, and the nearest free ones instead of the others. A wish
    /// that is not flexible stays as it is. `free_seats` is changed in between and is in the end as it was. `price_of` says what
    /// a unit of a tier costs the claim.
    ///
    /// # Errors
    /// The refusal that names all seats that are gone, where too few free seats may be taken instead.
    pub fn with_certain_seats(
        &self,
        stock: &Stock,
        free_seats: &mut FreeSeats,
        price_of: impl Fn(usize) -> u64,
    ) -> Result<Cow<'_, Self>, Refusal> {
        if !self.is_flexible() {
            return Ok(Cow::Borrowed(self));
        }
        let is_free = |free_seats: &FreeSeats, position: u32| free_seats.is_free(stock.tier_of(position), position);
        let (mut seats, gone): (Vec<u32>, Vec<u32>) =
            self.in_order.iter().partition(|position| is_free(free_seats, **position));
        // Nobody gets a seat that the wish names itself, or one that it has got already.
        stock.map.set_free(free_seats, &seats, false);
        let mut substitutes = Vec::with_capacity(gone.len());
        for asked in &gone {
            let Some(given) = stock.nearest_free(free_seats, *asked, &price_of) else { break };
            stock.map.set_free(free_seats, &[given], false);
            substitutes.push(Substitute { given, asked: *asked });
            seats.push(given);
        }
        stock.map.set_free(free_seats, &seats, true);
        if substitutes.len() < gone.len() {
            let named = self.seats().filter(|position| gone.contains(position));
            return Err(seats_taken(stock, named).expect("some are gone"));
        }
        let other_parts = self.parts.iter().filter(|part| matches!(part.what, What::Units(_)));
        let mut parts: Vec<Part> = other_parts.cloned().collect();
        parts.extend(Self::seats_at(stock, seats).expect("each seat is taken once").parts);
        let wish = Self::new(parts).expect("each tier has its seats and its units once");
        Ok(Cow::Owned(Self { substitutes, ..wish }))
    }
}

impl Stock {
    /// What a unit of a tier costs now.
    pub fn price_of(&self, tier_index: usize) -> u64 {
        self.tiers[tier_index].price_now()
    }

    /// The free seat to be taken instead of this one.
    fn nearest_free(&self, free_seats: &FreeSeats, asked: u32, price_of: impl Fn(usize) -> u64) -> Option<u32> {
        let tier_index = self.tier_of(asked);
        free_seats.nearest(tier_index, asked, |other| self.may_stand_for(other, tier_index, &price_of))
    }

    /// Whether seats of a tier may be taken instead of those of another: those that cost the same or less.
    fn may_stand_for(&self, other: usize, tier_index: usize, price_of: impl Fn(usize) -> u64) -> bool {
        self.tiers[other].seated && price_of(other) <= price_of(tier_index)
    }

    /// Whether units are left in any tier whose seats may be taken instead of this one.
    pub(super) fn may_have_substitute(&self, asked: u32) -> bool {
        let tier_index = self.tier_of(asked);
        let tiers = self.tiers.iter().enumerate();
        tiers
            .filter(|(_, tier)| tier.counts.available > 0)
            .any(|(other, _)| self.may_stand_for(other, tier_index, |tier| self.price_of(tier)))
    }
}

//! What a change of a hold gives back and takes. Pure.

use std::collections::BTreeMap;

use crate::{
    model::{outcome::Refusal, rung::Rung, seat::SeatStatus, time::Timestamp},
    server::{
        stock::{
            FreeSeats, Stock, What, Wish,
            decide::{Bounds, Granted},
            seats_taken, sold_out,
        },
        store::NewHoldItem,
    },
};

/// What a hold gives back, takes and has in the end.
pub struct Planned {
    pub gives: Vec<Granted>,
    pub takes: Vec<Granted>,
    pub items: Vec<NewHoldItem>,
    pub rung: Option<Rung>,
}

impl Planned {
    /// Compares what a hold has with what it shall have.
    pub fn new(
        stock: &Stock,
        items: &[NewHoldItem],
        wish: &Wish,
        bounds: Bounds,
        at: Timestamp,
    ) -> Result<Self, Refusal> {
        let has_seat = |position: u32| items.iter().find(|item| item.seat_position == Some(position));
        let mut free_seats = stock.free_seats.clone();
        let had: Vec<u32> = items.iter().filter_map(|item| item.seat_position).collect();
        stock.map.set_free(&mut free_seats, &had, true);
        let wish = &*wish.with_certain_seats(stock, &mut free_seats, |tier| stock.price_of(tier))?;
        let taken = wish.seats().filter(|position| {
            has_seat(*position).is_none() && stock.seats[*position as usize] != SeatStatus::Available
        });
        if let Some(refusal) = seats_taken(stock, taken) {
            return Err(refusal);
        }
        let (wanted, rung) = Self::choose(stock, free_seats, wish)?;
        let mut planned = Self { gives: Vec::new(), takes: Vec::new(), items: Vec::new(), rung };
        for (tier_index, tier) in stock.tiers.iter().enumerate() {
            let of_tier: Vec<_> = items.iter().filter(|item| item.tier_id == tier.tier_id).collect();
            let wanted = wanted.get(&tier_index);
            match tier.seated {
                true => planned.add_seats((tier_index, wanted), stock, &of_tier, wish),
                false => planned.add_units(tier_index, stock, &of_tier, wanted),
            }
        }
        if !planned.takes.is_empty() {
            stock.check_open(at)?;
        }
        for (tier_index, tier) in stock.tiers.iter().enumerate() {
            let of = |parts: &[Granted]| -> u64 {
                parts.iter().filter(|part| part.tier_index == tier_index).map(|part| part.quantity).sum()
            };
            if of(&planned.takes) > tier.counts.available + of(&planned.gives) {
                return Err(sold_out(&stock.id));
            }
        }
        let total = planned.items.iter().map(|item| item.price * item.quantity).sum();
        bounds.check_sum(total)?;
        Ok(planned)
    }

    /// The seats or units that are wanted of each tier, and how well the picked seats stand together.
    fn choose(
        stock: &Stock,
        mut free_seats: FreeSeats,
        wish: &Wish,
    ) -> Result<(BTreeMap<usize, Granted>, Option<Rung>), Refusal> {
        stock.map.set_free(&mut free_seats, &wish.seats().collect::<Vec<_>>(), false);
        let mut wanted: BTreeMap<usize, Granted> = BTreeMap::new();
        for part in wish.parts() {
            let tier_index = part.tier_index;
            let (seats, rung) = match &part.what {
                What::Seats(positions) => (positions.clone(), None),
                What::Units(units) if stock.tiers[tier_index].seated => {
                    let best = free_seats.pick(tier_index, *units).ok_or_else(|| sold_out(&stock.id))?;
                    (best.seats, Some(best.rung))
                }
                What::Units(_) => (Vec::new(), None),
            };
            let part = Granted { tier_index, seats, quantity: part.quantity(), price: 0, rung };
            match wanted.get_mut(&tier_index) {
                Some(known) => known.add(part),
                None => drop(wanted.insert(tier_index, part)),
            }
        }
        let rung = wanted.values().filter_map(|part| part.rung).max();
        Ok((wanted, rung))
    }

    fn add_seats(
        &mut self,
        (tier_index, wanted): (usize, Option<&Granted>),
        stock: &Stock,
        items: &[&NewHoldItem],
        wish: &Wish,
    ) {
        let wanted = wanted.map_or(&[][..], |part| &part.seats);
        let tier = &stock.tiers[tier_index];
        let part = |seats: Vec<u32>| {
            let quantity = seats.len() as u64;
            (quantity > 0).then_some(Granted { tier_index, seats, quantity, price: tier.price_now(), rung: None })
        };
        let has = |position: &u32| items.iter().find(|item| item.seat_position == Some(*position));
        let given = items.iter().filter_map(|item| item.seat_position).filter(|seat| !wanted.contains(seat));
        self.gives.extend(part(given.collect()));
        self.takes.extend(part(wanted.iter().filter(|seat| has(seat).is_none()).copied().collect()));
        let new = |position: &u32| NewHoldItem {
            tier_id: tier.tier_id,
            seat_position: Some(*position),
            quantity: 1,
            price: tier.price_now(),
            substitute: None,
        };
        // What is kept keeps its price, and the seat that it stands for unless it stands for another one now.
        let item = |seat: &u32| {
            let item = has(seat).map_or_else(|| new(seat), |item| (*item).clone());
            NewHoldItem { substitute: wish.substitute_for(*seat).or(item.substitute), ..item }
        };
        self.items.extend(wanted.iter().map(item));
    }

    fn add_units(&mut self, tier_index: usize, stock: &Stock, items: &[&NewHoldItem], wanted: Option<&Granted>) {
        let (wanted, tier) = (wanted.map_or(0, |part| part.quantity), &stock.tiers[tier_index]);
        let had: u64 = items.iter().map(|item| item.quantity).sum();
        let part = |quantity: u64| {
            (quantity > 0).then_some(Granted {
                tier_index,
                seats: Vec::new(),
                quantity,
                price: tier.price_now(),
                rung: None,
            })
        };
        self.gives.extend(part(had.saturating_sub(wanted)));
        self.takes.extend(part(wanted.saturating_sub(had)));
        let mut left = wanted.min(had);
        for item in items {
            let kept = item.quantity.min(left);
            left -= kept;
            self.items.extend((kept > 0).then(|| NewHoldItem { quantity: kept, ..(*item).clone() }));
        }
        let more = wanted.saturating_sub(had);
        match self.items.last_mut().filter(|last| last.tier_id == tier.tier_id && last.price == tier.price_now()) {
            Some(last) => last.quantity += more,
            None if more > 0 => self.items.push(NewHoldItem {
                tier_id: tier.tier_id,
                seat_position: None,
                quantity: more,
                price: tier.price_now(),
                substitute: None,
            }),
            None => {}
        }
    }

    /// How many units of each tier are given back and taken, by the tier's row.
    pub fn by_tier(&self, stock: &Stock) -> BTreeMap<i64, (u64, u64)> {
        let mut by_tier: BTreeMap<i64, (u64, u64)> = BTreeMap::new();
        for part in &self.gives {
            by_tier.entry(stock.tiers[part.tier_index].tier_id).or_default().0 += part.quantity;
        }
        for part in &self.takes {
            by_tier.entry(stock.tiers[part.tier_index].tier_id).or_default().1 += part.quantity;
        }
        by_tier
    }
}

/// How many units these are.
pub fn quantity(parts: &[Granted]) -> u64 {
    parts.iter().map(|part| part.quantity).sum()
}

/// The positions of these seats, in order.
pub fn seats(parts: &[Granted]) -> Vec<u32> {
    let mut seats: Vec<u32> = parts.iter().flat_map(|part| part.seats.iter().copied()).collect();
    seats.sort_unstable();
    seats
}

//! The model's part about what a wish gets: what makes sense, what is left, which seats are picked, what a buyer may have.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use super::{
    model::{Held, HeldSeat, Model, Refused, SEAT_PRICE, SEAT_STEPS, UNIT_PRICE, UNIT_STEPS},
    steps::Wish,
};
use crate::model::{
    limits::MAX_UNITS_PER_REQUEST,
    outcome::Code,
    rung::{Rung, TierRow, TierRows, best_available, rows_of_tier},
    seat::SeatRow,
};

/// What one claim is granted.
pub struct Granted {
    /// Each with the seat that was asked for, where it was given instead of that.
    pub seats: BTreeMap<u32, Option<u32>>,
    pub units: u64,
    pub rung: Option<Rung>,
}

impl Model {
    /// What a seat costs now.
    pub(super) fn seat_price(&self) -> u64 {
        let gone = (self.held_seats().len() + self.sold_seats.len()) as u64;
        self.price((SEAT_PRICE, &SEAT_STEPS), gone, u64::from(self.seats()))
    }

    /// What a unit of admission costs now.
    pub(super) fn unit_price(&self) -> u64 {
        self.price((UNIT_PRICE, &UNIT_STEPS), self.held_units() + self.sold_units, self.units)
    }

    fn price(&self, (base, steps): (u64, &[(u64, u64)]), gone: u64, capacity: u64) -> u64 {
        let is_reached = |(percent, _): &&(u64, u64)| self.terms.has_steps && percent * capacity <= 100 * gone;
        steps.iter().rfind(is_reached).map_or(base, |(_, price)| *price)
    }

    pub(super) fn total_of(&self, granted: &Granted) -> u64 {
        granted.seats.len() as u64 * self.seat_price() + granted.units * self.unit_price()
    }

    /// What a claim gets, checked in the contract's order.
    pub(super) fn grant(&self, wish: &Wish, buyer: u128) -> Result<Granted, Refused> {
        if !self.is_open {
            return Err(Refused::new(Code::SaleNotOpen));
        }
        let free = self.free_seats();
        self.check_short(wish, &free)?;
        let granted = self.choose(wish, free, self.free_units())?;
        check_total(wish, self.total_of(&granted))?;
        let quantity = granted.seats.len() as u64 + granted.units;
        if self.limit.is_some_and(|limit| self.had_by(buyer) + quantity > limit) {
            return Err(Refused::new(Code::LimitReached));
        }
        Ok(granted)
    }

    /// The refusal of a claim that may have other seats than it names, where too few are left for its other units already.
    /// That is looked at before its seats are chosen.
    fn check_short(&self, wish: &Wish, free: &BTreeSet<u32>) -> Result<(), Refused> {
        let may_have_others = wish.is_nearest && !free.is_empty();
        let is_short = wish.picked() > free.len() as u64 || wish.units() > self.free_units();
        if may_have_others && is_short { Err(Refused::new(Code::SoldOut)) } else { Ok(()) }
    }

    /// The seats and units of a wish, out of what may be taken.
    fn choose(&self, wish: &Wish, mut free: BTreeSet<u32>, free_units: u64) -> Result<Granted, Refused> {
        let mut seats = self.named_or_nearest(wish, &mut free)?;
        let picked = wish.picked();
        if picked > free.len() as u64 || wish.units() > free_units {
            return Err(Refused::new(Code::SoldOut));
        }
        let best = best_available(&FreeRows::new(&self.rows, &free), u32::try_from(picked).unwrap());
        let rung = best.as_ref().map(|best| best.rung);
        seats.extend(best.into_iter().flat_map(|best| best.seats).map(|seat| (seat, None)));
        Ok(Granted { seats, units: wish.units(), rung })
    }

    /// The named seats, or the nearest ones instead of those that are gone. Takes them out of those that are free.
    fn named_or_nearest(&self, wish: &Wish, free: &mut BTreeSet<u32>) -> Result<BTreeMap<u32, Option<u32>>, Refused> {
        let (left, gone): (Vec<u32>, Vec<u32>) = wish.seats.iter().partition(|seat| free.contains(seat));
        let taken = || {
            let seats = wish.named().filter(|seat| gone.contains(seat)).collect();
            Refused { seats, ..Refused::new(Code::SeatTaken) }
        };
        if !gone.is_empty() && !wish.is_nearest {
            return Err(taken());
        }
        free.retain(|seat| !left.contains(seat));
        let mut seats: BTreeMap<u32, Option<u32>> = left.into_iter().map(|seat| (seat, None)).collect();
        for asked in &gone {
            let given = free.iter().copied().min_by_key(|seat| (self.distance(*asked, *seat), *seat));
            let given = given.ok_or_else(taken)?;
            free.remove(&given);
            seats.insert(given, Some(*asked));
        }
        Ok(seats)
    }

    /// How far apart two seats are: a row counts as much as two seats.
    fn distance(&self, one: u32, other: u32) -> u32 {
        let place = |seat: u32| {
            let (mut row, mut column) = (0, seat);
            while column >= self.rows[row as usize] {
                column -= self.rows[row as usize];
                row += 1;
            }
            (row, column)
        };
        let ((row, column), (other_row, other_column)) = (place(one), place(other));
        2 * u32::abs_diff(row, other_row) + column.abs_diff(other_column)
    }

    /// What a hold would be after a change. What is kept keeps its price, and the seat for which it stands.
    pub(super) fn grant_change(&self, hold: usize, wish: &Wish) -> Result<Held, Refused> {
        let held = &self.holds[hold];
        let mut free = self.free_seats();
        free.extend(held.seats.keys());
        let Granted { seats, units, rung } = self.choose(wish, free, u64::MAX)?;
        let seat_price = self.seat_price();
        let seat = |(seat, asked): (u32, Option<u32>)| {
            let had = held.seats.get(&seat).copied().unwrap_or(HeldSeat { price: seat_price, asked: None });
            (seat, HeldSeat { asked: asked.or(had.asked), ..had })
        };
        let seats = seats.into_iter().map(seat).collect();
        let changed = Held { seats, units: held.units_after(units, self.unit_price()), rung, ..held.clone() };
        let (gives, takes) = held.compared_with(&changed);
        if takes > 0 && !self.is_open {
            return Err(Refused::new(Code::SaleNotOpen));
        }
        if units > self.free_units() + held.counted() {
            return Err(Refused::new(Code::SoldOut));
        }
        check_total(wish, changed.total())?;
        let is_over = |limit: u64| takes > gives && self.had_by(held.buyer) + takes - gives > limit;
        if self.limit.is_some_and(is_over) { Err(Refused::new(Code::LimitReached)) } else { Ok(changed) }
    }
}

fn check_total(wish: &Wish, total: u64) -> Result<(), Refused> {
    match wish.max_total {
        Some(most) if total > most => Err(Refused { total: Some(total), ..Refused::new(Code::PriceChanged) }),
        _ => Ok(()),
    }
}

impl Held {
    /// Its units once there are so many of them: the longest held stay, and further ones cost `price`.
    fn units_after(&self, wanted: u64, price: u64) -> Vec<(u64, u64)> {
        let mut left = wanted;
        let mut units: Vec<(u64, u64)> = Vec::new();
        for (price, quantity) in self.units.iter().copied().chain([(price, u64::MAX)]) {
            let quantity = quantity.min(left);
            left -= quantity;
            match units.last_mut().filter(|last| last.0 == price) {
                Some(last) => last.1 += quantity,
                None if quantity > 0 => units.push((price, quantity)),
                None => {}
            }
        }
        units
    }
}

impl Wish {
    /// The refusal of a wish that makes no sense.
    pub fn check(&self, seats: u32) -> Result<(), Refused> {
        if self.named().any(|seat| seat >= seats) {
            return Err(Refused::new(Code::NotFound));
        }
        let is_wrong = |quantity: &Option<i64>| {
            quantity.is_some_and(|quantity| !(1..=i64::from(MAX_UNITS_PER_REQUEST)).contains(&quantity))
        };
        let distinct: BTreeSet<u32> = self.named().collect();
        let is_for_nothing = distinct.is_empty() && [self.floor, self.ga, self.best] == [None; 3];
        let names_twice = distinct.len() != self.seats.len() || self.floor.is_some() && self.best.is_some();
        if is_for_nothing || names_twice || [self.floor, self.ga, self.best].iter().any(is_wrong) {
            return Err(Refused::new(Code::Invalid));
        }
        Ok(())
    }

    /// The named seats in their order.
    pub fn named(&self) -> impl Iterator<Item = u32> {
        let mut seats = self.seats.clone();
        seats.sort_unstable();
        seats.into_iter()
    }

    /// How many seats are to be picked.
    pub fn picked(&self) -> u64 {
        self.floor.or(self.best).map_or(0, i64::unsigned_abs)
    }

    pub fn units(&self) -> u64 {
        self.ga.map_or(0, i64::unsigned_abs)
    }
}

/// The free seats of the seated tier, row by row.
struct FreeRows<'a> {
    rows: Vec<TierRow>,
    free: &'a BTreeSet<u32>,
}

impl<'a> FreeRows<'a> {
    /// Rows of one section with so many seats each.
    fn new(rows: &[u32], free: &'a BTreeSet<u32>) -> Self {
        let row = |(number, seats): (usize, &u32)| SeatRow {
            tier_index: 0,
            section: "1".into(),
            row: number.to_string(),
            seats: *seats,
            section_in_label: false,
        };
        let rows: Vec<SeatRow> = rows.iter().enumerate().map(row).collect();
        Self { rows: rows_of_tier(&rows, 0), free }
    }
}

impl TierRows for FreeRows<'_> {
    fn rows(&self) -> &[TierRow] {
        &self.rows
    }

    fn runs(&self, row: usize, columns: Range<u32>) -> impl Iterator<Item = Range<u32>> {
        let first = self.rows[row].first_seat;
        let free: Vec<u32> = columns.filter(|column| self.free.contains(&(first + column))).collect();
        let run = |run: &[u32]| run[0]..run[run.len() - 1] + 1;
        free.chunk_by(|one, next| one + 1 == *next).map(run).collect::<Vec<_>>().into_iter()
    }
}

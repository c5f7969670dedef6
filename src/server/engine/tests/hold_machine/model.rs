//! The pure model: a sale with its holds and payments, and what each step must do to it. It shares with the engine the
//! rules of the best seats (`model/rung.rs`), which have tests of their own, limits and names of states, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    cooling::CoolingOff,
    paying::Paid,
    steps::{Basket, Step, Wish},
};
use crate::model::{outcome::Code, rung::Rung, sale::ContactRule};

pub const SEAT_PRICE: u64 = 2_000;
pub const UNIT_PRICE: u64 = 1_000;
/// Where prices have steps: from which percent of the stock on which price counts.
pub const SEAT_STEPS: [(u64, u64); 1] = [(50, 2_600)];
pub const UNIT_STEPS: [(u64, u64); 2] = [(34, 1_300), (67, 1_700)];
pub const ROWS: u32 = 2;
pub const SEATS_PER_ROW: u32 = 4;
pub const UNITS: u64 = 6;
pub const TTL_MILLISECONDS: i64 = 10_000;
pub const EXTENSIONS: u32 = 2;
pub const EXTENSION_MILLISECONDS: i64 = 3_000;
pub const GRACE_MILLISECONDS: i64 = 7_000;
/// For how long a hold that is being paid is left alone after its end.
pub const PATIENCE_MILLISECONDS: i64 = 60_000;

/// What kind of sale is played.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// Whether units are held and then paid, or bought at once.
    pub is_paid: bool,
    pub has_steps: bool,
    pub contact: ContactRule,
}

/// What became of a hold. A hold whose time is over stays live until its units are released.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    Live,
    Confirmed,
    Released,
    Expired,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HeldSeat {
    pub price: u64,
    /// The seat that was asked for, where this one was given instead.
    pub asked: Option<u32>,
}

#[derive(Clone, Debug)]
pub struct Held {
    pub buyer: u128,
    pub seats: BTreeMap<u32, HeldSeat>,
    /// Prices with the number of units that cost so much, the longest held first.
    pub units: Vec<(u64, u64)>,
    pub rung: Option<Rung>,
    pub end: End,
    pub expires_at: i64,
    pub extensions_left: u32,
    pub seq: u64,
    /// What its buyer is asked for, as it was when the hold was made.
    pub contact: ContactRule,
    /// The payment for which it waits.
    pub pending: Option<usize>,
    /// Whether any payment for it has begun.
    pub was_to_be_paid: bool,
}

/// The answer that a step must get.
#[derive(Clone, PartialEq, Debug)]
pub enum Expected {
    Done,
    Bought { seats: BTreeSet<u32>, units: u64, total: u64, has_contact: bool },
    Held(usize),
    Changed(usize),
    Extended(usize),
    Confirmed { hold: usize, has_contact: bool },
    Declined,
    Paying { payment: usize, is_new: bool },
    Refused(Refused),
}

/// A refusal, with what it tells.
#[derive(Clone, PartialEq, Debug)]
pub struct Refused {
    pub code: Code,
    pub seats: Vec<u32>,
    pub own_hold: Option<usize>,
    pub held: Option<u64>,
    pub total: Option<u64>,
    pub wait_seconds: Option<u32>,
}

impl Refused {
    pub const fn new(code: Code) -> Self {
        Self { code, seats: Vec::new(), own_hold: None, held: None, total: None, wait_seconds: None }
    }
}

#[derive(Clone, Debug)]
pub struct Model {
    /// Whether time can be moved in this run.
    pub has_time: bool,
    pub terms: Terms,
    /// What buyers are asked for from now on.
    pub contact: ContactRule,
    pub now: i64,
    /// Seats of each row.
    pub rows: Vec<u32>,
    pub units: u64,
    pub holds: Vec<Held>,
    pub payments: Vec<Paid>,
    pub sold_seats: BTreeSet<u32>,
    pub sold_units: u64,
    pub owned: BTreeMap<u128, u64>,
    pub is_open: bool,
    pub limit: Option<u64>,
    pub seq: u64,
    /// Whether anything was sold or held since the last reset.
    pub(super) is_touched: bool,
    pub cooling: CoolingOff,
    pub expected: Expected,
}

impl Model {
    pub fn new(has_time: bool, terms: Terms) -> Self {
        Self {
            has_time,
            terms,
            contact: terms.contact,
            now: 0,
            rows: vec![SEATS_PER_ROW; ROWS as usize],
            units: UNITS,
            holds: Vec::new(),
            payments: Vec::new(),
            sold_seats: BTreeSet::new(),
            sold_units: 0,
            owned: BTreeMap::new(),
            is_open: true,
            limit: None,
            seq: 1,
            is_touched: false,
            cooling: CoolingOff::default(),
            expected: Expected::Done,
        }
    }

    pub fn seats(&self) -> u32 {
        self.rows.iter().sum()
    }

    pub fn live(&self) -> impl Iterator<Item = &Held> {
        self.holds.iter().filter(|hold| hold.end == End::Live)
    }

    pub fn held_seats(&self) -> BTreeSet<u32> {
        self.live().flat_map(|hold| hold.seats.keys().copied()).collect()
    }

    pub fn held_units(&self) -> u64 {
        self.live().map(Held::counted).sum()
    }

    pub(super) fn free_seats(&self) -> BTreeSet<u32> {
        let held = self.held_seats();
        (0..self.seats()).filter(|seat| !held.contains(seat) && !self.sold_seats.contains(seat)).collect()
    }

    pub(super) fn free_units(&self) -> u64 {
        self.units - self.sold_units - self.held_units()
    }

    pub(super) fn had_by(&self, buyer: u128) -> u64 {
        let held: u64 = self.live().filter(|hold| hold.buyer == buyer).map(Held::quantity).sum();
        self.owned.get(&buyer).copied().unwrap_or_default() + held
    }

    /// Takes one step.
    pub fn take(&mut self, step: &Step) {
        self.expected = match step {
            Step::Buy { buyer, basket, has_contact } => {
                self.refused_or(|model| model.buy(*buyer, basket, *has_contact))
            }
            Step::Hold { buyer, wish } => self.refused_or(|model| model.hold(*buyer, wish)),
            Step::Change { buyer, hold, wish } => self.refused_or(|model| model.change(*buyer, *hold, wish)),
            Step::Extend { buyer, hold } => self.refused_or(|model| model.extend(*buyer, *hold)),
            Step::Release { buyer, hold } => self.refused_or(|model| model.release(*buyer, *hold)),
            Step::Confirm { buyer, hold, is_simulated, has_contact } => {
                self.refused_or(|model| model.confirm(*buyer, *hold, *is_simulated, *has_contact))
            }
            Step::Decline { buyer, hold } => self.refused_or(|model| model.decline(*buyer, *hold)),
            Step::Pay { buyer, hold, has_contact } => self.refused_or(|model| model.pay(*buyer, *hold, *has_contact)),
            Step::Hear { payment, word } => {
                self.hear(*payment, *word);
                Expected::Done
            }
            Step::Pass(milliseconds) => {
                self.now += milliseconds;
                Expected::Done
            }
            Step::Sweep => {
                self.release_due();
                Expected::Done
            }
            Step::Add { seated, count } => self.add(*seated, *count),
            Step::Reset => self.reset(),
            Step::Open(is_open) => {
                self.is_open = *is_open;
                Expected::Done
            }
            Step::Limit(limit) => {
                self.limit = limit.map(u64::from);
                Expected::Done
            }
            Step::Ask(contact) => {
                self.contact = *contact;
                Expected::Done
            }
            Step::Reload => Expected::Done,
        };
    }

    fn refused_or(&mut self, step: impl FnOnce(&mut Self) -> Result<Expected, Refused>) -> Expected {
        step(self).unwrap_or_else(Expected::Refused)
    }

    /// Decides again after a refusal for want of units, once what is due has been released.
    pub(super) fn decide<T>(&mut self, decide: impl Fn(&Self) -> Result<T, Refused>) -> Result<T, Refused> {
        loop {
            let refused = match decide(self) {
                Ok(granted) => return Ok(granted),
                Err(refused) => refused,
            };
            let may_be_freed = matches!(refused.code, Code::SoldOut | Code::SeatTaken | Code::LimitReached);
            if !may_be_freed || !self.release_due() {
                return Err(refused);
            }
        }
    }

    fn buy(&mut self, buyer: u128, basket: &Basket, has_contact: bool) -> Result<Expected, Refused> {
        let wish = basket.wish();
        let granted = self.decide(|model| {
            wish.check(model.seats())?;
            check_contact(model.contact, has_contact)?;
            if model.terms.is_paid {
                return Err(Refused::new(Code::PaymentRequired));
            }
            model.grant(&wish, buyer)
        });
        let granted = granted.map_err(|refused| self.explained(refused, &wish, buyer))?;
        let total = self.total_of(&granted);
        let has_contact = has_contact && self.contact != ContactRule::None;
        let seats: BTreeSet<u32> = granted.seats.keys().copied().collect();
        self.sell(buyer, &seats, granted.units);
        Ok(Expected::Bought { seats, units: granted.units, total, has_contact })
    }

    /// Sells free units.
    pub(super) fn sell(&mut self, buyer: u128, seats: &BTreeSet<u32>, units: u64) {
        self.seq += 1;
        self.is_touched = true;
        *self.owned.entry(buyer).or_default() += seats.len() as u64 + units;
        self.sold_units += units;
        self.sold_seats.extend(seats);
    }

    /// Adds what the buyer may do about a refusal.
    pub(super) fn explained(&self, refused: Refused, wish: &Wish, buyer: u128) -> Refused {
        match refused.code {
            Code::SoldOut => {
                let seats =
                    if wish.named().next().is_some() || wish.picked() > 0 { self.held_seats().len() } else { 0 };
                let units = if wish.units() > 0 { self.held_units() } else { 0 };
                let held = seats as u64 + units;
                Refused { held: (held > 0).then_some(held), ..refused }
            }
            Code::SeatTaken => {
                let is_own = |held: &Held| {
                    held.end == End::Live
                        && held.buyer == buyer
                        && refused.seats.iter().any(|seat| held.seats.contains_key(seat))
                };
                Refused { own_hold: self.holds.iter().position(is_own), ..refused }
            }
            _ => refused,
        }
    }

    fn add(&mut self, seated: bool, count: u32) -> Expected {
        self.seq += 1;
        if seated {
            let rows = count.div_ceil(SEATS_PER_ROW);
            self.rows.extend((0..rows).map(|row| SEATS_PER_ROW.min(count - row * SEATS_PER_ROW)));
        } else {
            self.units += u64::from(count);
        }
        Expected::Done
    }

    fn reset(&mut self) -> Expected {
        if !self.is_touched {
            return Expected::Done;
        }
        if self.is_anything_paid() {
            return Expected::Refused(Refused::new(Code::StepNotAllowed));
        }
        self.seq += 1;
        self.is_touched = false;
        self.holds.iter_mut().filter(|hold| hold.end == End::Live).for_each(|hold| hold.end = End::Released);
        self.void_payments();
        self.sold_seats.clear();
        self.sold_units = 0;
        self.owned.clear();
        Expected::Done
    }
}

/// The refusal where a buyer has to say how they can be reached, and has not.
pub fn check_contact(rule: ContactRule, has_contact: bool) -> Result<(), Refused> {
    if rule == ContactRule::Required && !has_contact { Err(Refused::new(Code::Invalid)) } else { Ok(()) }
}

impl Held {
    /// How many units of admission it has.
    pub fn counted(&self) -> u64 {
        self.units.iter().map(|(_, quantity)| quantity).sum()
    }

    pub fn quantity(&self) -> u64 {
        self.seats.len() as u64 + self.counted()
    }

    pub fn total(&self) -> u64 {
        let seats: u64 = self.seats.values().map(|seat| seat.price).sum();
        seats + self.units.iter().map(|(price, quantity)| price * quantity).sum::<u64>()
    }
}

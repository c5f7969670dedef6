//! The model's part about holds: made, changed, extended, and how they end.

use std::collections::BTreeSet;

use super::{
    choosing::Granted,
    model::{
        EXTENSION_MILLISECONDS, EXTENSIONS, End, Expected, Held, HeldSeat, Model, PATIENCE_MILLISECONDS, Refused,
        TTL_MILLISECONDS, check_contact,
    },
    steps::Wish,
};
use crate::model::{limits::MAX_ACTIVE_HOLDS, outcome::Code, sale::ContactRule};

impl Model {
    pub(super) fn hold(&mut self, buyer: u128, wish: &Wish) -> Result<Expected, Refused> {
        let granted = self.decide(|model| {
            wish.check(model.seats())?;
            model.cooling.check(buyer, model.now)?;
            let granted = model.grant(wish, buyer)?;
            let holds = model.live().filter(|hold| hold.buyer == buyer).count();
            if holds >= MAX_ACTIVE_HOLDS as usize { Err(Refused::new(Code::LimitReached)) } else { Ok(granted) }
        });
        let Granted { seats, units, rung } = granted.map_err(|refused| self.explained(refused, wish, buyer))?;
        let (price, unit_price) = (self.seat_price(), self.unit_price());
        self.seq += 1;
        self.is_touched = true;
        self.holds.push(Held {
            buyer,
            seats: seats.into_iter().map(|(seat, asked)| (seat, HeldSeat { price, asked })).collect(),
            units: (units > 0).then_some((unit_price, units)).into_iter().collect(),
            rung,
            end: End::Live,
            expires_at: self.now + TTL_MILLISECONDS,
            extensions_left: EXTENSIONS,
            seq: self.seq,
            contact: self.contact,
            pending: None,
            was_to_be_paid: false,
        });
        Ok(Expected::Held(self.holds.len() - 1))
    }

    /// A buyer's hold. Another's is as unknown as one that never was.
    pub(super) fn own(&self, buyer: u128, hold: usize) -> Result<&Held, Refused> {
        self.holds.get(hold).filter(|held| held.buyer == buyer).ok_or(Refused::new(Code::NotFound))
    }

    /// The refusal where the time of a hold is over, or it has ended.
    pub(super) fn check_usable(&self, hold: usize) -> Result<(), Refused> {
        match self.told(hold) {
            End::Live => Ok(()),
            End::Expired => Err(Refused::new(Code::HoldExpired)),
            End::Confirmed | End::Released => Err(Refused::new(Code::HoldFinished)),
        }
    }

    /// What its buyer is told of a hold. One that is being paid goes on after its time.
    pub fn told(&self, hold: usize) -> End {
        let held = &self.holds[hold];
        let is_over = held.end == End::Live && held.pending.is_none() && held.expires_at <= self.now;
        if is_over { End::Expired } else { held.end }
    }

    pub(super) fn change(&mut self, buyer: u128, hold: usize, wish: &Wish) -> Result<Expected, Refused> {
        self.own(buyer, hold)?;
        let changed = self.decide(|model| {
            wish.check(model.seats())?;
            model.check_usable(hold)?;
            if model.holds[hold].pending.is_some() {
                return Err(Refused::new(Code::StepNotAllowed));
            }
            model.grant_change(hold, wish)
        });
        let changed = changed.map_err(|refused| self.explained(refused, wish, buyer))?;
        let had = &self.holds[hold];
        let (gives, takes) = had.compared_with(&changed);
        if gives + takes > 0 || changed.seats != had.seats {
            self.seq += u64::from(gives > 0) + u64::from(takes > 0);
            let seq = if gives + takes > 0 { self.seq } else { had.seq };
            self.holds[hold] = Held { seq, ..changed };
        }
        Ok(Expected::Changed(hold))
    }

    pub(super) fn extend(&mut self, buyer: u128, hold: usize) -> Result<Expected, Refused> {
        self.own(buyer, hold)?;
        self.check_usable(hold)?;
        let held = &mut self.holds[hold];
        if held.extensions_left == 0 || held.pending.is_some() {
            return Err(Refused::new(Code::ExtensionRefused));
        }
        held.extensions_left -= 1;
        held.expires_at += EXTENSION_MILLISECONDS;
        Ok(Expected::Extended(hold))
    }

    pub(super) fn release(&mut self, buyer: u128, hold: usize) -> Result<Expected, Refused> {
        self.own(buyer, hold)?;
        if self.holds[hold].end == End::Live {
            self.end(hold, End::Released);
        }
        Ok(Expected::Done)
    }

    pub(super) fn confirm(
        &mut self,
        buyer: u128,
        hold: usize,
        is_simulated: bool,
        has_contact: bool,
    ) -> Result<Expected, Refused> {
        let rule = self.own(buyer, hold)?.contact;
        check_contact(rule, has_contact)?;
        self.check_not_paying(hold)?;
        if self.terms.is_paid && !is_simulated {
            return Err(Refused::new(Code::PaymentRequired));
        }
        self.check_usable(hold)?;
        self.confirm_now(hold);
        Ok(Expected::Confirmed { hold, has_contact: has_contact && rule != ContactRule::None })
    }

    /// Sells what is in a live hold.
    pub(super) fn confirm_now(&mut self, hold: usize) {
        let held = self.holds[hold].clone();
        self.end(hold, End::Confirmed);
        *self.owned.entry(held.buyer).or_default() += held.quantity();
        self.sold_units += held.counted();
        self.sold_seats.extend(held.seats.keys());
    }

    pub(super) fn decline(&mut self, buyer: u128, hold: usize) -> Result<Expected, Refused> {
        let rule = self.own(buyer, hold)?.contact;
        check_contact(rule, true)?;
        self.check_not_paying(hold)?;
        self.check_usable(hold)?;
        self.end(hold, End::Released);
        Ok(Expected::Declined)
    }

    fn check_not_paying(&self, hold: usize) -> Result<(), Refused> {
        let held = &self.holds[hold];
        let is_paying = held.end == End::Live && held.pending.is_some();
        if is_paying { Err(Refused::new(Code::StepNotAllowed)) } else { Ok(()) }
    }

    fn end(&mut self, hold: usize, end: End) {
        self.seq += 1;
        let held = &mut self.holds[hold];
        held.end = end;
        self.cooling.ended(held.buyer, end == End::Confirmed, self.now);
    }

    /// Releases what is due. Returns whether there was anything.
    pub(super) fn release_due(&mut self) -> bool {
        let is_due = |hold: &usize| {
            let held = &self.holds[*hold];
            let patience = if held.pending.is_some() { PATIENCE_MILLISECONDS } else { 0 };
            held.end == End::Live && held.expires_at + patience <= self.now
        };
        let due: Vec<usize> = (0..self.holds.len()).filter(is_due).collect();
        due.iter().for_each(|hold| self.end(*hold, End::Expired));
        !due.is_empty()
    }
}

impl Held {
    /// How many units it would give back, and how many it would take.
    pub(super) fn compared_with(&self, wanted: &Self) -> (u64, u64) {
        let seats = |held: &Self| held.seats.keys().copied().collect::<BTreeSet<u32>>();
        let (had, wants) = (seats(self), seats(wanted));
        let gives = had.difference(&wants).count() as u64 + self.counted().saturating_sub(wanted.counted());
        let takes = wants.difference(&had).count() as u64 + wanted.counted().saturating_sub(self.counted());
        (gives, takes)
    }
}

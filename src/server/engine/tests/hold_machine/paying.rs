//! The model's part about payments: begun, decided by the provider's word, and given back where the money came in vain.

use std::collections::BTreeSet;

use super::{
    model::{End, Expected, GRACE_MILLISECONDS, Model, Refused, check_contact},
    steps::Word,
};
use crate::model::{outcome::Code, payment::PaymentStatus, sale::ContactRule};

#[derive(Clone, Debug)]
pub struct Paid {
    pub hold: usize,
    pub status: PaymentStatus,
    pub amount: u64,
    /// The hold's `seq` for which it is owed.
    pub hold_seq: u64,
    pub has_contact: bool,
    /// Whether money that still comes goes back whatever is held.
    pub is_void: bool,
}

impl Model {
    pub(super) fn pay(&mut self, buyer: u128, hold: usize, has_contact: bool) -> Result<Expected, Refused> {
        let rule = self.own(buyer, hold)?.contact;
        check_contact(rule, has_contact)?;
        self.check_usable(hold)?;
        if let Some(payment) = self.holds[hold].pending {
            return Ok(Expected::Paying { payment, is_new: false });
        }
        if !self.terms.is_paid {
            return Err(Refused::new(Code::StepNotAllowed));
        }
        let payment = self.payments.len();
        let held = &mut self.holds[hold];
        if !held.was_to_be_paid {
            held.expires_at = held.expires_at.max(self.now + GRACE_MILLISECONDS);
        }
        (held.was_to_be_paid, held.pending) = (true, Some(payment));
        self.payments.push(Paid {
            hold,
            status: PaymentStatus::Pending,
            amount: held.total(),
            hold_seq: held.seq,
            has_contact: has_contact && rule != ContactRule::None,
            is_void: false,
        });
        Ok(Expected::Paying { payment, is_new: true })
    }

    /// What the provider says. Of payments that never were it says nothing that matters.
    pub(super) fn hear(&mut self, payment: usize, word: Word) {
        let Some(paid) = self.payments.get(payment) else { return };
        let is_pending = paid.status == PaymentStatus::Pending;
        match word {
            Word::Paid | Word::PaidMore if paid.status.has_money() => {}
            Word::Paid => self.take_money(payment),
            Word::PaidMore => self.set_status(payment, PaymentStatus::Refunded),
            Word::Declined | Word::Bounced if is_pending => self.set_status(payment, PaymentStatus::Declined),
            Word::Over if is_pending => self.set_status(payment, PaymentStatus::Expired),
            Word::Declined | Word::Bounced | Word::Over => {}
        }
    }

    fn take_money(&mut self, payment: usize) {
        let paid = self.payments[payment].clone();
        let held = &self.holds[paid.hold];
        let buys = match held.end {
            _ if paid.is_void || held.seq != paid.hold_seq => false,
            End::Live => {
                self.confirm_now(paid.hold);
                true
            }
            End::Confirmed => false,
            End::Released | End::Expired => self.buy_late(paid.hold),
        };
        self.set_status(payment, if buys { PaymentStatus::Succeeded } else { PaymentStatus::Refunded });
    }

    /// Buys what was in a hold that has ended, if all of it can be had. Returns whether it could.
    fn buy_late(&mut self, hold: usize) -> bool {
        let held = self.holds[hold].clone();
        let seats: BTreeSet<u32> = held.seats.keys().copied().collect();
        let is_free = seats.is_subset(&self.free_seats()) && held.counted() <= self.free_units();
        let is_too_much = self.limit.is_some_and(|limit| self.had_by(held.buyer) + held.quantity() > limit);
        let buys = self.is_open && is_free && !is_too_much;
        if buys {
            self.sell(held.buyer, &seats, held.counted());
        }
        buys
    }

    /// Decides a payment. Its hold waits for it no longer.
    fn set_status(&mut self, payment: usize, status: PaymentStatus) {
        let paid = &mut self.payments[payment];
        paid.status = status;
        let held = &mut self.holds[paid.hold];
        held.pending = held.pending.filter(|pending| *pending != payment);
    }

    pub(super) fn is_anything_paid(&self) -> bool {
        self.payments.iter().any(|paid| paid.status == PaymentStatus::Succeeded)
    }

    /// Money that comes after a reset goes back.
    pub(super) fn void_payments(&mut self) {
        let open = self.payments.iter_mut().filter(|paid| paid.status != PaymentStatus::Refunded);
        open.for_each(|paid| paid.is_void = true);
    }
}

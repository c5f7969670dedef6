//! Bugs that the machine must catch. Each is planted from outside, as the engine with this bug would act.

use super::{
    super::{holds::buyer, *},
    steps::Step,
};
use crate::{model::ids::HoldId, server::stock::SaleDesk};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bug {
    /// A hold that expires leaves one unit held in the sale's counter.
    ForgottenCounter,
    /// A hold is confirmed whatever the time.
    LateConfirm,
    /// Anybody gives a hold back.
    OthersRelease,
    /// An extension is counted, and the time stays.
    EmptyExtension,
    /// A change gives back what was held before it looks whether the rest can be had.
    LostBasket,
    /// A change starts the clock again.
    MovedClock,
    /// The sale does not know any more when its holds end.
    ForgottenEnd,
    /// A hold that is being paid is released at its end.
    NoPatience,
    /// Each payment of a hold gives it more time, not the first alone.
    GraceAgain,
    /// What is held costs more once the hold is extended.
    MovedPrice,
    /// Money that came in vain is not given back.
    ForgottenRefund,
    /// A payment for a hold that has changed since buys what is held now.
    PaidUnseen,
}

impl Bug {
    pub const ALL: [Self; 12] = [
        Self::ForgottenCounter,
        Self::LateConfirm,
        Self::OthersRelease,
        Self::EmptyExtension,
        Self::LostBasket,
        Self::MovedClock,
        Self::ForgottenEnd,
        Self::NoPatience,
        Self::GraceAgain,
        Self::MovedPrice,
        Self::ForgottenRefund,
        Self::PaidUnseen,
    ];

    /// What the bug changes in the database once and for all.
    pub const fn triggers(self) -> Option<&'static str> {
        match self {
            Self::ForgottenCounter => Some(
                "CREATE TRIGGER planted AFTER INSERT ON ledger WHEN NEW.kind = 'expire' BEGIN
                     UPDATE sales SET held = held + 1, available = available - 1 WHERE id = NEW.sale_id;
                 END",
            ),
            Self::EmptyExtension => Some(
                "CREATE TRIGGER planted AFTER UPDATE OF extensions_left ON holds BEGIN
                     UPDATE holds SET expires_at = OLD.expires_at, due_at = OLD.due_at WHERE id = NEW.id;
                 END",
            ),
            Self::MovedClock => Some(
                "CREATE TRIGGER planted AFTER UPDATE OF rung ON holds BEGIN
                     UPDATE holds SET expires_at = expires_at + 10000, due_at = due_at + 10000 WHERE id = NEW.id;
                 END",
            ),
            Self::LateConfirm => Some("DROP TRIGGER a_hold_ends_once"),
            Self::NoPatience => Some(
                "CREATE TRIGGER planted AFTER UPDATE OF status ON holds WHEN NEW.status = 'paying' BEGIN
                     UPDATE holds SET due_at = expires_at WHERE id = NEW.id;
                 END",
            ),
            Self::GraceAgain => Some(
                "CREATE TRIGGER planted AFTER INSERT ON payments WHEN NEW.attempt > 1 BEGIN
                     UPDATE holds SET expires_at = expires_at + 7000, due_at = due_at + 7000 WHERE id = NEW.hold_id;
                 END",
            ),
            Self::MovedPrice => Some(
                "CREATE TRIGGER planted AFTER UPDATE OF extensions_left ON holds BEGIN
                     UPDATE hold_items SET price = price + 1 WHERE hold_id = NEW.id;
                 END",
            ),
            Self::ForgottenRefund => Some(
                "CREATE TRIGGER planted AFTER INSERT ON refunds BEGIN
                     DELETE FROM refunds WHERE payment_id = NEW.payment_id;
                 END",
            ),
            Self::PaidUnseen => Some(
                "CREATE TRIGGER planted AFTER UPDATE OF seq ON holds WHEN NEW.seq <> OLD.seq BEGIN
                     UPDATE payments SET hold_seq = NEW.seq WHERE hold_id = NEW.id;
                 END",
            ),
            Self::OthersRelease | Self::LostBasket | Self::ForgottenEnd => None,
        }
    }

    pub async fn before(self, house: &House, sale: &SaleDesk, step: &Step) {
        match (self, step) {
            (Self::LateConfirm, Step::Confirm { .. }) => house.tamper(EARLIER).await.unwrap(),
            (Self::ForgottenEnd, _) => sale.stock.write().live_holds.forget_first_due(),
            _ => {}
        }
    }

    pub async fn after(self, house: &House, (step, is_refused): (&Step, bool), holds: &[HoldId]) {
        match (self, step) {
            (Self::LateConfirm, Step::Confirm { .. }) => house.tamper(LATER).await.unwrap(),
            (Self::LostBasket, Step::Change { buyer: who, hold, .. }) if is_refused => {
                if let Some(hold) = holds.get(*hold) {
                    house.engine.selling.release(*hold, buyer(*who)).await.unwrap();
                }
            }
            _ => {}
        }
    }
}

/// Moves all ends an hour away, so that no confirmation is late, and back.
const EARLIER: &str = "UPDATE holds SET expires_at = expires_at + 3600000, due_at = due_at + 3600000";
const LATER: &str = "UPDATE holds SET expires_at = expires_at - 3600000, due_at = due_at - 3600000";

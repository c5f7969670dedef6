//! What is asked of a hold: that it ends.

use tokio::sync::OwnedSemaphorePermit;

use crate::{
    model::{
        ids::{HoldId, PaymentId},
        ledger::ChangeKind,
        order::Contact,
    },
    server::{stock::KeyClaim, store::Ending},
};

/// One hold that is to end: confirmed or released. The caller has made sure that it belongs to who asks.
pub struct Settlement {
    pub hold: HoldId,
    pub kind: ChangeKind,
    /// How many units are in it, as far as its buyer knows.
    pub units: u64,
    /// With a `seq`, the hold ends only if it has not been changed since: what its buyer pays for is what was looked at.
    pub as_of: Option<u64>,
    pub key: Option<KeyClaim>,
    /// How the buyer of a confirmed hold can be reached.
    pub contact: Option<Contact>,
    /// The money that has come for it. What was paid for is sold even if the hold's time is over, while the hold is live.
    pub paid: Option<Paid>,
    /// The answer to keep for the key, if the hold is released. A confirmed hold's answer is its order.
    pub kept: Option<Kept>,
    /// Its place among all settlements, which it has until it is settled.
    pub place: OwnedSemaphorePermit,
}

impl Settlement {
    /// What the store needs to end its hold.
    pub fn ending(&self) -> Ending {
        Ending { hold: self.hold, as_of: self.as_of, is_paid: self.paid.is_some() }
    }
}

/// Money that has come.
#[derive(Clone, Debug)]
pub struct Paid {
    pub payment: PaymentId,
    /// The provider's name for the money.
    pub payment_intent: Option<String>,
}

/// An answer as it will be sent.
pub struct Kept {
    pub status: u16,
    pub body: String,
}

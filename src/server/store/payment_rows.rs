//! Payments and refunds as they go into a store and come out of it, whichever database it is.

use crate::model::{
    hold::HoldStatus,
    ids::{BuyerId, HoldId, OrderId, PaymentId, SaleId},
    order::Contact,
    payment::PaymentStatus,
    time::Timestamp,
};

/// A payment, as it is recorded.
pub struct NewPayment {
    pub payment: PaymentId,
    pub hold: HoldId,
    pub sale_id: i64,
    pub buyer: BuyerId,
    pub amount: u64,
    pub currency: String,
    /// The hold's `seq` for which it is owed.
    pub hold_seq: u64,
    /// What is paid for, as the provider's page shows it: JSON.
    pub items: String,
    /// Where the provider sends the buyer back to.
    pub return_url: String,
    pub contact: Option<Contact>,
    /// When the provider's page ends by itself, in seconds since 1970.
    pub session_ends_at_seconds: u64,
    /// When to ask the provider about it, by the store's clock.
    pub look_at: Timestamp,
}

/// How a payment ends without money.
#[derive(Clone, Copy, Debug)]
pub struct UnpaidEnd<'a> {
    pub status: PaymentStatus,
    /// For the buyer.
    pub reason: &'a str,
    /// Whether the provider is still asked, because the buyer may yet pay on its page.
    pub look_again: bool,
    /// Whether it ends only if it has no page, on which somebody might pay.
    pub only_without_page: bool,
}

/// A payment, with what is still known of its hold.
#[derive(Clone, Debug)]
pub struct PaymentRecord {
    pub payment: PaymentId,
    pub hold: HoldId,
    /// 1 for the first payment of the hold.
    pub attempt: u64,
    pub sale: SaleId,
    pub buyer: BuyerId,
    pub status: PaymentStatus,
    pub amount: u64,
    pub currency: String,
    pub hold_seq: u64,
    pub items: String,
    pub return_url: String,
    pub contact: Option<Contact>,
    /// How often the provider failed to make a page.
    pub page_failures: u64,
    /// The provider's name for its page.
    pub session: Option<String>,
    pub redirect_url: Option<String>,
    pub session_ends_at_seconds: u64,
    pub payment_intent: Option<String>,
    pub order: Option<OrderId>,
    pub reason: Option<String>,
    /// Whether money that still comes goes back whatever is held.
    pub is_void: bool,
    /// When to ask the provider next; `None` once nothing more can become of it.
    pub look_at: Option<Timestamp>,
    /// `None` where the hold is forgotten.
    pub hold_status: Option<HoldStatus>,
    pub hold_expires_at: Option<Timestamp>,
    pub store_now: Timestamp,
}

impl PaymentRecord {
    /// Whether the buyer may be sent to the provider's page.
    pub fn is_payable(&self) -> bool {
        self.status == PaymentStatus::Pending && !self.is_void && self.hold_status.is_some_and(HoldStatus::is_live)
    }

    /// Whether the hold has ended, or its time is over.
    pub fn is_over(&self) -> bool {
        !self.hold_status.is_some_and(HoldStatus::is_live)
            || self.hold_expires_at.is_none_or(|expires_at| expires_at <= self.store_now)
    }
}

/// Money on its way back.
#[derive(Clone, Debug)]
pub struct RefundRecord {
    pub payment: PaymentId,
    pub attempt: u64,
    /// The provider's name for it; `None` until it has taken it on.
    pub refund: Option<String>,
    pub payment_intent: Option<String>,
    pub amount: u64,
    pub currency: String,
    pub has_gone: bool,
}

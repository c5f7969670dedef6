//! Payments as their buyers are told.

use super::super::cashier::within;
use crate::{
    model::{
        ids::{BuyerId, HoldId, PaymentId},
        limits::PROVIDER_GLANCE_MILLISECONDS,
        payment::{Payment, PaymentList, PaymentStatus},
    },
    server::{
        currency,
        engine::{error::EngineError, selling::desk::Selling},
        store::{self, PaymentRecord},
    },
};

impl Selling {
    /// Whether buyers can pay at a payment provider.
    pub const fn has_provider(&self) -> bool {
        self.cashier.is_some()
    }

    /// A payment, if it is `buyer`'s; with `None` it may be anybody's. The provider is asked about one that may still
    /// succeed.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn find_payment(
        &self,
        payment: PaymentId,
        buyer: Option<BuyerId>,
    ) -> Result<Option<Payment>, EngineError> {
        let Some(found) = self.payment(payment, buyer).await? else { return Ok(None) };
        self.glance(&found, false).await?;
        Ok(self.payment(payment, buyer).await?.as_ref().map(told))
    }

    /// All payments of a hold, the oldest first. The provider is asked about those that may still succeed. Whether the hold is the
    /// asker's is the caller's business.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn payments_of(&self, hold: HoldId) -> Result<PaymentList, EngineError> {
        for payment in &self.payments(hold).await? {
            self.glance(payment, false).await?;
        }
        Ok(PaymentList { payments: self.payments(hold).await?.iter().map(told).collect() })
    }

    /// The payment of a hold that tells most: the one that bought it, else the one that is under way, else one whose money goes
    /// back, else the newest. The provider is asked in any case, because the buyer may just have come back from its page.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn telling_payment(&self, hold: HoldId) -> Result<Option<Payment>, EngineError> {
        let rank = |payment: &Payment| match payment.status {
            PaymentStatus::Succeeded => 3,
            PaymentStatus::Pending => 2,
            PaymentStatus::Refunded => 1,
            PaymentStatus::Declined | PaymentStatus::Expired => 0,
        };
        for payment in &self.payments(hold).await? {
            self.glance(payment, true).await?;
        }
        Ok(self.payments(hold).await?.iter().map(told).max_by_key(rank))
    }

    pub(super) async fn payment(
        &self,
        payment: PaymentId,
        buyer: Option<BuyerId>,
    ) -> Result<Option<PaymentRecord>, EngineError> {
        let mut reader = self.core.desk.store.reader().await?;
        Ok(store::find_payment(reader.connection(), payment, buyer, self.core.clock().now()).await?)
    }

    pub(super) async fn payments(&self, hold: HoldId) -> Result<Vec<PaymentRecord>, EngineError> {
        let mut reader = self.core.desk.store.reader().await?;
        Ok(store::payments_of(reader.connection(), hold, self.core.clock().now()).await?)
    }

    /// Asks the provider about a payment that may still succeed, unless too many ask. With `even_again` also if that was done a
    /// moment ago.
    async fn glance(&self, payment: &PaymentRecord, even_again: bool) -> Result<(), EngineError> {
        let Some(cashier) = self.cashier.as_ref().filter(|_| payment.look_at.is_some()) else { return Ok(()) };
        let Some(_place) = cashier.place() else { return Ok(()) };
        if !cashier.may_glance(payment.payment) && !even_again {
            return Ok(());
        }
        self.ask_provider(cashier, payment, within(PROVIDER_GLANCE_MILLISECONDS)).await.map(drop)
    }
}

/// A payment as its buyer is told.
pub(super) fn told(payment: &PaymentRecord) -> Payment {
    Payment {
        id: payment.payment,
        hold: payment.hold,
        status: payment.status,
        amount: payment.amount,
        currency_digits: currency::digits(&payment.currency),
        currency: payment.currency.clone(),
        redirect_url: payment.redirect_url.clone().filter(|_| payment.is_payable()),
        order: payment.order.filter(|_| payment.status == PaymentStatus::Succeeded),
        reason: payment.reason.clone(),
    }
}

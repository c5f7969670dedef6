//! Money that goes back: asked for until the provider has taken it on.

use std::collections::BTreeMap;

use super::super::cashier::{Cashier, within};
use crate::{
    model::{
        ids::PaymentId,
        limits::{PAYMENT_TAKEN_MILLISECONDS, PROVIDER_PATIENCE_MILLISECONDS, REFUSED_REFUND_MILLISECONDS},
    },
    server::{
        engine::{error::EngineError, selling::desk::Selling},
        payment::{NewRefund, ProviderError, RefundStatus},
        store::{self, RefundRecord},
    },
};

/// The provider's word for money that has gone back before.
const GONE_BEFORE: &str = "charge_already_refunded";

impl Selling {
    /// Asks the provider to send the money of a payment back, if that was decided and has not been done, and whether it has gone.
    /// Where the provider does not answer, it is asked again later, with the same idempotency key.
    ///
    /// # Errors
    /// Where the store fails.
    pub(super) async fn follow_refund(&self, cashier: &Cashier, payment: PaymentId) -> Result<(), EngineError> {
        let found = {
            let mut reader = self.core.desk.store.reader().await?;
            store::find_refund(reader.connection(), payment).await?
        };
        let Some(refund) = found.filter(|refund| !refund.has_gone) else { return Ok(()) };
        let deadline = within(PROVIDER_PATIENCE_MILLISECONDS);
        let told = match (&refund.refund, &refund.payment_intent) {
            (Some(refund), _) => cashier.provider.find_refund(refund, deadline).await,
            (None, Some(intent)) => {
                let key = format!("refund-{payment}-{}", refund.attempt);
                cashier.provider.refund(&new_refund(&refund, intent.clone()), &key, deadline).await
            }
            (None, None) => {
                tracing::error!(%payment, "money is to go back of which the provider has not told the name");
                return self.refund_anew(&refund, REFUSED_REFUND_MILLISECONDS).await;
            }
        };
        match told {
            Ok(told) => match told.status {
                RefundStatus::Succeeded => self.note_refund(&refund, &told.id, None).await,
                RefundStatus::Pending => self.note_refund(&refund, &told.id, Some(REFUSED_REFUND_MILLISECONDS)).await,
                RefundStatus::Failed => {
                    tracing::error!(%payment, refund = told.id, "the provider could not send money back");
                    self.refund_anew(&refund, REFUSED_REFUND_MILLISECONDS).await
                }
            },
            Err(error) if error.has_code(GONE_BEFORE) => self.note_refund(&refund, GONE_BEFORE, None).await,
            Err(error) => self.not_gone(&refund, &error).await,
        }
    }

    async fn not_gone(&self, refund: &RefundRecord, error: &ProviderError) -> Result<(), EngineError> {
        if error.is_final() {
            tracing::error!(payment = %refund.payment, %error, "the provider refuses to send money back");
            return self.refund_anew(refund, REFUSED_REFUND_MILLISECONDS).await;
        }
        tracing::warn!(payment = %refund.payment, %error, "money could not be sent back yet");
        // The provider repeats a failure of its own to whoever comes with the same key. Money that has gone does not go twice,
        // because nothing would be left to give back.
        if error.is_own_failure() && refund.refund.is_none() {
            return self.refund_anew(refund, PAYMENT_TAKEN_MILLISECONDS).await;
        }
        Ok(())
    }

    async fn note_refund(
        &self,
        refund: &RefundRecord,
        name: &str,
        look_again_in_milliseconds: Option<i64>,
    ) -> Result<(), EngineError> {
        let mut writer = self.core.desk.writer().await?;
        let (attempt, now) = ((refund.payment, refund.attempt), self.core.clock().now());
        store::note_refund(writer.in_doubt(), attempt, name, look_again_in_milliseconds, now).await?;
        writer.settle();
        Ok(())
    }

    async fn refund_anew(&self, refund: &RefundRecord, in_milliseconds: i64) -> Result<(), EngineError> {
        let mut writer = self.core.desk.writer().await?;
        let (attempt, now) = ((refund.payment, refund.attempt), self.core.clock().now());
        store::refund_anew(writer.in_doubt(), attempt, in_milliseconds, now).await?;
        writer.settle();
        Ok(())
    }
}

/// All of the money that has come, whatever amount that was.
fn new_refund(refund: &RefundRecord, payment_intent: String) -> NewRefund {
    let metadata = BTreeMap::from([("payment".to_owned(), refund.payment.to_string())]);
    NewRefund { payment_intent, amount: None, currency: refund.currency.clone(), metadata }
}

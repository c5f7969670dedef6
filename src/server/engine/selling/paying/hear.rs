//! What the provider tells by webhook. The provider sends it again until it hears that it arrived.

use super::{super::cashier::Cashier, verdict::Word};
use crate::{
    model::{ids::PaymentId, limits::MAX_EVENT_CHARACTERS},
    server::{
        engine::{error::EngineError, selling::desk::Selling},
        payment::{Event, EventKind, Refund, RefundStatus, Session, WebhookError},
        store,
    },
};

/// The name under which the provider repeats the id of a payment.
const PAYMENT: &str = "payment";

/// Why what came by webhook is not heard.
#[derive(Debug)]
pub enum Unheard {
    /// There is no provider who could tell anything.
    NoProvider,
    NotBelieved(WebhookError),
}

impl Selling {
    /// Hears what the provider tells: the value of its signature's header, and the body. Repeated, it changes nothing more.
    ///
    /// # Errors
    /// Where the store fails; the provider has to tell it again.
    pub async fn hear(&self, signature: &[u8], body: &[u8]) -> Result<Result<(), Unheard>, EngineError> {
        let Some(cashier) = &self.cashier else { return Ok(Err(Unheard::NoProvider)) };
        let event = match cashier.provider.hear(signature, body, self.core.clock().now()) {
            Ok(event) => event,
            Err(error) => return Ok(Err(Unheard::NotBelieved(error))),
        };
        if event.id.is_empty() || event.id.chars().count() > MAX_EVENT_CHARACTERS {
            let unreadable = WebhookError::Unreadable("its id is empty or too long".to_owned());
            return Ok(Err(Unheard::NotBelieved(unreadable)));
        }
        let is_known = {
            let mut reader = self.core.desk.store.reader().await?;
            store::is_event_known(reader.connection(), &event.id).await?
        };
        if !is_known {
            self.hear_event(cashier, &event).await?;
            let mut writer = self.core.desk.writer().await?;
            store::keep_event(writer.in_doubt(), &event.id, self.core.clock().now()).await?;
            writer.settle();
        }
        Ok(Ok(()))
    }

    async fn hear_event(&self, cashier: &Cashier, event: &Event) -> Result<(), EngineError> {
        match &event.kind {
            EventKind::SessionCompleted(session) | EventKind::SessionPaidLater(session) => {
                self.hear_of(session, Word::of(session)).await
            }
            EventKind::SessionExpired(session) => self.hear_of(session, Word::Over).await,
            EventKind::SessionFailedLater(session) => self.hear_of(session, Word::Bounced).await,
            EventKind::PaymentFailed { metadata, reason, .. } => {
                let Some(payment) = metadata.get(PAYMENT).and_then(|id| id.parse().ok()) else { return Ok(()) };
                self.hear_word(payment, None, Word::Declined(reason.clone())).await
            }
            EventKind::Refunded(refund) => self.hear_of_refund(cashier, refund).await,
            EventKind::ChargeRefunded(_) | EventKind::Other(_) => Ok(()),
        }
    }

    async fn hear_of(&self, session: &Session, word: Word) -> Result<(), EngineError> {
        let named = session.metadata.get(PAYMENT).or(session.reference.as_ref());
        // A page that is not of this shop's making is another shop's business.
        let Some(payment) = named.and_then(|id| id.parse().ok()) else { return Ok(()) };
        self.hear_word(payment, Some(&session.id), word).await
    }

    async fn hear_word(&self, payment: PaymentId, session: Option<&str>, word: Word) -> Result<(), EngineError> {
        let Some(found) = self.payment(payment, None).await? else {
            tracing::warn!(%payment, "the payment provider tells of a payment that is not known");
            return Ok(());
        };
        let is_of_it = found.session.as_deref().zip(session).is_none_or(|(known, told)| known == told);
        if is_of_it { self.act(&found, word).await } else { Ok(()) }
    }

    /// Money that should have gone back has not, so it is sent again.
    async fn hear_of_refund(&self, cashier: &Cashier, refund: &Refund) -> Result<(), EngineError> {
        let payment = refund.metadata.get(PAYMENT).and_then(|id| id.parse().ok());
        let Some(payment) = payment.filter(|_| refund.status == RefundStatus::Failed) else { return Ok(()) };
        let mut writer = self.core.desk.writer().await?;
        store::look_at_refund(writer.in_doubt(), payment, 0, self.core.clock().now()).await?;
        writer.settle();
        self.follow_refund(cashier, payment).await
    }
}

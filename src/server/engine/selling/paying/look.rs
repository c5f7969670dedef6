//! Asks the provider what has become of a payment, and does what follows.

use futures_util::future::join_all;
use tokio::time::Instant;

use super::{super::cashier::Cashier, begin::open_page, verdict::Word};
use crate::{
    model::{limits::PAYMENT_LOOK_MILLISECONDS, payment::PaymentStatus},
    server::{
        engine::{error::EngineError, selling::desk::Selling},
        payment::ProviderError,
        store::{self, PaymentRecord},
    },
};

/// The provider's status for a page that it does not know.
const UNKNOWN: u16 = 404;
/// The shortest pause before the provider is asked again.
const SHORTEST_PAUSE_MILLISECONDS: i64 = 1_000;
const MILLISECONDS_OF_A_SECOND: i64 = 1_000;

impl Selling {
    /// Asks the provider about a payment, closes its page once the hold is over, and does what follows from the answer. Returns
    /// whether nothing is final yet.
    ///
    /// # Errors
    /// Where the store fails.
    pub(super) async fn ask_provider(
        &self,
        cashier: &Cashier,
        payment: &PaymentRecord,
        deadline: Instant,
    ) -> Result<bool, EngineError> {
        let is_over = payment.is_over() || payment.is_void;
        let Some(session) = &payment.session else {
            // Nobody was told of a page, so nobody can have paid.
            if is_over || payment.status != PaymentStatus::Pending {
                return self.act(payment, Word::NoPage).await.map(|()| false);
            }
            open_page(self, cashier, payment, deadline).await?;
            return Ok(true);
        };
        let told = if is_over {
            cashier.close(session, deadline).await
        } else {
            cashier.provider.session(session, deadline).await
        };
        match told {
            Ok(told) => {
                let word = Word::of(&told);
                let is_open = matches!(word, Word::Open);
                self.note_address(payment, session, told.url).await?;
                self.act(payment, word).await?;
                Ok(is_open)
            }
            // Another provider may be configured by mistake, so this is believed only once the page would have ended by itself.
            Err(ProviderError::Refused { status: UNKNOWN, message, .. }) => {
                tracing::error!(payment = %payment.payment, message, "the payment provider does not know its own page");
                let now_seconds = payment.store_now.milliseconds / MILLISECONDS_OF_A_SECOND;
                if u64::try_from(now_seconds).unwrap_or_default() <= payment.session_ends_at_seconds {
                    return Ok(true);
                }
                self.act(payment, Word::Over).await.map(|()| false)
            }
            Err(error) => {
                tracing::warn!(payment = %payment.payment, %error, "what has become of a payment is not known yet");
                Ok(false)
            }
        }
    }

    /// As [`Self::ask_provider`], for a payment of which nothing was heard. Where nothing is final yet, it is asked again after a
    /// while, and as soon as the hold's time is over.
    ///
    /// # Errors
    /// Where the store fails.
    pub(super) async fn look_after(
        &self,
        cashier: &Cashier,
        payment: &PaymentRecord,
        deadline: Instant,
    ) -> Result<(), EngineError> {
        if !self.ask_provider(cashier, payment, deadline).await? {
            return Ok(());
        }
        let Some(look_at) = payment.look_at else { return Ok(()) };
        let until_end = payment.hold_expires_at.map(|at| at.milliseconds - payment.store_now.milliseconds);
        let pause = match until_end {
            _ if payment.session.is_none() => SHORTEST_PAUSE_MILLISECONDS,
            Some(left) if !payment.is_over() => left.clamp(SHORTEST_PAUSE_MILLISECONDS, PAYMENT_LOOK_MILLISECONDS),
            _ => PAYMENT_LOOK_MILLISECONDS,
        };
        let mut writer = self.core.desk.writer().await?;
        let now = self.core.clock().now();
        store::look_again(writer.in_doubt(), payment.payment, look_at, pause, now).await?;
        writer.settle();
        Ok(())
    }

    /// Closes the pages of payments that were declined, before another payment of the same hold begins. Where that fails, the
    /// buyer may pay twice, and one of both goes back.
    ///
    /// # Errors
    /// Where the store fails.
    pub(super) async fn close_pages(
        &self,
        cashier: &Cashier,
        payments: &[PaymentRecord],
        deadline: Instant,
    ) -> Result<(), EngineError> {
        let Some(_place) = cashier.place() else { return Ok(()) };
        let open = payments.iter().filter(|payment| payment.look_at.is_some());
        let closing = open.filter_map(|payment| payment.session.as_ref().map(|session| (payment, session)));
        let closed = join_all(closing.map(async |(payment, session)| match cashier.close(session, deadline).await {
            Ok(session) => self.act(payment, Word::of(&session)).await,
            Err(error) => {
                tracing::warn!(payment = %payment.payment, %error, "the page of a payment could not be closed");
                Ok(())
            }
        }));
        closed.await.into_iter().collect()
    }

    /// Notes where the page is now, if it has moved.
    async fn note_address(
        &self,
        payment: &PaymentRecord,
        session: &str,
        url: Option<String>,
    ) -> Result<(), EngineError> {
        let Some(url) = url.filter(|url| payment.redirect_url.as_ref() != Some(url)) else { return Ok(()) };
        let mut writer = self.core.desk.writer().await?;
        store::note_session(writer.in_doubt(), payment.payment, session, &url, self.core.clock().now()).await?;
        writer.settle();
        Ok(())
    }
}

//! What follows from the provider's word: units are sold, a hold goes on, or money goes back.

use super::super::settling::Brought;
use crate::{
    model::{hold::HoldStatus, ids::HoldId, ledger::ChangeKind, payment::PaymentStatus},
    server::{
        engine::{error::EngineError, selling::desk::Selling},
        payment::{Session, SessionStatus},
        settlement::{Late, LateMoney, Paid, Settled, Settlement, buy_late},
        store::{self, PaymentRecord, UnpaidEnd},
    },
};

/// How often a hold is looked at that ends while its money comes.
const MAX_LOOKS: u32 = 4;

/// What a buyer is told whose payment was declined, where the provider gives no reason.
const DECLINED: &str = "The payment was declined.";

/// What a buyer is told who has not paid.
const NOT_PAID: &str = "Nobody has paid in time.";

/// What the provider says of a payment.
pub(super) enum Word {
    Paid(Money),
    /// One try failed, for this reason. The page is still open.
    Declined(Option<String>),
    /// The buyer has gone through the whole page, and the money that was announced does not come.
    Bounced,
    /// Nobody can pay on the page any more, and nobody has.
    Over,
    /// There is no page, so nobody has paid.
    NoPage,
    /// Nothing final yet.
    Open,
}

/// Money that has come.
pub(super) struct Money {
    /// Minor units of the currency. `None` where the provider's amount cannot be expressed so.
    pub amount: Option<u64>,
    pub currency: Option<String>,
    /// The provider's name for it.
    pub payment_intent: Option<String>,
}

/// How a payment ends of which nothing more can become.
pub(super) const fn unpaid(status: PaymentStatus, reason: &str) -> UnpaidEnd<'_> {
    UnpaidEnd { status, reason, look_again: false, only_without_page: false }
}

impl Word {
    pub fn of(session: &Session) -> Self {
        if session.is_paid() {
            return Self::Paid(Money {
                amount: session.amount_total,
                currency: session.currency.clone(),
                payment_intent: session.payment_intent.clone(),
            });
        }
        if session.status == SessionStatus::Expired { Self::Over } else { Self::Open }
    }
}

impl Selling {
    /// Does what follows from the provider's word. Heard again, it changes nothing more.
    ///
    /// # Errors
    /// Where the store fails or too much is being settled. The word has to be heard again then.
    pub(super) async fn act(&self, payment: &PaymentRecord, word: Word) -> Result<(), EngineError> {
        match word {
            Word::Open => Ok(()),
            Word::NoPage => {
                let end = UnpaidEnd { only_without_page: true, ..unpaid(PaymentStatus::Expired, NOT_PAID) };
                self.end_unpaid(payment, &end).await
            }
            Word::Paid(money) => self.take_money(payment, money).await,
            // The buyer may yet pay with another card, on the same page.
            Word::Declined(reason) => {
                let reason = reason.unwrap_or_else(|| DECLINED.to_owned());
                let end = UnpaidEnd { look_again: true, ..unpaid(PaymentStatus::Declined, &reason) };
                self.end_unpaid(payment, &end).await
            }
            Word::Bounced => self.end_unpaid(payment, &unpaid(PaymentStatus::Declined, DECLINED)).await,
            Word::Over => self.end_unpaid(payment, &unpaid(PaymentStatus::Expired, NOT_PAID)).await,
        }
    }

    /// Ends a payment without money, and lets its hold go on until its time is over.
    pub(super) async fn end_unpaid(&self, payment: &PaymentRecord, end: &UnpaidEnd<'_>) -> Result<(), EngineError> {
        let mut writer = self.core.desk.writer().await?;
        let now = self.core.clock().now();
        let mut transaction = writer.begin().await?;
        store::lock_holds(transaction.connection(), &[payment.hold]).await?;
        if store::end_payment(transaction.connection(), payment.payment, end, now).await? {
            store::end_paying(transaction.connection(), payment.hold).await?;
        } else if !end.look_again && !end.only_without_page {
            store::stop_looking(transaction.connection(), payment.payment).await?;
        }
        transaction.commit().await?;
        writer.settle();
        self.expect_end(payment).await
    }

    /// Notes that a hold may be released sooner than while it was being paid.
    async fn expect_end(&self, payment: &PaymentRecord) -> Result<(), EngineError> {
        if let Some(sale) = self.core.find(&payment.sale).await?
            && let Some(expires_at) = payment.hold_expires_at
        {
            sale.stock.write().live_holds.expect(expires_at);
        }
        Ok(())
    }

    async fn take_money(&self, payment: &PaymentRecord, money: Money) -> Result<(), EngineError> {
        if payment.status.has_money() {
            return Ok(());
        }
        let paid = Paid { payment: payment.payment, payment_intent: money.payment_intent };
        if payment.is_void {
            return self.give_back(payment, &paid, "The sale was put back to its beginning.").await;
        }
        if money.amount != Some(payment.amount) || money.currency.as_deref() != Some(&payment.currency) {
            return self.give_back(payment, &paid, "Another amount was paid than what was owed.").await;
        }
        for _ in 0..MAX_LOOKS {
            match self.settle_paid(payment, paid.clone()).await? {
                Settled::Confirmed(_) => return Ok(()),
                Settled::Outdated => {
                    return self
                        .give_back(payment, &paid, "What was held has been changed since it was paid for.")
                        .await;
                }
                Settled::Released | Settled::Repeated | Settled::Unknown => {
                    return Err(sqlx::Error::WorkerCrashed.into());
                }
                Settled::TooLate => {}
            }
            match self.buy_late(payment, paid.clone()).await? {
                Late::Bought(_) => return Ok(()),
                Late::Gone => {
                    let reason = self.why_in_vain(payment.hold).await?;
                    return self.give_back(payment, &paid, reason).await;
                }
                Late::NotLate => {}
            }
        }
        Err(EngineError::Overloaded)
    }

    /// Sells what is held to who has paid for it.
    async fn settle_paid(&self, payment: &PaymentRecord, paid: Paid) -> Result<Settled, EngineError> {
        let (Some(sale), Some(hold)) =
            (self.core.find(&payment.sale).await?, self.find_hold(None, payment.hold).await?)
        else {
            return Ok(Settled::TooLate);
        };
        let brought = Brought { contact: payment.contact.clone(), paid: Some(paid), ..Brought::default() };
        let settlement =
            Settlement { as_of: Some(payment.hold_seq), ..self.settlement(&hold, ChangeKind::Confirm, None, brought)? };
        Ok(self.settlements.settle(&sale, settlement).await)
    }

    /// Buys the same units, where they are still free, with money that came after the end of the hold.
    async fn buy_late(&self, payment: &PaymentRecord, paid: Paid) -> Result<Late, EngineError> {
        let Some(sale) = self.core.find(&payment.sale).await? else { return Ok(Late::Gone) };
        let place = self.settlement_place()?;
        let money = LateMoney {
            paid,
            hold: payment.hold,
            hold_seq: payment.hold_seq,
            buyer: payment.buyer,
            contact: payment.contact.clone(),
        };
        let desk = self.core.desk.clone();
        // Once begun it goes on, whoever waits for it.
        let buying = tokio::spawn(async move {
            let _place = place;
            buy_late(&desk, &sale, &money).await
        });
        Ok(buying.await.map_err(|_| sqlx::Error::WorkerCrashed)??)
    }

    /// Why money buys nothing that came after the end of its hold.
    async fn why_in_vain(&self, hold: HoldId) -> Result<&'static str, EngineError> {
        let status = self.find_hold(None, hold).await?.map(|hold| hold.status);
        Ok(match status {
            Some(HoldStatus::Confirmed) => "What was held had been paid already.",
            _ => "The money came after the time of the hold, and what was held is gone.",
        })
    }

    /// Decides that money goes back which has come in vain. That it goes is followed from then on.
    async fn give_back(&self, payment: &PaymentRecord, paid: &Paid, reason: &str) -> Result<(), EngineError> {
        let mut writer = self.core.desk.writer().await?;
        let now = self.core.clock().now();
        let mut transaction = writer.begin().await?;
        store::lock_holds(transaction.connection(), &[payment.hold]).await?;
        let money = (paid.payment_intent.as_deref(), reason);
        let is_given = store::give_back(transaction.connection(), paid.payment, money, now).await?;
        store::end_paying(transaction.connection(), payment.hold).await?;
        transaction.commit().await?;
        writer.settle();
        self.expect_end(payment).await?;
        if is_given {
            tracing::info!(payment = %paid.payment, reason, "money has come in vain and goes back");
        }
        Ok(())
    }
}

//! What becomes of holds: confirmed or given back.

use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;

use super::desk::Selling;
use crate::{
    model::{
        body::{ConfirmBody, SimulatedOutcome},
        hold::{Hold, HoldStatus},
        ids::{BuyerId, HoldId},
        ledger::ChangeKind,
        order::Contact,
        outcome::{Code, ConfirmOutcome, Refusal},
        sale::Checkout,
    },
    server::{
        engine::{
            contact,
            error::EngineError,
            keyed::{Started, fingerprint},
            keys::{IdempotencyKey, KeptKey},
        },
        settlement::{Kept, Paid, Settled, Settlement},
        stock::{KeyClaim, SaleDesk, Stock, contended, key_reused},
        store::{self, FoundHold, StoredBody},
    },
};

/// The refusal where a buyer has no such hold.
pub(super) fn unknown_hold() -> Refusal {
    Refusal::new(Code::NotFound, "There is no such hold.")
}

/// The status of the answer to a declined payment, which is kept for its key.
const DECLINED: u16 = Code::PaymentDeclined.status();

/// How often a hold is looked at that its buyer changes again and again while it is confirmed.
const MAX_LOOKS: u32 = 8;

/// The route and body of a request that carries a key.
pub(super) struct Keyed {
    key: KeptKey,
    fingerprint: [u8; 16],
}

impl Selling {
    /// Turns a hold into an order, if its time is not over. `may_simulate` says whether payments without money are allowed.
    ///
    /// # Errors
    /// Where too many holds are being settled, or the store fails. After a failure of the store the outcome is unknown; asking
    /// again with the same key settles it.
    pub async fn confirm(
        &self,
        hold: HoldId,
        buyer: BuyerId,
        body: ConfirmBody,
        key: Option<IdempotencyKey>,
        may_simulate: bool,
    ) -> Result<ConfirmOutcome, EngineError> {
        self.confirm_as_seen(hold, buyer, None, body, key, may_simulate).await
    }

    /// As [`Selling::confirm`], if nothing of the hold has changed since `seen`, the newest change that its buyer has seen.
    /// Another page of theirs may have changed it, and then they would pay for what they have not seen.
    ///
    /// # Errors
    /// As [`Selling::confirm`].
    pub async fn confirm_as_seen(
        &self,
        hold: HoldId,
        buyer: BuyerId,
        seen: Option<u64>,
        body: ConfirmBody,
        key: Option<IdempotencyKey>,
        may_simulate: bool,
    ) -> Result<ConfirmOutcome, EngineError> {
        let Some(FoundHold { hold: found, contact: rule, .. }) = self.look_up(Some(buyer), hold).await? else {
            return Ok(ConfirmOutcome::Refused(unknown_hold()));
        };
        let Some(sale) = self.core.find(&found.sale).await? else {
            return Ok(ConfirmOutcome::Refused(unknown_hold()));
        };
        let contact = match contact::checked(&sale.stock.read(), rule, body.contact.as_ref()) {
            Ok(contact) => contact,
            Err(refusal) => return Ok(ConfirmOutcome::Refused(refusal)),
        };
        let keyed = self.keyed(key, &format!("POST /holds/{hold}/confirm"), &body);
        let key = match self.begin(buyer, keyed).await? {
            Begun::New(key) => key,
            Begun::Answered(body) => return self.replay_confirmation(body).await,
            Begun::Refused(refusal) => return Ok(ConfirmOutcome::Refused(refusal)),
        };
        let mut found = found;
        for _ in 0..MAX_LOOKS {
            let refusal =
                unseen(&found, seen).or_else(|| may_not_confirm(&sale.stock.read(), &found, &body, may_simulate));
            if let Some(refusal) = refusal {
                return Ok(ConfirmOutcome::Refused(refusal));
            }
            if body.payment.as_ref().is_some_and(|payment| payment.outcome == SimulatedOutcome::Fail) {
                return self.decline(&sale, &found, buyer, key).await;
            }
            let brought = Brought { contact: contact.clone(), ..Brought::default() };
            return match self.settle(&sale, &found, ChangeKind::Confirm, key.clone(), brought).await? {
                Settled::Confirmed(order) => Ok(ConfirmOutcome::Confirmed { order: *order, replayed: false }),
                Settled::Repeated => self.replay_key(buyer, key).await,
                Settled::Released | Settled::TooLate => self.replay_or_refuse(buyer, hold, key).await,
                Settled::Unknown => Err(sqlx::Error::WorkerCrashed.into()),
                // Its buyer has changed it meanwhile, so what is owed may be another sum.
                Settled::Outdated => match self.find_hold(Some(buyer), hold).await? {
                    Some(changed) => {
                        found = changed;
                        continue;
                    }
                    None => Ok(ConfirmOutcome::Refused(unknown_hold())),
                },
            };
        }
        Ok(ConfirmOutcome::Refused(contended()))
    }

    /// Gives a hold back because its payment was declined, and says so.
    async fn decline(
        &self,
        sale: &Arc<SaleDesk>,
        hold: &Hold,
        buyer: BuyerId,
        key: Option<KeyClaim>,
    ) -> Result<ConfirmOutcome, EngineError> {
        let refusal = Refusal::new(Code::PaymentDeclined, "The payment was declined, and what was held is released.");
        let kept = Kept { status: DECLINED, body: serde_json::to_string(&refusal).expect("a refusal is plain data") };
        // A hold whose time is over is not declined but expired. If its time ends after this look, it is released all the
        // same, and saying that the payment was declined is as true.
        if !hold.status.is_live() {
            return self.replay_or_refuse(buyer, hold.id, key).await;
        }
        match self
            .settle(sale, hold, ChangeKind::Release, key.clone(), Brought { kept: Some(kept), ..Brought::default() })
            .await?
        {
            Settled::Released => Ok(ConfirmOutcome::Declined { refusal, replayed: false }),
            Settled::Repeated => self.replay_key(buyer, key).await,
            Settled::Confirmed(_) | Settled::TooLate | Settled::Outdated => {
                self.replay_or_refuse(buyer, hold.id, key).await
            }
            Settled::Unknown => Err(sqlx::Error::WorkerCrashed.into()),
        }
    }

    /// Gives a hold back. `false` where the buyer has no such hold. A hold that has ended stays as it is.
    ///
    /// # Errors
    /// As [`Selling::confirm`].
    pub async fn release(&self, hold: HoldId, buyer: BuyerId) -> Result<bool, EngineError> {
        let Some(found) = self.find_hold(Some(buyer), hold).await? else { return Ok(false) };
        let Some(sale) = self.core.find(&found.sale).await? else { return Ok(false) };
        match self.settle(&sale, &found, ChangeKind::Release, None, Brought::default()).await? {
            Settled::Released | Settled::TooLate => Ok(true),
            Settled::Confirmed(_) | Settled::Outdated | Settled::Repeated | Settled::Unknown => {
                Err(sqlx::Error::WorkerCrashed.into())
            }
        }
    }

    /// The answer that the same request got meanwhile, which another server may have been sent too.
    pub(super) async fn answered_meanwhile(
        &self,
        buyer: BuyerId,
        key: Option<&KeyClaim>,
    ) -> Result<Option<StoredBody>, EngineError> {
        let Some(key) = key else { return Ok(None) };
        let mut reader = self.core.desk.store.reader().await?;
        let answer = store::find_answer(reader.connection(), buyer, &key.key).await?;
        Ok(answer.filter(|answer| answer.fingerprint == key.fingerprint).map(|answer| answer.body))
    }

    /// The answer of a confirmation whose hold has ended: that of the same request, if it ended the hold, else a refusal.
    async fn replay_or_refuse(
        &self,
        buyer: BuyerId,
        hold: HoldId,
        key: Option<KeyClaim>,
    ) -> Result<ConfirmOutcome, EngineError> {
        match self.answered_meanwhile(buyer, key.as_ref()).await? {
            Some(body) => self.replay_confirmation(body).await,
            None => self.too_late(buyer, hold).await.map(ConfirmOutcome::Refused),
        }
    }

    /// Settles a hold, if there is a place for one more.
    async fn settle(
        &self,
        sale: &Arc<SaleDesk>,
        hold: &Hold,
        kind: ChangeKind,
        key: Option<KeyClaim>,
        brought: Brought,
    ) -> Result<Settled, EngineError> {
        let settlement = self.settlement(hold, kind, key, brought)?;
        Ok(self.settlements.settle(sale, settlement).await)
    }

    /// A settlement of a hold, if there is a place for one more.
    pub(super) fn settlement(
        &self,
        hold: &Hold,
        kind: ChangeKind,
        key: Option<KeyClaim>,
        Brought { contact, paid, kept }: Brought,
    ) -> Result<Settlement, EngineError> {
        let place = self.settlement_place()?;
        let units = hold.items.iter().map(|item| item.quantity).sum();
        // Whatever is in it is given back, but only what was looked at is sold.
        let as_of = (kind == ChangeKind::Confirm).then_some(hold.seq);
        Ok(Settlement { hold: hold.id, kind, units, as_of, key, contact, paid, kept, place })
    }

    /// A place among those whose holds end or are extended. It goes with the work, which goes on without the client.
    pub(super) fn settlement_place(&self) -> Result<OwnedSemaphorePermit, EngineError> {
        self.settlement_places.clone().try_acquire_owned().map_err(|_| EngineError::Overloaded)
    }

    /// The refusal of a step that came after the end of a hold.
    pub(super) async fn too_late(&self, buyer: BuyerId, hold: HoldId) -> Result<Refusal, EngineError> {
        let hold = self.find_hold(Some(buyer), hold).await?;
        Ok(hold.map_or_else(unknown_hold, |hold| ended(&hold)))
    }

    pub(super) fn keyed(
        &self,
        key: Option<IdempotencyKey>,
        route: &str,
        body: &impl serde::Serialize,
    ) -> Option<Keyed> {
        key.map(|key| Keyed { key: self.core.keys.kept(&key), fingerprint: fingerprint(route, body) })
    }

    /// Begins a request that may carry a key.
    pub(super) async fn begin(&self, buyer: BuyerId, keyed: Option<Keyed>) -> Result<Begun, EngineError> {
        let Some(Keyed { key, fingerprint }) = keyed else { return Ok(Begun::New(None)) };
        let started = match self.core.begin(buyer, &key, || fingerprint).await? {
            // Another process may have answered this key, so the store is asked.
            Started::New { guard, looked_up: false } if self.core.desk.store.is_shared() => {
                self.core.look_up(buyer, &key, || fingerprint, guard).await?
            }
            started => started,
        };
        Ok(match started {
            Started::New { guard, .. } => {
                Begun::New(Some(KeyClaim { key: key.as_str().to_owned(), fingerprint, guard: Arc::new(guard) }))
            }
            Started::Answered(body) => Begun::Answered(body),
            Started::Refused(refusal) => Begun::Refused(refusal),
        })
    }

    /// The answer that another request with the same key got meanwhile.
    async fn replay_key(&self, buyer: BuyerId, key: Option<KeyClaim>) -> Result<ConfirmOutcome, EngineError> {
        match self.answered_meanwhile(buyer, key.as_ref()).await? {
            Some(body) => self.replay_confirmation(body).await,
            None => Ok(ConfirmOutcome::Refused(key_reused())),
        }
    }

    async fn replay_confirmation(&self, body: StoredBody) -> Result<ConfirmOutcome, EngineError> {
        match body {
            StoredBody::Order(order) => {
                let order = self.find_order(order, None).await?.ok_or(sqlx::Error::RowNotFound)?;
                Ok(ConfirmOutcome::Confirmed { order, replayed: true })
            }
            StoredBody::Sent { status: DECLINED, body } => {
                let refusal = serde_json::from_str(&body);
                let refusal = refusal.map_err(|_| sqlx::Error::Decode("a kept answer cannot be read".into()))?;
                Ok(ConfirmOutcome::Declined { refusal, replayed: true })
            }
            StoredBody::Hold(_) | StoredBody::Sent { .. } => Ok(ConfirmOutcome::Refused(key_reused())),
        }
    }
}

/// What is kept with the end of a hold.
#[derive(Default)]
pub(super) struct Brought {
    pub contact: Option<Contact>,
    pub paid: Option<Paid>,
    pub kept: Option<Kept>,
}

/// The refusal of a confirmation that does not fit the sale: with a simulated payment outside of rehearsals and demos, or
/// without a payment where there is something to pay.
fn may_not_confirm(stock: &Stock, hold: &Hold, body: &ConfirmBody, may_simulate: bool) -> Option<Refusal> {
    if hold.status == HoldStatus::Paying {
        return Some(payment_under_way());
    }
    if body.payment.is_some() {
        let detail = "Payments are simulated in rehearsals and in demos only.";
        return (!may_simulate && !stock.rehearsal).then(|| Refusal::new(Code::Forbidden, detail));
    }
    let is_owed = stock.terms.checkout == Checkout::Paid && hold.total > 0;
    is_owed.then(|| Refusal::new(Code::PaymentRequired, "What is held has to be paid."))
}

/// How a request that may carry a key begins.
pub(super) enum Begun {
    New(Option<KeyClaim>),
    Answered(StoredBody),
    Refused(Refusal),
}

/// The refusal where a live hold has changed since `seen`. One that has ended is told as such, or as the outcome of the same
/// request.
pub(super) fn unseen(hold: &Hold, seen: Option<u64>) -> Option<Refusal> {
    let is_unseen = hold.status.is_live() && seen.is_some_and(|seen| seen != hold.seq);
    is_unseen.then(|| {
        let detail = "What you hold was changed on another page. Look at it again before you pay.";
        Refusal::new(Code::PriceChanged, detail)
    })
}

/// The refusal of a step that has to wait for a payment.
pub(super) fn payment_under_way() -> Refusal {
    Refusal::new(Code::StepNotAllowed, "A payment for this hold is under way.")
}

/// The refusal where a hold has ended, or its time is over.
pub(super) fn ended(hold: &Hold) -> Refusal {
    match hold.status {
        HoldStatus::Expired => Refusal::new(Code::HoldExpired, "The time of this hold is over. Choose again."),
        HoldStatus::Confirmed => Refusal::new(Code::HoldFinished, "What was held is bought already."),
        HoldStatus::Released => Refusal::new(Code::HoldFinished, "What was held has been given back."),
        HoldStatus::Active => Refusal::new(Code::HoldExpired, "The time of this hold is over."),
        HoldStatus::Paying => payment_under_way(),
    }
}

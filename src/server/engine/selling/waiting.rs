//! The outcome of purchases that were given a receipt.

use std::time::Duration;

use super::{desk::Selling, holding::Holding};
use crate::{
    model::{
        body::BuyBody,
        ids::{BuyerId, HoldId, RequestId, SaleId},
        limits::REQUEST_TTL_MILLISECONDS,
        outcome::{BuyOutcome, HoldOutcome, Refusal},
        request::{RequestState, RequestStatus},
    },
    server::{
        engine::{error::EngineError, keys::IdempotencyKey},
        store::{self, DecidedRequest, Decision},
        strategy::Said,
    },
};

/// How often the outcome is looked up while somebody waits for it.
const LOOK_EVERY: Duration = Duration::from_millis(10);

impl Selling {
    /// The status of a buyer's request. `None` where the request is not known, or is another buyer's.
    ///
    /// # Errors
    /// Where the store fails, or where Redis cannot be asked and the request may still be in line.
    pub async fn request(&self, buyer: BuyerId, request: RequestId) -> Result<Option<RequestStatus>, EngineError> {
        let said = match self.core.strategies.queue() {
            Some(queue) => queue.look(request).await,
            None => Said::AskTheDatabase,
        };
        let pending = || RequestStatus { request, status: RequestState::Pending, order: None, hold: None, code: None };
        match said {
            Said::Pending(owner) => return Ok((owner == buyer).then(pending)),
            Said::Decided(owner, decision) if owner == buyer => return self.decided(request, decision).await.map(Some),
            Said::Decided(..) => return Ok(None),
            Said::AskTheDatabase | Said::RedisIsLost => {}
        }
        let oldest = self.core.clock().now().plus_milliseconds(-REQUEST_TTL_MILLISECONDS);
        if let Some(found) = self.find_decided(request).await?.filter(|found| found.at >= oldest) {
            return match found.buyer == buyer {
                true => self.decided(request, found.decision).await.map(Some),
                false => Ok(None),
            };
        }
        if said == Said::AskTheDatabase {
            return Ok(None);
        }
        // Redis cannot be asked. Only a request that this server gave the receipt for is known to be in line.
        match self.core.strategies.queue().and_then(|queue| queue.owner_of_waiting(request)) {
            Some(owner) => Ok((owner == buyer).then(pending)),
            None => Err(EngineError::Unanswerable),
        }
    }

    /// Buys as [`Selling::buy`] does. Where the decision is made later, waits for it, for at most `patience`.
    ///
    /// # Errors
    /// As [`Selling::buy`].
    pub async fn buy_and_wait(
        &self,
        sale: &SaleId,
        buyer: BuyerId,
        body: BuyBody,
        key: Option<IdempotencyKey>,
        patience: Duration,
    ) -> Result<BuyOutcome, EngineError> {
        let outcome = self.buy(sale, buyer, body, key).await?;
        let BuyOutcome::Waiting { request } = outcome else { return Ok(outcome) };
        // The request may be an earlier one with the same key, of a buyer who shares the keys of this one.
        let owner = self.owner(&outcome).await.unwrap_or(buyer);
        let decided = tokio::time::timeout(patience, self.decision(owner, request)).await;
        decided.unwrap_or(Ok(outcome))
    }

    /// Holds as [`Selling::hold`] does. Where the decision is made later, waits for it, for at most `patience`.
    ///
    /// # Errors
    /// As [`Selling::buy`].
    pub async fn hold_and_wait(&self, holding: Holding<'_>, patience: Duration) -> Result<HoldOutcome, EngineError> {
        let buyer = holding.buyer;
        let outcome = self.hold(holding).await?;
        let HoldOutcome::Waiting { request } = outcome else { return Ok(outcome) };
        let owner = self.holder(&outcome).await.ok().flatten().unwrap_or(buyer);
        let Ok(status) = tokio::time::timeout(patience, self.decided_status(owner, request)).await else {
            return Ok(outcome);
        };
        let Some(hold) = status.hold else {
            let code = status.code.ok_or(sqlx::Error::RowNotFound)?;
            return Ok(HoldOutcome::Refused(Refusal::new(code, code.title())));
        };
        let hold = self.find_hold(Some(owner), hold).await?.ok_or(sqlx::Error::RowNotFound)?;
        Ok(HoldOutcome::Held { hold, replayed: false })
    }

    /// Whether this server gave a receipt for a request that would become this hold, and does not know its outcome yet.
    /// What it decides is in the mirror before it is no longer in line.
    pub fn is_in_line(&self, hold: HoldId) -> bool {
        let queue = self.core.strategies.queue();
        queue.is_some_and(|queue| queue.owner_of_waiting(RequestId(hold.0)).is_some())
    }

    /// Waits for the outcome of a purchase in line.
    pub(in crate::server::engine) async fn decision(
        &self,
        buyer: BuyerId,
        request: RequestId,
    ) -> Result<BuyOutcome, EngineError> {
        let status = self.decided_status(buyer, request).await;
        if let Some(order) = status.order {
            let order = self.find_order(order, Some(buyer)).await?.ok_or(sqlx::Error::RowNotFound)?;
            return Ok(BuyOutcome::Bought { order, replayed: false });
        }
        let code = status.code.ok_or(sqlx::Error::RowNotFound)?;
        Ok(BuyOutcome::Refused(Refusal::new(code, code.title())))
    }

    /// Waits until a request in line is decided.
    pub(in crate::server::engine) async fn decided_status(&self, buyer: BuyerId, request: RequestId) -> RequestStatus {
        loop {
            // Where the outcome cannot be told now, or the request is being put back in line, the next look may tell.
            if let Ok(Some(status)) = self.request(buyer, request).await
                && status.status != RequestState::Pending
            {
                return status;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// The status of a request that has been decided. What was granted has the request's id, and is an order or a hold.
    async fn decided(&self, request: RequestId, decision: Decision) -> Result<RequestStatus, EngineError> {
        let undecided = RequestStatus { request, status: RequestState::Refused, order: None, hold: None, code: None };
        let order = match decision {
            Decision::Refused(code) => return Ok(RequestStatus { code: Some(code), ..undecided }),
            Decision::Confirmed(order) => order,
        };
        let mut reader = self.core.desk.store.reader().await?;
        let is_hold = store::holder_of(reader.connection(), HoldId(order.0)).await?.is_some();
        let (order, hold) = if is_hold { (None, Some(HoldId(order.0))) } else { (Some(order), None) };
        Ok(RequestStatus { status: RequestState::Confirmed, order, hold, ..undecided })
    }

    async fn find_decided(&self, request: RequestId) -> Result<Option<DecidedRequest>, EngineError> {
        let mut reader = self.core.desk.store.reader().await?;
        Ok(store::find_decided(reader.connection(), request).await?)
    }
}

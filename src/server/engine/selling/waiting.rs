//! The outcome of purchases that were given a receipt.

use std::time::Duration;

use super::desk::Selling;
use crate::{
    model::{
        body::BuyBody,
        ids::{BuyerId, RequestId, SaleId},
        limits::REQUEST_TTL_MILLISECONDS,
        outcome::{BuyOutcome, Refusal},
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
        let status = |status, order, code| RequestStatus { request, status, order, code };
        let decided = |decision| match decision {
            Decision::Confirmed(order) => status(RequestState::Confirmed, Some(order), None),
            Decision::Refused(code) => status(RequestState::Refused, None, Some(code)),
        };
        let pending = || status(RequestState::Pending, None, None);
        match said {
            Said::Pending(owner) => return Ok((owner == buyer).then(pending)),
            Said::Decided(owner, decision) => return Ok((owner == buyer).then(|| decided(decision))),
            Said::AskTheDatabase | Said::RedisIsLost => {}
        }
        let oldest = self.core.clock().now().plus_milliseconds(-REQUEST_TTL_MILLISECONDS);
        if let Some(found) = self.find_decided(request).await?.filter(|found| found.at >= oldest) {
            return Ok((found.buyer == buyer).then(|| decided(found.decision)));
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
        let decided = tokio::time::timeout(patience, self.decision(buyer, request)).await;
        decided.unwrap_or(Ok(outcome))
    }

    /// Waits for the outcome of a request in line.
    pub(in crate::server::engine) async fn decision(
        &self,
        buyer: BuyerId,
        request: RequestId,
    ) -> Result<BuyOutcome, EngineError> {
        loop {
            // Where the outcome cannot be told now, or the request is being put back in line, the next look may tell.
            if let Ok(Some(status)) = self.request(buyer, request).await {
                if let Some(order) = status.order {
                    let order = self.find_order(order, Some(buyer)).await?.ok_or(sqlx::Error::RowNotFound)?;
                    return Ok(BuyOutcome::Bought { order, replayed: false });
                }
                if let Some(code) = status.code {
                    return Ok(BuyOutcome::Refused(Refusal::new(code, code.title())));
                }
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn find_decided(&self, request: RequestId) -> Result<Option<DecidedRequest>, EngineError> {
        let mut reader = self.core.desk.store.reader().await?;
        Ok(store::find_decided(reader.connection(), request).await?)
    }
}

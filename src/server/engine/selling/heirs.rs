//! Purchases of sessions that somebody else may know: see `server/purchaser.rs`.

use super::desk::Selling;
use crate::{
    model::{
        ids::{BuyerId, RequestId},
        outcome::{BuyOutcome, HoldOutcome},
    },
    server::{
        engine::{error::EngineError, keys::IdempotencyKey},
        store,
        strategy::Said,
    },
};

impl Selling {
    /// Whether a purchase that the session `asked` sent is made for `heir`. It is if the session has bought nothing yet,
    /// is not an heir's with live holds, and has nothing in line. It also is if this key has bought for an heir of the
    /// session already: that purchase is being repeated.
    ///
    /// # Errors
    /// Where the store fails, or where only Redis knows whether something is in line and cannot be asked.
    pub async fn inherits(
        &self,
        asked: BuyerId,
        heir: BuyerId,
        key: Option<&IdempotencyKey>,
    ) -> Result<bool, EngineError> {
        if self.is_first_purchase(asked).await? {
            return Ok(true);
        }
        let Some(key) = key.filter(|_| asked.key_owner() != heir.key_owner()) else { return Ok(false) };
        let kept = self.core.keys.kept(key);
        Ok(self.core.stored_answer(heir, &kept).await?.is_some())
    }

    /// Whose purchase this is. `None` where it was refused, or nobody knows.
    pub async fn owner(&self, outcome: &BuyOutcome) -> Option<BuyerId> {
        match outcome {
            BuyOutcome::Bought { order, .. } => Some(order.buyer),
            BuyOutcome::Refused(_) => None,
            BuyOutcome::Waiting { request } => self.owner_in_line(*request).await,
        }
    }

    /// Whose hold this is, where it may be somebody else's than the buyer's who asked for it: it was made before with the same
    /// key, or is in line.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn holder(&self, outcome: &HoldOutcome) -> Result<Option<BuyerId>, EngineError> {
        match outcome {
            HoldOutcome::Held { hold, replayed: true } => {
                let mut reader = self.core.desk.store.reader().await?;
                Ok(store::holder_of(reader.connection(), hold.id).await?)
            }
            HoldOutcome::Held { .. } | HoldOutcome::Refused(_) => Ok(None),
            HoldOutcome::Waiting { request } => Ok(self.owner_in_line(*request).await),
        }
    }

    /// Whose request in line this is, where somebody knows.
    async fn owner_in_line(&self, request: RequestId) -> Option<BuyerId> {
        let queue = self.core.strategies.queue()?;
        match queue.look(request).await {
            Said::Pending(owner) | Said::Decided(owner, _) => Some(owner),
            Said::AskTheDatabase | Said::RedisIsLost => queue.owner_of_waiting(request),
        }
    }

    /// Whether the buyer has never bought anything, holds nothing, and has nothing in line.
    async fn is_first_purchase(&self, buyer: BuyerId) -> Result<bool, EngineError> {
        if self.has_anything(buyer).await? {
            return Ok(false);
        }
        let Some(queue) = self.core.strategies.queue() else { return Ok(true) };
        let has_in_line = queue.has_in_line(buyer).await.ok_or(EngineError::Unanswerable)?;
        // What was in line may have been decided between the two looks. Then it is in the database now.
        Ok(!has_in_line && !self.has_anything(buyer).await?)
    }

    /// Whether the buyer would lose tickets or live holds with their identity. What somebody holds in a session that they have
    /// planted is no reason to keep it, so only an heir's holds count.
    async fn has_anything(&self, buyer: BuyerId) -> Result<bool, EngineError> {
        let has_bought = {
            let mut reader = self.core.desk.store.reader().await?;
            store::has_bought(reader.connection(), buyer).await?
        };
        Ok(has_bought || buyer.is_heir() && !self.live_holds(buyer, None).await?.is_empty())
    }
}

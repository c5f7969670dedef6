//! Checks whether the store works, and keeps it small by deleting what has expired.

use super::{error::EngineError, facade::Engine, keys::oldest_answer};
use crate::{
    model::limits::{DECIDED_REQUEST_TTL_MILLISECONDS, ENDED_HOLD_TTL_MILLISECONDS, PAYMENT_EVENT_TTL_MILLISECONDS},
    server::store,
};

/// Rows deleted in one turn of the writer: few enough that no buyer waits long for the writer.
const IN_ONE_TURN: u32 = 500;

impl Engine {
    /// Whether a trivial read of the store succeeds now.
    pub async fn ready(&self) -> bool {
        self.core.desk.store.is_ready().await
    }

    /// The services that this server can do without and that cannot be reached now. The server is slower meanwhile.
    pub async fn lost(&self) -> Vec<&'static str> {
        match &self.core.redis {
            Some(redis) if !redis.is_ready().await => vec!["redis"],
            Some(_) | None => Vec::new(),
        }
    }

    /// Keeps the store's log of changes short, and returns the length of the log. Called often while the log grows, so
    /// that no buyer has to wait for this work. Nothing depends on when it is called.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn fold_log(&self) -> Result<i64, EngineError> {
        Ok(self.core.desk.store.fold_log().await?)
    }

    /// Keeps the store small. Called now and then; nothing depends on when it is called.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn tidy(&self) -> Result<(), EngineError> {
        self.forget_old_answers().await?;
        self.forget_ended_holds().await?;
        self.forget_payment_events().await?;
        self.forget_decided_requests().await
    }

    /// Deletes the outcomes of requests that were in line, long after buyers may no longer ask for them.
    async fn forget_decided_requests(&self) -> Result<(), EngineError> {
        loop {
            let oldest = self.core.desk.clock.now().plus_milliseconds(-DECIDED_REQUEST_TTL_MILLISECONDS);
            let mut writer = self.core.desk.writer().await?;
            let forgotten = store::forget_decided(writer.in_doubt(), oldest, IN_ONE_TURN).await?;
            writer.settle();
            if forgotten < u64::from(IN_ONE_TURN) {
                return Ok(());
            }
        }
    }

    /// Deletes holds that ended long ago.
    async fn forget_ended_holds(&self) -> Result<(), EngineError> {
        loop {
            let now = self.core.desk.clock.now();
            let mut writer = self.core.desk.writer().await?;
            let mut transaction = writer.begin().await?;
            let connection = transaction.connection();
            let forgotten =
                store::forget_ended_holds(connection, ENDED_HOLD_TTL_MILLISECONDS, IN_ONE_TURN, now).await?;
            transaction.commit().await?;
            writer.settle();
            if forgotten < u64::from(IN_ONE_TURN) {
                return Ok(());
            }
        }
    }

    /// Deletes the names of events that the payment provider told long ago.
    async fn forget_payment_events(&self) -> Result<(), EngineError> {
        loop {
            let now = self.core.desk.clock.now();
            let mut writer = self.core.desk.writer().await?;
            let forgotten =
                store::forget_events(writer.in_doubt(), PAYMENT_EVENT_TTL_MILLISECONDS, IN_ONE_TURN, now).await?;
            writer.settle();
            if forgotten < u64::from(IN_ONE_TURN) {
                return Ok(());
            }
        }
    }

    /// Deletes expired answers.
    async fn forget_old_answers(&self) -> Result<(), EngineError> {
        /// Answers looked up at once.
        const AT_ONCE: u32 = 50_000;
        loop {
            let oldest = oldest_answer(self.core.desk.clock.now());
            let old = {
                let mut reader = self.core.desk.store.reader().await?;
                store::answers_before(reader.connection(), oldest, AT_ONCE).await?
            };
            if old.is_empty() {
                return Ok(());
            }
            for answers in old.chunks(IN_ONE_TURN as usize) {
                self.core.forget_answers(answers).await?;
            }
        }
    }
}

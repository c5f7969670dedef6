//! What is past its time is forgotten.

use super::{Engine, EngineError, oldest_answer};
use crate::{
    model::{ids::BuyerId, limits::DECIDED_REQUEST_TTL_MILLISECONDS},
    server::store,
};

/// Rows of one turn: few enough that no buyer waits long behind it.
const IN_ONE_TURN: u32 = 500;

impl Engine {
    /// Keeps the store small. Called now and then; nothing depends on when.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn tidy(&self) -> Result<(), EngineError> {
        self.forget_old_answers().await?;
        self.forget_decided_requests().await
    }

    /// Forgets what became of requests in line, long after nobody may ask any more.
    async fn forget_decided_requests(&self) -> Result<(), EngineError> {
        loop {
            let oldest = self.desk.clock.now().plus_milliseconds(-DECIDED_REQUEST_TTL_MILLISECONDS);
            let mut writer = self.desk.writer().await?;
            let forgotten = store::forget_decided(writer.in_doubt(), oldest, IN_ONE_TURN).await?;
            writer.settle();
            if forgotten < u64::from(IN_ONE_TURN) {
                return Ok(());
            }
        }
    }

    /// Forgets stored answers.
    async fn forget_old_answers(&self) -> Result<(), EngineError> {
        /// Answers looked up at once.
        const AT_ONCE: u32 = 50_000;
        loop {
            let oldest = oldest_answer(self.desk.clock.now());
            let old = {
                let mut reader = self.desk.store.reader().await?;
                store::answers_before(reader.connection(), oldest, AT_ONCE).await?
            };
            if old.is_empty() {
                return Ok(());
            }
            for answers in old.chunks(IN_ONE_TURN as usize) {
                self.forget_answers(answers).await?;
            }
        }
    }

    /// Forgets these answers, in one transaction.
    pub(super) async fn forget_answers(&self, answers: &[(BuyerId, String)]) -> Result<(), EngineError> {
        let mut writer = self.desk.writer().await?;
        let mut transaction = writer.begin().await?;
        store::forget_answers(transaction.connection(), answers).await?;
        transaction.commit().await?;
        writer.settle();
        Ok(())
    }
}

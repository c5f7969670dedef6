//! Carries out an organiser's change: to its end even without the client, with retries, read back, and shown to
//! everybody.

use std::{sync::Arc, time::Duration};

use super::{
    answer_once::{Begun, keep},
    desk::Catalogue,
};
use crate::{
    model::time::Timestamp,
    server::{
        engine::{answer::Decided, error::EngineError},
        stock::{SaleDesk, Stock, pause_before_retry},
        store::{self, Transaction},
    },
};

/// How often a change is retried that had to wait too long for purchases, and the longest pause before the first retry.
const MAX_RETRIES: u32 = 8;
const PAUSE: Duration = Duration::from_millis(10);

/// Runs an organiser's request to its end even if the client goes away: a committed change must be remembered and shown
/// to everybody.
pub async fn to_the_end<T: Send + 'static>(request: impl Future<Output = Decided<T>> + Send + 'static) -> Decided<T> {
    tokio::spawn(request).await.unwrap_or_else(|_| Err(sqlx::Error::WorkerCrashed.into()))
}

/// Makes a change, and retries it after a pause if it had to wait too long for purchases.
pub async fn tried_anew<T, Change: Future<Output = Result<T, EngineError>>>(
    change: impl Fn() -> Change,
) -> Result<T, EngineError> {
    for tries in 0..MAX_RETRIES {
        match change().await {
            Err(EngineError::Store(error)) if store::is_conflict(&error) => {
                pause_before_retry(PAUSE, tries).await;
            }
            result => return result,
        }
    }
    change().await
}

/// The sale as it is stored, read inside a transaction.
pub async fn stored(transaction: &mut Transaction<'_>, slug: &str) -> Result<Stock, sqlx::Error> {
    let record = store::find_sale(transaction.connection(), slug).await?.ok_or(sqlx::Error::RowNotFound)?;
    Ok(Stock::new(record))
}

impl Catalogue {
    /// Finishes a change of the whole stock: reads it back, stores the answer, commits, and shows everybody the new
    /// state.
    pub(super) async fn commit_anew<T: serde::Serialize>(
        &self,
        mut transaction: Transaction<'_>,
        desk: &Arc<SaleDesk>,
        begun: Option<&Begun>,
        status: u16,
        now: Timestamp,
        answer: impl FnOnce(&Stock, Timestamp) -> T,
    ) -> Result<T, EngineError> {
        let stock = stored(&mut transaction, desk.slug().as_str()).await?;
        let answer = answer(&stock, now);
        keep(&mut transaction, begun, status, &answer, now).await?;
        transaction.commit().await?;
        self.core.desk.replace(desk, stock);
        self.core.desk.changed.notify_one();
        Ok(answer)
    }
}

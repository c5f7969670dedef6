//! How an organiser's change is carried through: to its end, tried anew, read back, and shown to everybody.

use std::{sync::Arc, time::Duration};

use super::{
    answer_once::{Begun, keep},
    desk::Catalogue,
};
use crate::{
    model::time::Timestamp,
    server::{
        engine::{answer::Decided, error::EngineError},
        stock::{SaleDesk, Stock},
        store::{self, Transaction},
    },
};

/// Times a change is tried anew that had to wait too long for those who sell, and the longest pause before the first.
const MAX_RETRIES: u32 = 8;
const PAUSE: Duration = Duration::from_millis(10);

/// Goes on with an organiser's request also where the client goes away meanwhile: what was committed has to be remembered,
/// and shown to everybody.
pub async fn to_the_end<T: Send + 'static>(request: impl Future<Output = Decided<T>> + Send + 'static) -> Decided<T> {
    tokio::spawn(request).await.unwrap_or(Err(EngineError::Store(sqlx::Error::WorkerCrashed)))
}

/// Makes a change, and tries it anew after a moment where it had to wait too long for those who sell.
pub async fn tried_anew<T, Change: Future<Output = Result<T, EngineError>>>(
    change: impl Fn() -> Change,
) -> Result<T, EngineError> {
    for tries in 0..MAX_RETRIES {
        match change().await {
            Err(EngineError::Store(error)) if store::is_conflict(&error) => {
                tokio::time::sleep((PAUSE * 2_u32.pow(tries)).mul_f64(rand::random())).await;
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
    /// Ends a change of the whole stock: reads it back, keeps the answer, commits, and shows everybody the new state.
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

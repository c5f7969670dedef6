//! An older version kept keys as they were sent. At the start they get the form in which all keys are kept, so that an
//! answer of a moment ago is still replayed after the upgrade.

use super::{error::EngineError, keys::Keys};
use crate::{
    model::ids::BuyerId,
    server::store::{self, Store},
};

/// Keys rewritten in one transaction: few enough that other servers of a shared store do not wait for long.
const AT_ONCE: usize = 500;

/// Rewrites those of these keys that are kept as they were sent, and returns all of them in the form in which they are
/// kept now. A server of the older version that still runs keeps further ones; the next start rewrites these.
///
/// # Errors
/// Where the store fails.
pub async fn rewrite_older_keys(
    store: &Store,
    keys: &Keys,
    answered: Vec<(BuyerId, String)>,
) -> Result<Vec<(BuyerId, String)>, EngineError> {
    let mut older = Vec::new();
    let mut kept = Vec::with_capacity(answered.len());
    for (buyer, stored) in answered {
        match keys.of_older_version(&stored) {
            Some(key) => {
                kept.push((buyer, key.as_str().to_owned()));
                older.push((buyer, stored, key.as_str().to_owned()));
            }
            None => kept.push((buyer, stored)),
        }
    }
    for some in older.chunks(AT_ONCE) {
        let mut writer = store.writer().await?;
        let mut transaction = writer.begin().await?;
        // Two servers that start at once take turns, so that neither waits for a row of the other's.
        store::lock_catalogue(transaction.connection()).await?;
        store::rewrite_keys(transaction.connection(), some).await?;
        transaction.commit().await?;
        writer.settle();
    }
    if !older.is_empty() {
        tracing::info!(keys = older.len(), "idempotency keys of an older version are kept as their HMAC now");
    }
    Ok(kept)
}

//! Forgets many kept answers at once.

use sqlx::SqliteConnection;

use crate::model::ids::BuyerId;

/// Forgets the answers to these keys, so that the keys can be used again.
pub async fn forget_answers(
    connection: &mut SqliteConnection,
    answers: &[(BuyerId, String)],
) -> Result<(), sqlx::Error> {
    let pairs: Vec<_> = answers.iter().map(|(buyer, key)| (key, buyer.0.simple().to_string())).collect();
    let pairs = serde_json::to_string(&pairs).expect("text is plain data");
    for forget in [
        "UPDATE orders SET key = NULL, key_fingerprint = NULL
         WHERE (key, buyer_id) IN (SELECT value ->> 0, unhex(value ->> 1) FROM json_each(?))",
        "DELETE FROM idempotency_keys
         WHERE (key, buyer_id) IN (SELECT value ->> 0, unhex(value ->> 1) FROM json_each(?))",
    ] {
        sqlx::query(forget).bind(&pairs).execute(&mut *connection).await?;
    }
    Ok(())
}

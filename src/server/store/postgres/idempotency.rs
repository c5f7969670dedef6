//! Forgets many kept answers at once.

use sqlx::PgConnection;

use crate::model::ids::BuyerId;

/// Forgets the answers to these keys, so that the keys can be used again.
pub async fn forget_answers(connection: &mut PgConnection, answers: &[(BuyerId, String)]) -> Result<(), sqlx::Error> {
    let (keys, buyers): (Vec<_>, Vec<_>) = answers.iter().map(|(buyer, key)| (key.as_str(), buyer.0)).unzip();
    for forget in [
        "UPDATE orders SET key = NULL, key_fingerprint = NULL FROM unnest($1, $2) AS forgotten (key, buyer_id)
         WHERE orders.key = forgotten.key AND orders.buyer_id = forgotten.buyer_id",
        "DELETE FROM idempotency_keys USING unnest($1, $2) AS forgotten (key, buyer_id)
         WHERE idempotency_keys.key = forgotten.key AND idempotency_keys.buyer_id = forgotten.buyer_id",
    ] {
        sqlx::query(forget).bind(&keys).bind(&buyers).execute(&mut *connection).await?;
    }
    Ok(())
}

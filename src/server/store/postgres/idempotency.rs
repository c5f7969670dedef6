//! Forgets many kept answers at once, or gives them other keys.

use sqlx::PgConnection;

use crate::model::ids::BuyerId;

/// Forgets the answers to these keys, so that the keys can be used again.
pub async fn forget_answers(connection: &mut PgConnection, answers: &[(BuyerId, String)]) -> Result<(), sqlx::Error> {
    let (keys, buyers): (Vec<_>, Vec<_>) = answers.iter().map(|(buyer, key)| (key.as_str(), buyer.0)).unzip();
    for forget in [
        "UPDATE orders SET key = NULL, key_fingerprint = NULL FROM unnest($1, $2) AS forgotten (key, buyer_id)
         WHERE orders.key = forgotten.key AND orders.buyer_id = forgotten.buyer_id",
        "UPDATE holds SET key = NULL, key_fingerprint = NULL, answer = NULL
         FROM unnest($1, $2) AS forgotten (key, buyer_id)
         WHERE holds.key = forgotten.key AND holds.buyer_id = forgotten.buyer_id",
        "DELETE FROM idempotency_keys USING unnest($1, $2) AS forgotten (key, buyer_id)
         WHERE idempotency_keys.key = forgotten.key AND idempotency_keys.buyer_id = forgotten.buyer_id",
    ] {
        sqlx::query(forget).bind(&keys).bind(&buyers).execute(&mut *connection).await?;
    }
    Ok(())
}

/// Gives these kept answers other keys: each entry is a buyer, the key until now and the key from now on.
pub async fn rewrite_keys(
    connection: &mut PgConnection,
    renamed: &[(BuyerId, String, String)],
) -> Result<(), sqlx::Error> {
    let buyers: Vec<_> = renamed.iter().map(|(buyer, ..)| buyer.0).collect();
    let (from, to): (Vec<_>, Vec<_>) = renamed.iter().map(|(_, from, to)| (from.as_str(), to.as_str())).unzip();
    for rewrite in [
        "UPDATE orders SET key = renamed.kept FROM unnest($1, $2, $3) AS renamed (key, buyer_id, kept)
         WHERE orders.key = renamed.key AND orders.buyer_id = renamed.buyer_id",
        "UPDATE idempotency_keys SET key = renamed.kept FROM unnest($1, $2, $3) AS renamed (key, buyer_id, kept)
         WHERE idempotency_keys.key = renamed.key AND idempotency_keys.buyer_id = renamed.buyer_id",
    ] {
        sqlx::query(rewrite).bind(&from).bind(&buyers).bind(&to).execute(&mut *connection).await?;
    }
    Ok(())
}

//! Forgets many kept answers at once, or gives them other keys.

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
        "UPDATE holds SET key = NULL, key_fingerprint = NULL, answer = NULL
         WHERE (key, buyer_id) IN (SELECT value ->> 0, unhex(value ->> 1) FROM json_each(?))",
        "DELETE FROM idempotency_keys
         WHERE (key, buyer_id) IN (SELECT value ->> 0, unhex(value ->> 1) FROM json_each(?))",
    ] {
        sqlx::query(forget).bind(&pairs).execute(&mut *connection).await?;
    }
    Ok(())
}

/// Gives these kept answers other keys: each entry is a buyer, the key until now and the key from now on.
pub async fn rewrite_keys(
    connection: &mut SqliteConnection,
    renamed: &[(BuyerId, String, String)],
) -> Result<(), sqlx::Error> {
    let rows: Vec<_> = renamed.iter().map(|(buyer, from, to)| (from, buyer.0.simple().to_string(), to)).collect();
    let rows = serde_json::to_string(&rows).expect("text is plain data");
    for rewrite in [
        "UPDATE orders SET key = renamed.value ->> 2 FROM json_each(?) AS renamed
         WHERE orders.key = renamed.value ->> 0 AND orders.buyer_id = unhex(renamed.value ->> 1)",
        "UPDATE idempotency_keys SET key = renamed.value ->> 2 FROM json_each(?) AS renamed
         WHERE idempotency_keys.key = renamed.value ->> 0 AND idempotency_keys.buyer_id = unhex(renamed.value ->> 1)",
    ] {
        sqlx::query(rewrite).bind(&rows).execute(&mut *connection).await?;
    }
    Ok(())
}

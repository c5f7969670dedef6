//! Answers kept for those who ask again with the same key. An order keeps the key that it was made with in its own row;
//! what an organiser was answered is kept as it was sent.

use sqlx::SqliteConnection;
use uuid::{Builder, Uuid};

use crate::{
    model::{
        ids::{BuyerId, OrderId},
        time::Timestamp,
    },
    server::store::rows::{StoredAnswer, StoredBody},
};

pub async fn find_answer(
    connection: &mut SqliteConnection,
    buyer: BuyerId,
    key: &str,
) -> Result<Option<StoredAnswer>, sqlx::Error> {
    type Row = (Vec<u8>, Option<Vec<u8>>, u16, Option<String>, i64);
    let row: Option<Row> = sqlx::query_as(
        "SELECT key_fingerprint, id, 201, NULL, created_at FROM orders WHERE key = ?1 AND buyer_id = ?2
         UNION ALL
         SELECT fingerprint, NULL, status, body, created_at FROM idempotency_keys WHERE key = ?1 AND buyer_id = ?2
         LIMIT 1",
    )
    .bind(key)
    .bind(buyer.0.as_bytes().to_vec())
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|(fingerprint, order, status, body, created_at)| StoredAnswer {
        fingerprint: fingerprint.try_into().expect("the schema keeps a fingerprint at 16 bytes"),
        body: match order {
            Some(order) => {
                StoredBody::Order(OrderId(Uuid::from_slice(&order).expect("the schema keeps an id at 16 bytes")))
            }
            None => StoredBody::Sent { status, body: body.expect("the schema keeps an order or a body") },
        },
        created_at: Timestamp::from_milliseconds(created_at),
    }))
}

/// Keeps an answer whose body is not an order.
pub async fn keep_body(
    connection: &mut SqliteConnection,
    (buyer, key): (BuyerId, &str),
    fingerprint: [u8; 16],
    (status, body): (u16, &str),
    at: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO idempotency_keys (key, buyer_id, fingerprint, status, body, created_at) VALUES (?, ?, ?, ?, ?, ?)",
    )
    .bind(key)
    .bind(buyer.0.as_bytes().to_vec())
    .bind(fingerprint.to_vec())
    .bind(status)
    .bind(body)
    .bind(at.milliseconds)
    .execute(connection)
    .await?;
    Ok(())
}

/// The first id that an order made at this time can have: ids begin with their time, so that the orders since then are a
/// range of the table.
pub(super) fn first_id_at(time: Timestamp) -> Vec<u8> {
    let milliseconds = u64::try_from(time.milliseconds).unwrap_or_default();
    Builder::from_unix_timestamp_millis(milliseconds, &[0; 10]).into_uuid().as_bytes().to_vec()
}

/// All keys of answers made at or after `since`, for the filter that is rebuilt at start.
pub async fn answers_since(
    connection: &mut SqliteConnection,
    since: Timestamp,
) -> Result<Vec<(BuyerId, String)>, sqlx::Error> {
    let rows: Vec<(Vec<u8>, String)> = sqlx::query_as(
        "SELECT buyer_id, key FROM orders WHERE id >= ? AND key IS NOT NULL
         UNION ALL SELECT buyer_id, key FROM idempotency_keys WHERE created_at >= ?",
    )
    .bind(first_id_at(since))
    .bind(since.milliseconds)
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|(buyer, key)| (buyer_of(&buyer), key)).collect())
}

/// Forgets the answers to these keys, so that they may be used anew.
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

/// At most `limit` answers made before `oldest`. Read apart from the writer: a long look back holds nobody up.
pub async fn answers_before(
    connection: &mut SqliteConnection,
    oldest: Timestamp,
    limit: u32,
) -> Result<Vec<(BuyerId, String)>, sqlx::Error> {
    let rows: Vec<(Vec<u8>, String)> = sqlx::query_as(
        "SELECT buyer_id, key FROM orders WHERE id < ? AND key IS NOT NULL
         UNION ALL SELECT buyer_id, key FROM idempotency_keys WHERE created_at < ? LIMIT ?",
    )
    .bind(first_id_at(oldest))
    .bind(oldest.milliseconds)
    .bind(limit)
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|(buyer, key)| (buyer_of(&buyer), key)).collect())
}

pub(super) fn buyer_of(bytes: &[u8]) -> BuyerId {
    BuyerId(Uuid::from_slice(bytes).expect("the schema keeps an id at 16 bytes"))
}

//! Answers kept for those who ask again with the same key.

use sqlx::{SqliteConnection, SqliteExecutor};
use uuid::Uuid;

use crate::model::{
    ids::{BuyerId, OrderId},
    time::Timestamp,
};

/// An answer that changed something.
#[derive(Debug)]
pub struct StoredAnswer {
    pub fingerprint: [u8; 16],
    pub body: StoredBody,
    pub created_at: Timestamp,
}

#[derive(Debug)]
pub enum StoredBody {
    /// The order, which never changes once made.
    Order(OrderId),
    /// The status and body as they were sent.
    Sent { status: u16, body: String },
}

pub async fn find_answer(
    executor: impl SqliteExecutor<'_>,
    buyer: BuyerId,
    key: &str,
) -> Result<Option<StoredAnswer>, sqlx::Error> {
    type Row = (Vec<u8>, Option<Vec<u8>>, u16, Option<String>, i64);
    let row: Option<Row> = sqlx::query_as(
        "SELECT fingerprint, order_id, status, body, created_at FROM idempotency_keys WHERE key = ? AND buyer_id = ?",
    )
    .bind(key)
    .bind(buyer.0.as_bytes().to_vec())
    .fetch_optional(executor)
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

/// All keys of answers made at or after `since`, for the filter that is rebuilt at start.
pub async fn answers_since(
    executor: impl SqliteExecutor<'_>,
    since: Timestamp,
) -> Result<Vec<(BuyerId, String)>, sqlx::Error> {
    let rows: Vec<(Vec<u8>, String)> =
        sqlx::query_as("SELECT buyer_id, key FROM idempotency_keys WHERE created_at >= ?")
            .bind(since.milliseconds)
            .fetch_all(executor)
            .await?;
    Ok(rows
        .into_iter()
        .map(|(buyer, key)| (BuyerId(Uuid::from_slice(&buyer).expect("the schema keeps an id at 16 bytes")), key))
        .collect())
}

/// Forgets answers made before `oldest`, at most `limit` of them at a time, and returns how many.
pub async fn forget_answers_before(
    connection: &mut SqliteConnection,
    oldest: Timestamp,
    limit: u32,
) -> Result<u64, sqlx::Error> {
    let gone = sqlx::query(
        "DELETE FROM idempotency_keys WHERE (key, buyer_id) IN
             (SELECT key, buyer_id FROM idempotency_keys WHERE created_at < ? LIMIT ?)",
    )
    .bind(oldest.milliseconds)
    .bind(limit)
    .execute(connection)
    .await?;
    Ok(gone.rows_affected())
}

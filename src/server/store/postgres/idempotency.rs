//! Answers kept for those who ask again with the same key. An order keeps the key that it was made with in its own row;
//! what an organiser was answered is kept as it was sent.

use sqlx::PgConnection;
use uuid::{Builder, Uuid};

use crate::{
    model::{
        ids::{BuyerId, OrderId},
        time::Timestamp,
    },
    server::store::rows::{StoredAnswer, StoredBody},
};

pub async fn find_answer(
    connection: &mut PgConnection,
    buyer: BuyerId,
    key: &str,
) -> Result<Option<StoredAnswer>, sqlx::Error> {
    type Row = (Vec<u8>, Option<Uuid>, i32, Option<String>, i64);
    let row: Option<Row> = sqlx::query_as(
        "SELECT key_fingerprint, id, 201, NULL, created_at FROM orders WHERE key = $1 AND buyer_id = $2
         UNION ALL
         SELECT fingerprint, NULL, status, body, created_at FROM idempotency_keys WHERE key = $1 AND buyer_id = $2
         LIMIT 1",
    )
    .bind(key)
    .bind(buyer.0)
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|(fingerprint, order, status, body, created_at)| StoredAnswer {
        fingerprint: fingerprint.try_into().expect("the schema keeps a fingerprint at 16 bytes"),
        body: match order {
            Some(order) => StoredBody::Order(OrderId(order)),
            None => StoredBody::Sent {
                status: u16::try_from(status).expect("a status is written from 16 bits"),
                body: body.expect("the schema keeps an order or a body"),
            },
        },
        created_at: Timestamp::from_milliseconds(created_at),
    }))
}

/// Keeps an answer whose body is not an order.
pub async fn keep_body(
    connection: &mut PgConnection,
    (buyer, key): (BuyerId, &str),
    fingerprint: [u8; 16],
    (status, body): (u16, &str),
    at: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO idempotency_keys (key, buyer_id, fingerprint, status, body, created_at)
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(key)
    .bind(buyer.0)
    .bind(fingerprint)
    .bind(i32::from(status))
    .bind(body)
    .bind(at.milliseconds)
    .execute(connection)
    .await?;
    Ok(())
}

/// The first id that an order made at this time can have: ids begin with their time, so that the orders since then are
/// a range of the primary key.
pub(super) fn first_id_at(time: Timestamp) -> Uuid {
    let milliseconds = u64::try_from(time.milliseconds).unwrap_or_default();
    Builder::from_unix_timestamp_millis(milliseconds, &[0; 10]).into_uuid()
}

/// All keys of answers made at or after `since`, for the filter that is rebuilt at start.
pub async fn answers_since(
    connection: &mut PgConnection,
    since: Timestamp,
) -> Result<Vec<(BuyerId, String)>, sqlx::Error> {
    let rows: Vec<(Uuid, String)> = sqlx::query_as(
        "SELECT buyer_id, key FROM orders WHERE id >= $1 AND key IS NOT NULL
         UNION ALL SELECT buyer_id, key FROM idempotency_keys WHERE created_at >= $2",
    )
    .bind(first_id_at(since))
    .bind(since.milliseconds)
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|(buyer, key)| (BuyerId(buyer), key)).collect())
}

/// Forgets the answers to these keys, so that they may be used anew.
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

/// At most `limit` answers made before `oldest`. Read apart from the writer: a long look back holds nobody up.
pub async fn answers_before(
    connection: &mut PgConnection,
    oldest: Timestamp,
    limit: u32,
) -> Result<Vec<(BuyerId, String)>, sqlx::Error> {
    let rows: Vec<(Uuid, String)> = sqlx::query_as(
        "SELECT buyer_id, key FROM orders WHERE id < $1 AND key IS NOT NULL
         UNION ALL SELECT buyer_id, key FROM idempotency_keys WHERE created_at < $2 LIMIT $3",
    )
    .bind(first_id_at(oldest))
    .bind(oldest.milliseconds)
    .bind(i64::from(limit))
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|(buyer, key)| (BuyerId(buyer), key)).collect())
}

//! Answers kept for clients that send a request again with the same key. An order's row holds the key that it was made
//! with. An answer to an organiser has a row of its own, as it was sent.

use uuid::{Builder, Uuid};

use super::query::query;
use crate::{
    model::{
        ids::{BuyerId, OrderId},
        time::Timestamp,
    },
    server::store::{
        Connection,
        rows::{StoredAnswer, StoredBody},
    },
};

/// The answer kept for a key.
pub async fn find_answer(
    connection: Connection<'_>,
    buyer: BuyerId,
    key: &str,
) -> Result<Option<StoredAnswer>, sqlx::Error> {
    type Row = (Vec<u8>, Option<OrderId>, i32, Option<String>, Timestamp);
    let row: Option<Row> = query(
        connection,
        "SELECT key_fingerprint, id, 201, NULL, created_at FROM orders WHERE key = $1 AND buyer_id = $2
         UNION ALL
         SELECT fingerprint, NULL, status, body, created_at FROM idempotency_keys WHERE key = $1 AND buyer_id = $2
         LIMIT 1",
    )
    .bind(key)
    .bind(buyer)
    .fetch_optional()
    .await?;
    Ok(row.map(|(fingerprint, order, status, body, created_at)| StoredAnswer {
        fingerprint: fingerprint.try_into().expect("the schema keeps a fingerprint at 16 bytes"),
        body: match order {
            Some(order) => StoredBody::Order(order),
            None => StoredBody::Sent {
                status: u16::try_from(status).expect("a status is written from 16 bits"),
                body: body.expect("the schema keeps an order or a body"),
            },
        },
        created_at,
    }))
}

/// Keeps an answer whose body is not an order.
pub async fn keep_body(
    connection: Connection<'_>,
    (buyer, key): (BuyerId, &str),
    fingerprint: [u8; 16],
    (status, body): (u16, &str),
    at: Timestamp,
) -> Result<(), sqlx::Error> {
    query(
        connection,
        "INSERT INTO idempotency_keys (key, buyer_id, fingerprint, status, body, created_at)
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(key)
    .bind(buyer)
    .bind(fingerprint.as_slice())
    .bind(i32::from(status))
    .bind(body)
    .bind(at)
    .execute()
    .await?;
    Ok(())
}

/// The first id that an order or a request made at this time can have. Ids begin with their time, so the ids since a
/// time are a range of the primary key.
pub(super) fn first_id_at(time: Timestamp) -> Uuid {
    let milliseconds = u64::try_from(time.milliseconds).unwrap_or_default();
    Builder::from_unix_timestamp_millis(milliseconds, &[0; 10]).into_uuid()
}

/// All keys of answers made at or after `since`, for the filter of known keys that is rebuilt at start.
pub async fn answers_since(
    connection: Connection<'_>,
    since: Timestamp,
) -> Result<Vec<(BuyerId, String)>, sqlx::Error> {
    query(
        connection,
        "SELECT buyer_id, key FROM orders WHERE id >= $1 AND key IS NOT NULL
         UNION ALL SELECT buyer_id, key FROM idempotency_keys WHERE created_at >= $2",
    )
    .bind(first_id_at(since))
    .bind(since)
    .fetch_all()
    .await
}

/// At most `limit` answers made before `oldest`. Callers read them on a connection that does not write, so that a long
/// search holds nobody up.
pub async fn answers_before(
    connection: Connection<'_>,
    oldest: Timestamp,
    limit: u32,
) -> Result<Vec<(BuyerId, String)>, sqlx::Error> {
    query(
        connection,
        "SELECT buyer_id, key FROM orders WHERE id < $1 AND key IS NOT NULL
         UNION ALL SELECT buyer_id, key FROM idempotency_keys WHERE created_at < $2 LIMIT $3",
    )
    .bind(first_id_at(oldest))
    .bind(oldest)
    .bind(i64::from(limit))
    .fetch_all()
    .await
}

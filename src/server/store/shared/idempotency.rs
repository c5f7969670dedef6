//! Answers kept for clients that send a request again with the same key. The row of an order or a hold has the key that it
//! was made with. An answer to an organiser has a row of its own, as it was sent.

use uuid::{Builder, Uuid};

use super::query::query;
use crate::{
    model::{
        hold::Hold,
        ids::{BuyerId, OrderId},
        time::Timestamp,
    },
    server::store::{
        Connection,
        rows::{StoredAnswer, StoredBody},
    },
};

/// The answer kept for a key of this buyer, or of another buyer who shares their keys.
pub async fn find_answer(
    connection: Connection<'_>,
    buyer: BuyerId,
    key: &str,
) -> Result<Option<StoredAnswer>, sqlx::Error> {
    type Row = (BuyerId, Vec<u8>, Option<OrderId>, Option<i32>, Option<String>, Timestamp);
    let (first, last) = buyer.sharing_keys().into_inner();
    let row: Option<Row> = query(
        connection,
        "SELECT buyer_id, key_fingerprint, id, CAST(NULL AS INTEGER), NULL, created_at FROM orders
         WHERE key = $1 AND buyer_id BETWEEN $2 AND $3
         UNION ALL
         SELECT buyer_id, key_fingerprint, NULL, CAST(NULL AS INTEGER), answer, created_at FROM holds
         WHERE key = $1 AND buyer_id BETWEEN $2 AND $3
         UNION ALL
         SELECT buyer_id, fingerprint, NULL, status, body, created_at FROM idempotency_keys
         WHERE key = $1 AND buyer_id BETWEEN $2 AND $3
         LIMIT 1",
    )
    .bind(key)
    .bind(first)
    .bind(last)
    .fetch_optional()
    .await?;
    row.map(|(buyer, fingerprint, order, status, body, created_at)| {
        Ok(StoredAnswer {
            buyer,
            fingerprint: fingerprint.try_into().expect("the schema keeps a fingerprint at 16 bytes"),
            body: match (order, status) {
                (Some(order), _) => StoredBody::Order(order),
                (None, None) => StoredBody::Hold(Box::new(as_it_began(body.as_deref(), created_at)?)),
                (None, Some(status)) => StoredBody::Sent {
                    status: u16::try_from(status).expect("a status is written from 16 bits"),
                    body: body.expect("the schema keeps a body with its status"),
                },
            },
            created_at,
        })
    })
    .transpose()
}

/// A hold as it was answered. The answer was written before the store said at what time the hold began, so this moves its
/// times to where they were.
fn as_it_began(answer: Option<&str>, created_at: Timestamp) -> Result<Hold, sqlx::Error> {
    let hold: Option<Hold> = answer.and_then(|answer| serde_json::from_str(answer).ok());
    let hold = hold.ok_or_else(|| sqlx::Error::Decode("the answer kept for a hold cannot be read".into()))?;
    let life_milliseconds = hold.expires_at.milliseconds - hold.server_now.milliseconds;
    Ok(Hold { server_now: created_at, expires_at: created_at.plus_milliseconds(life_milliseconds), ..hold })
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

/// All keys of answers made at or after `since`, for the filter of known keys that is rebuilt at start. The order of a
/// confirmed hold has the hold's id, which may be much older than the order.
pub async fn answers_since(
    connection: Connection<'_>,
    since: Timestamp,
) -> Result<Vec<(BuyerId, String)>, sqlx::Error> {
    query(
        connection,
        "SELECT buyer_id, key FROM orders WHERE id >= $1 AND key IS NOT NULL
         UNION ALL SELECT orders.buyer_id, orders.key FROM holds JOIN orders ON orders.id = holds.id
                   WHERE holds.ended_at IS NOT NULL AND holds.id < $1 AND orders.created_at >= $2 AND orders.key IS NOT NULL
         UNION ALL SELECT buyer_id, key FROM holds WHERE id >= $1 AND key IS NOT NULL
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
        "SELECT buyer_id, key FROM orders WHERE id < $1 AND created_at < $2 AND key IS NOT NULL
         UNION ALL SELECT buyer_id, key FROM holds WHERE id < $1 AND key IS NOT NULL
         UNION ALL SELECT buyer_id, key FROM idempotency_keys WHERE created_at < $2 LIMIT $3",
    )
    .bind(first_id_at(oldest))
    .bind(oldest)
    .bind(i64::from(limit))
    .fetch_all()
    .await
}

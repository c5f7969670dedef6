//! What became of purchases in line.

use sqlx::SqliteConnection;
use uuid::Uuid;

use super::idempotency::{buyer_of, first_id_at};
use crate::{
    model::{
        ids::{OrderId, RequestId},
        time::Timestamp,
    },
    server::store::rows::{DecidedRequest, Decision},
};

/// Says what became of a request, unless that was said before. `true` where this is now what stands.
pub async fn decide_request(
    connection: &mut SqliteConnection,
    request: RequestId,
    decided: &DecidedRequest,
) -> Result<bool, sqlx::Error> {
    let (order, refusal) = decided.decision.columns();
    let said = sqlx::query(
        "INSERT INTO decided_requests (request_id, buyer_id, order_id, refusal, decided_at) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT (request_id) DO NOTHING",
    )
    .bind(request.0.as_bytes().to_vec())
    .bind(decided.buyer.0.as_bytes().to_vec())
    .bind(order.map(|order| order.0.as_bytes().to_vec()))
    .bind(refusal)
    .bind(decided.at.milliseconds)
    .execute(connection)
    .await?;
    Ok(said.rows_affected() == 1)
}

/// What became of a request, and whose it is.
pub async fn find_decided(
    connection: &mut SqliteConnection,
    request: RequestId,
) -> Result<Option<DecidedRequest>, sqlx::Error> {
    type Row = (Vec<u8>, Option<Vec<u8>>, Option<String>, i64);
    let row: Option<Row> =
        sqlx::query_as("SELECT buyer_id, order_id, refusal, decided_at FROM decided_requests WHERE request_id = ?")
            .bind(request.0.as_bytes().to_vec())
            .fetch_optional(connection)
            .await?;
    let Some((buyer, order, refusal, decided_at)) = row else { return Ok(None) };
    let order = order.map(|order| OrderId(Uuid::from_slice(&order).expect("the schema keeps an id at 16 bytes")));
    Ok(Some(DecidedRequest {
        buyer: buyer_of(&buyer),
        decision: Decision::from_columns(order, refusal.as_deref())?,
        at: Timestamp::from_milliseconds(decided_at),
    }))
}

/// Forgets what became of at most `limit` requests made before `oldest`, and returns of how many.
pub async fn forget_decided(
    connection: &mut SqliteConnection,
    oldest: Timestamp,
    limit: u32,
) -> Result<u64, sqlx::Error> {
    let forgotten = sqlx::query(
        "DELETE FROM decided_requests WHERE request_id IN
             (SELECT request_id FROM decided_requests WHERE request_id < ? ORDER BY request_id LIMIT ?)",
    )
    .bind(first_id_at(oldest))
    .bind(limit)
    .execute(connection)
    .await?;
    Ok(forgotten.rows_affected())
}

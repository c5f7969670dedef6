//! What became of purchases in line.

use sqlx::PgConnection;
use uuid::Uuid;

use super::idempotency::first_id_at;
use crate::{
    model::{
        ids::{BuyerId, OrderId, RequestId},
        time::Timestamp,
    },
    server::store::rows::{DecidedRequest, Decision},
};

/// Says what became of a request, unless that was said before. `true` where this is now what stands. Where another
/// transaction is just saying it, this waits for its end.
pub async fn decide_request(
    connection: &mut PgConnection,
    request: RequestId,
    decided: &DecidedRequest,
) -> Result<bool, sqlx::Error> {
    let (order, refusal) = decided.decision.columns();
    let said = sqlx::query(
        "INSERT INTO decided_requests (request_id, buyer_id, order_id, refusal, decided_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (request_id) DO NOTHING",
    )
    .bind(request.0)
    .bind(decided.buyer.0)
    .bind(order.map(|order| order.0))
    .bind(refusal)
    .bind(decided.at.milliseconds)
    .execute(connection)
    .await?;
    Ok(said.rows_affected() == 1)
}

/// What became of a request, and whose it is.
pub async fn find_decided(
    connection: &mut PgConnection,
    request: RequestId,
) -> Result<Option<DecidedRequest>, sqlx::Error> {
    type Row = (Uuid, Option<Uuid>, Option<String>, i64);
    let row: Option<Row> =
        sqlx::query_as("SELECT buyer_id, order_id, refusal, decided_at FROM decided_requests WHERE request_id = $1")
            .bind(request.0)
            .fetch_optional(connection)
            .await?;
    let Some((buyer, order, refusal, decided_at)) = row else { return Ok(None) };
    Ok(Some(DecidedRequest {
        buyer: BuyerId(buyer),
        decision: Decision::from_columns(order.map(OrderId), refusal.as_deref())?,
        at: Timestamp::from_milliseconds(decided_at),
    }))
}

/// Forgets what became of at most `limit` requests made before `oldest`, and returns of how many.
pub async fn forget_decided(connection: &mut PgConnection, oldest: Timestamp, limit: u32) -> Result<u64, sqlx::Error> {
    let forgotten = sqlx::query(
        "DELETE FROM decided_requests WHERE request_id IN
             (SELECT request_id FROM decided_requests WHERE request_id < $1 ORDER BY request_id LIMIT $2)",
    )
    .bind(first_id_at(oldest))
    .bind(i64::from(limit))
    .execute(connection)
    .await?;
    Ok(forgotten.rows_affected())
}

//! The outcomes of queued purchases.

use super::{idempotency::first_id_at, query::query};
use crate::{
    model::{
        ids::{BuyerId, OrderId, RequestId},
        time::Timestamp,
    },
    server::store::{
        Connection,
        rows::{DecidedRequest, Decision},
    },
};

/// Records the outcome of a queued request, unless an outcome is recorded already. `true` if this outcome is now the
/// recorded one. If another transaction is about to record an outcome, this waits for it to end.
pub async fn decide_request(
    connection: Connection<'_>,
    request: RequestId,
    decided: &DecidedRequest,
) -> Result<bool, sqlx::Error> {
    let (order, refusal) = decided.decision.columns();
    let said = query(
        connection,
        "INSERT INTO decided_requests (request_id, buyer_id, order_id, refusal, decided_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (request_id) DO NOTHING",
    )
    .bind(request)
    .bind(decided.buyer)
    .bind(order)
    .bind(refusal)
    .bind(decided.at)
    .execute()
    .await?;
    Ok(said == 1)
}

/// The outcome of a queued request, with its buyer.
pub async fn find_decided(
    connection: Connection<'_>,
    request: RequestId,
) -> Result<Option<DecidedRequest>, sqlx::Error> {
    type Row = (BuyerId, Option<OrderId>, Option<String>, Timestamp);
    let row: Option<Row> =
        query(connection, "SELECT buyer_id, order_id, refusal, decided_at FROM decided_requests WHERE request_id = $1")
            .bind(request)
            .fetch_optional()
            .await?;
    row.map(|(buyer, order, refusal, at)| {
        let decision = Decision::from_columns(order, refusal.as_deref())?;
        Ok(DecidedRequest { buyer, decision, at })
    })
    .transpose()
}

/// Forgets the outcomes of at most `limit` requests made before `oldest`, and returns how many it forgot.
pub async fn forget_decided(connection: Connection<'_>, oldest: Timestamp, limit: u32) -> Result<u64, sqlx::Error> {
    query(
        connection,
        "DELETE FROM decided_requests WHERE request_id IN
             (SELECT request_id FROM decided_requests WHERE request_id < $1 ORDER BY request_id LIMIT $2)",
    )
    .bind(first_id_at(oldest))
    .bind(i64::from(limit))
    .execute()
    .await
}

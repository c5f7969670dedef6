//! Writes without a condition, for the strategy `naive`, which shows why the condition is needed.

use sqlx::PgConnection;

use crate::server::{
    ledger::Hash,
    store::rows::{Purchase, count, integer},
};

/// Takes the sale's next `seq` if the sale is open, and returns it with the hash of the ledger line before. The sale's
/// counters stay as they are.
pub async fn next_seq(connection: &mut PgConnection, sale_id: i64) -> Result<Option<(u64, Hash)>, sqlx::Error> {
    let row: Option<(i64, Vec<u8>)> =
        sqlx::query_as("UPDATE sales SET seq = seq + 1 WHERE id = $1 AND switch = 'open' RETURNING seq, head_hash")
            .bind(sale_id)
            .fetch_optional(connection)
            .await?;
    Ok(row.map(|(seq, hash)| (count(seq), hash.try_into().expect("the schema keeps a hash at 32 bytes"))))
}

/// Overwrites how many units of a tier are left, whatever the row says, and adds up the sale's counters again.
pub async fn write_available(
    connection: &mut PgConnection,
    sale_id: i64,
    tier_id: i64,
    available: u64,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE tiers SET available = $1, sold = capacity - held - $1, version = version + 1
         WHERE id = $2 AND $1 <= capacity - held",
    )
    .bind(integer(available))
    .bind(tier_id)
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "UPDATE sales SET available = summed.available, sold = summed.sold
         FROM (SELECT SUM(available)::BIGINT AS available, SUM(sold)::BIGINT AS sold FROM tiers WHERE sale_id = $1)
              AS summed
         WHERE id = $1",
    )
    .bind(sale_id)
    .execute(connection)
    .await?;
    Ok(())
}

/// Marks seats sold, whatever their rows say.
pub async fn write_sold(connection: &mut PgConnection, sale_id: i64, positions: &[u32]) -> Result<(), sqlx::Error> {
    let positions: Vec<i64> = positions.iter().map(|position| i64::from(*position)).collect();
    sqlx::query("UPDATE seats SET status = 'sold', version = version + 1 WHERE sale_id = $1 AND position = ANY ($2)")
        .bind(sale_id)
        .bind(positions)
        .execute(connection)
        .await?;
    Ok(())
}

/// Records the purchase's tickets, even for seats that have an owner already.
pub async fn record_unguarded(
    connection: &mut PgConnection,
    sale_id: i64,
    purchase: &Purchase,
) -> Result<(), sqlx::Error> {
    for ticket in &purchase.tickets {
        sqlx::query(
            "INSERT INTO tickets (id, order_id, sale_id, tier_id, seat_position, code, guarded)
             VALUES ($1, $2, $3, $4, $5, $6, FALSE)",
        )
        .bind(ticket.id.0)
        .bind(purchase.order.0)
        .bind(sale_id)
        .bind(ticket.tier_id)
        .bind(ticket.seat_position.map(i64::from))
        .bind(ticket.code.to_vec())
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

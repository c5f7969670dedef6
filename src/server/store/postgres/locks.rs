//! Locks that a transaction takes before it changes or creates a sale.

use sqlx::{AssertSqlSafe, Connection, PgConnection, Postgres, Transaction, postgres::PgBindIterExt};

use crate::model::ids::HoldId;

/// The number of the advisory lock for creating sales: "onsale" in ASCII. Each sale's own lock has this number plus the
/// sale's id.
const CATALOGUE: i64 = 0x6f6e_7361_6c65;

/// Waits until no other transaction decides about these holds, and keeps others waiting until this transaction ends. Several
/// transactions do this in the same order, so they do not wait for each other in a circle.
pub async fn lock_holds(connection: &mut PgConnection, holds: &[HoldId]) -> Result<(), sqlx::Error> {
    sqlx::query("SELECT 1 FROM holds WHERE id = ANY ($1) ORDER BY id FOR UPDATE")
        .bind(holds.iter().map(|hold| hold.0).bind_iter())
        .execute(connection)
        .await?;
    Ok(())
}

/// Keeps all other transactions from changing the sale until this one ends.
pub async fn lock_sale(connection: &mut PgConnection, sale_id: i64) -> Result<(), sqlx::Error> {
    sqlx::query("SELECT 1 FROM sales WHERE id = $1 FOR UPDATE").bind(sale_id).execute(connection).await?;
    Ok(())
}

/// As [`lock_sale`], but first waits for purchases that are decided one by one. Those lock seats, units and tiers
/// before the sale's row. A transaction that needs all of these would lock them from the other end, and deadlock with
/// them. So those purchases share an advisory lock of the sale before they touch any row ([`begin_selling`]), and this
/// function takes that lock exclusively. Purchases that begin later wait behind it.
pub async fn lock_stock(connection: &mut PgConnection, sale_id: i64) -> Result<(), sqlx::Error> {
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(CATALOGUE + sale_id).execute(&mut *connection).await?;
    lock_sale(connection, sale_id).await
}

/// Starts the transaction of a purchase that is decided by itself. It may run beside others of its kind, but not beside
/// [`lock_stock`]. The lock is taken in the round trip that `BEGIN` costs anyway.
pub async fn begin_selling(
    connection: &mut PgConnection,
    sale_id: i64,
) -> Result<Transaction<'_, Postgres>, sqlx::Error> {
    let statements = format!("BEGIN; SELECT pg_advisory_xact_lock_shared({})", CATALOGUE + sale_id);
    connection.begin_with(AssertSqlSafe(statements)).await
}

/// Keeps all other transactions from creating sales until this one ends. A lock on the table would do so too, but would
/// hold up every purchase.
pub async fn lock_catalogue(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(CATALOGUE).execute(connection).await?;
    Ok(())
}

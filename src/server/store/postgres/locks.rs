//! Locks that a transaction takes before it changes a sale or makes one.

use sqlx::{AssertSqlSafe, Connection, PgConnection, Postgres, Transaction};

/// Names the advisory lock of whoever makes a sale: "onsale" in ASCII. The sales' own locks have the numbers behind it.
const CATALOGUE: i64 = 0x6f6e_7361_6c65;

/// Keeps everybody else from changing the sale until the transaction ends.
pub async fn lock_sale(connection: &mut PgConnection, sale_id: i64) -> Result<(), sqlx::Error> {
    sqlx::query("SELECT 1 FROM sales WHERE id = $1 FOR UPDATE").bind(sale_id).execute(connection).await?;
    Ok(())
}

/// The same, and waits for those who are selling one by one. They lock seats, units and tiers before the sale's row, so
/// whoever needs all of these would meet them half-way, and each would wait for the other: they share a lock of the sale
/// before they touch any row ([`begin_selling`]), and this one has it alone. Whoever comes later stands in line behind it.
pub async fn lock_stock(connection: &mut PgConnection, sale_id: i64) -> Result<(), sqlx::Error> {
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(CATALOGUE + sale_id).execute(&mut *connection).await?;
    lock_sale(connection, sale_id).await
}

/// Starts a transaction that sells from a sale one by one, beside others and not beside [`lock_stock`]: in the round trip
/// that `BEGIN` takes anyway.
pub async fn begin_selling(
    connection: &mut PgConnection,
    sale_id: i64,
) -> Result<Transaction<'_, Postgres>, sqlx::Error> {
    let statements = format!("BEGIN; SELECT pg_advisory_xact_lock_shared({})", CATALOGUE + sale_id);
    connection.begin_with(AssertSqlSafe(statements)).await
}

/// Keeps everybody else from making sales until the transaction ends. Not by a lock on the table: that would hold up
/// every purchase.
pub async fn lock_catalogue(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(CATALOGUE).execute(connection).await?;
    Ok(())
}

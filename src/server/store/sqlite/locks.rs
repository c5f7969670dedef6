//! Locks that a transaction takes before it changes or creates a sale. SQLite needs none, because a writing transaction
//! holds the whole database from its first statement.

use sqlx::SqliteConnection;

use crate::model::ids::HoldId;

/// Nothing to do.
pub async fn lock_holds(_: &mut SqliteConnection, _: &[HoldId]) -> Result<(), sqlx::Error> {
    Ok(())
}

/// Nothing to do.
pub async fn lock_sale(_: &mut SqliteConnection, _: i64) -> Result<(), sqlx::Error> {
    Ok(())
}

/// Nothing to do.
pub async fn lock_stock(_: &mut SqliteConnection, _: i64) -> Result<(), sqlx::Error> {
    Ok(())
}

/// Nothing to do.
pub async fn lock_catalogue(_: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    Ok(())
}

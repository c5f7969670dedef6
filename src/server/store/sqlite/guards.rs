//! Reads, locks and writes of single rows, for the strategies that decide each request in a transaction of its own.

use sqlx::{Row, SqliteConnection};

use crate::{
    model::seat::SeatStatus,
    server::store::rows::{count, integer},
};

/// A tier's version and available units. Nobody else can change the row until the transaction ends, because a writing
/// transaction holds the whole database from its first statement.
pub async fn lock_tier(connection: &mut SqliteConnection, tier_id: i64) -> Result<(i64, u64), sqlx::Error> {
    read_tier(connection, tier_id).await
}

/// A tier's version and available units.
pub async fn read_tier(connection: &mut SqliteConnection, tier_id: i64) -> Result<(i64, u64), sqlx::Error> {
    let (version, available): (i64, i64) =
        sqlx::query_as("SELECT version, available FROM tiers WHERE id = ?").bind(tier_id).fetch_one(connection).await?;
    Ok((version, count(available)))
}

/// As [`read_seats`]. Nobody else can change the rows until the transaction ends.
pub async fn lock_seats(
    connection: &mut SqliteConnection,
    sale_id: i64,
    positions: &[u32],
) -> Result<Vec<(u32, i64, SeatStatus)>, sqlx::Error> {
    read_seats(connection, sale_id, positions).await
}

/// Position, version and status of these seats, in order.
pub async fn read_seats(
    connection: &mut SqliteConnection,
    sale_id: i64,
    positions: &[u32],
) -> Result<Vec<(u32, i64, SeatStatus)>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT position, version, status FROM seats
         WHERE sale_id = ? AND position IN (SELECT value FROM json_each(?)) ORDER BY position",
    )
    .bind(sale_id)
    .bind(serde_json::to_string(positions).expect("numbers are plain data"))
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|row| {
            let status = SeatStatus::from_name(row.try_get(2)?);
            Ok((row.try_get(0)?, row.try_get(1)?, status.ok_or(sqlx::Error::RowNotFound)?))
        })
        .collect()
}

/// Positions and versions of a tier's first available seats, in order; fewer if fewer are left. There are no locked
/// rows to skip, because there is one writer.
pub async fn free_seats(
    connection: &mut SqliteConnection,
    sale_id: i64,
    tier_id: i64,
    units: u64,
    _skip_locked: bool,
) -> Result<Vec<(u32, i64)>, sqlx::Error> {
    sqlx::query_as(
        "SELECT position, version FROM seats
         WHERE sale_id = ? AND tier_id = ? AND status = 'available' ORDER BY position LIMIT ?",
    )
    .bind(sale_id)
    .bind(tier_id)
    .bind(integer(units))
    .fetch_all(connection)
    .await
}

/// Takes units of a tier if so many are available and, where a version is given, the row still has that version.
pub async fn set_tier(
    connection: &mut SqliteConnection,
    tier_id: i64,
    version: Option<i64>,
    units: u64,
    to: SeatStatus,
) -> Result<bool, sqlx::Error> {
    let set = sqlx::query(
        "UPDATE tiers SET available = available - ?1, held = held + iif(?4 = 'held', ?1, 0),
                          sold = sold + iif(?4 = 'sold', ?1, 0), version = version + 1
         WHERE id = ?2 AND available >= ?1 AND (?3 IS NULL OR version = ?3)",
    )
    .bind(integer(units))
    .bind(tier_id)
    .bind(version)
    .bind(to.name())
    .execute(connection)
    .await?;
    Ok(set.rows_affected() == 1)
}

/// Takes those of these seats, given by position and version, that are available and have not changed since that
/// version; returns how many it took.
pub async fn set_seats(
    connection: &mut SqliteConnection,
    sale_id: i64,
    seats: &[(u32, i64)],
    to: SeatStatus,
) -> Result<u64, sqlx::Error> {
    let set = sqlx::query(
        "UPDATE seats SET status = ?3, version = version + 1
         WHERE sale_id = ?1 AND status = 'available'
           AND (position, version) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?2))",
    )
    .bind(sale_id)
    .bind(serde_json::to_string(seats).expect("numbers are plain data"))
    .bind(to.name())
    .execute(connection)
    .await?;
    Ok(set.rows_affected())
}

/// Always fails: it needs locks on single rows, which SQLite does not have.
pub async fn take_units(_: &mut SqliteConnection, _: i64, _: u64) -> Result<u64, sqlx::Error> {
    Err(sqlx::Error::Protocol("SQLite locks no single rows".into()))
}

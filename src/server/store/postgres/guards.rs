//! Reads, locks and writes of single rows, for the strategies that decide each request in a transaction of its own.

use sqlx::PgConnection;

use super::numbers::small;
use crate::{
    model::seat::SeatStatus,
    server::store::rows::{count, integer},
};

/// A tier's version and available units. The row stays locked until the transaction ends.
pub async fn lock_tier(connection: &mut PgConnection, tier_id: i64) -> Result<(i64, u64), sqlx::Error> {
    let (version, available): (i64, i64) =
        sqlx::query_as("SELECT version, available FROM tiers WHERE id = $1 FOR UPDATE")
            .bind(tier_id)
            .fetch_one(connection)
            .await?;
    Ok((version, count(available)))
}

/// A tier's version and available units.
pub async fn read_tier(connection: &mut PgConnection, tier_id: i64) -> Result<(i64, u64), sqlx::Error> {
    let (version, available): (i64, i64) = sqlx::query_as("SELECT version, available FROM tiers WHERE id = $1")
        .bind(tier_id)
        .fetch_one(connection)
        .await?;
    Ok((version, count(available)))
}

macro_rules! select_seats {
    ($rest:literal) => {
        concat!(
            "SELECT position, version, status FROM seats
             WHERE sale_id = $1 AND position = ANY ($2) ORDER BY position",
            $rest
        )
    };
}

/// As [`read_seats`]. The rows are locked in order of position, and stay locked until the transaction ends.
pub async fn lock_seats(
    connection: &mut PgConnection,
    sale_id: i64,
    positions: &[u32],
) -> Result<Vec<(u32, i64, SeatStatus)>, sqlx::Error> {
    fetch_seats(connection, select_seats!(" FOR UPDATE"), sale_id, positions).await
}

/// Position, version and status of these seats, in order.
pub async fn read_seats(
    connection: &mut PgConnection,
    sale_id: i64,
    positions: &[u32],
) -> Result<Vec<(u32, i64, SeatStatus)>, sqlx::Error> {
    fetch_seats(connection, select_seats!(""), sale_id, positions).await
}

async fn fetch_seats(
    connection: &mut PgConnection,
    select: &'static str,
    sale_id: i64,
    positions: &[u32],
) -> Result<Vec<(u32, i64, SeatStatus)>, sqlx::Error> {
    let positions: Vec<_> = positions.iter().map(|position| i64::from(*position)).collect();
    let rows: Vec<(i64, i64, String)> =
        sqlx::query_as(select).bind(sale_id).bind(positions).fetch_all(connection).await?;
    rows.into_iter()
        .map(|(position, version, status)| {
            let status = SeatStatus::from_name(&status);
            Ok((small(position)?, version, status.ok_or(sqlx::Error::RowNotFound)?))
        })
        .collect()
}

macro_rules! select_free_seats {
    ($rest:literal) => {
        concat!(
            "SELECT position, version FROM seats
             WHERE sale_id = $1 AND tier_id = $2 AND status = 'available' ORDER BY position LIMIT $3",
            $rest
        )
    };
}

/// Positions and versions of a tier's first available seats, in order; fewer if fewer are left. With `skip_locked` it
/// locks them, and skips seats that another transaction has locked.
pub async fn free_seats(
    connection: &mut PgConnection,
    sale_id: i64,
    tier_id: i64,
    units: u64,
    skip_locked: bool,
) -> Result<Vec<(u32, i64)>, sqlx::Error> {
    let select = match skip_locked {
        true => select_free_seats!(" FOR UPDATE SKIP LOCKED"),
        false => select_free_seats!(""),
    };
    let rows: Vec<(i64, i64)> =
        sqlx::query_as(select).bind(sale_id).bind(tier_id).bind(integer(units)).fetch_all(connection).await?;
    rows.into_iter().map(|(position, version)| Ok((small(position)?, version))).collect()
}

/// Takes units of a tier if so many are available and, where a version is given, the row still has that version.
pub async fn set_tier(
    connection: &mut PgConnection,
    tier_id: i64,
    version: Option<i64>,
    units: u64,
    to: SeatStatus,
) -> Result<bool, sqlx::Error> {
    let set = sqlx::query(
        "UPDATE tiers SET available = available - $1, held = held + CASE $4 WHEN 'held' THEN $1 ELSE 0 END,
                          sold = sold + CASE $4 WHEN 'sold' THEN $1 ELSE 0 END, version = version + 1
         WHERE id = $2 AND available >= $1 AND ($3 IS NULL OR version = $3)",
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
    connection: &mut PgConnection,
    sale_id: i64,
    seats: &[(u32, i64)],
    to: SeatStatus,
) -> Result<u64, sqlx::Error> {
    let (positions, versions): (Vec<_>, Vec<_>) =
        seats.iter().map(|(position, version)| (i64::from(*position), *version)).unzip();
    // The rows are locked in order of position, so that two transactions that want the same seats do not deadlock. The
    // locking subquery looks at each row again after it has waited for it.
    let set = sqlx::query(
        "UPDATE seats SET status = $4, version = seats.version + 1
         FROM (SELECT free.position FROM seats AS free
               JOIN unnest($2, $3) AS wanted (position, version)
                 ON free.position = wanted.position AND free.version = wanted.version
               WHERE free.sale_id = $1 AND free.status = 'available'
               ORDER BY free.position FOR UPDATE OF free) AS locked
         WHERE seats.sale_id = $1 AND seats.position = locked.position",
    )
    .bind(sale_id)
    .bind(positions)
    .bind(versions)
    .bind(to.name())
    .execute(connection)
    .await?;
    Ok(set.rows_affected())
}

/// Takes unnumbered units of a tier, skipping rows that another transaction has locked; returns how many it took.
pub async fn take_units(connection: &mut PgConnection, tier_id: i64, units: u64) -> Result<u64, sqlx::Error> {
    let taken = sqlx::query(
        "DELETE FROM units WHERE tier_id = $1 AND number = ANY (ARRAY(
             SELECT number FROM units WHERE tier_id = $1 ORDER BY number LIMIT $2 FOR UPDATE SKIP LOCKED))",
    )
    .bind(tier_id)
    .bind(integer(units))
    .execute(connection)
    .await?;
    Ok(taken.rows_affected())
}

//! Seats and the rows of single units, written many at once.

use std::ops::RangeInclusive;

use sqlx::{PgConnection, postgres::PgBindIterExt};

use crate::{model::strategy::StrategyKind, server::store::rows::NewSeatRecord};

/// Rows of units per statement, so few that the statement stays well within its time limit.
const UNITS_AT_ONCE: i64 = 250_000;

/// Inserts available seats after the sale's other seats, the first at `first_position`.
pub async fn insert_seats(
    connection: &mut PgConnection,
    sale_id: i64,
    first_position: u32,
    tier_ids: &[i64],
    seats: &[NewSeatRecord],
) -> Result<(), sqlx::Error> {
    let positions = (i64::from(first_position)..).zip(seats).map(|(position, _)| position);
    sqlx::query(
        "INSERT INTO seats (sale_id, position, tier_id, section, row_name, number, label, status)
         SELECT $1, new.*, 'available'
         FROM unnest($2, $3, $4, $5, $6, $7) AS new (position, tier_id, section, row_name, number, label)",
    )
    .bind(sale_id)
    .bind(positions.bind_iter())
    .bind(seats.iter().map(|seat| tier_ids[seat.tier_index as usize]).bind_iter())
    .bind(seats.iter().map(|seat| seat.section.as_str()).bind_iter())
    .bind(seats.iter().map(|seat| seat.row.as_str()).bind_iter())
    .bind(seats.iter().map(|seat| i64::from(seat.number)).bind_iter())
    .bind(seats.iter().map(|seat| seat.label.as_str()).bind_iter())
    .execute(&mut *connection)
    .await?;
    // PostgreSQL then makes its cached plans anew. A plan from when there were few seats would read all of them to find
    // one.
    sqlx::query("ANALYZE seats").execute(connection).await?;
    Ok(())
}

/// Inserts a row for each of these units of a tier. Does nothing if the tier has seats, or if the sale's strategy is
/// not `skip_locked`, the only one that takes units by their rows.
pub async fn insert_units(
    connection: &mut PgConnection,
    tier_id: i64,
    numbers: RangeInclusive<i64>,
) -> Result<(), sqlx::Error> {
    let has_rows: bool = sqlx::query_scalar(
        "SELECT NOT tiers.seated AND sales.strategy = $2 FROM tiers JOIN sales ON sales.id = tiers.sale_id
         WHERE tiers.id = $1",
    )
    .bind(tier_id)
    .bind(StrategyKind::SkipLocked.name())
    .fetch_one(&mut *connection)
    .await?;
    if !has_rows {
        return Ok(());
    }
    let (mut first, last) = numbers.into_inner();
    while first <= last {
        sqlx::query("INSERT INTO units (tier_id, number) SELECT $1, number FROM generate_series($2, $3) AS number")
            .bind(tier_id)
            .bind(first)
            .bind(last.min(first + UNITS_AT_ONCE - 1))
            .execute(&mut *connection)
            .await?;
        first += UNITS_AT_ONCE;
    }
    // For the same reason as in `insert_seats`.
    sqlx::query("ANALYZE units").execute(connection).await?;
    Ok(())
}

/// Inserts rows for so many units of a tier that became available again. Does nothing if [`insert_units`] makes none for the
/// tier. The caller has locked the tier's row, so nobody else inserts units of it.
///
/// The rows get numbers below all others. Numbers above them are for stock that is added later, and a number in between may
/// belong to a row that another transaction is about to delete.
pub async fn put_units_back(connection: &mut PgConnection, tier_id: i64, units: i64) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO units (tier_id, number)
         SELECT tiers.id, LEAST(COALESCE((SELECT MIN(number) FROM units WHERE tier_id = $1), 1), 1) - back.number
         FROM tiers JOIN sales ON sales.id = tiers.sale_id CROSS JOIN generate_series(1, $2) AS back (number)
         WHERE tiers.id = $1 AND NOT tiers.seated AND sales.strategy = $3",
    )
    .bind(tier_id)
    .bind(units)
    .bind(StrategyKind::SkipLocked.name())
    .execute(connection)
    .await?;
    Ok(())
}

/// Inserts so many rows of a tier's single units, or deletes so many where the number is below zero. `false` if fewer could be
/// deleted, because others have locked them. Does nothing if [`insert_units`] makes none for the tier.
pub async fn change_units(connection: &mut PgConnection, tier_id: i64, units: i64) -> Result<bool, sqlx::Error> {
    if units >= 0 {
        put_units_back(connection, tier_id, units).await?;
        return Ok(true);
    }
    let missing: i64 = sqlx::query_scalar(
        "WITH gone AS (
             DELETE FROM units WHERE tier_id = $1 AND number = ANY (ARRAY(
                 SELECT number FROM units WHERE tier_id = $1 ORDER BY number LIMIT $2 FOR UPDATE SKIP LOCKED))
             RETURNING number)
         SELECT CASE WHEN tiers.seated OR sales.strategy <> $3 THEN 0 ELSE $2 - (SELECT COUNT(*) FROM gone) END
         FROM tiers JOIN sales ON sales.id = tiers.sale_id WHERE tiers.id = $1",
    )
    .bind(tier_id)
    .bind(-units)
    .bind(StrategyKind::SkipLocked.name())
    .fetch_one(connection)
    .await?;
    Ok(missing == 0)
}

/// Replaces the rows of a sale's single units by a full set, as [`insert_units`] makes it.
pub async fn renew_units(connection: &mut PgConnection, sale_id: i64) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM units USING tiers WHERE tiers.id = units.tier_id AND tiers.sale_id = $1")
        .bind(sale_id)
        .execute(&mut *connection)
        .await?;
    let tiers: Vec<(i64, i64)> = sqlx::query_as("SELECT id, capacity FROM tiers WHERE sale_id = $1")
        .bind(sale_id)
        .fetch_all(&mut *connection)
        .await?;
    for (tier_id, capacity) in tiers {
        insert_units(connection, tier_id, 1..=capacity).await?;
    }
    Ok(())
}

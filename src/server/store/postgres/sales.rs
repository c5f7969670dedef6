//! Sales, tiers and seats: made, patched, added to, reset.

use std::ops::RangeInclusive;

use sqlx::{AssertSqlSafe, Connection, PgConnection, Postgres, Transaction, postgres::PgBindIterExt};

use crate::{
    model::{sale::SaleSwitch, strategy::StrategyKind},
    server::{
        ledger::Hash,
        store::rows::{NewSaleRecord, NewSeatRecord, PatchRecord, SaleHead, SaleIdentity, count, integer},
    },
};

/// Names the advisory lock of whoever makes a sale: "onsale" in ASCII. The sales' own locks have the numbers behind it.
const CATALOGUE: i64 = 0x6f6e_7361_6c65;
/// Rows of units written at once: well below what a statement may take.
const UNITS_AT_ONCE: i64 = 250_000;

/// Inserts a sale and its tiers, and returns their rows. Seats follow by [`insert_seats`].
pub async fn insert_sale(
    connection: &mut PgConnection,
    sale: &NewSaleRecord<'_>,
) -> Result<(i64, Vec<i64>), sqlx::Error> {
    let capacity: u64 = sale.tiers.iter().map(|tier| tier.capacity).sum();
    let sale_id: i64 = sqlx::query_scalar(
        "INSERT INTO sales (slug, name, switch, strategy, rehearsal, opens_at, hold_ttl_seconds, max_per_buyer,
                            created_at, seq, head_hash, capacity, available, held, sold)
         VALUES ($1, $2, 'open', $3, $4, $5, $6, $7, $8, 0, decode(repeat('00', 32), 'hex'), $9, $9, 0, 0)
         RETURNING id",
    )
    .bind(sale.slug)
    .bind(sale.name)
    .bind(sale.strategy.name())
    .bind(sale.rehearsal)
    .bind(sale.opens_at.map(|at| at.milliseconds))
    .bind(i64::from(sale.hold_ttl_seconds))
    .bind(sale.max_per_buyer.map(i64::from))
    .bind(sale.created_at.milliseconds)
    .bind(integer(capacity))
    .fetch_one(&mut *connection)
    .await?;
    let mut tier_ids = Vec::with_capacity(sale.tiers.len());
    for (position, tier) in (0_i64..).zip(&sale.tiers) {
        let tier_id: i64 = sqlx::query_scalar(
            "INSERT INTO tiers (sale_id, position, slug, name, price, currency, seated, capacity, available, held, sold)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, 0, 0)
             RETURNING id",
        )
        .bind(sale_id)
        .bind(position)
        .bind(&tier.slug)
        .bind(&tier.name)
        .bind(integer(tier.price))
        .bind(&tier.currency)
        .bind(tier.seated)
        .bind(integer(tier.capacity))
        .fetch_one(&mut *connection)
        .await?;
        insert_units(connection, tier_id, 1..=integer(tier.capacity)).await?;
        tier_ids.push(tier_id);
    }
    Ok((sale_id, tier_ids))
}

/// Inserts available seats behind the sale's others, the first at `first_position`.
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
    // Plans that were made when there were few seats are made anew: among few, the best way to find one is to read all.
    sqlx::query("ANALYZE seats").execute(connection).await?;
    Ok(())
}

/// Inserts a row for each of these units of a tier, where its sale's strategy takes units by their rows and the tier
/// has no seats.
async fn insert_units(
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
    // As in `insert_seats`.
    sqlx::query("ANALYZE units").execute(connection).await?;
    Ok(())
}

pub async fn patch_sale(
    connection: &mut PgConnection,
    sale_id: i64,
    patch: &PatchRecord<'_>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE sales SET
             switch = COALESCE($1, switch), opens_at = COALESCE($2, opens_at),
             message = CASE WHEN $3 THEN $4 ELSE message END,
             max_per_buyer = COALESCE($5, max_per_buyer), hold_ttl_seconds = COALESCE($6, hold_ttl_seconds),
             revision = revision + 1
         WHERE id = $7",
    )
    .bind(patch.switch.map(SaleSwitch::name))
    .bind(patch.opens_at.map(|at| at.milliseconds))
    .bind(patch.message.is_some())
    .bind(patch.message.flatten())
    .bind(patch.max_per_buyer.map(i64::from))
    .bind(patch.hold_ttl_seconds.map(i64::from))
    .bind(sale_id)
    .execute(connection)
    .await?;
    Ok(())
}

/// Adds units to a tier and its sale, and moves the sale's `seq` on by one.
pub async fn add_stock(
    connection: &mut PgConnection,
    sale_id: i64,
    tier_id: i64,
    units: u64,
    head_hash: &Hash,
) -> Result<(), sqlx::Error> {
    let capacity: i64 = sqlx::query_scalar(
        "UPDATE tiers SET capacity = capacity + $1, available = available + $1, version = version + 1
         WHERE id = $2
         RETURNING capacity",
    )
    .bind(integer(units))
    .bind(tier_id)
    .fetch_one(&mut *connection)
    .await?;
    insert_units(connection, tier_id, capacity - integer(units) + 1..=capacity).await?;
    sqlx::query(
        "UPDATE sales SET capacity = capacity + $1, available = available + $1, seq = seq + 1, revision = revision + 1,
                          head_hash = $2
         WHERE id = $3",
    )
    .bind(integer(units))
    .bind(head_hash)
    .bind(sale_id)
    .execute(connection)
    .await?;
    Ok(())
}

/// Puts all stock back as made: seats and counters available, orders and tickets void, `seq` on by one.
pub async fn reset_sale(connection: &mut PgConnection, sale_id: i64, head_hash: &Hash) -> Result<(), sqlx::Error> {
    const STATEMENTS: [&str; 5] = [
        "UPDATE tickets SET void = true WHERE sale_id = $1 AND NOT void",
        "UPDATE orders SET void = true WHERE sale_id = $1 AND NOT void",
        "UPDATE seats SET status = 'available', version = version + 1 WHERE sale_id = $1 AND status <> 'available'",
        "UPDATE tiers SET available = capacity, held = 0, sold = 0, version = version + 1 WHERE sale_id = $1",
        "DELETE FROM units USING tiers WHERE tiers.id = units.tier_id AND tiers.sale_id = $1",
    ];
    for statement in STATEMENTS {
        sqlx::query(statement).bind(sale_id).execute(&mut *connection).await?;
    }
    let tiers: Vec<(i64, i64)> = sqlx::query_as("SELECT id, capacity FROM tiers WHERE sale_id = $1")
        .bind(sale_id)
        .fetch_all(&mut *connection)
        .await?;
    for (tier_id, capacity) in tiers {
        insert_units(connection, tier_id, 1..=capacity).await?;
    }
    sqlx::query(
        "UPDATE sales SET available = capacity, held = 0, sold = 0, seq = seq + 1, revision = revision + 1,
                          head_hash = $1
         WHERE id = $2",
    )
    .bind(head_hash)
    .bind(sale_id)
    .execute(connection)
    .await?;
    Ok(())
}

/// Has the sale sold by this strategy from now on, and moves its `revision` on.
pub async fn set_strategy(
    connection: &mut PgConnection,
    sale_id: i64,
    strategy: StrategyKind,
) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE sales SET strategy = $1, revision = revision + 1 WHERE id = $2")
        .bind(strategy.name())
        .bind(sale_id)
        .execute(connection)
        .await?;
    Ok(())
}

pub async fn sale_identity(connection: &mut PgConnection, slug: &str) -> Result<Option<SaleIdentity>, sqlx::Error> {
    let row: Option<(i64, String)> =
        sqlx::query_as("SELECT id, strategy FROM sales WHERE slug = $1").bind(slug).fetch_optional(connection).await?;
    row.map(|(sale_id, strategy)| {
        let strategy = StrategyKind::from_name(&strategy)
            .ok_or_else(|| sqlx::Error::Decode(format!("sale {slug} has an unknown strategy").into()))?;
        Ok(SaleIdentity { sale_id, strategy })
    })
    .transpose()
}

/// Slugs that are `wanted` or start with it and a hyphen.
pub async fn slugs_like(connection: &mut PgConnection, wanted: &str) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar("SELECT slug FROM sales WHERE slug = $1 OR starts_with(slug, $1 || '-')")
        .bind(wanted)
        .fetch_all(connection)
        .await
}

/// Writes a sale's newest `seq` and the hash of its line.
pub async fn set_head(
    connection: &mut PgConnection,
    sale_id: i64,
    seq: u64,
    head_hash: &Hash,
) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE sales SET seq = $1, head_hash = $2 WHERE id = $3")
        .bind(integer(seq))
        .bind(head_hash)
        .bind(sale_id)
        .execute(connection)
        .await?;
    Ok(())
}

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

/// Where all sales stand.
pub async fn heads(connection: &mut PgConnection) -> Result<Vec<SaleHead>, sqlx::Error> {
    let rows: Vec<(i64, String, i64, i64)> =
        sqlx::query_as("SELECT id, slug, seq, revision FROM sales ORDER BY id").fetch_all(connection).await?;
    let head = |(sale_id, slug, seq, revision)| SaleHead { sale_id, slug, seq: count(seq), revision: count(revision) };
    Ok(rows.into_iter().map(head).collect())
}

//! Sales, tiers and seats: made, patched, added to, reset.

use sqlx::SqliteConnection;

use crate::{
    model::{sale::SaleSwitch, strategy::StrategyKind},
    server::{
        ledger::Hash,
        store::rows::{NewSaleRecord, NewSeatRecord, PatchRecord, SaleHead, SaleIdentity, count, integer},
    },
};

/// Inserts a sale and its tiers, and returns their rows. Seats follow by [`insert_seats`].
pub async fn insert_sale(
    connection: &mut SqliteConnection,
    sale: &NewSaleRecord<'_>,
) -> Result<(i64, Vec<i64>), sqlx::Error> {
    let capacity: u64 = sale.tiers.iter().map(|tier| tier.capacity).sum();
    let sale_id = sqlx::query(
        "INSERT INTO sales (slug, name, switch, strategy, rehearsal, opens_at, hold_ttl_seconds, max_per_buyer,
                            created_at, seq, head_hash, capacity, available, held, sold)
         VALUES (?, ?, 'open', ?, ?, ?, ?, ?, ?, 0, zeroblob(32), ?, ?, 0, 0)",
    )
    .bind(sale.slug)
    .bind(sale.name)
    .bind(sale.strategy.name())
    .bind(sale.rehearsal)
    .bind(sale.opens_at.map(|at| at.milliseconds))
    .bind(sale.hold_ttl_seconds)
    .bind(sale.max_per_buyer)
    .bind(sale.created_at.milliseconds)
    .bind(integer(capacity))
    .bind(integer(capacity))
    .execute(&mut *connection)
    .await?
    .last_insert_rowid();
    let mut tier_ids = Vec::with_capacity(sale.tiers.len());
    for (position, tier) in (0_i64..).zip(&sale.tiers) {
        let inserted = sqlx::query(
            "INSERT INTO tiers (sale_id, position, slug, name, price, currency, seated, capacity, available, held, sold)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0)",
        )
        .bind(sale_id)
        .bind(position)
        .bind(&tier.slug)
        .bind(&tier.name)
        .bind(integer(tier.price))
        .bind(&tier.currency)
        .bind(tier.seated)
        .bind(integer(tier.capacity))
        .bind(integer(tier.capacity))
        .execute(&mut *connection)
        .await?;
        tier_ids.push(inserted.last_insert_rowid());
    }
    Ok((sale_id, tier_ids))
}

/// Inserts available seats behind the sale's others, the first at `first_position`.
pub async fn insert_seats(
    connection: &mut SqliteConnection,
    sale_id: i64,
    first_position: u32,
    tier_ids: &[i64],
    seats: &[NewSeatRecord],
) -> Result<(), sqlx::Error> {
    let rows: Vec<_> = (first_position..)
        .zip(seats)
        .map(|(position, seat)| {
            let tier_id = tier_ids[seat.tier_index as usize];
            (position, tier_id, &seat.section, &seat.row, seat.number, &seat.label)
        })
        .collect();
    sqlx::query(
        "INSERT INTO seats (sale_id, position, tier_id, section, row_name, number, label, status)
         SELECT ?, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, 'available'
         FROM json_each(?)",
    )
    .bind(sale_id)
    .bind(serde_json::to_string(&rows).expect("seats are plain data"))
    .execute(connection)
    .await?;
    Ok(())
}

pub async fn patch_sale(
    connection: &mut SqliteConnection,
    sale_id: i64,
    patch: &PatchRecord<'_>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE sales SET
             switch = COALESCE(?, switch), opens_at = COALESCE(?, opens_at),
             message = CASE WHEN ? THEN ? ELSE message END,
             max_per_buyer = COALESCE(?, max_per_buyer), hold_ttl_seconds = COALESCE(?, hold_ttl_seconds),
             revision = revision + 1
         WHERE id = ?",
    )
    .bind(patch.switch.map(SaleSwitch::name))
    .bind(patch.opens_at.map(|at| at.milliseconds))
    .bind(patch.message.is_some())
    .bind(patch.message.flatten())
    .bind(patch.max_per_buyer)
    .bind(patch.hold_ttl_seconds)
    .bind(sale_id)
    .execute(connection)
    .await?;
    Ok(())
}

/// Adds units to a tier and its sale, and moves the sale's `seq` on by one.
pub async fn add_stock(
    connection: &mut SqliteConnection,
    sale_id: i64,
    tier_id: i64,
    units: u64,
    head_hash: &Hash,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE tiers SET capacity = capacity + ?, available = available + ?, version = version + 1 WHERE id = ?",
    )
    .bind(integer(units))
    .bind(integer(units))
    .bind(tier_id)
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "UPDATE sales SET capacity = capacity + ?, available = available + ?, seq = seq + 1, revision = revision + 1,
                          head_hash = ?
         WHERE id = ?",
    )
    .bind(integer(units))
    .bind(integer(units))
    .bind(head_hash.to_vec())
    .bind(sale_id)
    .execute(connection)
    .await?;
    Ok(())
}

/// Puts all stock back as made: seats and counters available, orders and tickets void, `seq` on by one.
pub async fn reset_sale(connection: &mut SqliteConnection, sale_id: i64, head_hash: &Hash) -> Result<(), sqlx::Error> {
    const STATEMENTS: [&str; 4] = [
        "UPDATE tickets SET void = 1 WHERE sale_id = ? AND void = 0",
        "UPDATE orders SET void = 1 WHERE sale_id = ? AND void = 0",
        "UPDATE seats SET status = 'available', version = version + 1 WHERE sale_id = ? AND status <> 'available'",
        "UPDATE tiers SET available = capacity, held = 0, sold = 0, version = version + 1 WHERE sale_id = ?",
    ];
    for statement in STATEMENTS {
        sqlx::query(statement).bind(sale_id).execute(&mut *connection).await?;
    }
    sqlx::query(
        "UPDATE sales SET available = capacity, held = 0, sold = 0, seq = seq + 1, revision = revision + 1, head_hash = ?
         WHERE id = ?",
    )
        .bind(head_hash.to_vec())
        .bind(sale_id)
        .execute(connection)
        .await?;
    Ok(())
}

/// Has the sale sold by this strategy from now on, and moves its `revision` on.
pub async fn set_strategy(
    connection: &mut SqliteConnection,
    sale_id: i64,
    strategy: StrategyKind,
) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE sales SET strategy = ?, revision = revision + 1 WHERE id = ?")
        .bind(strategy.name())
        .bind(sale_id)
        .execute(connection)
        .await?;
    Ok(())
}

pub async fn sale_identity(connection: &mut SqliteConnection, slug: &str) -> Result<Option<SaleIdentity>, sqlx::Error> {
    let row: Option<(i64, String)> =
        sqlx::query_as("SELECT id, strategy FROM sales WHERE slug = ?").bind(slug).fetch_optional(connection).await?;
    row.map(|(sale_id, strategy)| {
        let strategy = StrategyKind::from_name(&strategy)
            .ok_or_else(|| sqlx::Error::Decode(format!("sale {slug} has an unknown strategy").into()))?;
        Ok(SaleIdentity { sale_id, strategy })
    })
    .transpose()
}

/// Slugs that are `wanted` or start with it and a hyphen.
pub async fn slugs_like(connection: &mut SqliteConnection, wanted: &str) -> Result<Vec<String>, sqlx::Error> {
    // A slug has only letters, digits and hyphens, none of which means anything to GLOB.
    sqlx::query_scalar("SELECT slug FROM sales WHERE slug = ?1 OR slug GLOB ?1 || '-*'")
        .bind(wanted)
        .fetch_all(connection)
        .await
}

/// Writes a sale's newest `seq` and the hash of its line.
pub async fn set_head(
    connection: &mut SqliteConnection,
    sale_id: i64,
    seq: u64,
    head_hash: &Hash,
) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE sales SET seq = ?, head_hash = ? WHERE id = ?")
        .bind(integer(seq))
        .bind(head_hash.to_vec())
        .bind(sale_id)
        .execute(connection)
        .await?;
    Ok(())
}

/// Keeps everybody else from changing the sale until the transaction ends. Nothing to do here: a writing transaction holds
/// the whole database from its first statement.
pub async fn lock_sale(_: &mut SqliteConnection, _: i64) -> Result<(), sqlx::Error> {
    Ok(())
}

/// The same for all of its stock; nothing to do here either.
pub async fn lock_stock(_: &mut SqliteConnection, _: i64) -> Result<(), sqlx::Error> {
    Ok(())
}

/// Keeps everybody else from making sales until the transaction ends; nothing to do here either.
pub async fn lock_catalogue(_: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    Ok(())
}

/// Where all sales stand.
pub async fn heads(connection: &mut SqliteConnection) -> Result<Vec<SaleHead>, sqlx::Error> {
    let rows: Vec<(i64, String, i64, i64)> =
        sqlx::query_as("SELECT id, slug, seq, revision FROM sales ORDER BY id").fetch_all(connection).await?;
    let head = |(sale_id, slug, seq, revision)| SaleHead { sale_id, slug, seq: count(seq), revision: count(revision) };
    Ok(rows.into_iter().map(head).collect())
}

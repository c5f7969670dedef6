//! Creates, patches, restocks and resets sales and tiers.

use super::query::{Text, query};
use crate::{
    model::{sale::PriceStep, strategy::StrategyKind, time::Timestamp},
    server::{
        ledger::{FIRST_PREVIOUS, Hash},
        store::{
            Connection, postgres,
            rows::{NewSaleRecord, NewTierRecord, PatchRecord, SaleHead, SaleIdentity, integer},
        },
    },
};

/// Inserts a sale and its tiers, and returns their row ids. [`insert_seats`](crate::server::store::insert_seats) adds
/// the seats.
pub async fn insert_sale(
    mut connection: Connection<'_>,
    sale: &NewSaleRecord<'_>,
) -> Result<(i64, Vec<i64>), sqlx::Error> {
    let capacity: u64 = sale.tiers.iter().map(|tier| tier.capacity).sum();
    let (sale_id,) = query(
        connection.again(),
        "INSERT INTO sales (slug, name, switch, strategy, rehearsal, opens_at, hold_ttl_seconds, max_per_buyer,
                            created_at, seq, head_hash, capacity, available, held, sold, hold_extension_seconds,
                            hold_extensions, payment_grace_seconds, checkout, contact)
         VALUES ($1, $2, 'open', $3, $4, $5, $6, $7, $8, 0, $9, $10, $10, 0, 0, $11, $12, $13, $14, $15)
         RETURNING id",
    )
    .bind(sale.slug)
    .bind(sale.name)
    .bind(sale.strategy)
    .bind(sale.rehearsal)
    .bind(sale.opens_at)
    .bind(i64::from(sale.terms.hold_ttl_seconds))
    .bind(sale.max_per_buyer.map(i64::from))
    .bind(sale.created_at)
    .bind(FIRST_PREVIOUS.as_slice())
    .bind(integer(capacity))
    .bind(i64::from(sale.terms.hold_extension_seconds))
    .bind(i64::from(sale.terms.hold_extensions))
    .bind(i64::from(sale.terms.payment_grace_seconds))
    .bind(sale.terms.checkout)
    .bind(sale.terms.contact)
    .fetch_one()
    .await?;
    let mut tier_ids = Vec::with_capacity(sale.tiers.len());
    for (position, tier) in (0..).zip(&sale.tiers) {
        tier_ids.push(insert_tier(connection.again(), sale_id, position, tier).await?);
    }
    Ok((sale_id, tier_ids))
}

async fn insert_tier(
    mut connection: Connection<'_>,
    sale_id: i64,
    position: i64,
    tier: &NewTierRecord,
) -> Result<i64, sqlx::Error> {
    let capacity = integer(tier.capacity);
    let (tier_id,) = query(
        connection.again(),
        "INSERT INTO tiers (sale_id, position, slug, name, price, currency, seated, capacity, available, held, sold,
                            price_steps)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, 0, 0, $9)
         RETURNING id",
    )
    .bind(sale_id)
    .bind(position)
    .bind(&tier.slug)
    .bind(&tier.name)
    .bind(integer(tier.price))
    .bind(&tier.currency)
    .bind(tier.seated)
    .bind(capacity)
    .bind(written_steps(&tier.price_steps))
    .fetch_one()
    .await?;
    if let Connection::Postgres(connection) = connection {
        postgres::insert_units(connection, tier_id, 1..=capacity).await?;
    }
    Ok(tier_id)
}

/// Price steps as they are stored: JSON, or nothing.
fn written_steps(steps: &[PriceStep]) -> Option<String> {
    (!steps.is_empty()).then(|| serde_json::to_string(steps).expect("steps are plain data"))
}

/// Changes the settings that an organiser may change.
pub async fn patch_sale(connection: Connection<'_>, sale_id: i64, patch: &PatchRecord<'_>) -> Result<(), sqlx::Error> {
    query(
        connection,
        "UPDATE sales SET
             name = COALESCE($1, name), switch = COALESCE($2, switch),
             opens_at = CASE WHEN $3 THEN $4 ELSE opens_at END,
             message = CASE WHEN $5 THEN $6 ELSE message END,
             max_per_buyer = CASE WHEN $7 THEN $8 ELSE max_per_buyer END,
             hold_ttl_seconds = COALESCE($9, hold_ttl_seconds),
             hold_extension_seconds = COALESCE($10, hold_extension_seconds),
             hold_extensions = COALESCE($11, hold_extensions),
             payment_grace_seconds = COALESCE($12, payment_grace_seconds),
             contact = COALESCE($13, contact),
             revision = revision + 1
         WHERE id = $14",
    )
    .bind(patch.name)
    .bind(patch.switch)
    .bind(patch.opens_at.is_some())
    .bind(patch.opens_at.flatten())
    .bind(patch.message.is_some())
    .bind(patch.message.flatten())
    .bind(patch.max_per_buyer.is_some())
    .bind(patch.max_per_buyer.flatten().map(i64::from))
    .bind(patch.hold_ttl_seconds.map(i64::from))
    .bind(patch.hold_extension_seconds.map(i64::from))
    .bind(patch.hold_extensions.map(i64::from))
    .bind(patch.payment_grace_seconds.map(i64::from))
    .bind(patch.contact)
    .bind(sale_id)
    .execute()
    .await?;
    Ok(())
}

/// Adds units to a tier and its sale, and increases the sale's `seq` by one.
pub async fn add_stock(
    mut connection: Connection<'_>,
    sale_id: i64,
    tier_id: i64,
    units: u64,
    head_hash: &Hash,
) -> Result<(), sqlx::Error> {
    let units = integer(units);
    let (capacity,): (i64,) = query(
        connection.again(),
        "UPDATE tiers SET capacity = capacity + $1, available = available + $1, version = version + 1
         WHERE id = $2
         RETURNING capacity",
    )
    .bind(units)
    .bind(tier_id)
    .fetch_one()
    .await?;
    if let Connection::Postgres(connection) = &mut connection {
        postgres::insert_units(connection, tier_id, capacity - units + 1..=capacity).await?;
    }
    query(
        connection,
        "UPDATE sales SET capacity = capacity + $1, available = available + $1, seq = seq + 1, revision = revision + 1,
                          head_hash = $2
         WHERE id = $3",
    )
    .bind(units)
    .bind(head_hash.as_slice())
    .bind(sale_id)
    .execute()
    .await?;
    Ok(())
}

/// Puts all stock back as made: seats and counters become available, orders and tickets void, holds end, and `seq` increases by
/// one.
pub async fn reset_sale(
    mut connection: Connection<'_>,
    sale_id: i64,
    head_hash: &Hash,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let end_holds = Text {
        sqlite: "UPDATE holds SET status = 'released', ended_at = max($2, created_at)
                 WHERE sale_id = $1 AND ended_at IS NULL",
        postgres: "UPDATE holds SET status = 'released', ended_at = store_now() WHERE sale_id = $1 AND ended_at IS NULL",
    };
    // The items first, because an index finds them by their live holds.
    let end_items = "UPDATE hold_items SET live = false
                     WHERE hold_id IN (SELECT id FROM holds WHERE sale_id = $1 AND ended_at IS NULL)";
    query(connection.again(), end_items).bind(sale_id).execute().await?;
    query(connection.again(), end_holds).bind(sale_id).bind_store_now(now).execute().await?;
    const STATEMENTS: [&str; 4] = [
        "UPDATE tickets SET void = true WHERE sale_id = $1 AND NOT void",
        "UPDATE orders SET void = true WHERE sale_id = $1 AND NOT void",
        "UPDATE seats SET status = 'available', version = version + 1 WHERE sale_id = $1 AND status <> 'available'",
        "UPDATE tiers SET available = capacity, held = 0, sold = 0, version = version + 1 WHERE sale_id = $1",
    ];
    for statement in STATEMENTS {
        query(connection.again(), statement).bind(sale_id).execute().await?;
    }
    if let Connection::Postgres(connection) = &mut connection {
        postgres::renew_units(connection, sale_id).await?;
    }
    query(
        connection,
        "UPDATE sales SET available = capacity, held = 0, sold = 0, seq = seq + 1, revision = revision + 1,
                          head_hash = $1
         WHERE id = $2",
    )
    .bind(head_hash.as_slice())
    .bind(sale_id)
    .execute()
    .await?;
    Ok(())
}

/// Makes this strategy sell the sale from now on, and increases the sale's `revision`.
pub async fn set_strategy(connection: Connection<'_>, sale_id: i64, strategy: StrategyKind) -> Result<(), sqlx::Error> {
    query(connection, "UPDATE sales SET strategy = $1, revision = revision + 1 WHERE id = $2")
        .bind(strategy)
        .bind(sale_id)
        .execute()
        .await?;
    Ok(())
}

/// Writes a sale's newest `seq` and the hash of its line.
pub async fn set_head(connection: Connection<'_>, sale_id: i64, seq: u64, head_hash: &Hash) -> Result<(), sqlx::Error> {
    query(connection, "UPDATE sales SET seq = $1, head_hash = $2 WHERE id = $3")
        .bind(integer(seq))
        .bind(head_hash.as_slice())
        .bind(sale_id)
        .execute()
        .await?;
    Ok(())
}

/// A sale's row and strategy.
pub async fn sale_identity(connection: Connection<'_>, slug: &str) -> Result<Option<SaleIdentity>, sqlx::Error> {
    query(connection, "SELECT id AS sale_id, strategy FROM sales WHERE slug = $1").bind(slug).fetch_optional().await
}

/// Slugs that are `wanted`, or start with it and a hyphen. Slugs have only lower case letters, digits and hyphens, none
/// of which is special to LIKE.
pub async fn slugs_like(connection: Connection<'_>, wanted: &str) -> Result<Vec<String>, sqlx::Error> {
    let slugs: Vec<(String,)> = query(connection, "SELECT slug FROM sales WHERE slug = $1 OR slug LIKE $1 || '-%'")
        .bind(wanted)
        .fetch_all()
        .await?;
    Ok(slugs.into_iter().map(|(slug,)| slug).collect())
}

/// The newest `seq` and `revision` of every sale.
pub async fn heads(connection: Connection<'_>) -> Result<Vec<SaleHead>, sqlx::Error> {
    query(connection, "SELECT id AS sale_id, slug, seq, revision FROM sales ORDER BY id").fetch_all().await
}

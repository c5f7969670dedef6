//! Reads whole sales: their rows, tiers, seats, holds and what each buyer has.

use std::collections::HashMap;

use super::{holds::live_holds, orders::units_by_buyer, query::query};
use crate::{
    model::{
        sale::{Checkout, ContactRule, SaleSwitch},
        seat::SeatStatus,
        strategy::StrategyKind,
        time::Timestamp,
    },
    server::store::{
        Connection,
        rows::{NewSeatRecord, SaleRecord, SaleTerms, TierRecord, count},
    },
};

#[derive(sqlx::FromRow)]
struct SaleRow {
    id: i64,
    slug: String,
    name: String,
    revision: i64,
    switch: SaleSwitch,
    strategy: StrategyKind,
    rehearsal: bool,
    opens_at: Option<Timestamp>,
    message: Option<String>,
    hold_ttl_seconds: i64,
    hold_extension_seconds: i64,
    hold_extensions: i64,
    payment_grace_seconds: i64,
    checkout: Checkout,
    contact: ContactRule,
    max_per_buyer: Option<i64>,
    seq: i64,
    head_hash: Vec<u8>,
}

macro_rules! select_sales {
    ($rest:literal) => {
        concat!(
            "SELECT id, slug, name, revision, switch, strategy, rehearsal, opens_at, message, hold_ttl_seconds,
                    hold_extension_seconds, hold_extensions, payment_grace_seconds, checkout, contact, max_per_buyer, seq,
                    head_hash
             FROM sales ",
            $rest
        )
    };
}

/// All sales, in the order in which they were created. This takes several statements. If others may write meanwhile,
/// `connection` must be inside a transaction that reads everything as of one moment.
pub async fn load_sales(mut connection: Connection<'_>) -> Result<Vec<SaleRecord>, sqlx::Error> {
    let rows: Vec<SaleRow> = query(connection.again(), select_sales!("ORDER BY id")).fetch_all().await?;
    let mut sales = Vec::with_capacity(rows.len());
    for row in rows {
        sales.push(complete(connection.again(), row).await?);
    }
    Ok(sales)
}

/// One sale by its slug. This takes several statements. If others may write meanwhile, `connection` must be inside a
/// transaction that reads everything as of one moment, or that has locked the sale.
pub async fn find_sale(mut connection: Connection<'_>, slug: &str) -> Result<Option<SaleRecord>, sqlx::Error> {
    let row = query(connection.again(), select_sales!("WHERE slug = $1")).bind(slug).fetch_optional().await?;
    match row {
        Some(row) => complete(connection, row).await.map(Some),
        None => Ok(None),
    }
}

/// Reads what belongs to a sale's row: its tiers, its seats, its holds, and what each buyer has.
async fn complete(mut connection: Connection<'_>, row: SaleRow) -> Result<SaleRecord, sqlx::Error> {
    let unreadable = |what: &str| sqlx::Error::Decode(format!("sale {} has an unreadable {what}", row.slug).into());
    let small = |integer: i64| u32::try_from(integer).map_err(|_| unreadable("limit"));
    let tiers = load_tiers(connection.again(), row.id).await?;
    let seats = load_seats(connection.again(), row.id, &tiers).await?;
    let live_holds = live_holds(connection.again(), row.id).await?;
    let had = match row.max_per_buyer {
        Some(_) => units_by_buyer(connection, row.id).await?,
        None => HashMap::new(),
    };
    Ok(SaleRecord {
        id: row.id,
        revision: count(row.revision),
        terms: SaleTerms {
            checkout: row.checkout,
            contact: row.contact,
            hold_ttl_seconds: small(row.hold_ttl_seconds)?,
            hold_extension_seconds: small(row.hold_extension_seconds)?,
            hold_extensions: small(row.hold_extensions)?,
            payment_grace_seconds: small(row.payment_grace_seconds)?,
        },
        max_per_buyer: row.max_per_buyer.map(small).transpose()?,
        head_hash: row.head_hash.as_slice().try_into().map_err(|_| unreadable("hash"))?,
        switch: row.switch,
        strategy: row.strategy,
        slug: row.slug,
        name: row.name,
        rehearsal: row.rehearsal,
        opens_at: row.opens_at,
        message: row.message,
        seq: count(row.seq),
        tiers,
        seats,
        had,
        live_holds,
    })
}

async fn load_tiers(connection: Connection<'_>, sale_id: i64) -> Result<Vec<TierRecord>, sqlx::Error> {
    query(
        connection,
        "SELECT id, slug, name, price, price_steps, currency, seated, available, held, sold
         FROM tiers WHERE sale_id = $1 ORDER BY position",
    )
    .bind(sale_id)
    .fetch_all()
    .await
}

async fn load_seats(
    connection: Connection<'_>,
    sale_id: i64,
    tiers: &[TierRecord],
) -> Result<Vec<NewSeatRecord>, sqlx::Error> {
    type Row = (i64, String, String, i64, String, SeatStatus);
    let rows: Vec<Row> = query(
        connection,
        "SELECT tier_id, section, row_name, number, label, status FROM seats WHERE sale_id = $1 ORDER BY position",
    )
    .bind(sale_id)
    .fetch_all()
    .await?;
    rows.into_iter()
        .map(|(tier_id, section, row, number, label, status)| {
            let unreadable = || sqlx::Error::Decode(format!("seat {label} cannot be read").into());
            let tier_index = tiers.iter().position(|tier| tier.id == tier_id).ok_or_else(unreadable)?;
            Ok(NewSeatRecord {
                tier_index: u32::try_from(tier_index).expect("a sale has few tiers"),
                number: u32::try_from(number).map_err(|_| unreadable())?,
                status,
                section,
                row,
                label,
            })
        })
        .collect()
}

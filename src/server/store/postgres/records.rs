//! Sales as they are stored, read with all that belongs to them.

use std::collections::HashMap;

use sqlx::PgConnection;

use super::{orders::units_by_buyer, small};
use crate::{
    model::{
        sale::{Counts, SaleSwitch},
        seat::SeatStatus,
        strategy::StrategyKind,
        time::Timestamp,
    },
    server::store::rows::{NewSeatRecord, SaleRecord, TierRecord, count},
};

#[derive(sqlx::FromRow)]
struct SaleRow {
    id: i64,
    slug: String,
    name: String,
    revision: i64,
    switch: String,
    strategy: String,
    rehearsal: bool,
    opens_at: Option<i64>,
    message: Option<String>,
    hold_ttl_seconds: i64,
    max_per_buyer: Option<i64>,
    seq: i64,
    head_hash: Vec<u8>,
}

macro_rules! select_sales {
    ($rest:literal) => {
        concat!(
            "SELECT id, slug, name, revision, switch, strategy, rehearsal, opens_at, message, hold_ttl_seconds,
                    max_per_buyer, seq, head_hash
             FROM sales ",
            $rest
        )
    };
}

/// All sales, in the order in which they were made. Their rows are read one after another: `connection` is inside a
/// transaction that reads everything as of one moment.
pub async fn load_sales(connection: &mut PgConnection) -> Result<Vec<SaleRecord>, sqlx::Error> {
    let rows: Vec<SaleRow> = sqlx::query_as(select_sales!("ORDER BY id")).fetch_all(&mut *connection).await?;
    let mut sales = Vec::with_capacity(rows.len());
    for row in rows {
        sales.push(complete(connection, row).await?);
    }
    Ok(sales)
}

/// One sale by its slug. Its rows are read one after another: `connection` is inside a transaction that reads
/// everything as of one moment, or that has locked the sale.
pub async fn find_sale(connection: &mut PgConnection, slug: &str) -> Result<Option<SaleRecord>, sqlx::Error> {
    let row: Option<SaleRow> =
        sqlx::query_as(select_sales!("WHERE slug = $1")).bind(slug).fetch_optional(&mut *connection).await?;
    match row {
        Some(row) => complete(connection, row).await.map(Some),
        None => Ok(None),
    }
}

/// Adds a sale's tiers and seats to its row.
async fn complete(connection: &mut PgConnection, row: SaleRow) -> Result<SaleRecord, sqlx::Error> {
    let unreadable = |what: &str| sqlx::Error::Decode(format!("sale {} has an unknown {what}", row.slug).into());
    let tiers = load_tiers(connection, row.id).await?;
    let seats = load_seats(connection, row.id, &tiers).await?;
    let owned = match row.max_per_buyer {
        Some(_) => units_by_buyer(connection, row.id).await?,
        None => HashMap::new(),
    };
    Ok(SaleRecord {
        id: row.id,
        revision: count(row.revision),
        switch: SaleSwitch::from_name(&row.switch).ok_or_else(|| unreadable("switch"))?,
        strategy: StrategyKind::from_name(&row.strategy).ok_or_else(|| unreadable("strategy"))?,
        head_hash: row.head_hash.clone().try_into().map_err(|_| unreadable("hash"))?,
        slug: row.slug,
        name: row.name,
        rehearsal: row.rehearsal,
        opens_at: row.opens_at.map(Timestamp::from_milliseconds),
        message: row.message,
        hold_ttl_seconds: small(row.hold_ttl_seconds)?,
        max_per_buyer: row.max_per_buyer.map(small).transpose()?,
        seq: count(row.seq),
        tiers,
        seats,
        owned,
    })
}

async fn load_tiers(connection: &mut PgConnection, sale_id: i64) -> Result<Vec<TierRecord>, sqlx::Error> {
    type Row = (i64, String, String, i64, String, bool, i64, i64, i64);
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT id, slug, name, price, currency, seated, available, held, sold
         FROM tiers WHERE sale_id = $1 ORDER BY position",
    )
    .bind(sale_id)
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|(id, slug, name, price, currency, seated, available, held, sold)| TierRecord {
            id,
            slug,
            name,
            price: count(price),
            currency,
            seated,
            counts: Counts { available: count(available), held: count(held), sold: count(sold) },
        })
        .collect())
}

async fn load_seats(
    connection: &mut PgConnection,
    sale_id: i64,
    tiers: &[TierRecord],
) -> Result<Vec<NewSeatRecord>, sqlx::Error> {
    type Row = (i64, String, String, i64, String, String);
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT tier_id, section, row_name, number, label, status FROM seats WHERE sale_id = $1 ORDER BY position",
    )
    .bind(sale_id)
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|(tier_id, section, row, number, label, status)| {
            let unreadable = || sqlx::Error::Decode(format!("seat {label} cannot be read").into());
            let tier_index = tiers.iter().position(|tier| tier.id == tier_id).ok_or_else(unreadable)?;
            Ok(NewSeatRecord {
                tier_index: u32::try_from(tier_index).expect("a sale has few tiers"),
                status: SeatStatus::from_name(&status).ok_or_else(unreadable)?,
                section,
                row,
                number: small(number)?,
                label,
            })
        })
        .collect()
}

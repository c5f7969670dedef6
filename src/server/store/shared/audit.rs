//! Counts rows for the audit: seats and tickets as they are stored, and the counters to check against them.

use std::collections::BTreeSet;

use super::query::query;
use crate::{
    model::{sale::Counts, seat::SeatStatus},
    server::store::{
        Connection,
        rows::{Recount, TierRecount, count},
    },
};

#[derive(sqlx::FromRow)]
struct SaleRow {
    seq: i64,
    head_hash: Vec<u8>,
    #[sqlx(flatten)]
    counters: Counts,
}

#[derive(sqlx::FromRow)]
struct TierRow {
    slug: String,
    seated: bool,
    #[sqlx(flatten)]
    counters: Counts,
    available_seats: i64,
    held_seats: i64,
    sold_seats: i64,
    tickets: i64,
}

/// Counts one sale; `connection` is inside a transaction that reads everything as of one moment.
pub async fn recount(mut connection: Connection<'_>, sale_id: i64) -> Result<Recount, sqlx::Error> {
    let sale: SaleRow =
        query(connection.again(), "SELECT seq, head_hash, available, held, sold FROM sales WHERE id = $1")
            .bind(sale_id)
            .fetch_one()
            .await?;
    let (orders,): (i64,) = query(connection.again(), "SELECT COUNT(*) FROM orders WHERE sale_id = $1 AND NOT void")
        .bind(sale_id)
        .fetch_one()
        .await?;
    let ticketed: Vec<(String, i64)> = query(
        connection.again(),
        "SELECT seats.label, COUNT(*) FROM tickets
         JOIN seats ON seats.sale_id = tickets.sale_id AND seats.position = tickets.seat_position
         WHERE tickets.sale_id = $1 AND NOT tickets.void GROUP BY seats.label",
    )
    .bind(sale_id)
    .fetch_all()
    .await?;
    Ok(Recount {
        seq: count(sale.seq),
        head_hash: sale.head_hash,
        counters: sale.counters,
        orders: count(orders),
        tiers: recount_tiers(connection.again(), sale_id).await?,
        doubly_sold: ticketed.iter().map(|(_, tickets)| count(tickets - 1)).sum(),
        ticketed_seats: ticketed.into_iter().map(|(label, _)| label).collect(),
        held_seats: seats_that_are(connection.again(), sale_id, SeatStatus::Held).await?,
        sold_seats: seats_that_are(connection, sale_id, SeatStatus::Sold).await?,
    })
}

/// Labels of the seats whose row has this status.
async fn seats_that_are(
    connection: Connection<'_>,
    sale_id: i64,
    status: SeatStatus,
) -> Result<BTreeSet<String>, sqlx::Error> {
    let labels: Vec<(String,)> = query(connection, "SELECT label FROM seats WHERE sale_id = $1 AND status = $2")
        .bind(sale_id)
        .bind(status)
        .fetch_all()
        .await?;
    Ok(labels.into_iter().map(|(label,)| label).collect())
}

async fn recount_tiers(connection: Connection<'_>, sale_id: i64) -> Result<Vec<TierRecount>, sqlx::Error> {
    let rows: Vec<TierRow> = query(
        connection,
        "WITH counted_seats AS (
             SELECT tier_id, COUNT(*) FILTER (WHERE status = 'available') AS available,
                    COUNT(*) FILTER (WHERE status = 'held') AS held, COUNT(*) FILTER (WHERE status = 'sold') AS sold
             FROM seats WHERE sale_id = $1 GROUP BY tier_id),
         counted_tickets AS (
             SELECT tier_id, COUNT(*) AS tickets FROM tickets WHERE sale_id = $1 AND NOT void GROUP BY tier_id)
         SELECT tiers.slug, tiers.seated, tiers.available, tiers.held, tiers.sold,
                COALESCE(counted_seats.available, 0) AS available_seats, COALESCE(counted_seats.held, 0) AS held_seats,
                COALESCE(counted_seats.sold, 0) AS sold_seats, COALESCE(counted_tickets.tickets, 0) AS tickets
         FROM tiers
         LEFT JOIN counted_seats ON counted_seats.tier_id = tiers.id
         LEFT JOIN counted_tickets ON counted_tickets.tier_id = tiers.id
         WHERE tiers.sale_id = $1 ORDER BY tiers.position",
    )
    .bind(sale_id)
    .fetch_all()
    .await?;
    let tier = |row: TierRow| TierRecount {
        slug: row.slug,
        seated: row.seated,
        counters: row.counters,
        seats: Counts {
            available: count(row.available_seats),
            held: count(row.held_seats),
            sold: count(row.sold_seats),
        },
        tickets: count(row.tickets),
    };
    Ok(rows.into_iter().map(tier).collect())
}

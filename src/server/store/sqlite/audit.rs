//! Counts rows for the audit: seats and tickets as they stand, and beside them the counters that are checked.

use sqlx::SqliteConnection;

use crate::{
    model::sale::Counts,
    server::store::rows::{Recount, TierRecount, count},
};

/// Counts one sale; `connection` is inside a transaction, so that all is of one moment.
pub async fn recount(connection: &mut SqliteConnection, sale_id: i64) -> Result<Recount, sqlx::Error> {
    let (seq, head_hash, available, held, sold): (i64, Vec<u8>, i64, i64, i64) =
        sqlx::query_as("SELECT seq, head_hash, available, held, sold FROM sales WHERE id = ?")
            .bind(sale_id)
            .fetch_one(&mut *connection)
            .await?;
    let orders: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM orders WHERE sale_id = ? AND void = 0")
        .bind(sale_id)
        .fetch_one(&mut *connection)
        .await?;
    let ticketed: Vec<(String, i64)> = sqlx::query_as(
        "SELECT seats.label, COUNT(*) FROM tickets
         JOIN seats ON seats.sale_id = tickets.sale_id AND seats.position = tickets.seat_position
         WHERE tickets.sale_id = ? AND tickets.void = 0 GROUP BY seats.label",
    )
    .bind(sale_id)
    .fetch_all(&mut *connection)
    .await?;
    let sold_seats: Vec<String> = sqlx::query_scalar("SELECT label FROM seats WHERE sale_id = ? AND status = 'sold'")
        .bind(sale_id)
        .fetch_all(&mut *connection)
        .await?;
    let held_seats: Vec<String> = sqlx::query_scalar("SELECT label FROM seats WHERE sale_id = ? AND status = 'held'")
        .bind(sale_id)
        .fetch_all(&mut *connection)
        .await?;
    Ok(Recount {
        seq: count(seq),
        head_hash,
        counters: Counts { available: count(available), held: count(held), sold: count(sold) },
        orders: count(orders),
        tiers: recount_tiers(connection, sale_id).await?,
        doubly_sold: ticketed.iter().map(|(_, tickets)| count(tickets - 1)).sum(),
        ticketed_seats: ticketed.into_iter().map(|(label, _)| label).collect(),
        sold_seats: sold_seats.into_iter().collect(),
        held_seats: held_seats.into_iter().collect(),
    })
}

async fn recount_tiers(connection: &mut SqliteConnection, sale_id: i64) -> Result<Vec<TierRecount>, sqlx::Error> {
    type Row = (String, bool, i64, i64, i64, i64, i64, i64, i64);
    let rows: Vec<Row> = sqlx::query_as(
        "WITH counted_seats AS (
             SELECT tier_id, SUM(status = 'available') AS available, SUM(status = 'held') AS held,
                    SUM(status = 'sold') AS sold
             FROM seats WHERE sale_id = ?1 GROUP BY tier_id),
         counted_tickets AS (
             SELECT tier_id, COUNT(*) AS tickets FROM tickets WHERE sale_id = ?1 AND void = 0 GROUP BY tier_id)
         SELECT tiers.slug, tiers.seated, tiers.available, tiers.held, tiers.sold,
                COALESCE(counted_seats.available, 0), COALESCE(counted_seats.held, 0), COALESCE(counted_seats.sold, 0),
                COALESCE(counted_tickets.tickets, 0)
         FROM tiers
         LEFT JOIN counted_seats ON counted_seats.tier_id = tiers.id
         LEFT JOIN counted_tickets ON counted_tickets.tier_id = tiers.id
         WHERE tiers.sale_id = ?1 ORDER BY tiers.position",
    )
    .bind(sale_id)
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|(slug, seated, available, held, sold, seats_available, seats_held, seats_sold, tickets)| TierRecount {
            slug,
            seated,
            counters: Counts { available: count(available), held: count(held), sold: count(sold) },
            seats: Counts { available: count(seats_available), held: count(seats_held), sold: count(seats_sold) },
            tickets: count(tickets),
        })
        .collect())
}

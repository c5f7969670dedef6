//! Counts rows for the audit: seats and tickets as they are stored, and the counters to check against them.

use std::collections::BTreeSet;

use rustc_hash::{FxHashMap, FxHashSet};

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
    id: i64,
    slug: String,
    seated: bool,
    #[sqlx(flatten)]
    counters: Counts,
    available_seats: i64,
    held_seats: i64,
    sold_seats: i64,
}

/// Counts one sale; `connection` is inside a transaction that reads everything as of one moment.
///
/// Tickets are found through the orders of the sale, by the index over the orders, so that an audit reads no other
/// sale's rows. Each ticket is counted in one sale, that of its order. There it is a phantom if it names another sale.
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
    let (last_line,): (i64,) = query(connection.again(), "SELECT COALESCE(MAX(seq), 0) FROM ledger WHERE sale_id = $1")
        .bind(sale_id)
        .fetch_one()
        .await?;
    let ticketed = ticketed_seats(connection.again(), sale_id).await?;
    let (held_seats, sold_seats) = seats_not_available(connection.again(), sale_id).await?;
    let (seats_of_holds, units_of_holds) = in_holds(connection.again(), sale_id).await?;
    let (tiers, misplaced_tickets) = recount_tiers(connection, sale_id, &units_of_holds).await?;
    Ok(Recount {
        seq: count(sale.seq),
        head_hash: sale.head_hash,
        last_line: count(last_line),
        counters: sale.counters,
        orders: count(orders),
        misplaced_tickets,
        tiers,
        doubly_sold: ticketed.iter().map(|(_, tickets)| count(tickets - 1)).sum(),
        ticketed_seats: ticketed.into_iter().map(|(label, _)| label).collect(),
        held_seats,
        seats_of_holds,
        sold_seats,
    })
}

/// Labels of the seats in live holds, and how many units of each tier are in them.
async fn in_holds(
    connection: Connection<'_>,
    sale_id: i64,
) -> Result<(BTreeSet<String>, FxHashMap<i64, u64>), sqlx::Error> {
    // By the index of live holds: the items of all holds that have ended would be many more.
    let items: Vec<(i64, i64, Option<String>)> = query(
        connection,
        "SELECT hold_items.tier_id, hold_items.quantity, seats.label
         FROM holds JOIN hold_items ON hold_items.hold_id = holds.id
         LEFT JOIN seats ON seats.sale_id = hold_items.sale_id AND seats.position = hold_items.seat_position
         WHERE holds.sale_id = $1 AND holds.ended_at IS NULL AND hold_items.live",
    )
    .bind(sale_id)
    .fetch_all()
    .await?;
    let mut units: FxHashMap<i64, u64> = FxHashMap::default();
    items.iter().for_each(|(tier_id, quantity, _)| *units.entry(*tier_id).or_default() += count(*quantity));
    Ok((items.into_iter().filter_map(|(.., label)| label).collect(), units))
}

/// Labels of the seats with valid tickets, and how many each has.
async fn ticketed_seats(connection: Connection<'_>, sale_id: i64) -> Result<Vec<(String, i64)>, sqlx::Error> {
    query(
        connection,
        "SELECT seats.label, COUNT(*)
         FROM orders CROSS JOIN tickets CROSS JOIN seats
         WHERE EXISTS (SELECT 1 FROM seats WHERE sale_id = $1)
           AND orders.sale_id = $1 AND tickets.order_id = orders.id AND NOT tickets.void
           AND seats.sale_id = tickets.sale_id AND seats.position = tickets.seat_position AND seats.sale_id = $1
         GROUP BY seats.label",
    )
    .bind(sale_id)
    .fetch_all()
    .await
}

/// The sale and tier that the valid tickets of the sale's orders name, and how many name each.
async fn tickets_by_tier(connection: Connection<'_>, sale_id: i64) -> Result<Vec<(i64, i64, i64)>, sqlx::Error> {
    query(
        connection,
        "SELECT tickets.sale_id, tickets.tier_id, COUNT(*) FROM orders CROSS JOIN tickets
         WHERE orders.sale_id = $1 AND tickets.order_id = orders.id AND NOT tickets.void
         GROUP BY tickets.sale_id, tickets.tier_id",
    )
    .bind(sale_id)
    .fetch_all()
    .await
}

/// Labels of the seats whose row says held, and of those whose row says sold.
async fn seats_not_available(
    connection: Connection<'_>,
    sale_id: i64,
) -> Result<(BTreeSet<String>, BTreeSet<String>), sqlx::Error> {
    let seats: Vec<(String, SeatStatus)> =
        query(connection, "SELECT label, status FROM seats WHERE sale_id = $1 AND status <> 'available'")
            .bind(sale_id)
            .fetch_all()
            .await?;
    let (mut held, mut sold) = (BTreeSet::new(), BTreeSet::new());
    for (label, status) in seats {
        if status == SeatStatus::Held { &mut held } else { &mut sold }.insert(label);
    }
    Ok((held, sold))
}

/// The sale's tiers, and how many tickets of its orders are for none of them.
async fn recount_tiers(
    mut connection: Connection<'_>,
    sale_id: i64,
    units_of_holds: &FxHashMap<i64, u64>,
) -> Result<(Vec<TierRecount>, u64), sqlx::Error> {
    let tickets = tickets_by_tier(connection.again(), sale_id).await?;
    let rows: Vec<TierRow> = query(
        connection,
        "WITH counted_seats AS (
             SELECT tier_id, COUNT(*) FILTER (WHERE status = 'available') AS available,
                    COUNT(*) FILTER (WHERE status = 'held') AS held, COUNT(*) FILTER (WHERE status = 'sold') AS sold
             FROM seats WHERE sale_id = $1 GROUP BY tier_id)
         SELECT tiers.id, tiers.slug, tiers.seated, tiers.available, tiers.held, tiers.sold,
                COALESCE(counted_seats.available, 0) AS available_seats, COALESCE(counted_seats.held, 0) AS held_seats,
                COALESCE(counted_seats.sold, 0) AS sold_seats
         FROM tiers
         LEFT JOIN counted_seats ON counted_seats.tier_id = tiers.id
         WHERE tiers.sale_id = $1 ORDER BY tiers.position",
    )
    .bind(sale_id)
    .fetch_all()
    .await?;
    let mut misplaced_tickets = 0;
    let mut tickets_of = FxHashMap::default();
    let known: FxHashSet<i64> = rows.iter().map(|row| row.id).collect();
    for (named_sale, tier, tickets) in tickets {
        if named_sale == sale_id && known.contains(&tier) {
            tickets_of.insert(tier, count(tickets));
        } else {
            misplaced_tickets += count(tickets);
        }
    }
    let tier = |row: TierRow| TierRecount {
        slug: row.slug,
        seated: row.seated,
        counters: row.counters,
        seats: Counts {
            available: count(row.available_seats),
            held: count(row.held_seats),
            sold: count(row.sold_seats),
        },
        tickets: tickets_of.get(&row.id).copied().unwrap_or_default(),
        units_of_holds: units_of_holds.get(&row.id).copied().unwrap_or_default(),
    };
    Ok((rows.into_iter().map(tier).collect(), misplaced_tickets))
}

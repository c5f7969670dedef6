//! What was bought.

use std::collections::HashMap;

use sqlx::SqliteConnection;
use uuid::Uuid;

use crate::{
    model::{
        ids::{BuyerId, OrderId, SaleId, SeatLabel, TicketId, TierId},
        order::{Order, Ticket},
        time::Timestamp,
    },
    server::{ledger::hexadecimal, store::rows::count},
};

/// One ticket with its order, as it is read.
#[derive(sqlx::FromRow)]
struct TicketRow {
    order_id: Vec<u8>,
    sale: String,
    buyer_id: Vec<u8>,
    total: i64,
    currency: String,
    seq: i64,
    created_at: i64,
    ticket_id: Vec<u8>,
    tier: String,
    seat: Option<String>,
    code: Vec<u8>,
}

/// All blocks of the index `orders_by_buyer`: of the sale `?2`, or of every sale where that is null.
macro_rules! with_blocks {
    () => {
        "WITH RECURSIVE blocks (sale_id, block) AS (
             SELECT id, seq >> 10 FROM sales WHERE ?2 IS NULL OR id = ?2
             UNION ALL SELECT sale_id, block - 1 FROM blocks WHERE block > 0) "
    };
}

/// The valid orders of the buyer `?1` in these blocks, by the index.
macro_rules! orders_of_buyer {
    () => {
        "blocks CROSS JOIN orders ON orders.sale_id = blocks.sale_id AND (orders.seq >> 10) = blocks.block
             AND orders.buyer_id = ?1 AND orders.void = 0 "
    };
}

/// Tickets with their orders, for the rows and in the order that the rest of the query names.
macro_rules! select_tickets {
    ($orders:expr, $rest:literal) => {
        concat!(
            "SELECT orders.id AS order_id, sales.slug AS sale, orders.buyer_id, orders.total, orders.currency, orders.seq,
                        orders.created_at, tickets.id AS ticket_id, tiers.slug AS tier, seats.label AS seat, tickets.code
             FROM ", $orders, "
             JOIN sales ON sales.id = orders.sale_id
             JOIN tickets ON tickets.order_id = orders.id
             JOIN tiers ON tiers.id = tickets.tier_id
             LEFT JOIN seats ON seats.sale_id = tickets.sale_id AND seats.position = tickets.seat_position ",
            $rest
        )
    };
}

/// An order by its id. With `buyer`, only if it is that buyer's. One that a reset made void is found only where
/// `even_void`: an answer once given is given again.
pub async fn find_order(
    connection: &mut SqliteConnection,
    order: OrderId,
    buyer: Option<BuyerId>,
    even_void: bool,
) -> Result<Option<Order>, sqlx::Error> {
    let rows = sqlx::query_as(select_tickets!(
        "orders",
        "WHERE orders.id = ?1 AND (?2 IS NULL OR orders.buyer_id = ?2) AND (?3 OR orders.void = 0)
         ORDER BY tickets.id"
    ))
    .bind(order.0.as_bytes().to_vec())
    .bind(buyer.map(|buyer| buyer.0.as_bytes().to_vec()))
    .bind(even_void)
    .fetch_all(connection)
    .await?;
    Ok(group(rows).pop())
}

/// A buyer's orders, the newest first.
pub async fn orders_of(connection: &mut SqliteConnection, buyer: BuyerId) -> Result<Vec<Order>, sqlx::Error> {
    let rows = sqlx::query_as(concat!(
        with_blocks!(),
        select_tickets!(orders_of_buyer!(), "ORDER BY orders.id DESC, tickets.id")
    ))
    .bind(buyer.0.as_bytes().to_vec())
    .bind(None::<i64>)
    .fetch_all(connection)
    .await?;
    Ok(group(rows))
}

/// Positions of the seats that a buyer owns in a sale, in order.
pub async fn owned_positions(
    connection: &mut SqliteConnection,
    sale_id: i64,
    buyer: BuyerId,
) -> Result<Vec<u32>, sqlx::Error> {
    sqlx::query_scalar(concat!(
        with_blocks!(),
        "SELECT tickets.seat_position FROM ",
        orders_of_buyer!(),
        "JOIN tickets ON tickets.order_id = orders.id
         WHERE tickets.seat_position IS NOT NULL ORDER BY tickets.seat_position"
    ))
    .bind(buyer.0.as_bytes().to_vec())
    .bind(sale_id)
    .fetch_all(connection)
    .await
}

/// How many units of the sale a buyer owns.
pub async fn units_owned(connection: &mut SqliteConnection, sale_id: i64, buyer: BuyerId) -> Result<u64, sqlx::Error> {
    let units: i64 = sqlx::query_scalar(concat!(
        with_blocks!(),
        "SELECT COUNT(*) FROM ",
        orders_of_buyer!(),
        "JOIN tickets ON tickets.order_id = orders.id"
    ))
    .bind(buyer.0.as_bytes().to_vec())
    .bind(sale_id)
    .fetch_one(connection)
    .await?;
    Ok(count(units))
}

/// How many units of the sale each of its buyers owns.
pub async fn units_by_buyer(
    connection: &mut SqliteConnection,
    sale_id: i64,
) -> Result<HashMap<BuyerId, u64>, sqlx::Error> {
    let rows: Vec<(Vec<u8>, i64)> = sqlx::query_as(
        "SELECT orders.buyer_id, COUNT(*) FROM orders JOIN tickets ON tickets.order_id = orders.id
         WHERE orders.sale_id = ? AND orders.void = 0 GROUP BY orders.buyer_id",
    )
    .bind(sale_id)
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|(buyer, units)| (BuyerId(uuid(&buyer)), count(units))).collect())
}

fn uuid(bytes: &[u8]) -> Uuid {
    Uuid::from_slice(bytes).expect("the schema keeps an id at 16 bytes")
}

/// Tickets that stand together by order, as orders.
fn group(rows: Vec<TicketRow>) -> Vec<Order> {
    let mut orders: Vec<Order> = Vec::new();
    for row in rows {
        let id = OrderId(uuid(&row.order_id));
        let ticket = Ticket {
            id: TicketId(uuid(&row.ticket_id)),
            tier: TierId(row.tier),
            seat: row.seat.map(SeatLabel),
            code: hexadecimal(&row.code),
        };
        match orders.last_mut() {
            Some(order) if order.id == id => order.tickets.push(ticket),
            _ => orders.push(Order {
                id,
                sale: SaleId(row.sale),
                buyer: BuyerId(uuid(&row.buyer_id)),
                total: count(row.total),
                currency: row.currency,
                seq: count(row.seq),
                created_at: Timestamp::from_milliseconds(row.created_at),
                tickets: vec![ticket],
            }),
        }
    }
    orders
}

//! What was bought.

use std::collections::HashMap;

use sqlx::PgConnection;
use uuid::Uuid;

use super::all_small;
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
    order_id: Uuid,
    sale: String,
    buyer_id: Uuid,
    total: i64,
    currency: String,
    seq: i64,
    created_at: i64,
    ticket_id: Uuid,
    tier: String,
    seat: Option<String>,
    code: Vec<u8>,
}

/// Tickets with their orders, for the rows and in the order that the rest of the query names.
macro_rules! select_tickets {
    ($rest:literal) => {
        concat!(
            "SELECT orders.id AS order_id, sales.slug AS sale, orders.buyer_id, orders.total, orders.currency,
                    orders.seq, orders.created_at, tickets.id AS ticket_id, tiers.slug AS tier, seats.label AS seat,
                    tickets.code
             FROM orders
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
    connection: &mut PgConnection,
    order: OrderId,
    buyer: Option<BuyerId>,
    even_void: bool,
) -> Result<Option<Order>, sqlx::Error> {
    let rows = sqlx::query_as(select_tickets!(
        "WHERE orders.id = $1 AND ($2 IS NULL OR orders.buyer_id = $2) AND ($3 OR NOT orders.void)
         ORDER BY tickets.id"
    ))
    .bind(order.0)
    .bind(buyer.map(|buyer| buyer.0))
    .bind(even_void)
    .fetch_all(connection)
    .await?;
    Ok(group(rows).pop())
}

/// A buyer's orders, the newest first.
pub async fn orders_of(connection: &mut PgConnection, buyer: BuyerId) -> Result<Vec<Order>, sqlx::Error> {
    let rows = sqlx::query_as(select_tickets!(
        "WHERE orders.buyer_id = $1 AND NOT orders.void ORDER BY orders.id DESC, tickets.id"
    ))
    .bind(buyer.0)
    .fetch_all(connection)
    .await?;
    Ok(group(rows))
}

/// Positions of the seats that a buyer owns in a sale, in order.
pub async fn owned_positions(
    connection: &mut PgConnection,
    sale_id: i64,
    buyer: BuyerId,
) -> Result<Vec<u32>, sqlx::Error> {
    let positions: Vec<i64> = sqlx::query_scalar(
        "SELECT tickets.seat_position FROM orders JOIN tickets ON tickets.order_id = orders.id
         WHERE orders.buyer_id = $1 AND orders.sale_id = $2 AND NOT orders.void AND tickets.seat_position IS NOT NULL
         ORDER BY tickets.seat_position",
    )
    .bind(buyer.0)
    .bind(sale_id)
    .fetch_all(connection)
    .await?;
    all_small(positions)
}

/// How many units of the sale a buyer owns.
pub async fn units_owned(connection: &mut PgConnection, sale_id: i64, buyer: BuyerId) -> Result<u64, sqlx::Error> {
    let units: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM orders JOIN tickets ON tickets.order_id = orders.id
         WHERE orders.buyer_id = $1 AND orders.sale_id = $2 AND NOT orders.void",
    )
    .bind(buyer.0)
    .bind(sale_id)
    .fetch_one(connection)
    .await?;
    Ok(count(units))
}

/// How many units of the sale each of its buyers owns.
pub async fn units_by_buyer(connection: &mut PgConnection, sale_id: i64) -> Result<HashMap<BuyerId, u64>, sqlx::Error> {
    let rows: Vec<(Uuid, i64)> = sqlx::query_as(
        "SELECT orders.buyer_id, COUNT(*) FROM orders JOIN tickets ON tickets.order_id = orders.id
         WHERE orders.sale_id = $1 AND NOT orders.void GROUP BY orders.buyer_id",
    )
    .bind(sale_id)
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|(buyer, units)| (BuyerId(buyer), count(units))).collect())
}

/// Tickets that stand together by order, as orders.
fn group(rows: Vec<TicketRow>) -> Vec<Order> {
    let mut orders: Vec<Order> = Vec::new();
    for row in rows {
        let id = OrderId(row.order_id);
        let ticket = Ticket {
            id: TicketId(row.ticket_id),
            tier: TierId(row.tier),
            seat: row.seat.map(SeatLabel),
            code: hexadecimal(&row.code),
        };
        match orders.last_mut() {
            Some(order) if order.id == id => order.tickets.push(ticket),
            _ => orders.push(Order {
                id,
                sale: SaleId(row.sale),
                buyer: BuyerId(row.buyer_id),
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

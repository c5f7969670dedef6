//! What was bought.

use sqlx::{SqliteExecutor, SqlitePool};
use uuid::Uuid;

use super::count;
use crate::{
    model::{
        ids::{BuyerId, OrderId, SaleId, SeatLabel, TicketId, TierId},
        order::{Order, Ticket},
        time::Timestamp,
    },
    server::ledger::hexadecimal,
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

/// Tickets with their orders, for the rows and in the order that the rest of the query names.
macro_rules! select_tickets {
    ($rest:literal) => {
        concat!(
            "SELECT orders.id AS order_id, sales.slug AS sale, orders.buyer_id, orders.total, orders.currency, orders.seq,
                        orders.created_at, tickets.id AS ticket_id, tiers.slug AS tier, seats.label AS seat, tickets.code
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
    readers: &SqlitePool,
    order: OrderId,
    buyer: Option<BuyerId>,
    even_void: bool,
) -> Result<Option<Order>, sqlx::Error> {
    let rows = sqlx::query_as(select_tickets!(
        "WHERE orders.id = ?1 AND (?2 IS NULL OR orders.buyer_id = ?2) AND (?3 OR orders.void = 0)
         ORDER BY tickets.id"
    ))
    .bind(order.0.as_bytes().to_vec())
    .bind(buyer.map(|buyer| buyer.0.as_bytes().to_vec()))
    .bind(even_void)
    .fetch_all(readers)
    .await?;
    Ok(group(rows).pop())
}

/// A buyer's orders, the newest first.
pub async fn orders_of(readers: &SqlitePool, buyer: BuyerId) -> Result<Vec<Order>, sqlx::Error> {
    let rows = sqlx::query_as(select_tickets!(
        "WHERE orders.buyer_id = ? AND orders.void = 0
         ORDER BY orders.id DESC, tickets.id"
    ))
    .bind(buyer.0.as_bytes().to_vec())
    .fetch_all(readers)
    .await?;
    Ok(group(rows))
}

/// Positions of the seats that a buyer owns in a sale, in order.
pub async fn owned_positions(
    executor: impl SqliteExecutor<'_>,
    sale_id: i64,
    buyer: BuyerId,
) -> Result<Vec<u32>, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT tickets.seat_position FROM orders JOIN tickets ON tickets.order_id = orders.id
         WHERE orders.buyer_id = ? AND orders.sale_id = ? AND orders.void = 0 AND tickets.seat_position IS NOT NULL
         ORDER BY tickets.seat_position",
    )
    .bind(buyer.0.as_bytes().to_vec())
    .bind(sale_id)
    .fetch_all(executor)
    .await
}

/// Tickets that stand together by order, as orders.
fn group(rows: Vec<TicketRow>) -> Vec<Order> {
    let uuid = |bytes: &[u8]| Uuid::from_slice(bytes).expect("the schema keeps an id at 16 bytes");
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

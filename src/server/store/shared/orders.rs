//! Reads orders and their tickets.

use std::collections::HashMap;

use super::query::{Query, Text, query};
use crate::{
    model::{
        ids::{BuyerId, OrderId, SaleId, SeatLabel, TicketId, TierId},
        order::{Contact, Order, Ticket},
        rung::Rung,
        time::Timestamp,
    },
    server::{
        currency,
        ledger::hexadecimal,
        store::{Connection, rows::count},
    },
};

/// A row of a query: one ticket with its order.
#[derive(sqlx::FromRow)]
struct TicketRow {
    order_id: OrderId,
    sale: String,
    buyer_id: BuyerId,
    total: i64,
    currency: String,
    seq: i64,
    created_at: Timestamp,
    rung: Option<String>,
    contact_email: Option<String>,
    contact_name: Option<String>,
    ticket_id: TicketId,
    tier: String,
    seat: Option<String>,
    code: Vec<u8>,
}

/// The columns that [`TicketRow`] is read from, and the joins that they need.
macro_rules! columns_of_tickets {
    () => {
        "orders.id AS order_id, sales.slug AS sale, orders.buyer_id, orders.total, orders.currency, orders.seq,
         orders.created_at, orders.rung, orders.contact_email, orders.contact_name,
         tickets.id AS ticket_id, tiers.slug AS tier, seats.label AS seat, tickets.code"
    };
}
macro_rules! join_tickets {
    () => {
        "JOIN sales ON sales.id = orders.sale_id
         JOIN tickets ON tickets.order_id = orders.id
         JOIN tiers ON tiers.id = tickets.tier_id
         LEFT JOIN seats ON seats.sale_id = tickets.sale_id AND seats.position = tickets.seat_position "
    };
}

/// Selects columns of the valid orders of the buyer `$1`, in all sales or in the sale `$2`, joined with the tables that
/// `$rest` names. Each database uses its index `orders_by_buyer`. SQLite's index groups buyers by blocks of a sale's
/// changes, so the query goes through block after block.
macro_rules! select_of_buyer {
    (in all sales: $columns:expr, $rest:expr) => {
        select_of_buyer!($columns, $rest, "", "")
    };
    (in one sale: $columns:expr, $rest:expr) => {
        select_of_buyer!($columns, $rest, "WHERE id = $2", "AND sale_id = $2")
    };
    ($columns:expr, $rest:expr, $sales:literal, $and_sale:literal) => {
        Text {
            sqlite: concat!(
                "WITH RECURSIVE blocks (sale_id, block) AS (
                     SELECT id, seq >> 10 FROM sales ", $sales, "
                     UNION ALL SELECT sale_id, block - 1 FROM blocks WHERE block > 0)
                 SELECT ", $columns, "
                 FROM blocks CROSS JOIN orders ON orders.sale_id = blocks.sale_id AND (orders.seq >> 10) = blocks.block
                     AND orders.buyer_id = $1 AND NOT orders.void ",
                $rest
            ),
            postgres: concat!(
                "SELECT ", $columns, "
                 FROM (SELECT * FROM orders WHERE buyer_id = $1 ", $and_sale, " AND NOT void) AS orders ",
                $rest
            ),
        }
    };
}

/// An order by its id. With `buyer`, only if it is that buyer's. An order that a reset made void is found only with
/// `even_void`: a repeated request gets its first answer again.
pub async fn find_order(
    connection: Connection<'_>,
    order: OrderId,
    buyer: Option<BuyerId>,
    even_void: bool,
) -> Result<Option<Order>, sqlx::Error> {
    let rows = query(
        connection,
        concat!(
            "SELECT ",
            columns_of_tickets!(),
            " FROM orders ",
            join_tickets!(),
            "WHERE orders.id = $1 AND ($2 IS NULL OR orders.buyer_id = $2) AND ($3 OR NOT orders.void)
             ORDER BY tickets.id"
        ),
    )
    .bind(order)
    .bind(buyer)
    .bind(even_void)
    .fetch_all()
    .await?;
    Ok(group(rows).pop())
}

/// Selects some of a buyer's orders; no others are read from the database.
#[derive(Clone, Copy, Debug, Default)]
pub struct OrderPage {
    /// Only orders of this sale.
    pub sale_id: Option<i64>,
    /// Only orders made before this one.
    pub after: Option<OrderId>,
    /// At most this many orders; all where it is left out.
    pub limit: Option<u32>,
}

/// A query whose table `page` holds the buyer's valid orders of a page; `$select` reads from it.
macro_rules! page_of_orders {
    ($select:expr) => {
        Text {
            sqlite: concat!(
                "WITH RECURSIVE blocks (sale_id, block) AS (
                     SELECT id, seq >> 10 FROM sales WHERE $2 IS NULL OR id = $2
                     UNION ALL SELECT sale_id, block - 1 FROM blocks WHERE block > 0),
                 page AS (
                     SELECT orders.* FROM blocks
                     CROSS JOIN orders ON orders.sale_id = blocks.sale_id AND (orders.seq >> 10) = blocks.block
                         AND orders.buyer_id = $1 AND NOT orders.void
                     WHERE $3 IS NULL OR orders.id < $3
                     ORDER BY orders.id DESC LIMIT $4) ",
                $select
            ),
            postgres: concat!(
                "WITH page AS (
                     SELECT * FROM orders
                     WHERE buyer_id = $1 AND NOT void AND ($2 IS NULL OR sale_id = $2) AND ($3 IS NULL OR id < $3)
                     ORDER BY id DESC LIMIT $4) ",
                $select
            ),
        }
    };
}

/// A page of a buyer's orders, the newest first.
pub async fn orders_of(connection: Connection<'_>, buyer: BuyerId, page: OrderPage) -> Result<Vec<Order>, sqlx::Error> {
    let select = page_of_orders!(concat!(
        "SELECT ",
        columns_of_tickets!(),
        " FROM page AS orders ",
        join_tickets!(),
        "ORDER BY orders.id DESC, tickets.id"
    ));
    Ok(group(ask_for_page(connection, select, buyer, page).fetch_all().await?))
}

/// Counts the orders of a page.
pub async fn count_orders(connection: Connection<'_>, buyer: BuyerId, page: OrderPage) -> Result<u64, sqlx::Error> {
    let select = page_of_orders!("SELECT COUNT(*) FROM page");
    let (orders,) = ask_for_page(connection, select, buyer, page).fetch_one().await?;
    Ok(count(orders))
}

fn ask_for_page<'c>(connection: Connection<'c>, select: Text, buyer: BuyerId, page: OrderPage) -> Query<'c> {
    let limit = page.limit.map_or(i64::MAX, i64::from);
    query(connection, select).bind(buyer).bind(page.sale_id).bind(page.after).bind(limit)
}

/// Whether the buyer has ever bought something.
pub async fn has_bought(connection: Connection<'_>, buyer: BuyerId) -> Result<bool, sqlx::Error> {
    let row: Option<(BuyerId,)> =
        query(connection, "SELECT id FROM buyers WHERE id = $1").bind(buyer).fetch_optional().await?;
    Ok(row.is_some())
}

/// Positions of the seats that a buyer owns in a sale, in order.
pub async fn owned_positions(
    connection: Connection<'_>,
    sale_id: i64,
    buyer: BuyerId,
) -> Result<Vec<u32>, sqlx::Error> {
    let select = select_of_buyer!(
        in one sale: "tickets.seat_position",
        "JOIN tickets ON tickets.order_id = orders.id
         WHERE tickets.seat_position IS NOT NULL ORDER BY tickets.seat_position"
    );
    let positions: Vec<(i64,)> = query(connection, select).bind(buyer).bind(sale_id).fetch_all().await?;
    let position = |(position,): (i64,)| u32::try_from(position).map_err(|error| sqlx::Error::Decode(error.into()));
    positions.into_iter().map(position).collect()
}

/// How many units of the sale a buyer owns.
pub async fn units_owned(connection: Connection<'_>, sale_id: i64, buyer: BuyerId) -> Result<u64, sqlx::Error> {
    let select = select_of_buyer!(in one sale: "COUNT(*)", "JOIN tickets ON tickets.order_id = orders.id");
    let (units,) = query(connection, select).bind(buyer).bind(sale_id).fetch_one().await?;
    Ok(count(units))
}

/// How many units of the sale each of its buyers has, held or sold.
pub async fn units_by_buyer(connection: Connection<'_>, sale_id: i64) -> Result<HashMap<BuyerId, u64>, sqlx::Error> {
    let rows: Vec<(BuyerId, i64)> = query(
        connection,
        "SELECT orders.buyer_id, COUNT(*) FROM orders JOIN tickets ON tickets.order_id = orders.id
         WHERE orders.sale_id = $1 AND NOT orders.void GROUP BY orders.buyer_id
         UNION ALL
         SELECT holds.buyer_id, CAST(SUM(hold_items.quantity) AS BIGINT)
         FROM holds JOIN hold_items ON hold_items.hold_id = holds.id
         WHERE holds.sale_id = $1 AND holds.ended_at IS NULL GROUP BY holds.buyer_id",
    )
    .bind(sale_id)
    .fetch_all()
    .await?;
    let mut had = HashMap::new();
    for (buyer, units) in rows {
        *had.entry(buyer).or_default() += count(units);
    }
    Ok(had)
}

/// Groups tickets into orders. The tickets of one order must follow each other.
fn group(rows: Vec<TicketRow>) -> Vec<Order> {
    let mut orders: Vec<Order> = Vec::new();
    for row in rows {
        let ticket = Ticket {
            id: row.ticket_id,
            tier: TierId(row.tier),
            seat: row.seat.map(SeatLabel),
            code: hexadecimal(&row.code),
        };
        match orders.last_mut() {
            Some(order) if order.id == row.order_id => order.tickets.push(ticket),
            _ => orders.push(Order {
                id: row.order_id,
                sale: SaleId(row.sale),
                buyer: row.buyer_id,
                total: count(row.total),
                currency_digits: currency::digits(&row.currency),
                currency: row.currency,
                seq: count(row.seq),
                created_at: row.created_at,
                rung: row.rung.as_deref().and_then(Rung::from_name),
                contact: row.contact_email.map(|email| Contact { email, name: row.contact_name }),
                tickets: vec![ticket],
            }),
        }
    }
    orders
}

//! The guarded writes that decide who gets what, and the rows that record it.
//!
//! A statement costs a hop to the connection's thread, some 75 microseconds, whatever it does. So one round of guarded
//! updates decides a whole batch and one round of inserts records it, however many buyers it holds.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock},
};

use parking_lot::Mutex;
use sqlx::{
    Arguments, AssertSqlSafe, Row, SqliteConnection,
    sqlite::{SqliteArguments, SqliteRow},
};

use super::batches::{Taking, execute_guarded, head_arguments, pad, padded, rows, statements, take_arguments};
use crate::{
    model::{ledger::ChangeKind, rung::Rung, seat::SeatStatus, time::Timestamp},
    server::store::rows::{Guard, Purchase, SaleTaken, integer},
};

/// Takes what `guard` names and records the purchases, in one transaction and one hop to the connection's thread: at
/// most `MAX_BATCH` purchases, with at most as many tickets in all. `false` if any row was not as expected; then
/// nothing has changed.
pub async fn take_and_record(
    connection: &mut SqliteConnection,
    guard: &Guard,
    at: Timestamp,
    purchases: &[&Purchase],
) -> Result<bool, sqlx::Error> {
    let shape = Shape::of(purchases, ChangeKind::Buy, Some(Taking::of(guard)));
    let mut arguments = SqliteArguments::default();
    take_arguments(&mut arguments, guard).map_err(sqlx::Error::Encode)?;
    record_arguments(&mut arguments, guard.sale_id, at, purchases, shape).map_err(sqlx::Error::Encode)?;
    execute_guarded(connection, shape.sql(), arguments).await
}

/// Records purchases of one sale, made at one instant: buyers, orders, tickets and ledger lines of this kind, of which the last
/// becomes the ledger's head. The caller has started the transaction. At most `MAX_BATCH` purchases, with at most as many
/// tickets in all.
pub async fn record(
    connection: &mut SqliteConnection,
    sale_id: i64,
    at: Timestamp,
    kind: ChangeKind,
    purchases: &[&Purchase],
) -> Result<(), sqlx::Error> {
    let shape = Shape::of(purchases, kind, None);
    let mut arguments = SqliteArguments::default();
    record_arguments(&mut arguments, sale_id, at, purchases, shape).map_err(sqlx::Error::Encode)?;
    let last = purchases.last().expect("there is a purchase to record");
    head_arguments(&mut arguments, sale_id, last.seq, &last.hash).map_err(sqlx::Error::Encode)?;
    sqlx::query_with(AssertSqlSafe(shape.sql()), arguments).execute(connection).await?;
    Ok(())
}

/// What the text of a batch's statements depends on.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Shape {
    /// Padded numbers of purchases and of tickets.
    purchases: usize,
    tickets: usize,
    kind: ChangeKind,
    /// `Some` if a [`Guard`] is applied before the purchases are recorded.
    taking: Option<Taking>,
}

impl Shape {
    fn of(purchases: &[&Purchase], kind: ChangeKind, taking: Option<Taking>) -> Self {
        let tickets = purchases.iter().map(|purchase| purchase.tickets.len()).sum();
        Self { purchases: padded(purchases.len()), tickets: padded(tickets), kind, taking }
    }

    /// The statements' text, made once for each shape.
    fn sql(self) -> Arc<str> {
        static WRITTEN: LazyLock<Mutex<HashMap<Shape, Arc<str>>>> = LazyLock::new(Mutex::default);
        let write = || statements(self.taking, |is_guarded| self.record_sql(is_guarded)).into();
        WRITTEN.lock().entry(self).or_insert_with(write).clone()
    }

    /// Parameters stand in the order in which [`record_arguments`] adds them. They are not numbered, because SQLite
    /// looks up numbered parameters one by one. A violated constraint undoes the whole transaction, which the guard
    /// relies on.
    fn record_sql(self, is_guarded: &str) -> String {
        format!(
            "INSERT OR ROLLBACK INTO ledger (sale_id, at, kind, seq, units, reference, hash)
                 SELECT ?, ?, '{kind}', iif({is_guarded}, column1, 0), column2, column3, column4
                 FROM (VALUES {lines}) WHERE column1 IS NOT NULL;
             INSERT OR ROLLBACK INTO buyers (id, created_at)
                 SELECT column1, ? FROM (VALUES {buyers}) WHERE column1 IS NOT NULL ON CONFLICT (id) DO NOTHING;
             INSERT OR ROLLBACK INTO orders (sale_id, created_at, id, seq, buyer_id, total, currency, key, key_fingerprint, rung,
                                             contact_email, contact_name)
                 SELECT ?, ?, column1, column2, column3, column4, column5, column6, column7, column8, column9, column10
                 FROM (VALUES {orders}) WHERE column1 IS NOT NULL;
             INSERT OR ROLLBACK INTO tickets (sale_id, id, order_id, tier_id, seat_position, code)
                 SELECT ?, column1, column2, column3, column4, column5
                 FROM (VALUES {tickets}) WHERE column1 IS NOT NULL;",
            kind = self.kind.name(),
            buyers = rows(1, self.purchases),
            orders = rows(10, self.purchases),
            lines = rows(4, self.purchases),
            tickets = rows(5, self.tickets),
        )
    }
}

fn record_arguments(
    arguments: &mut SqliteArguments,
    sale_id: i64,
    at: Timestamp,
    purchases: &[&Purchase],
    shape: Shape,
) -> Result<(), sqlx::error::BoxDynError> {
    let empty_purchases = shape.purchases - purchases.len();
    arguments.add(sale_id)?;
    arguments.add(at.milliseconds)?;
    for purchase in purchases {
        arguments.add(integer(purchase.seq))?;
        arguments.add(purchase.units.as_str().to_owned())?;
        arguments.add(purchase.order.0.as_bytes().to_vec())?;
        arguments.add(purchase.hash.to_vec())?;
    }
    pad(arguments, empty_purchases * 4)?;
    arguments.add(at.milliseconds)?;
    for purchase in purchases {
        arguments.add(purchase.buyer.0.as_bytes().to_vec())?;
    }
    pad(arguments, empty_purchases)?;
    arguments.add(sale_id)?;
    arguments.add(at.milliseconds)?;
    for purchase in purchases {
        let (key, fingerprint) = purchase.key.as_ref().map(|(key, print)| (key.clone(), print.to_vec())).unzip();
        arguments.add(purchase.order.0.as_bytes().to_vec())?;
        arguments.add(integer(purchase.seq))?;
        arguments.add(purchase.buyer.0.as_bytes().to_vec())?;
        arguments.add(integer(purchase.total))?;
        arguments.add(purchase.currency.to_string())?;
        arguments.add(key)?;
        arguments.add(fingerprint)?;
        arguments.add(purchase.rung.map(Rung::name))?;
        arguments.add(purchase.contact.as_ref().map(|contact| contact.email.clone()))?;
        arguments.add(purchase.contact.as_ref().and_then(|contact| contact.name.clone()))?;
    }
    pad(arguments, empty_purchases * 10)?;
    arguments.add(sale_id)?;
    let mut tickets = 0;
    for purchase in purchases {
        for ticket in &purchase.tickets {
            arguments.add(ticket.id.0.as_bytes().to_vec())?;
            arguments.add(purchase.order.0.as_bytes().to_vec())?;
            arguments.add(ticket.tier_id)?;
            arguments.add(ticket.seat_position.map(i64::from))?;
            arguments.add(ticket.code.to_vec())?;
            tickets += 1;
        }
    }
    pad(arguments, (shape.tickets - tickets) * 5)
}

/// Takes the available ones of these seats, and returns their positions in order.
pub async fn take_seats(
    connection: &mut SqliteConnection,
    sale_id: i64,
    positions: &[u32],
    to: SeatStatus,
) -> Result<Vec<u32>, sqlx::Error> {
    let rows = sqlx::query(
        "UPDATE seats SET status = ?, version = version + 1
         WHERE sale_id = ? AND status = 'available' AND position IN (SELECT value FROM json_each(?))
         RETURNING position",
    )
    .bind(to.name())
    .bind(sale_id)
    .bind(serde_json::to_string(positions).expect("numbers are plain data"))
    .fetch_all(connection)
    .await?;
    in_order(&rows)
}

/// Takes the first `units` available seats of a tier, and returns their positions; fewer if fewer are left.
pub async fn take_any_seats(
    connection: &mut SqliteConnection,
    sale_id: i64,
    tier_id: i64,
    units: u64,
    to: SeatStatus,
) -> Result<Vec<u32>, sqlx::Error> {
    let rows = sqlx::query(
        "UPDATE seats SET status = ?4, version = version + 1
         WHERE sale_id = ?1 AND position IN (
             SELECT position FROM seats
             WHERE sale_id = ?1 AND tier_id = ?2 AND status = 'available' ORDER BY position LIMIT ?3)
         RETURNING position",
    )
    .bind(sale_id)
    .bind(tier_id)
    .bind(integer(units))
    .bind(to.name())
    .fetch_all(connection)
    .await?;
    in_order(&rows)
}

/// The positions in these rows, in order.
fn in_order(rows: &[SqliteRow]) -> Result<Vec<u32>, sqlx::Error> {
    let mut positions = rows.iter().map(|row| row.try_get(0)).collect::<Result<Vec<_>, _>>()?;
    positions.sort_unstable();
    Ok(positions)
}

/// Takes units from the sale's own counter, takes its next `seq`, and returns that with the hash of the ledger line
/// before. `None` if fewer units are left or the sale is not open.
pub async fn sale_head(
    connection: &mut SqliteConnection,
    sale_id: i64,
    units: u64,
    to: SeatStatus,
) -> Result<Option<SaleTaken>, sqlx::Error> {
    let row = sqlx::query_as(
        "UPDATE sales SET available = available - ?1, held = held + iif(?3 = 'held', ?1, 0),
                          sold = sold + iif(?3 = 'sold', ?1, 0), seq = seq + 1
         WHERE id = ?2 AND available >= ?1 AND switch = 'open'
         RETURNING seq, head_hash, revision",
    )
    .bind(integer(units))
    .bind(sale_id)
    .bind(to.name())
    .fetch_optional(connection)
    .await?;
    Ok(row.map(SaleTaken::from_row))
}

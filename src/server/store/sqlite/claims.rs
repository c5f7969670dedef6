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

use crate::{
    model::{limits::MAX_BATCH, rung::Rung, time::Timestamp},
    server::store::rows::{Guard, Purchase, SaleTaken, count, integer},
};

// The guard of a batch. Each statement checks with `changes()` whether the statement before it changed as many rows as
// planned. If not, it writes a value that a CHECK forbids, and `OR ROLLBACK` undoes the whole transaction. So the rows
// decide inside the database, and the batch needs no answer from it half-way.

const TAKE_SEATS: &str = "
    UPDATE OR ROLLBACK seats SET status = 'sold', version = version + 1
    WHERE sale_id = ? AND status = 'available' AND position IN (SELECT value FROM json_each(?));";

const TAKE_COUNTS: &str = "
    UPDATE OR ROLLBACK tiers SET available = iif(TAKEN_BEFORE, available - taken.units, -1), sold = sold + taken.units,
        version = version + 1
    FROM (SELECT value ->> 0 AS tier_id, value ->> 1 AS units FROM json_each(?)) AS taken
    WHERE tiers.id = taken.tier_id AND tiers.available >= taken.units;
    UPDATE OR ROLLBACK sales
    SET available = iif(changes() = ?, available - ?, -1), sold = sold + ?, seq = seq + ?, head_hash = ?
    WHERE id = ? AND seq = ? AND revision = ? AND available >= ? AND switch = 'open';";

/// The condition for the ledger lines, which are inserted after the update of the sale's row. If that update changed no
/// row, the lines get the `seq` 0, which a CHECK forbids.
const SALE_WAS_TAKEN: &str = "changes() = 1";

fn take_sql(has_seats: bool) -> String {
    match has_seats {
        true => [TAKE_SEATS, &TAKE_COUNTS.replace("TAKEN_BEFORE", "changes() = ?")].concat(),
        false => TAKE_COUNTS.replace("TAKEN_BEFORE", "true"),
    }
}

fn take_arguments(arguments: &mut SqliteArguments, guard: &Guard) -> Result<(), sqlx::error::BoxDynError> {
    let units: u64 = guard.tiers.iter().map(|(_, units)| units).sum();
    if !guard.seats.is_empty() {
        arguments.add(guard.sale_id)?;
        arguments.add(serde_json::to_string(&guard.seats)?)?;
        arguments.add(integer(guard.seats.len() as u64))?;
    }
    arguments.add(serde_json::to_string(&guard.tiers)?)?;
    arguments.add(integer(guard.tiers.len() as u64))?;
    arguments.add(integer(units))?;
    arguments.add(integer(units))?;
    arguments.add(integer(guard.decisions))?;
    arguments.add(guard.head_hash.to_vec())?;
    arguments.add(guard.sale_id)?;
    arguments.add(integer(guard.seq))?;
    arguments.add(integer(guard.revision))?;
    arguments.add(integer(units))
}

/// Row counts for which statements are kept prepared. A batch is padded with empty rows up to the next of these counts.
/// Empty rows are not free either, so the steps are small where most batches are.
const SIZES: [usize; 17] = [1, 2, 4, 8, 16, 32, 64, 96, 128, 160, 192, 224, 256, 384, 512, 768, MAX_BATCH];

fn padded(rows: usize) -> usize {
    *SIZES.iter().find(|size| **size >= rows).expect("a batch holds at most MAX_BATCH rows of each kind")
}

/// Takes what `guard` names and records the purchases, in one transaction and one hop to the connection's thread: at
/// most [`MAX_BATCH`] purchases, with at most as many tickets in all. `false` if any row was not as expected; then
/// nothing has changed.
pub async fn take_and_record(
    connection: &mut SqliteConnection,
    guard: &Guard,
    at: Timestamp,
    purchases: &[&Purchase],
) -> Result<bool, sqlx::Error> {
    let shape = Shape::of(purchases, Some(!guard.seats.is_empty()));
    let mut arguments = SqliteArguments::default();
    take_arguments(&mut arguments, guard).map_err(sqlx::Error::Encode)?;
    record_arguments(&mut arguments, guard.sale_id, at, purchases, shape).map_err(sqlx::Error::Encode)?;
    match sqlx::query_with(AssertSqlSafe(shape.sql()), arguments).execute(connection).await {
        Ok(_) => Ok(true),
        Err(sqlx::Error::Database(error)) if error.is_check_violation() => Ok(false),
        Err(error) => Err(error),
    }
}

/// Records purchases of one sale, made at one instant: buyers, orders, tickets and ledger lines. The caller has started
/// the transaction. At most [`MAX_BATCH`] purchases, with at most as many tickets in all.
pub async fn record(
    connection: &mut SqliteConnection,
    sale_id: i64,
    at: Timestamp,
    purchases: &[&Purchase],
) -> Result<(), sqlx::Error> {
    let shape = Shape::of(purchases, None);
    let mut arguments = SqliteArguments::default();
    record_arguments(&mut arguments, sale_id, at, purchases, shape).map_err(sqlx::Error::Encode)?;
    sqlx::query_with(AssertSqlSafe(shape.sql()), arguments).execute(connection).await?;
    Ok(())
}

/// What the text of a batch's statements depends on.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Shape {
    /// Padded numbers of purchases and of tickets.
    purchases: usize,
    tickets: usize,
    /// `Some` if a [`Guard`] is applied before the purchases are recorded: whether that names seats.
    takes_seats: Option<bool>,
}

impl Shape {
    fn of(purchases: &[&Purchase], takes_seats: Option<bool>) -> Self {
        let tickets = purchases.iter().map(|purchase| purchase.tickets.len()).sum();
        Self { purchases: padded(purchases.len()), tickets: padded(tickets), takes_seats }
    }

    /// The statements' text, made once for each shape.
    fn sql(self) -> Arc<str> {
        static WRITTEN: LazyLock<Mutex<HashMap<Shape, Arc<str>>>> = LazyLock::new(Mutex::default);
        let write = || match self.takes_seats {
            Some(seats) => format!("BEGIN IMMEDIATE; {} {} COMMIT;", take_sql(seats), self.record_sql(SALE_WAS_TAKEN)),
            None => self.record_sql("true"),
        };
        WRITTEN.lock().entry(self).or_insert_with(|| write().into()).clone()
    }

    /// Parameters stand in the order in which [`record_arguments`] adds them. They are not numbered, because SQLite
    /// looks up numbered parameters one by one. A violated constraint undoes the whole transaction, which the guard
    /// relies on.
    fn record_sql(self, is_guarded: &str) -> String {
        format!(
            "INSERT OR ROLLBACK INTO ledger (sale_id, at, kind, seq, units, reference, hash)
                 SELECT ?, ?, 'buy', iif({is_guarded}, column1, 0), column2, column3, column4
                 FROM (VALUES {lines}) WHERE column1 IS NOT NULL;
             INSERT OR ROLLBACK INTO buyers (id, created_at)
                 SELECT column1, ? FROM (VALUES {buyers}) WHERE column1 IS NOT NULL ON CONFLICT (id) DO NOTHING;
             INSERT OR ROLLBACK INTO orders (sale_id, created_at, id, seq, buyer_id, total, currency, key, key_fingerprint, rung)
                 SELECT ?, ?, column1, column2, column3, column4, column5, column6, column7, column8
                 FROM (VALUES {orders}) WHERE column1 IS NOT NULL;
             INSERT OR ROLLBACK INTO tickets (sale_id, id, order_id, tier_id, seat_position, code)
                 SELECT ?, column1, column2, column3, column4, column5
                 FROM (VALUES {tickets}) WHERE column1 IS NOT NULL;",
            buyers = rows(1, self.purchases),
            orders = rows(8, self.purchases),
            lines = rows(4, self.purchases),
            tickets = rows(5, self.tickets),
        )
    }
}

/// Placeholders such as `(?,?),(?,?)`, which are two rows of two columns.
fn rows(columns: usize, rows: usize) -> String {
    let row = format!("({})", vec!["?"; columns].join(","));
    vec![row; rows].join(",")
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
    }
    pad(arguments, empty_purchases * 8)?;
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

fn pad(arguments: &mut SqliteArguments, nulls: usize) -> Result<(), sqlx::error::BoxDynError> {
    for _ in 0..nulls {
        arguments.add(None::<i64>)?;
    }
    Ok(())
}

/// Takes the available ones of these seats, and returns their positions in order.
pub async fn take_seats(
    connection: &mut SqliteConnection,
    sale_id: i64,
    positions: &[u32],
) -> Result<Vec<u32>, sqlx::Error> {
    let rows = sqlx::query(
        "UPDATE seats SET status = 'sold', version = version + 1
         WHERE sale_id = ? AND status = 'available' AND position IN (SELECT value FROM json_each(?))
         RETURNING position",
    )
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
) -> Result<Vec<u32>, sqlx::Error> {
    let rows = sqlx::query(
        "UPDATE seats SET status = 'sold', version = version + 1
         WHERE sale_id = ?1 AND position IN (
             SELECT position FROM seats
             WHERE sale_id = ?1 AND tier_id = ?2 AND status = 'available' ORDER BY position LIMIT ?3)
         RETURNING position",
    )
    .bind(sale_id)
    .bind(tier_id)
    .bind(integer(units))
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
) -> Result<Option<SaleTaken>, sqlx::Error> {
    let row: Option<(i64, Vec<u8>, i64)> = sqlx::query_as(
        "UPDATE sales SET available = available - ?1, sold = sold + ?1, seq = seq + 1
         WHERE id = ?2 AND available >= ?1 AND switch = 'open'
         RETURNING seq, head_hash, revision",
    )
    .bind(integer(units))
    .bind(sale_id)
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|(seq, hash, revision)| SaleTaken {
        seq: count(seq),
        previous: hash.try_into().expect("the schema keeps a hash at 32 bytes"),
        revision: count(revision),
    }))
}

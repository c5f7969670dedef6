//! Holds, recorded many at once.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock},
};

use parking_lot::Mutex;
use sqlx::{Arguments, AssertSqlSafe, SqliteConnection, sqlite::SqliteArguments};

use super::batches::{Taking, execute_guarded, head_arguments, pad, padded, rows, statements, take_arguments};
use crate::{
    model::{rung::Rung, time::Timestamp},
    server::store::{
        hold_rows::NewHold,
        rows::{Guard, integer},
    },
};

/// Takes what `guard` names and records the holds, in one transaction and one hop to the connection's thread: at most
/// `MAX_BATCH` holds, with at most as many items in all. Returns the time at which the holds began, which is `at`; `None` if
/// any row was not as expected; then nothing has changed.
pub async fn take_and_hold(
    connection: &mut SqliteConnection,
    guard: &Guard,
    at: Timestamp,
    holds: &[&NewHold],
) -> Result<Option<Timestamp>, sqlx::Error> {
    let shape = Shape::of(holds, Some(Taking::of(guard)));
    let mut arguments = SqliteArguments::default();
    take_arguments(&mut arguments, guard).map_err(sqlx::Error::Encode)?;
    record_arguments(&mut arguments, guard.sale_id, at, holds, shape).map_err(sqlx::Error::Encode)?;
    Ok(execute_guarded(connection, shape.sql(), arguments).await?.then_some(at))
}

/// Records holds of one sale: their rows, items and ledger lines, of which the last becomes the ledger's head. The caller has
/// started the transaction. Returns the time at which the holds began, which is `at`.
pub async fn record_holds(
    connection: &mut SqliteConnection,
    sale_id: i64,
    at: Timestamp,
    holds: &[&NewHold],
) -> Result<Timestamp, sqlx::Error> {
    let shape = Shape::of(holds, None);
    let mut arguments = SqliteArguments::default();
    record_arguments(&mut arguments, sale_id, at, holds, shape).map_err(sqlx::Error::Encode)?;
    let last = holds.last().expect("there is a hold to record");
    head_arguments(&mut arguments, sale_id, last.seq, &last.hash).map_err(sqlx::Error::Encode)?;
    sqlx::query_with(AssertSqlSafe(shape.sql()), arguments).execute(connection).await?;
    Ok(at)
}

/// What the text of a batch's statements depends on.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Shape {
    /// Padded numbers of holds and of items.
    holds: usize,
    items: usize,
    /// `Some` if a [`Guard`] is applied before the holds are recorded.
    taking: Option<Taking>,
}

impl Shape {
    fn of(holds: &[&NewHold], taking: Option<Taking>) -> Self {
        let items = holds.iter().map(|hold| hold.items.len()).sum();
        Self { holds: padded(holds.len()), items: padded(items), taking }
    }

    /// The statements' text, made once for each shape.
    fn sql(self) -> Arc<str> {
        static WRITTEN: LazyLock<Mutex<HashMap<Shape, Arc<str>>>> = LazyLock::new(Mutex::default);
        let write = || statements(self.taking, |is_guarded| self.record_sql(is_guarded)).into();
        WRITTEN.lock().entry(self).or_insert_with(write).clone()
    }

    /// Parameters stand in the order in which [`record_arguments`] adds them. The ledger's lines come first, because the
    /// guard looks at what the statement before them has changed.
    fn record_sql(self, is_guarded: &str) -> String {
        format!(
            "INSERT OR ROLLBACK INTO ledger (sale_id, at, kind, seq, units, reference, hash)
                 SELECT ?, ?, 'hold', iif({is_guarded}, column1, 0), column2, column3, column4
                 FROM (VALUES {lines}) WHERE column1 IS NOT NULL;
             INSERT OR ROLLBACK INTO holds (sale_id, status, created_at, id, buyer_id, currency, seq, rung, expires_at,
                                            due_at, extensions_left, key, key_fingerprint, answer, extension_seconds,
                                            payment_grace_seconds, contact)
                 SELECT sales.id, 'active', ?, column1, column2, column3, column4, column5, column6, column6, column7,
                        column8, column9, column10, hold_extension_seconds, payment_grace_seconds,
                        contact
                 FROM sales CROSS JOIN (VALUES {holds}) WHERE sales.id = ? AND column1 IS NOT NULL;
             INSERT OR ROLLBACK INTO hold_items (sale_id, hold_id, number, tier_id, seat_position, quantity, price,
                                                 substitute)
                 SELECT ?, column1, column2, column3, column4, column5, column6, column7
                 FROM (VALUES {items}) WHERE column1 IS NOT NULL;",
            lines = rows(4, self.holds),
            holds = rows(10, self.holds),
            items = rows(7, self.items),
        )
    }
}

fn record_arguments(
    arguments: &mut SqliteArguments,
    sale_id: i64,
    at: Timestamp,
    holds: &[&NewHold],
    shape: Shape,
) -> Result<(), sqlx::error::BoxDynError> {
    let empty_holds = shape.holds - holds.len();
    arguments.add(sale_id)?;
    arguments.add(at.milliseconds)?;
    for hold in holds {
        arguments.add(integer(hold.seq))?;
        arguments.add(hold.units.as_str().to_owned())?;
        arguments.add(hold.hold.0.as_bytes().to_vec())?;
        arguments.add(hold.hash.to_vec())?;
    }
    pad(arguments, empty_holds * 4)?;
    arguments.add(at.milliseconds)?;
    for hold in holds {
        let key = hold.key.as_ref();
        arguments.add(hold.hold.0.as_bytes().to_vec())?;
        arguments.add(hold.buyer.0.as_bytes().to_vec())?;
        arguments.add(hold.currency.to_string())?;
        arguments.add(integer(hold.seq))?;
        arguments.add(hold.rung.map(Rung::name))?;
        arguments.add(at.plus_milliseconds(hold.life_milliseconds).milliseconds)?;
        arguments.add(i64::from(hold.extensions))?;
        arguments.add(key.map(|(key, ..)| key.clone()))?;
        arguments.add(key.map(|(_, fingerprint, _)| fingerprint.to_vec()))?;
        arguments.add(key.map(|(.., answer)| answer.clone()))?;
    }
    pad(arguments, empty_holds * 10)?;
    arguments.add(sale_id)?;
    arguments.add(sale_id)?;
    let mut items = 0;
    for hold in holds {
        for (number, item) in (0_i64..).zip(&hold.items) {
            arguments.add(hold.hold.0.as_bytes().to_vec())?;
            arguments.add(number)?;
            arguments.add(item.tier_id)?;
            arguments.add(item.seat_position.map(i64::from))?;
            arguments.add(integer(item.quantity))?;
            arguments.add(integer(item.price))?;
            arguments.add(item.substitute.map(i64::from))?;
            items += 1;
        }
    }
    pad(arguments, (shape.items - items) * 7)
}

//! Batches of decisions in one statement: the guarded updates that they all begin with, and the padding of their rows.

use std::sync::Arc;

use sqlx::{Arguments, AssertSqlSafe, SqliteConnection, sqlite::SqliteArguments};

use crate::{
    model::{limits::MAX_BATCH, seat::SeatStatus},
    server::{
        ledger::Hash,
        store::rows::{Guard, integer},
    },
};

// The guard of a batch. Each statement checks with `changes()` whether the statement before it changed as many rows as
// planned. If not, it writes a value that a CHECK forbids, and `OR ROLLBACK` undoes the whole transaction. So the rows
// decide inside the database, and the batch needs no answer from it half-way.

const TAKE_SEATS: &str = "
    UPDATE OR ROLLBACK seats SET status = 'NEW_STATUS', version = version + 1
    WHERE sale_id = ? AND status = 'available' AND position IN (SELECT value FROM json_each(?));";

const TAKE_COUNTS: &str = "
    UPDATE OR ROLLBACK tiers SET available = iif(TAKEN_BEFORE, available - taken.units, -1), NEW_STATUS = NEW_STATUS + taken.units,
        version = version + 1
    FROM (SELECT value ->> 0 AS tier_id, value ->> 1 AS units FROM json_each(?)) AS taken
    WHERE tiers.id = taken.tier_id AND tiers.available >= taken.units;
    UPDATE OR ROLLBACK sales
    SET available = iif(changes() = ?, available - ?, -1), NEW_STATUS = NEW_STATUS + ?, seq = seq + ?, head_hash = ?
    WHERE id = ? AND seq = ? AND revision = ? AND available >= ? AND switch = 'open';";

/// The condition for the ledger lines, which are inserted after the update of the sale's row. If that update changed no
/// row, the lines get the `seq` 0, which a CHECK forbids.
const SALE_WAS_TAKEN: &str = "changes() = 1";

/// Makes a line of the ledger its head, after a batch without guarded updates. With these, the head is written by them.
const SET_HEAD: &str = "UPDATE OR ROLLBACK sales SET seq = ?, head_hash = ? WHERE id = ?;";

/// What the text of the guarded updates depends on.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Taking {
    has_seats: bool,
    /// What becomes of the units: held or sold. The counters' columns have the same names.
    to: SeatStatus,
}

impl Taking {
    pub fn of(guard: &Guard) -> Self {
        Self { has_seats: !guard.seats.is_empty(), to: guard.to }
    }

    pub fn sql(self) -> String {
        let text = match self.has_seats {
            true => [TAKE_SEATS, &TAKE_COUNTS.replace("TAKEN_BEFORE", "changes() = ?")].concat(),
            false => TAKE_COUNTS.replace("TAKEN_BEFORE", "true"),
        };
        text.replace("NEW_STATUS", self.to.name())
    }
}

/// Adds the values of the guarded updates, in the order of their text.
pub fn take_arguments(arguments: &mut SqliteArguments, guard: &Guard) -> Result<(), sqlx::error::BoxDynError> {
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

/// The statements of a batch. `record` writes the rows, and is told the condition without which nothing may be written.
/// With `taking`, the guarded updates stand before it, in a transaction of their own; without, the head of the ledger is set
/// behind it.
pub fn statements(taking: Option<Taking>, record: impl FnOnce(&str) -> String) -> String {
    match taking {
        Some(taking) => format!("BEGIN IMMEDIATE; {} {} COMMIT;", taking.sql(), record(SALE_WAS_TAKEN)),
        None => format!("{} {SET_HEAD}", record("true")),
    }
}

/// Adds the values of the ledger's new head, which are the last.
pub fn head_arguments(
    arguments: &mut SqliteArguments,
    sale_id: i64,
    seq: u64,
    hash: &Hash,
) -> Result<(), sqlx::error::BoxDynError> {
    arguments.add(integer(seq))?;
    arguments.add(hash.to_vec())?;
    arguments.add(sale_id)
}

/// Runs a batch with guarded updates. `false` if any row was not as expected; then nothing has changed.
pub async fn execute_guarded(
    connection: &mut SqliteConnection,
    sql: Arc<str>,
    arguments: SqliteArguments,
) -> Result<bool, sqlx::Error> {
    match sqlx::query_with(AssertSqlSafe(sql), arguments).execute(connection).await {
        Ok(_) => Ok(true),
        Err(sqlx::Error::Database(error)) if error.is_check_violation() => Ok(false),
        Err(error) => Err(error),
    }
}

/// Row counts for which statements are kept prepared. A batch is padded with empty rows up to the next of these counts.
/// Empty rows are not free either, so the steps are small where most batches are.
const SIZES: [usize; 17] = [1, 2, 4, 8, 16, 32, 64, 96, 128, 160, 192, 224, 256, 384, 512, 768, MAX_BATCH];

/// The number of rows that a batch with so many is padded to.
pub fn padded(rows: usize) -> usize {
    *SIZES.iter().find(|size| **size >= rows).expect("a batch holds at most MAX_BATCH rows of each kind")
}

/// Placeholders such as `(?,?),(?,?)`, which are two rows of two columns.
pub fn rows(columns: usize, rows: usize) -> String {
    let row = format!("({})", vec!["?"; columns].join(","));
    vec![row; rows].join(",")
}

/// Fills up rows that are not used.
pub fn pad(arguments: &mut SqliteArguments, nulls: usize) -> Result<(), sqlx::error::BoxDynError> {
    for _ in 0..nulls {
        arguments.add(None::<i64>)?;
    }
    Ok(())
}

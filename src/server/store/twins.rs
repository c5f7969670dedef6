//! What each database does in its own way: functions that stand in `sqlite` and in `postgres` under one name, in files of
//! one name, so that a diff of two shows the dialect.

use super::{
    connection::Connection,
    postgres,
    rows::{Guard, NewSeatRecord, Purchase, SaleTaken},
    sqlite,
};
use crate::{
    model::{ids::BuyerId, seat::SeatStatus, time::Timestamp},
    server::ledger::Hash,
};

/// Each of these is a function of that name in both databases; this hands a call on to the one that the connection is of.
macro_rules! in_either_database {
    ($($(#[$documentation:meta])* fn $name:ident($($argument:ident: $kind:ty),*) -> $result:ty;)*) => { $(
        $(#[$documentation])*
        pub async fn $name(connection: Connection<'_>, $($argument: $kind),*) -> Result<$result, sqlx::Error> {
            match connection {
                Connection::Sqlite(connection) => sqlite::$name(connection, $($argument),*).await,
                Connection::Postgres(connection) => postgres::$name(connection, $($argument),*).await,
            }
        }
    )* };
}

in_either_database! {
    /// Takes what `guard` names and records the purchases of it, in one transaction and one hop: at most `MAX_BATCH` purchases,
    /// with at most as many tickets in all. `false` where any row was not as expected: nothing has changed.
    fn take_and_record(guard: &Guard, at: Timestamp, purchases: &[&Purchase]) -> bool;

    /// Records the purchases of one sale and one instant inside a transaction: buyers, orders, tickets and ledger lines.
    fn record(sale_id: i64, at: Timestamp, purchases: &[&Purchase]) -> ();

    /// Takes those of these seats that are available, and returns their positions in order.
    fn take_seats(sale_id: i64, positions: &[u32]) -> Vec<u32>;

    /// Takes so many of a tier's available seats, the first in order, and returns their positions; fewer where fewer are left.
    fn take_any_seats(sale_id: i64, tier_id: i64, units: u64) -> Vec<u32>;

    /// Takes units from the sale's own counter and its next `seq`. `None` where the sale has not so many left or is not open.
    fn sale_head(sale_id: i64, units: u64) -> Option<SaleTaken>;

    /// A tier's version and available units, locked until the transaction ends.
    fn lock_tier(tier_id: i64) -> (i64, u64);

    /// A tier's version and available units.
    fn read_tier(tier_id: i64) -> (i64, u64);

    /// As [`read_seats`], locked until the transaction ends.
    fn lock_seats(sale_id: i64, positions: &[u32]) -> Vec<(u32, i64, SeatStatus)>;

    /// Position, version and status of these seats, in order.
    fn read_seats(sale_id: i64, positions: &[u32]) -> Vec<(u32, i64, SeatStatus)>;

    /// Positions and versions of a tier's first available seats, in order; fewer where fewer are left. With `skip_locked` they
    /// are locked, and those that another has locked count as gone.
    fn free_seats(sale_id: i64, tier_id: i64, units: u64, skip_locked: bool) -> Vec<(u32, i64)>;

    /// Takes units of a tier if so many are available and, where a version is given, the row still has it.
    fn set_tier(tier_id: i64, version: Option<i64>, units: u64) -> bool;

    /// Takes those of the seats, given by position and version, that are available and still have it; returns how many.
    fn set_seats(sale_id: i64, seats: &[(u32, i64)]) -> u64;

    /// Takes unnumbered units of a tier whose rows nobody else has locked; returns how many.
    fn take_units(tier_id: i64, units: u64) -> u64;

    /// The sale's next `seq` where it is open, with the hash of the line before; takes nothing off its counters.
    fn next_seq(sale_id: i64) -> Option<(u64, Hash)>;

    /// Writes how many units of a tier are left, whatever the row says, and adds the sale's counters up again.
    fn write_available(sale_id: i64, tier_id: i64, available: u64) -> ();

    /// Marks seats sold, whatever their rows say.
    fn write_sold(sale_id: i64, positions: &[u32]) -> ();

    /// Records tickets that may be for seats that have an owner already.
    fn record_unguarded(sale_id: i64, purchase: &Purchase) -> ();

    /// Forgets the answers to these keys, so that they may be used anew.
    fn forget_answers(answers: &[(BuyerId, String)]) -> ();

    /// Inserts available seats behind the sale's others, the first at `first_position`.
    fn insert_seats(sale_id: i64, first_position: u32, tier_ids: &[i64], seats: &[NewSeatRecord]) -> ();

    /// Keeps everybody else from changing the sale until the transaction ends.
    fn lock_sale(sale_id: i64) -> ();

    /// The same, and waits for those who sell by [`Writer::begin_selling`]: none of them has anything of the sale locked then.
    fn lock_stock(sale_id: i64) -> ();

    /// Keeps everybody else from making sales until the transaction ends.
    fn lock_catalogue() -> ();
}

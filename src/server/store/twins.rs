//! Functions of which each database has its own version. They have the same name in `sqlite` and in `postgres`, in
//! files of the same name, so that a diff of two files shows the difference in dialect.

use super::{
    connection::Connection,
    hold_rows::NewHold,
    postgres,
    rows::{Guard, NewSeatRecord, Purchase, SaleTaken},
    sqlite,
};
use crate::{
    model::{
        ids::{BuyerId, HoldId},
        ledger::ChangeKind,
        seat::SeatStatus,
        time::Timestamp,
    },
    server::ledger::Hash,
};

/// Makes a function that calls the function of the same name in the folder of the connection's database.
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

// `to` says what becomes of the units that are taken: held or sold.
in_either_database! {
    /// Takes what `guard` names and records the purchases, in one transaction and one call: at most `MAX_BATCH`
    /// purchases, with at most as many tickets in all. `false` if any row was not as expected; then nothing has
    /// changed.
    fn take_and_record(guard: &Guard, at: Timestamp, purchases: &[&Purchase]) -> bool;

    /// Records purchases of one sale, made at one instant: buyers, orders, tickets and ledger lines of this kind (`buy`, or
    /// `confirm` for what was held), of which the last becomes the ledger's head. The caller has started the transaction.
    fn record(sale_id: i64, at: Timestamp, kind: ChangeKind, purchases: &[&Purchase]) -> ();

    /// Takes what `guard` names and records the holds, as [`take_and_record`] does purchases. Returns the store's time at
    /// which the holds began; `None` if any row was not as expected; then nothing has changed.
    fn take_and_hold(guard: &Guard, at: Timestamp, holds: &[&NewHold]) -> Option<Timestamp>;

    /// Records holds of one sale: their rows, items and ledger lines, of which the last becomes the ledger's head. The
    /// caller has started the transaction. Returns the store's time at which the holds began.
    fn record_holds(sale_id: i64, at: Timestamp, holds: &[&NewHold]) -> Timestamp;

    /// Takes the available ones of these seats, and returns their positions in order.
    fn take_seats(sale_id: i64, positions: &[u32], to: SeatStatus) -> Vec<u32>;

    /// Takes the first `units` available seats of a tier, and returns their positions; fewer if fewer are left.
    fn take_any_seats(sale_id: i64, tier_id: i64, units: u64, to: SeatStatus) -> Vec<u32>;

    /// Takes units from the sale's own counter, and takes its next `seq`. `None` if fewer units are left or the sale is
    /// not open.
    fn sale_head(sale_id: i64, units: u64, to: SeatStatus) -> Option<SaleTaken>;

    /// A tier's version and available units. The row stays locked until the transaction ends.
    fn lock_tier(tier_id: i64) -> (i64, u64);

    /// A tier's version and available units.
    fn read_tier(tier_id: i64) -> (i64, u64);

    /// As [`read_seats`]. The rows stay locked until the transaction ends.
    fn lock_seats(sale_id: i64, positions: &[u32]) -> Vec<(u32, i64, SeatStatus)>;

    /// Position, version and status of these seats, in order.
    fn read_seats(sale_id: i64, positions: &[u32]) -> Vec<(u32, i64, SeatStatus)>;

    /// Positions and versions of a tier's first available seats, in order; fewer if fewer are left. With `skip_locked`
    /// it locks them, and skips seats that another transaction has locked.
    fn free_seats(sale_id: i64, tier_id: i64, units: u64, skip_locked: bool) -> Vec<(u32, i64)>;

    /// Takes units of a tier if so many are available and, where a version is given, the row still has that version.
    fn set_tier(tier_id: i64, version: Option<i64>, units: u64, to: SeatStatus) -> bool;

    /// Takes those of these seats, given by position and version, that are available and have not changed since that
    /// version; returns how many it took.
    fn set_seats(sale_id: i64, seats: &[(u32, i64)], to: SeatStatus) -> u64;

    /// Takes unnumbered units of a tier, skipping rows that another transaction has locked; returns how many it took.
    fn take_units(tier_id: i64, units: u64) -> u64;

    /// Takes the sale's next `seq` if the sale is open, and returns it with the hash of the ledger line before. The
    /// sale's counters stay as they are.
    fn next_seq(sale_id: i64) -> Option<(u64, Hash)>;

    /// Overwrites how many units of a tier are left, whatever the row says, and adds up the sale's counters again.
    fn write_available(sale_id: i64, tier_id: i64, available: u64) -> ();

    /// Marks seats sold, whatever their rows say.
    fn write_sold(sale_id: i64, positions: &[u32]) -> ();

    /// Records the purchase's tickets, even for seats that have an owner already.
    fn record_unguarded(sale_id: i64, purchase: &Purchase) -> ();

    /// Forgets the answers to these keys, so that the keys can be used again.
    fn forget_answers(answers: &[(BuyerId, String)]) -> ();

    /// Gives these kept answers other keys: each entry is a buyer, the key until now and the key from now on.
    fn rewrite_keys(renamed: &[(BuyerId, String, String)]) -> ();

    /// Inserts available seats after the sale's other seats, the first at `first_position`.
    fn insert_seats(sale_id: i64, first_position: u32, tier_ids: &[i64], seats: &[NewSeatRecord]) -> ();

    /// Waits until no other transaction decides about these holds, and keeps others waiting until this transaction ends.
    /// Several transactions do this in the same order, so they do not wait for each other in a circle.
    fn lock_holds(holds: &[HoldId]) -> ();

    /// Keeps all other transactions from changing the sale until this one ends.
    fn lock_sale(sale_id: i64) -> ();

    /// As [`lock_sale`], but first waits for all transactions of [`super::Writer::begin_selling`] to end: from then on
    /// none of them has a row of the sale locked.
    fn lock_stock(sale_id: i64) -> ();

    /// Keeps all other transactions from creating sales until this one ends.
    fn lock_catalogue() -> ();
}

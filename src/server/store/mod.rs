//! SQL and only SQL: nothing here decides, publishes or knows who asks.
//!
//! One folder per database with the same file names and functions, so that a diff of two shows the dialect.

mod connection; // the seam: a store, a connection, a transaction of either kind
mod postgres;
mod rows; // what goes into a store and comes out of it
mod sqlite;

use std::collections::HashMap;

use crate::{
    model::{
        ids::{BuyerId, OrderId, RequestId},
        order::Order,
        seat::SeatStatus,
        strategy::StrategyKind,
        time::Timestamp,
    },
    server::ledger::Hash,
};

pub use connection::{
    Connection, News, OpenError, Reader, Store, StoreKind, Transaction, Writer, is_conflict, is_key_taken,
};
pub use rows::*;

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

    /// The answer kept for a key.
    fn find_answer(buyer: BuyerId, key: &str) -> Option<StoredAnswer>;

    /// Keeps an answer whose body is not an order.
    fn keep_body(owner: (BuyerId, &str), fingerprint: [u8; 16], answer: (u16, &str), at: Timestamp) -> ();

    /// All keys of answers made at or after `since`, for the filter that is rebuilt at start.
    fn answers_since(since: Timestamp) -> Vec<(BuyerId, String)>;

    /// At most `limit` answers made before `oldest`.
    fn answers_before(oldest: Timestamp, limit: u32) -> Vec<(BuyerId, String)>;

    /// Forgets the answers to these keys, so that they may be used anew.
    fn forget_answers(answers: &[(BuyerId, String)]) -> ();

    /// Says what became of a request in line, unless that was said before. `true` where this is now what stands.
    fn decide_request(request: RequestId, decided: &DecidedRequest) -> bool;

    /// What became of a request in line, and whose it is.
    fn find_decided(request: RequestId) -> Option<DecidedRequest>;

    /// Forgets what became of at most `limit` requests made before `oldest`, and returns of how many.
    fn forget_decided(oldest: Timestamp, limit: u32) -> u64;

    /// Appends one line to a ledger.
    fn append(sale_id: i64, line: &LedgerRecord) -> ();

    /// Up to `limit` lines from `seq` on, in order. A line that cannot be read is an error of the decoder: it was tampered
    /// with.
    fn lines_from(sale_id: i64, seq: u64, limit: u32) -> Vec<LedgerRecord>;

    /// Up to `limit` lines behind `seq`, in order, each with its buyer.
    fn changes_after(sale_id: i64, seq: u64, limit: u32) -> Vec<ChangeRecord>;

    /// An order by its id. With `buyer`, only if it is that buyer's. One that a reset made void is found only where
    /// `even_void`: an answer once given is given again.
    fn find_order(order: OrderId, buyer: Option<BuyerId>, even_void: bool) -> Option<Order>;

    /// A buyer's orders, the newest first.
    fn orders_of(buyer: BuyerId) -> Vec<Order>;

    /// Positions of the seats that a buyer owns in a sale, in order.
    fn owned_positions(sale_id: i64, buyer: BuyerId) -> Vec<u32>;

    /// How many units of the sale a buyer owns.
    fn units_owned(sale_id: i64, buyer: BuyerId) -> u64;

    /// How many units of the sale each of its buyers owns.
    fn units_by_buyer(sale_id: i64) -> HashMap<BuyerId, u64>;

    /// All sales, in the order in which they were made.
    fn load_sales() -> Vec<SaleRecord>;

    /// One sale by its slug.
    fn find_sale(slug: &str) -> Option<SaleRecord>;

    /// Inserts a sale and its tiers, and returns their rows. Seats follow by [`insert_seats`].
    fn insert_sale(sale: &NewSaleRecord<'_>) -> (i64, Vec<i64>);

    /// Inserts available seats behind the sale's others, the first at `first_position`.
    fn insert_seats(sale_id: i64, first_position: u32, tier_ids: &[i64], seats: &[NewSeatRecord]) -> ();

    /// Changes what an organiser may change.
    fn patch_sale(sale_id: i64, patch: &PatchRecord<'_>) -> ();

    /// Adds units to a tier and its sale, and moves the sale's `seq` on by one.
    fn add_stock(sale_id: i64, tier_id: i64, units: u64, head_hash: &Hash) -> ();

    /// Puts all stock back as made: seats and counters available, orders and tickets void, `seq` on by one.
    fn reset_sale(sale_id: i64, head_hash: &Hash) -> ();

    /// Has the sale sold by this strategy from now on, and moves its `revision` on.
    fn set_strategy(sale_id: i64, strategy: StrategyKind) -> ();

    /// A sale's row and strategy.
    fn sale_identity(slug: &str) -> Option<SaleIdentity>;

    /// Slugs that are `wanted` or start with it and a hyphen.
    fn slugs_like(wanted: &str) -> Vec<String>;

    /// Writes a sale's newest `seq` and the hash of its line.
    fn set_head(sale_id: i64, seq: u64, head_hash: &Hash) -> ();

    /// Keeps everybody else from changing the sale until the transaction ends.
    fn lock_sale(sale_id: i64) -> ();

    /// The same, and waits for those who sell by [`Writer::begin_selling`]: none of them has anything of the sale locked then.
    fn lock_stock(sale_id: i64) -> ();

    /// Keeps everybody else from making sales until the transaction ends.
    fn lock_catalogue() -> ();

    /// Where all sales stand.
    fn heads() -> Vec<SaleHead>;

    /// Counts one sale; `connection` is inside a transaction, so that all is of one moment.
    fn recount(sale_id: i64) -> Recount;

    /// A setting by its name; where it is not there, `fresh` becomes it. Of two processes that start at once, one's value
    /// stands for both.
    fn setting(name: &str, fresh: &[u8]) -> Vec<u8>;
}

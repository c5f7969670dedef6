//! PostgreSQL: the store that several processes share. Rows are locked one by one, the sale's row decides.

mod audit; // counts rows for the audit
mod claims; // the guarded writes that decide, and the rows that record them
mod connection; // opens the pools, with durable settings that are read back
mod guards; // rows read, locked and set one by one
mod idempotency; // answers kept for those who ask again
mod ledger; // the lines
mod orders; // what was bought
mod records; // sales as they are stored, read
mod requests; // what became of purchases in line
mod sales; // sales, tiers and seats, changed
mod settings; // what the database knows of itself
mod unguarded; // writes without a condition, for the strategy that shows why there must be one

pub use audit::recount;
pub use claims::{record, sale_head, take_and_record, take_any_seats, take_seats};
pub use connection::{Database, Writer, begin_reading};
pub use guards::{free_seats, lock_seats, lock_tier, read_seats, read_tier, set_seats, set_tier, take_units};
pub use idempotency::{answers_before, answers_since, find_answer, forget_answers, keep_body};
pub use ledger::{append, changes_after, lines_from};
pub use orders::{find_order, orders_of, owned_positions, units_by_buyer, units_owned};
pub use records::{find_sale, load_sales};
pub use requests::{decide_request, find_decided, forget_decided};
pub use sales::{
    add_stock, heads, insert_sale, insert_seats, lock_catalogue, lock_sale, lock_stock, patch_sale, reset_sale,
    sale_identity, set_head, set_strategy, slugs_like,
};
pub use settings::setting;
pub use unguarded::{next_seq, record_unguarded, write_available, write_sold};

/// A position or another number of 32 bits without a sign, for which PostgreSQL has no type: it is kept in 64.
fn small(integer: i64) -> Result<u32, sqlx::Error> {
    u32::try_from(integer).map_err(|error| sqlx::Error::Decode(error.into()))
}

/// The same for many.
fn all_small(integers: Vec<i64>) -> Result<Vec<u32>, sqlx::Error> {
    integers.into_iter().map(small).collect()
}

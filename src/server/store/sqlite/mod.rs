//! SQLite: the embedded store. One writing connection, several reading ones.

mod audit; // counts rows for the audit
mod claims; // the guarded writes that decide, and the rows that record them
mod connection; // opens the file, with durable settings that are read back
mod idempotency; // answers kept for those who ask again
mod ledger; // the lines
mod orders; // what was bought
mod records; // sales as they are stored, read
mod sales; // sales, tiers and seats, changed
mod settings; // what the database knows of itself

pub use audit::{Recount, TierRecount, recount};
pub use claims::{
    Guard, NewTicket, Purchase, Taken, record, sale_head, take_and_record, take_any_seats, take_one_by_one,
};
pub use connection::{OpenError, Store, Writer};
pub use idempotency::{
    StoredAnswer, StoredBody, answers_before, answers_since, find_answer, forget_answers, keep_body,
};
pub use ledger::{LedgerRecord, append, lines_from};
pub use orders::{find_order, orders_of, owned_positions, units_by_buyer, units_owned};
pub use records::{SaleRecord, TierRecord, find_sale, load_sales};
pub use sales::{
    NewSaleRecord, NewSeatRecord, NewTierRecord, PatchRecord, SaleIdentity, add_stock, insert_sale, insert_seats,
    patch_sale, reset_sale, sale_identity, set_head, slugs_like,
};
pub use settings::setting;

/// A count as SQLite keeps it. Every count of the product is far below 2^63.
fn integer(count: u64) -> i64 {
    i64::try_from(count).expect("counts are below 2^63")
}

/// A count as the product has it. CHECK constraints keep all counts at zero or above.
fn count(integer: i64) -> u64 {
    u64::try_from(integer).expect("the schema keeps counts at zero or above")
}

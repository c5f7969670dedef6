//! SQL and only SQL: nothing here decides, publishes or knows who asks.
//!
//! What both databases do with the same SQL stands once, in `shared`. The rest has one folder per database, with the same
//! file names and functions, so that a diff of two shows the dialect. All that the store can do is listed below and in
//! `twins`.

mod connection; // the seam: a store, a connection, a transaction of either kind
mod error; // why a database cannot be used, and what its errors mean
mod postgres; // what PostgreSQL does in its own way
mod rows; // what goes into a store and comes out of it
mod shared; // what both do with the same SQL
mod sqlite; // what SQLite does in its own way
#[cfg(test)]
pub(in crate::server) mod testing; // databases of their own for tests
mod twins; // what each does in its own way, by one name

pub use connection::{Connection, News, Reader, Store, StoreKind, Transaction, Writer};
pub use error::{OpenError, is_conflict, is_key_taken};
pub use rows::*;

// Functions of both databases.
pub use shared::{
    audit::recount,
    idempotency::{answers_before, answers_since, find_answer, keep_body},
    ledger::{append, changes_after, lines_from},
    orders::{OrderPage, count_orders, find_order, orders_of, owned_positions, units_by_buyer, units_owned},
    records::{find_sale, load_sales},
    requests::{decide_request, find_decided, forget_decided},
    sales::{add_stock, heads, insert_sale, patch_sale, reset_sale, sale_identity, set_head, set_strategy, slugs_like},
    settings::setting,
};

// Functions of which each database has its own.
pub use twins::*;

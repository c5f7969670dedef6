//! SQL and only SQL: nothing here decides, publishes or knows who asks.
//!
//! SQL that is the same for both databases is in `shared`. The rest has one folder per database, with the same file
//! names and functions, so that a diff of two files shows the difference in dialect. Everything that the store can do
//! is listed below and in `twins`.

mod connection; // a store, a connection and a transaction, each of either database
mod error; // why a database cannot be used, and what its errors mean
mod home; // where connections are opened, and whether they answer
mod postgres; // SQL for PostgreSQL alone
mod rows; // what goes into a store and comes out of it
mod shared; // SQL that is the same for both databases
mod sqlite; // SQL for SQLite alone
#[cfg(test)]
pub(in crate::server) mod testing; // a new database for each test
mod twins; // functions of which each database has its own version, under one name

pub use connection::{Connection, News, Reader, Store, StoreKind, Transaction, Writer};
pub use error::{OpenError, is_conflict, is_key_taken};
pub use rows::*;

// Functions that are the same for both databases.
pub use shared::{
    audit::recount,
    idempotency::{answers_before, answers_since, find_answer, keep_body},
    ledger::{append, changes_after, lines_from, untouched_at},
    orders::{OrderPage, count_orders, find_order, orders_of, owned_positions, units_by_buyer, units_owned},
    records::{find_sale, load_sales},
    requests::{decide_request, find_decided, forget_decided},
    sales::{add_stock, heads, insert_sale, patch_sale, reset_sale, sale_identity, set_head, set_strategy, slugs_like},
    settings::setting,
};

// Functions of which each database has its own version.
pub use twins::*;

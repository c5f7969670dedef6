//! SQL and only SQL: nothing here decides, publishes or knows who asks.
//!
//! SQL that is the same for both databases is in `shared`. The rest has one folder per database, with the same file
//! names and functions, so that a diff of two files shows the difference in dialect. Everything that the store can do
//! is listed below and in `twins`.

mod connection; // a store, a connection and a transaction, each of either database
mod error; // why a database cannot be used, and what its errors mean
mod hold_rows; // holds, into a store and out of it
mod home; // where connections are opened, and whether they answer
mod payment_rows; // payments and refunds, into a store and out of it
mod postgres; // SQL for PostgreSQL alone
mod rows; // what goes into a store and comes out of it
mod shared; // SQL that is the same for both databases
mod sqlite; // SQL for SQLite alone
#[cfg(test)]
pub(in crate::server) mod testing; // a new database for each test
mod twins; // functions of which each database has its own version, under one name

pub use connection::{Connection, News, Reader, Store, StoreKind, Transaction, Writer, file_of};
pub use error::{OpenError, is_conflict, is_key_taken};
pub use hold_rows::*;
pub use payment_rows::*;
pub use rows::*;

// Functions that are the same for both databases.
pub use shared::{
    audit::recount,
    changes::{begin_change, change_sale, change_tier, items_of, replace_items},
    holds::{
        FoundHold, extend_hold, find_hold, find_holds, forget_ended_holds, held_by, holder_of, live_holds_of, next_due,
        store_now,
    },
    idempotency::{answers_before, answers_since, find_answer, keep_body},
    ledger::{append, append_all, changes_after, lines_from, seq_of, untouched_at},
    orders::{
        OrderPage, count_orders, find_order, has_bought, orders_of, owned_positions, units_by_buyer, units_owned,
    },
    payments::{
        begin_paying, end_paying, end_payment, find_payment, insert_payment, note_page_failure, note_session,
        payments_after, payments_of, succeed, unpaid_orders,
    },
    records::{find_sale, load_sales},
    refunds::{
        find_refund, give_all_back, give_back, is_any_refund_to_look_at, is_anything_paid, look_at_refund, note_refund,
        refund_anew, take_refunds_to_look_at,
    },
    requests::{decide_request, find_decided, forget_decided},
    sales::{add_stock, heads, insert_sale, patch_sale, reset_sale, sale_identity, set_head, set_strategy, slugs_like},
    settings::setting,
    settlements::{end_holds, lock_due_holds, seqs_of_holds, settle_sale, settle_seats, settle_stock, settle_tier},
    watching::{
        forget_events, is_any_payment_to_look_at, is_event_known, keep_event, look_again, look_at_payments_of,
        stop_looking, take_payments_to_look_at,
    },
};

// Functions of which each database has its own version.
pub use twins::*;

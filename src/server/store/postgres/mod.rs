//! PostgreSQL: the store that several processes can share. It locks single rows; writing the sale's row decides a
//! purchase.

mod claims; // the guarded writes that decide, and the rows that record them
mod connection; // opens the pools, with durable settings that are read back
mod guards; // reads, locks and writes of single rows
mod holds; // holds, recorded many at once
mod idempotency; // forgets many kept answers at once
mod locks; // who may change a sale at a time
mod numbers; // reads numbers for which PostgreSQL has no type
mod stock; // seats and single units, written many at once
mod unguarded; // writes without a condition, for `naive`, which shows why the condition is needed

pub use claims::{record, sale_head, take_and_record, take_any_seats, take_seats};
pub use connection::{Database, Writer, begin_reading};
pub use guards::{free_seats, lock_seats, lock_tier, read_seats, read_tier, set_seats, set_tier, take_units};
pub use holds::{record_holds, take_and_hold};
pub use idempotency::{forget_answers, rewrite_keys};
pub use locks::{lock_catalogue, lock_holds, lock_sale, lock_stock};
pub use stock::{change_units, insert_seats, insert_units, put_units_back, renew_units};
pub use unguarded::{next_seq, record_unguarded, write_available, write_sold};

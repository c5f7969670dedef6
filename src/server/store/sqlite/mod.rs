//! SQLite: the embedded store. One writing connection, several reading ones.

mod claims; // the guarded writes that decide, and the rows that record them
mod connection; // opens the file, with durable settings that are read back
mod guards; // rows read, locked and set one by one
mod idempotency; // kept answers, forgotten many at once
mod locks; // locks that a whole-database writer does not need
mod log; // the write-ahead log, kept short
mod stock; // seats, written many at once
mod unguarded; // writes without a condition, for the strategy that shows why there must be one

pub use claims::{record, sale_head, take_and_record, take_any_seats, take_seats};
pub use connection::{Database, Reader, Writer};
pub use guards::{free_seats, lock_seats, lock_tier, read_seats, read_tier, set_seats, set_tier, take_units};
pub use idempotency::forget_answers;
pub use locks::{lock_catalogue, lock_sale, lock_stock};
pub use stock::insert_seats;
pub use unguarded::{next_seq, record_unguarded, write_available, write_sold};

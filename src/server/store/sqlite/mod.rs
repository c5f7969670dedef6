//! SQLite: the embedded store, with one writing connection and several reading ones.

mod batches; // what all batches of decisions begin with
mod claims; // the guarded writes that decide, and the rows that record them
mod connection; // opens the file, with durable settings that are read back
mod guards; // reads and writes of single rows
mod holds; // holds, recorded many at once
mod idempotency; // forgets or renames many kept answers at once
mod locks; // nothing: a writing transaction holds the whole database
mod log; // the write-ahead log, kept short
#[cfg(unix)]
mod private; // the files are their owner's alone
mod settlements; // what becomes of held units, many at once
mod stock; // seats, written many at once
mod unguarded; // writes without a condition, for `naive`, which shows why the condition is needed

pub use claims::{record, sale_head, take_and_record, take_any_seats, take_seats};
pub use connection::{Database, Reader, Writer, file_of};
pub use guards::{free_seats, lock_seats, lock_tier, read_seats, read_tier, set_seats, set_tier, take_units};
pub use holds::{record_holds, take_and_hold};
pub use idempotency::{forget_answers, rewrite_keys};
pub use locks::{lock_catalogue, lock_holds, lock_sale, lock_stock};
pub use settlements::settle_stock;
pub use stock::insert_seats;
pub use unguarded::{next_seq, record_unguarded, write_available, write_sold};

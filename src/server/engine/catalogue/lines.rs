//! The ledger's lines for changes that are no purchase: stock made, added or put back.

use crate::{
    model::{
        ids::TierId,
        ledger::{ChangeKind, Units},
        time::Timestamp,
    },
    server::{
        ledger::{self, FIRST_PREVIOUS, Hash},
        stock::Stock,
        store::LedgerRecord,
    },
};

/// Units of a tier, without naming seats.
pub fn units(tier: &str, quantity: u64) -> Units {
    Units { tier: TierId(tier.to_owned()), seat: None, quantity }
}

/// The first line of a sale.
pub fn first_line(at: Timestamp, units: Vec<Units>) -> LedgerRecord {
    line_after(0, &FIRST_PREVIOUS, at, ChangeKind::Stock, units)
}

/// The line that follows the sale's newest one.
pub fn next_line(stock: &Stock, at: Timestamp, kind: ChangeKind, units: Vec<Units>) -> LedgerRecord {
    line_after(stock.seq, &stock.head_hash, at, kind, units)
}

fn line_after(seq: u64, previous: &Hash, at: Timestamp, kind: ChangeKind, units: Vec<Units>) -> LedgerRecord {
    let seq = seq + 1;
    let hash = ledger::hash(seq, &at.to_string(), kind, &units, None, previous);
    LedgerRecord { seq, at, kind, units, reference: None, hash }
}

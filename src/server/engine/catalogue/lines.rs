//! The ledger's lines for what is no purchase: stock that is made, added or put back.

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

/// Units of a tier, whichever they are.
pub fn units(tier: &str, quantity: u64) -> Units {
    Units { tier: TierId(tier.to_owned()), seat: None, quantity }
}

/// The line that a sale begins with.
pub fn first_line(at: Timestamp, units: Vec<Units>) -> LedgerRecord {
    line_after(0, &FIRST_PREVIOUS, at, ChangeKind::Stock, units)
}

/// The line that follows on from where a sale stands.
pub fn next_line(stock: &Stock, at: Timestamp, kind: ChangeKind, units: Vec<Units>) -> LedgerRecord {
    line_after(stock.seq, &stock.head_hash, at, kind, units)
}

fn line_after(seq: u64, previous: &Hash, at: Timestamp, kind: ChangeKind, units: Vec<Units>) -> LedgerRecord {
    let seq = seq + 1;
    let hash = ledger::hash(seq, &at.to_string(), kind, &units, None, previous);
    LedgerRecord { seq, at, kind, units, reference: None, hash }
}

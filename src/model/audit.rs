//! What a recount of seats, tickets and ledger says about a sale.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{ids::SaleId, strategy::StrategyKind, time::Timestamp};

/// The verdict on one sale. Every figure is recounted from seats, tickets and ledger. None is copied from the counters.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Audit {
    pub sale: SaleId,
    pub strategy: StrategyKind,
    pub capacity: u64,
    pub available: u64,
    pub held: u64,
    pub sold: u64,
    pub orders: u64,
    pub tickets: u64,
    /// Units sold that did not exist, or sold twice.
    pub phantoms: u64,
    /// Units that are neither available nor held nor sold.
    pub leaks: u64,
    pub ledger: LedgerAudit,
    /// True if there are no phantoms and no leaks, the ledger is verified, its replay equals the tables, and the
    /// counters equal the recount.
    pub clean: bool,
    pub checked_at: Timestamp,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct LedgerAudit {
    pub entries: u64,
    pub head_hash: String,
    /// True if the hash chain, recomputed line by line, is intact, and the replay of the ledger equals the seats and
    /// tickets.
    pub verified: bool,
}

//! What a recount of seats, tickets and ledger says about a sale.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{ids::SaleId, strategy::StrategyKind, time::Timestamp};

/// The verdict on one sale. Every figure is recounted from seats, tickets and ledger, none is read off the counters.
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
    /// Units neither available, held nor sold.
    pub leaks: u64,
    pub ledger: LedgerAudit,
    /// No phantom, no leak, the ledger verified, its replay equal to the tables, and the counters equal to the recount.
    pub clean: bool,
    pub checked_at: Timestamp,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct LedgerAudit {
    pub entries: u64,
    pub head_hash: String,
    /// The chain recomputed line by line, and its replay equal to the seats and tickets.
    pub verified: bool,
}

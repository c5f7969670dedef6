//! The recount's desk: reads the ledger of a sale, and audits the sale.

use std::sync::Arc;

use super::audit::audit;
use crate::{
    model::{audit::Audit, ids::SaleId, ledger::LedgerLine, limits::MAX_SEQ},
    server::{
        engine::{core::Core, error::EngineError},
        ledger, store,
    },
};

/// Shows what happened, and whether it adds up.
pub struct Recount {
    core: Arc<Core>,
}

impl Recount {
    pub(in crate::server::engine) fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// The audit of a sale, recounted now. `None` for an unknown sale.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn audit(&self, sale: &SaleId) -> Result<Option<Audit>, EngineError> {
        if self.core.find(sale).await?.is_none() {
            return Ok(None);
        }
        Ok(audit(&self.core.desk.store, sale, self.core.clock().now()).await?)
    }

    /// Up to `limit` ledger lines with a seq above `after`, in order; empty at the end. `None` for an unknown sale.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn ledger(&self, sale: &SaleId, after: u64, limit: u32) -> Result<Option<Vec<LedgerLine>>, EngineError> {
        let Some(desk) = self.core.find(sale).await? else { return Ok(None) };
        let after = after.min(MAX_SEQ);
        let mut reader = self.core.desk.store.reader().await?;
        // The line at `after` is read too, because the next line names its hash.
        let records = store::lines_from(reader.connection(), desk.sale_id, after, limit.saturating_add(1)).await?;
        let mut previous = ledger::FIRST_PREVIOUS;
        let mut lines = Vec::with_capacity(records.len());
        for record in records {
            if record.seq > after {
                let store::LedgerRecord { seq, at, kind, units, reference, hash } = record;
                lines.push(ledger::line(seq, at, kind, units, reference, &previous, &hash));
            }
            previous = record.hash;
        }
        lines.truncate(limit as usize);
        Ok(Some(lines))
    }
}

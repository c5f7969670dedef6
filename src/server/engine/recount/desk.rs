//! The recount's desk: reads the ledger of a sale, and audits the sale.

use std::sync::Arc;

use super::audit::audit;
use crate::{
    model::{audit::Audit, ids::SaleId, ledger::LedgerLine, limits::MAX_SEQ},
    server::{
        background::{Background, Begun, Runs},
        engine::{core::Core, error::EngineError},
        ledger, store,
        telemetry::metrics::AUDITS,
    },
};

/// Shows what happened, and whether it adds up.
pub struct Recount {
    core: Arc<Core>,
    /// Where audits run, apart from the buyers.
    background: Background,
    runs: Runs<i64, Result<Option<Audit>, Arc<sqlx::Error>>>,
}

impl Recount {
    pub(in crate::server::engine) fn new(core: Arc<Core>, background: Background) -> Self {
        Self { core, background, runs: Runs::default() }
    }

    /// The audit of a sale: everything is recounted after this call. Who asks at the same time gets the same audit.
    /// `None` for an unknown sale.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn audit(&self, sale: &SaleId) -> Result<Option<Audit>, EngineError> {
        let Some(desk) = self.core.find(sale).await? else { return Ok(None) };
        let (core, background, sale) = (self.core.clone(), self.background.clone(), sale.clone());
        let run = |begun: Begun<_>| async move {
            let recounting = async move {
                begun.report();
                metrics::counter!(AUDITS).increment(1);
                audit(&core.desk.store, &sale, core.clock().now()).await.map_err(Arc::new)
            };
            background.run(recounting).await
        };
        self.runs.share(desk.sale_id, run).await.map_err(EngineError::Store)
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

//! What everybody may see: sales, seats, orders of one's own, the ledger.

use std::sync::{Arc, atomic::Ordering};

use super::{Engine, EngineError};
use crate::{
    model::{
        audit::Audit,
        frame::Snapshot,
        ids::{BuyerId, OrderId, SaleId, SeatLabel},
        ledger::LedgerLine,
        limits::MAX_SEQ,
        order::Order,
        sale::Sale,
        seat::{Seat, SeatList, SeatRow, SeatStatus},
        strategy::{StrategyKind, StrategyList, StrategySupport},
    },
    server::{feed::Hub, ledger, store},
};

impl Engine {
    /// All sales, in the order in which they were made.
    pub fn sales(&self) -> Vec<Sale> {
        let now = self.clock().now();
        self.sales.read().in_order.iter().map(|sale| sale.stock.read().sale(now)).collect()
    }

    /// Makes sure that a sale which another process has just made is known here too; what follows may then be asked of
    /// memory.
    pub async fn learn_of(&self, sale: &SaleId) {
        if let Err(error) = self.find(sale).await {
            tracing::warn!(%error, "a sale that is not known here cannot be looked for");
        }
    }

    pub async fn sale(&self, sale: &SaleId) -> Option<Sale> {
        let desk = self.find(sale).await.ok()??;
        let now = self.clock().now();
        Some(desk.stock.read().sale(now))
    }

    /// All strategies, and which of them this server can run.
    pub fn strategies(&self) -> StrategyList {
        let strategies = StrategyKind::ALL.map(|kind| {
            let lacking = self.strategies.support(kind).err();
            StrategySupport {
                kind,
                supported: lacking.is_none(),
                exact: kind.is_exact(),
                summary: kind.summary().to_owned(),
                reason: lacking.map(str::to_owned),
            }
        });
        StrategyList { store: self.desk.store.kind().name().to_owned(), strategies: strategies.into() }
    }

    /// How many claims on a sale this process has refused so far after it had asked the database; 0 for an unknown
    /// sale.
    pub fn refused_by_database(&self, sale: &SaleId) -> u64 {
        self.known(sale).map_or(0, |desk| desk.refused_by_database.load(Ordering::Relaxed))
    }

    /// The seats of a sale in their order, those of one tier or status only where asked. `None` for an unknown sale.
    pub fn seats(&self, sale: &SaleId, tier: Option<&str>, status: Option<SeatStatus>) -> Option<SeatList> {
        let desk = self.known(sale)?;
        let stock = desk.stock.read();
        let wanted = |position: &u32| {
            let place = *position as usize;
            let tier_index = stock.map.places[place].0 as usize;
            tier.is_none_or(|tier| stock.tiers[tier_index].id.as_str() == tier)
                && status.is_none_or(|status| stock.seats[place] == status)
        };
        let positions = 0..u32::try_from(stock.seats.len()).expect("seats are few");
        let seats = positions.filter(wanted).map(|position| stock.seat(position)).collect();
        Some(SeatList { seq: stock.seq, seats })
    }

    /// One seat by its label.
    pub fn seat(&self, sale: &SaleId, seat: &SeatLabel) -> Option<Seat> {
        let desk = self.known(sale)?;
        let stock = desk.stock.read();
        let position = stock.map.positions.get(seat)?;
        Some(stock.seat(*position))
    }

    /// The rows of the seat map, in seat order.
    pub fn seat_rows(&self, sale: &SaleId) -> Option<Vec<SeatRow>> {
        Some(self.known(sale)?.stock.read().map.rows.clone())
    }

    /// The sale as of the last commit, for a page that is rendered here and lives on in the browser.
    pub fn snapshot(&self, sale: &SaleId) -> Option<Snapshot> {
        let now = self.clock().now();
        Some(self.known(sale)?.stock.read().snapshot(&self.epoch, now))
    }

    /// Where the sale's viewers listen.
    pub fn hub(&self, sale: &SaleId) -> Option<Arc<Hub>> {
        self.hubs.get(self.known(sale)?.sale_id)
    }

    /// A buyer's orders, the newest first.
    pub async fn orders(&self, buyer: BuyerId) -> Result<Vec<Order>, EngineError> {
        let mut reader = self.desk.store.reader().await?;
        Ok(store::orders_of(reader.connection(), buyer).await?)
    }

    /// The order if it is `buyer`'s, or anybody's where `buyer` is `None`: an admin asks.
    pub async fn order(&self, buyer: Option<BuyerId>, order: OrderId) -> Result<Option<Order>, EngineError> {
        let mut reader = self.desk.store.reader().await?;
        Ok(store::find_order(reader.connection(), order, buyer, false).await?)
    }

    /// Labels of the seats that this buyer owns in the sale, in seat order.
    pub async fn owned_seats(&self, sale: &SaleId, buyer: BuyerId) -> Result<Vec<SeatLabel>, EngineError> {
        let Some(desk) = self.known(sale) else { return Ok(Vec::new()) };
        let mut reader = self.desk.store.reader().await?;
        let positions = store::owned_positions(reader.connection(), desk.sale_id, buyer).await?;
        let map = desk.stock.read().map.clone();
        Ok(positions.into_iter().map(|position| map.labels[position as usize].clone()).collect())
    }

    /// The audit of a sale, recounted now. `None` for an unknown sale.
    pub async fn audit(&self, sale: &SaleId) -> Result<Option<Audit>, EngineError> {
        if self.find(sale).await?.is_none() {
            return Ok(None);
        }
        Ok(super::audit(&self.desk.store, sale, self.clock().now()).await?)
    }

    /// Up to `limit` ledger lines with a seq above `after`, in order; empty at the end. `None` for an unknown sale.
    pub async fn ledger(&self, sale: &SaleId, after: u64, limit: u32) -> Result<Option<Vec<LedgerLine>>, EngineError> {
        let Some(desk) = self.find(sale).await? else { return Ok(None) };
        let after = after.min(MAX_SEQ);
        let mut reader = self.desk.store.reader().await?;
        // The line at `after` comes along for its hash, which the next line names.
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

//! What everybody may see of sales: counters, seats, strategies, and where their viewers listen.

use std::sync::Arc;

use super::desk::Catalogue;
use crate::{
    model::{
        frame::Snapshot,
        ids::{SaleId, SeatLabel},
        sale::Sale,
        seat::{Seat, SeatList, SeatRow, SeatStatus},
        strategy::{StrategyKind, StrategyList, StrategySupport},
    },
    server::feed::Hub,
};

impl Catalogue {
    /// All sales, in the order in which they were made.
    pub fn sales(&self) -> Vec<Sale> {
        let now = self.core.clock().now();
        self.core.all().iter().map(|sale| sale.stock.read().sale(now)).collect()
    }

    /// Makes sure that a sale which another process has just made is known here too; what follows may then be asked of
    /// memory.
    pub async fn learn_of(&self, sale: &SaleId) {
        if let Err(error) = self.core.find(sale).await {
            tracing::warn!(%error, "a sale that is not known here cannot be looked for");
        }
    }

    /// A sale as every client sees it. `None` where it is unknown, or cannot be looked for just now.
    pub async fn sale(&self, sale: &SaleId) -> Option<Sale> {
        let desk = self.core.find(sale).await.ok()??;
        let now = self.core.clock().now();
        Some(desk.stock.read().sale(now))
    }

    /// All strategies, and which of them this server can run.
    pub fn strategies(&self) -> StrategyList {
        let strategies = StrategyKind::ALL.map(|kind| {
            let lacking = self.core.strategies.support(kind).err();
            StrategySupport {
                kind,
                supported: lacking.is_none(),
                exact: kind.is_exact(),
                summary: kind.summary().to_owned(),
                reason: lacking.map(str::to_owned),
            }
        });
        StrategyList { store: self.core.desk.store.kind().name().to_owned(), strategies: strategies.into() }
    }

    /// The seats of a sale in their order, those of one tier or status only where asked. `None` for an unknown sale.
    pub fn seats(&self, sale: &SaleId, tier: Option<&str>, status: Option<SeatStatus>) -> Option<SeatList> {
        let desk = self.core.known(sale)?;
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
        let desk = self.core.known(sale)?;
        let stock = desk.stock.read();
        let position = stock.map.positions.get(seat)?;
        Some(stock.seat(*position))
    }

    /// The rows of the seat map, in seat order.
    pub fn seat_rows(&self, sale: &SaleId) -> Option<Vec<SeatRow>> {
        Some(self.core.known(sale)?.stock.read().map.rows.clone())
    }

    /// The sale as of the last commit, for a page that is rendered here and lives on in the browser.
    pub fn snapshot(&self, sale: &SaleId) -> Option<Snapshot> {
        let now = self.core.clock().now();
        Some(self.core.known(sale)?.stock.read().snapshot(&self.core.epoch, now))
    }

    /// Where the sale's viewers listen.
    pub fn hub(&self, sale: &SaleId) -> Option<Arc<Hub>> {
        self.core.hubs.get(self.core.known(sale)?.sale_id)
    }
}

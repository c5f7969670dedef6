//! The public view of sales: counters, seats, strategies, and the hubs that viewers listen to.

use std::sync::Arc;

use super::desk::Catalogue;
use crate::{
    model::{
        frame::Snapshot,
        ids::{SaleId, SeatLabel},
        limits::SALES_PER_PAGE,
        sale::{Sale, SaleList, SaleSwitch, SalesPage},
        seat::{Seat, SeatRow},
        strategy::{StrategyKind, StrategyList, StrategySupport},
    },
    server::{feed::Hub, stock::SeatsNow},
};

impl Catalogue {
    /// All sales, in the order in which they were made.
    pub fn sales(&self) -> Vec<Sale> {
        let now = self.core.clock().now();
        self.core.all().iter().map(|sale| sale.stock.read().sale(now)).collect()
    }

    /// How many sales this server knows.
    pub fn count(&self) -> usize {
        self.core.all().len()
    }

    /// At most `limit` sales after the sale `after`, in the order in which they were made. `None` where there is no
    /// sale `after`.
    pub fn sales_after(&self, after: Option<&SaleId>, limit: Option<u32>) -> Option<SaleList> {
        let all = self.core.all();
        let start = match after {
            None => 0,
            Some(after) => {
                let known = self.core.known(after)?.sale_id;
                all.partition_point(|sale| sale.sale_id <= known)
            }
        };
        let rest = &all[start..];
        let shown = &rest[..limit.map_or(rest.len(), |limit| rest.len().min(limit as usize))];
        let now = self.core.clock().now();
        let sales: Vec<Sale> = shown.iter().map(|sale| sale.stock.read().sale(now)).collect();
        let next = sales.last().filter(|_| shown.len() < rest.len()).map(|sale| sale.id.clone());
        Some(SaleList { sales, next })
    }

    /// The sales on a page of the home page, which is counted from 1, and the number of its last page. Demo sales come
    /// first, then the newest; rehearsals come after what is really for sale, and closed sales last. A page beyond the
    /// last is the last.
    pub fn sales_on_a_page(&self, page: u32) -> SalesPage {
        let mut all: Vec<_> = self.core.all().iter().rev().cloned().collect();
        all.sort_by_cached_key(|sale| {
            let stock = sale.stock.read();
            let demo_position = Self::demo_position(&stock.id).unwrap_or(usize::MAX);
            (stock.switch == SaleSwitch::Closed, demo_position, stock.rehearsal)
        });
        let per_page = SALES_PER_PAGE as usize;
        let pages = u32::try_from(all.len().div_ceil(per_page)).unwrap_or(u32::MAX).max(1);
        let page = page.clamp(1, pages);
        let now = self.core.clock().now();
        let shown = all.iter().skip((page - 1) as usize * per_page).take(per_page);
        SalesPage { sales: shown.map(|sale| sale.stock.read().sale(now)).collect(), page, pages }
    }

    /// Makes sure that a sale which another process has just made is known here too. Afterwards the sale can be read
    /// from memory.
    pub async fn learn_of(&self, sale: &SaleId) {
        if let Err(error) = self.core.find(sale).await {
            tracing::warn!(%error, "a sale that is not known here cannot be looked for");
        }
    }

    /// A sale as every client sees it. `None` where it is unknown or cannot be looked up now.
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

    /// The seats of a sale as of its last commit. `None` for an unknown sale.
    pub fn seats(&self, sale: &SaleId) -> Option<SeatsNow> {
        Some(self.core.known(sale)?.stock.read().seats_now())
    }

    /// How many seats a sale has, and the `seq` of its last commit.
    pub fn seats_and_seq(&self, sale: &SaleId) -> Option<(usize, u64)> {
        let desk = self.core.known(sale)?;
        let stock = desk.stock.read();
        Some((stock.seats.len(), stock.seq))
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

    /// The sale as of the last commit, for a page that is rendered here and continues in the browser.
    pub fn snapshot(&self, sale: &SaleId) -> Option<Snapshot> {
        let now = self.core.clock().now();
        Some(self.core.known(sale)?.stock.read().snapshot(&self.core.epoch, now))
    }

    /// The hub that the sale's viewers listen to.
    pub fn hub(&self, sale: &SaleId) -> Option<Arc<Hub>> {
        self.core.hubs.get(self.core.known(sale)?.sale_id)
    }
}

//! The selling desk: a bounded queue of places in front of the strategies, and a count of how purchases end.

use std::sync::{Arc, atomic::Ordering};

use tokio::sync::Semaphore;

use super::{cashier::Cashier, lookups::Lookups};
use crate::{
    model::{ids::SaleId, limits::SETTLEMENT_QUEUE},
    server::{engine::core::Core, payment::Provider, settlement::Settlements, telemetry::metrics::PurchaseCounters},
};

/// Sells what is on sale.
pub struct Selling {
    pub(super) core: Arc<Core>,
    /// The places in the request queue. A claim holds one until it is decided.
    pub(super) places: Arc<Semaphore>,
    request_queue: usize,
    /// The places of holds that end or are extended, apart from those of claims: who pays never waits for those who claim.
    pub(super) settlement_places: Arc<Semaphore>,
    pub(super) settlements: Settlements,
    pub(super) lookups: Arc<Lookups>,
    /// The payment provider, if there is one.
    pub(in crate::server::engine) cashier: Option<Cashier>,
    pub(super) purchases: PurchaseCounters,
}

impl Selling {
    pub(in crate::server::engine) fn new(core: Arc<Core>, request_queue: usize, provider: Option<Provider>) -> Self {
        let places = Arc::new(Semaphore::new(request_queue));
        let settlement_places = Arc::new(Semaphore::new(SETTLEMENT_QUEUE));
        let settlements = Settlements::new(core.desk.clone());
        let lookups = Lookups::new(core.desk.clone());
        Self {
            core,
            places,
            request_queue,
            settlement_places,
            settlements,
            lookups,
            cashier: provider.map(Cashier::new),
            purchases: PurchaseCounters::default(),
        }
    }

    /// How many claims wait or are being decided.
    pub fn queue_length(&self) -> usize {
        self.request_queue - self.places.available_permits().min(self.request_queue)
    }

    /// How many claims on a sale this process has refused so far after it had asked the database; 0 for an unknown
    /// sale.
    pub fn refused_by_database(&self, sale: &SaleId) -> u64 {
        self.core.known(sale).map_or(0, |desk| desk.refused_by_database.load(Ordering::Relaxed))
    }

    /// Stops taking claims, and lets those in flight finish.
    pub(in crate::server::engine) async fn close(&self) {
        if let Some(queue) = self.core.strategies.queue() {
            queue.leave();
        }
        let all = u32::try_from(self.request_queue).unwrap_or(u32::MAX);
        let drained = self.places.acquire_many(all).await;
        self.places.close();
        let settled = self.settlement_places.acquire_many(SETTLEMENT_QUEUE as u32).await;
        self.settlement_places.close();
        drop(settled);
        drop(drained);
    }
}

//! The selling desk: a bounded queue of places in front of the strategies, and a count of how purchases end.

use std::sync::{Arc, atomic::Ordering};

use tokio::sync::Semaphore;

use crate::{
    model::ids::SaleId,
    server::{engine::core::Core, telemetry::metrics::PurchaseCounters},
};

/// Sells what is on sale.
pub struct Selling {
    pub(super) core: Arc<Core>,
    /// The places in the request queue. A claim holds one until it is decided.
    pub(super) places: Arc<Semaphore>,
    request_queue: usize,
    pub(super) purchases: PurchaseCounters,
}

impl Selling {
    pub(in crate::server::engine) fn new(core: Arc<Core>, request_queue: usize) -> Self {
        let places = Arc::new(Semaphore::new(request_queue));
        Self { core, places, request_queue, purchases: PurchaseCounters::default() }
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
        drop(drained);
    }
}

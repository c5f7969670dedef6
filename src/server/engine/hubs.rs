//! Where the viewers of each sale listen.

use std::{collections::HashMap, sync::Arc};

use parking_lot::RwLock;

use crate::server::{
    clock::Clock,
    feed::{Announcement, Change, Hub},
    stock::{Commit, Stock},
};

/// The hubs of all sales, by the sale's row, and what is needed to make one more.
pub struct Hubs {
    by_sale: RwLock<HashMap<i64, Arc<Hub>>>,
    clock: Clock,
    epoch: String,
    viewers: tokio::runtime::Handle,
}

impl Hubs {
    /// Starts without hubs. The viewers of all hubs are served on the runtime `viewers`.
    pub fn new(clock: Clock, epoch: String, viewers: tokio::runtime::Handle) -> Self {
        Self { by_sale: RwLock::default(), clock, epoch, viewers }
    }

    /// The hub of the sale in this row.
    pub fn get(&self, sale_id: i64) -> Option<Arc<Hub>> {
        self.by_sale.read().get(&sale_id).cloned()
    }

    /// Makes the sale's hub. Where it already exists, tells its viewers that everything may have changed.
    pub fn show(&self, stock: &Stock) {
        let snapshot = stock.snapshot(&self.epoch, self.clock.now());
        if let Some(hub) = self.get(stock.sale_id) {
            hub.replace(snapshot);
            hub.announce(announcement(stock));
        } else {
            let hub = Hub::new(snapshot, announcement(stock), self.clock.clone(), &self.viewers);
            self.by_sale.write().insert(stock.sale_id, hub);
        }
    }

    /// Tells the sale's viewers what a commit changed.
    pub fn publish(&self, sale_id: i64, commit: Commit) {
        if let Some(hub) = self.get(sale_id) {
            let Commit { from, seq, at, seats, tiers } = commit;
            hub.publish(Change { from, seq, at, seats, tiers });
        }
    }

    /// Tells the sale's viewers what an organiser changed without touching the stock.
    pub fn announce(&self, stock: &Stock) {
        if let Some(hub) = self.get(stock.sale_id) {
            hub.announce(announcement(stock));
        }
    }

    /// Ends all streams.
    pub fn close(&self) {
        self.by_sale.read().values().for_each(|hub| hub.close());
    }
}

fn announcement(stock: &Stock) -> Announcement {
    Announcement { switch: stock.switch, opens_at: stock.opens_at, message: stock.message.clone() }
}

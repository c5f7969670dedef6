//! What all desks share: the store and the mirrors of its sales, the clock, the keys and the hubs.

use std::sync::Arc;

use parking_lot::RwLock;
use rustc_hash::FxHashMap;

use super::{
    error::EngineError,
    hubs::Hubs,
    keys::{Keys, oldest_answer},
    older_keys::rewrite_older_keys,
    options::{EngineOptions, Till},
};
use crate::{
    model::ids::{BuyerId, SaleId},
    server::{
        clock::Clock,
        ledger::hexadecimal,
        redis::Redis,
        stock::{Desk, Listeners, SaleDesk, Stock},
        store::{self, SaleRecord, Store},
        strategy::Registry,
    },
};

/// What all desks share.
pub struct Core {
    /// What the strategies share: store, clock, and all mirrors by their rows.
    pub desk: Arc<Desk>,
    pub strategies: Registry,
    pub keys: Arc<Keys>,
    pub hubs: Arc<Hubs>,
    sales: RwLock<Sales>,
    /// Identifies the database, or its new life after a restore. It is in every snapshot.
    pub epoch: String,
    /// Made once and kept in the database. Used where the configuration gives no secret.
    pub secret: [u8; 32],
    pub redis: Option<Arc<Redis>>,
    /// How buyers can pay.
    pub till: Till,
    /// Names this process among those that share a store.
    pub node: String,
}

/// All sales by slug, and in the order in which they were made.
#[derive(Default)]
struct Sales {
    by_slug: FxHashMap<SaleId, Arc<SaleDesk>>,
    in_order: Vec<Arc<SaleDesk>>,
}

impl Core {
    /// Reads all sales and starts the strategies.
    ///
    /// # Errors
    /// Where the store fails, or the address of Redis cannot be understood.
    pub async fn open(store: Store, options: EngineOptions) -> Result<Arc<Self>, EngineError> {
        let EngineOptions {
            clock,
            viewers,
            secret,
            redis_url,
            queue,
            till,
            strategies: added,
            provider: _,
            request_queue: _,
            recount: _,
        } = options;
        let (epoch, stored_secret) = settings(&store).await?;
        let signing = secret.unwrap_or_else(|| stored_secret.to_vec());
        let redis = redis_url.map(|url| Redis::open(&url, &epoch, &signing)).transpose().map_err(EngineError::Redis)?;
        let redis = redis.map(Arc::new);
        let keys = Arc::new(Keys::new(&signing));
        let (answered, records) = read_all(&store, &clock).await?;
        keys.remember_all(&rewrite_older_keys(&store, &keys, answered).await?);
        let hubs = Arc::new(Hubs::new(clock.clone(), epoch.clone(), viewers));
        let desk = Arc::new(Desk::new(store, clock, listeners(&hubs, &keys)));
        let mut strategies = Registry::new(&desk, redis.as_ref(), queue);
        added.into_iter().for_each(|strategy| strategies.add(strategy));
        let node = hexadecimal(&rand::random::<[u8; 8]>());
        let core = Self {
            desk,
            strategies,
            keys,
            hubs,
            sales: RwLock::default(),
            epoch,
            secret: stored_secret,
            redis,
            till,
            node,
        };
        let (now, mut reader) = (core.clock().now(), core.desk.store.reader().await?);
        core.desk.note_store_time(now, store::store_now(reader.connection(), now).await?);
        drop(reader);
        for record in records {
            core.adopt(Stock::new(record));
        }
        Ok(Arc::new(core))
    }

    /// The one source of the time of day.
    pub fn clock(&self) -> &Clock {
        &self.desk.clock
    }

    /// A sale by its slug. A sale that another process has made since the start is read from the store.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn find(&self, sale: &SaleId) -> Result<Option<Arc<SaleDesk>>, EngineError> {
        if let Some(known) = self.known(sale) {
            return Ok(Some(known));
        }
        // Slugs never contain NUL; PostgreSQL text cannot.
        if sale.as_str().contains('\0') {
            return Ok(None);
        }
        let mut reader = self.desk.store.reader().await?;
        let mut transaction = reader.begin().await?;
        let record = store::find_sale(transaction.connection(), sale.as_str()).await?;
        Ok(record.map(|record| self.adopt(Stock::new(record))))
    }

    /// A sale by its slug, if this process already has it in memory.
    pub fn known(&self, sale: &SaleId) -> Option<Arc<SaleDesk>> {
        self.sales.read().by_slug.get(sale).cloned()
    }

    /// All sales that this process has in memory, in the order in which they were made.
    pub fn all(&self) -> Vec<Arc<SaleDesk>> {
        self.sales.read().in_order.clone()
    }

    /// Adds a sale that was read from the store, unless this process already has it in memory.
    pub fn adopt(&self, stock: Stock) -> Arc<SaleDesk> {
        let mut sales = self.sales.write();
        if let Some(known) = sales.by_slug.get(&stock.id) {
            return known.clone();
        }
        self.hubs.show(&stock);
        let (sale_id, id) = (stock.sale_id, stock.id.clone());
        let sale = SaleDesk::new(stock);
        self.desk.sales.write().insert(sale_id, sale.clone());
        sales.by_slug.insert(id, sale.clone());
        // Another process may have made one before it, which is heard of later.
        let place = sales.in_order.partition_point(|other| other.sale_id < sale_id);
        sales.in_order.insert(place, sale.clone());
        sale
    }
}

/// The database's epoch and secret, made with its first start.
async fn settings(store: &Store) -> Result<(String, [u8; 32]), EngineError> {
    let fresh_epoch: [u8; 8] = rand::random();
    let mut writer = store.writer().await?;
    let epoch = store::setting(writer.connection(), "epoch", &fresh_epoch).await?;
    let secret = store::setting(writer.connection(), "secret", &rand::random::<[u8; 32]>()).await?;
    let secret = secret.try_into().map_err(|_| sqlx::Error::Decode("the stored secret is damaged".into()))?;
    Ok((hexadecimal(&epoch), secret))
}

/// The keys that were answered and all sales, as of one moment.
async fn read_all(store: &Store, clock: &Clock) -> Result<(Vec<(BuyerId, String)>, Vec<SaleRecord>), EngineError> {
    let mut reader = store.reader().await?;
    let mut transaction = reader.begin().await?;
    let answered = store::answers_since(transaction.connection(), oldest_answer(clock.now())).await?;
    Ok((answered, store::load_sales(transaction.connection()).await?))
}

/// Who is told when a mirror changes: the viewers of its sale, and the set of known keys.
fn listeners(hubs: &Arc<Hubs>, keys: &Arc<Keys>) -> Listeners {
    let (told, shown, patched, keys) = (hubs.clone(), hubs.clone(), hubs.clone(), keys.clone());
    Listeners {
        on_commit: Box::new(move |sale, commit| told.publish(sale.sale_id, commit)),
        on_reload: Box::new(move |sale| shown.show(&sale.stock.read())),
        on_patch: Box::new(move |sale| patched.announce(&sale.stock.read())),
        on_key: Box::new(move |buyer, key| keys.remember(buyer, key)),
    }
}

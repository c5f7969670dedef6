//! The decisions: the one place that joins strategy, store and feed.
//!
//! REST, server functions and the command line all come through here, and none of them decides anything by itself.

mod audit; // the independent recount
mod buying; // a claim's way from the edge to its strategy
mod checking; // whether what an organiser asks for can be
mod demo; // the demo sales
mod following; // what other processes do to a shared store
mod keys; // which idempotency keys are known, and which are in flight
mod organising; // making and changing sales
mod reading; // what everybody may see
mod restocking; // putting stock back, and adding to it
#[cfg(test)]
mod tests; // the rules, kept under load on a real store
mod tidying; // what is past its time is forgotten
mod waiting; // what has become of purchases with a receipt

use std::{collections::HashMap, sync::Arc};

use parking_lot::{Mutex, RwLock};
use rustc_hash::FxHashMap;
use tokio::{sync::Semaphore, task::JoinHandle};

use self::keys::Keys;
pub use self::{audit::audit, keys::IdempotencyKey};
use crate::{
    model::{
        ids::{BuyerId, SaleId},
        limits::{DEFAULT_REQUEST_QUEUE, IDEMPOTENCY_TTL_MILLISECONDS},
        outcome::Refusal,
        time::Timestamp,
    },
    server::{
        clock::Clock,
        feed::{Announcement, Change, Hub},
        redis::Redis,
        stock::{Desk, Listeners, SaleDesk, Stock},
        store::{self, Store},
        strategy::{QueueOptions, Registry, Strategy},
        telemetry::metrics::PurchaseCounters,
    },
};

/// What an operation came to: done, or refused for a reason that a client can understand.
pub type Decided<T> = Result<Result<T, Refusal>, EngineError>;

/// What a keyed request of an organiser came to.
#[derive(Debug)]
pub enum Answer<T> {
    Fresh(T),
    /// An earlier request with the same key was answered so.
    Replayed {
        status: u16,
        body: String,
    },
}

impl<T> Answer<T> {
    /// The answer to a request that came without a key, and so cannot be a replay.
    ///
    /// # Panics
    /// Where it is a replay.
    pub fn into_fresh(self) -> T {
        match self {
            Self::Fresh(answer) => answer,
            Self::Replayed { .. } => panic!("a request without a key has no earlier answer"),
        }
    }
}

/// The key that an organiser sent, and who that is.
#[derive(Clone, Debug)]
pub struct Keyed {
    pub buyer: BuyerId,
    pub key: IdempotencyKey,
}

/// Why nothing can be said about stock just now. Always answered with 503; asking again with the same key is safe.
#[derive(Debug)]
pub enum EngineError {
    /// The bounded queue is full; nothing was tried.
    Overloaded,
    /// Only Redis knows the answer, and it cannot be asked now.
    Unanswerable,
    /// The store cannot be used now; the outcome is unknown where a commit was under way.
    Store(sqlx::Error),
    /// The address of Redis cannot be understood. Only at the start.
    Redis(redis::RedisError),
}

impl std::fmt::Display for EngineError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Overloaded => formatter.write_str("the request queue is full"),
            Self::Unanswerable => formatter.write_str("Redis, which knows the answer, cannot be asked"),
            Self::Store(error) => write!(formatter, "the store cannot be used: {error}"),
            Self::Redis(error) => write!(formatter, "Redis cannot be used: {error}"),
        }
    }
}

impl std::error::Error for EngineError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Overloaded | Self::Unanswerable => None,
            Self::Store(error) => Some(error),
            Self::Redis(error) => Some(error),
        }
    }
}

impl From<sqlx::Error> for EngineError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error)
    }
}

/// How an engine is set up.
pub struct EngineOptions {
    pub clock: Clock,
    /// Claims that may wait; one more is refused.
    pub request_queue: usize,
    /// Where the feed ticks and the viewers are served, apart from the buyers.
    pub viewers: tokio::runtime::Handle,
    /// Where Redis is, if there is one.
    pub redis_url: Option<String>,
    /// How `queued` works on its queue.
    pub queue: QueueOptions,
    /// Strategies beside, or in place of, those of the registry.
    pub strategies: Vec<Arc<dyn Strategy>>,
}

impl EngineOptions {
    pub fn new(viewers: tokio::runtime::Handle) -> Self {
        Self {
            clock: Clock::System,
            request_queue: DEFAULT_REQUEST_QUEUE,
            viewers,
            redis_url: None,
            queue: QueueOptions::default(),
            strategies: Vec::new(),
        }
    }
}

pub struct Engine {
    desk: Arc<Desk>,
    strategies: Registry,
    /// All sales by slug, and their slugs in the order in which they were made.
    sales: RwLock<Sales>,
    keys: Arc<Keys>,
    /// Places in the request queue.
    places: Arc<Semaphore>,
    request_queue: usize,
    purchases: PurchaseCounters,
    hubs: Arc<Hubs>,
    epoch: String,
    secret: [u8; 32],
    redis: Option<Arc<Redis>>,
    /// Names this process among those that share a store.
    node: String,
    /// What follows a shared store.
    followers: Mutex<Vec<JoinHandle<()>>>,
}

#[derive(Default)]
struct Sales {
    by_slug: FxHashMap<SaleId, Arc<SaleDesk>>,
    in_order: Vec<Arc<SaleDesk>>,
}

/// The hubs of all sales, by the sale's row, and what is needed to make one more.
struct Hubs {
    by_sale: RwLock<HashMap<i64, Arc<Hub>>>,
    clock: Clock,
    epoch: String,
    viewers: tokio::runtime::Handle,
}

impl Hubs {
    fn get(&self, sale_id: i64) -> Option<Arc<Hub>> {
        self.by_sale.read().get(&sale_id).cloned()
    }

    /// Makes the sale's hub, or tells its viewers that everything may be different.
    fn show(&self, stock: &Stock) {
        let snapshot = stock.snapshot(&self.epoch, self.clock.now());
        if let Some(hub) = self.get(stock.sale_id) {
            hub.replace(snapshot);
            hub.announce(announcement(stock));
        } else {
            let hub = Hub::new(snapshot, announcement(stock), self.clock.clone(), &self.viewers);
            self.by_sale.write().insert(stock.sale_id, hub);
        }
    }
}

fn announcement(stock: &Stock) -> Announcement {
    Announcement { switch: stock.switch, opens_at: stock.opens_at, message: stock.message.clone() }
}

impl Engine {
    /// Reads everything that is on sale and starts to decide.
    pub async fn open(store: Store, options: EngineOptions) -> Result<Arc<Self>, EngineError> {
        let now = options.clock.now();
        let (epoch, secret) = settings(&store).await?;
        let (known, records) = {
            let mut reader = store.reader().await?;
            let mut transaction = reader.begin().await?;
            let known = store::answers_since(transaction.connection(), oldest_answer(now)).await?;
            (known, store::load_sales(transaction.connection()).await?)
        };
        let hubs = Arc::new(Hubs {
            by_sale: RwLock::default(),
            clock: options.clock.clone(),
            epoch: epoch.clone(),
            viewers: options.viewers,
        });
        let keys = Arc::new(Keys::new(known));
        let desk = Arc::new(desk(store, options.clock, &hubs, &keys));
        let redis = match &options.redis_url {
            Some(url) => Some(Arc::new(Redis::open(url, &epoch).map_err(EngineError::Redis)?)),
            None => None,
        };
        let mut strategies = Registry::new(&desk, redis.as_ref(), options.queue);
        options.strategies.into_iter().for_each(|strategy| strategies.add(strategy));
        let engine = Arc::new(Self {
            desk,
            strategies,
            sales: RwLock::default(),
            keys,
            places: Arc::new(Semaphore::new(options.request_queue)),
            request_queue: options.request_queue,
            purchases: PurchaseCounters::default(),
            hubs,
            epoch,
            secret,
            redis,
            node: crate::server::ledger::hexadecimal(&rand::random::<[u8; 8]>()),
            followers: Mutex::default(),
        });
        for record in records {
            engine.adopt(Stock::new(record));
        }
        *engine.followers.lock() = following::follow(&engine);
        Ok(engine)
    }

    pub fn clock(&self) -> &Clock {
        &self.desk.clock
    }

    /// Names the life of the database; stands in every snapshot.
    pub fn epoch(&self) -> &str {
        &self.epoch
    }

    /// A secret made once and kept in the database, for where the configuration gives none.
    pub fn stored_secret(&self) -> [u8; 32] {
        self.secret
    }

    /// Whether a trivial read of the store succeeds now.
    pub async fn ready(&self) -> bool {
        self.desk.store.is_ready().await
    }

    /// What is lost that this server can do without; it is slower meanwhile.
    pub async fn lost(&self) -> Vec<&'static str> {
        match &self.redis {
            Some(redis) if !redis.is_ready().await => vec!["redis"],
            Some(_) | None => Vec::new(),
        }
    }

    /// Claims that wait or are being decided.
    pub fn queue_length(&self) -> usize {
        self.request_queue - self.places.available_permits().min(self.request_queue)
    }

    /// Stops taking claims, lets those in flight finish, ends all streams and closes the store.
    pub async fn close(&self) {
        if let Some(queue) = self.strategies.queue() {
            queue.leave();
        }
        let all = u32::try_from(self.request_queue).unwrap_or(u32::MAX);
        let drained = self.places.acquire_many(all).await;
        self.places.close();
        drop(drained);
        self.followers.lock().drain(..).for_each(|follower| follower.abort());
        self.hubs.by_sale.read().values().for_each(|hub| hub.close());
        self.desk.store.close().await;
    }

    /// Keeps the store's log of changes short, and returns how long it is. Called often while it changes, so that no buyer
    /// waits for it; nothing depends on it.
    pub async fn fold_log(&self) -> Result<i64, EngineError> {
        Ok(self.desk.store.fold_log().await?)
    }

    /// Takes a sale into the house.
    fn adopt(&self, stock: Stock) -> Arc<SaleDesk> {
        let mut sales = self.sales.write();
        if let Some(known) = sales.by_slug.get(&stock.id) {
            return known.clone();
        }
        self.hubs.show(&stock);
        let (sale_id, id) = (stock.sale_id, stock.id.clone());
        let sale = SaleDesk::new(stock);
        self.desk.sales.write().insert(sale_id, sale.clone());
        sales.by_slug.insert(id, sale.clone());
        sales.in_order.push(sale.clone());
        sale
    }

    fn known(&self, sale: &SaleId) -> Option<Arc<SaleDesk>> {
        self.sales.read().by_slug.get(sale).cloned()
    }

    /// A sale by its slug; one that another process made since the start is read from the store.
    async fn find(&self, sale: &SaleId) -> Result<Option<Arc<SaleDesk>>, EngineError> {
        if let Some(known) = self.known(sale) {
            return Ok(Some(known));
        }
        // No slug has one, and PostgreSQL has no text with one.
        if sale.as_str().contains('\0') {
            return Ok(None);
        }
        let mut reader = self.desk.store.reader().await?;
        let mut transaction = reader.begin().await?;
        let record = store::find_sale(transaction.connection(), sale.as_str()).await?;
        Ok(record.map(|record| self.adopt(Stock::new(record))))
    }
}

fn oldest_answer(now: Timestamp) -> Timestamp {
    now.plus_milliseconds(-IDEMPOTENCY_TTL_MILLISECONDS)
}

/// What the strategies share. After each commit the viewers of its sale are told.
fn desk(store: Store, clock: Clock, hubs: &Arc<Hubs>, keys: &Arc<Keys>) -> Desk {
    let (told, shown, patched) = (hubs.clone(), hubs.clone(), hubs.clone());
    let keys = keys.clone();
    let listeners = Listeners {
        on_commit: Box::new(move |sale, commit| {
            if let Some(hub) = told.get(sale.sale_id) {
                let crate::server::stock::Commit { from, seq, at, seats, tiers } = commit;
                hub.publish(Change { from, seq, at, seats, tiers });
            }
        }),
        on_reload: Box::new(move |sale| shown.show(&sale.stock.read())),
        on_patch: Box::new(move |sale| {
            if let Some(hub) = patched.get(sale.sale_id) {
                hub.announce(announcement(&sale.stock.read()));
            }
        }),
        on_key: Box::new(move |buyer, key| keys.remember(buyer, key)),
    };
    Desk::new(store, clock, listeners)
}

/// The database's epoch and secret, made with its first start.
async fn settings(store: &Store) -> Result<(String, [u8; 32]), EngineError> {
    let fresh_epoch: [u8; 8] = rand::random();
    let mut writer = store.writer().await?;
    let epoch = store::setting(writer.connection(), "epoch", &fresh_epoch).await?;
    let secret = store::setting(writer.connection(), "secret", &rand::random::<[u8; 32]>()).await?;
    let secret = secret.try_into().map_err(|_| sqlx::Error::Decode("the stored secret is damaged".into()))?;
    Ok((crate::server::ledger::hexadecimal(&epoch), secret))
}

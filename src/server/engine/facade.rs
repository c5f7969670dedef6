//! The engine as the rest of the program uses it: several desks over one core.

use std::sync::Arc;

use tokio::task::JoinHandle;

use super::{
    catalogue::Catalogue,
    core::Core,
    error::EngineError,
    following::follow,
    options::EngineOptions,
    recount::Recount,
    selling::{Selling, watch},
};
use crate::{
    model::{limits::AUDITS_AT_ONCE, time::Timestamp},
    server::{
        background::Background,
        clock::Clock,
        derived_key::DerivedKey,
        ledger::hexadecimal,
        settlement::sweep,
        store::{self, Store},
    },
};

/// The desks of one server, and the core that they share.
pub struct Engine {
    pub(super) core: Arc<Core>,
    /// Sales: made, changed, stocked, and what everybody may see of them.
    pub catalogue: Catalogue,
    /// Purchases: their way, their receipts and their orders.
    pub selling: Arc<Selling>,
    /// The ledger and the audit.
    pub recount: Recount,
    /// The tasks that follow a shared store. Empty where no other process writes to the store.
    followers: Vec<JoinHandle<()>>,
    /// Releases holds whose time is over.
    pub(super) sweeper: JoinHandle<()>,
    /// Asks the payment provider about payments of which nothing is heard.
    pub(super) watcher: JoinHandle<()>,
}

impl Engine {
    /// Reads all sales and starts to decide claims.
    ///
    /// # Errors
    /// Where the store fails, or the address of Redis cannot be understood.
    pub async fn open(store: Store, options: EngineOptions) -> Result<Arc<Self>, EngineError> {
        let request_queue = options.request_queue;
        let recounting = Background::new(options.recount.clone(), AUDITS_AT_ONCE as usize);
        let provider = options.provider.clone();
        let core = Core::open(store, options).await?;
        let selling = Arc::new(Selling::new(core.clone(), request_queue, provider));
        Ok(Arc::new(Self {
            catalogue: Catalogue::new(core.clone()),
            watcher: tokio::spawn(watch(Arc::downgrade(&selling))),
            selling,
            recount: Recount::new(core.clone(), recounting),
            followers: follow(&core),
            sweeper: tokio::spawn(sweep(Arc::downgrade(&core.desk))),
            core,
        }))
    }

    /// The one source of the time of day.
    pub fn clock(&self) -> &Clock {
        self.core.clock()
    }

    /// A secret that was made once and is kept in the database. Used where the configuration gives none.
    pub fn stored_secret(&self) -> [u8; 32] {
        self.core.secret
    }

    /// Since when this database has been served with this secret.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn secret_used_since(&self, secret: &[u8]) -> Result<Timestamp, EngineError> {
        const PURPOSE: &[u8] = b"onsale name of a secret v1";
        // The name tells nothing about the secret, and the same secret always has the same name.
        let name = format!("secret since {}", hexadecimal(&DerivedKey::new(secret, PURPOSE).digest(&[])));
        let now = self.clock().now().milliseconds.to_be_bytes();
        let mut writer = self.core.desk.store.writer().await?;
        let since = store::setting(writer.connection(), &name, &now).await?;
        let since = since.try_into().map_err(|_| sqlx::Error::Decode("a stored time is damaged".into()))?;
        Ok(Timestamp::from_milliseconds(i64::from_be_bytes(since)))
    }

    /// Stops taking claims, lets those in flight finish, ends all streams and closes the store.
    pub async fn close(&self) {
        self.selling.close().await;
        self.followers.iter().chain([&self.sweeper, &self.watcher]).for_each(JoinHandle::abort);
        self.core.hubs.close();
        self.core.desk.store.close().await;
    }
}

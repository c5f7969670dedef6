//! Keeps this process's mirrors up to date with what other processes do to a shared store, and tells the others of its
//! own commits.
//!
//! News come by Redis where there is one, else by the database. They say only that something changed; this process then
//! reads from the database where each sale is. Lost news delay a mirror for a moment and cause no other harm, because
//! this process also asks the database at regular intervals.

use std::{
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use tokio::{task::JoinHandle, time::sleep};

use super::{core::Core, error::EngineError};
use crate::{
    model::ids::SaleId,
    server::{
        redis::Told,
        store::{self, News},
    },
};

/// How long this process waits for news before it asks the database anyway.
const LONGEST_SILENCE: Duration = Duration::from_millis(500);
/// The shortest time between two comparisons with the database, because news may come by the hundred when many buyers
/// buy.
const COMPARE_EVERY: Duration = Duration::from_millis(20);
/// The shortest time between two messages to the other processes.
const TELL_EVERY: Duration = Duration::from_millis(20);
/// The shortest time between two tries to subscribe at Redis. Each try may take long, and mirrors are not compared
/// meanwhile.
const TRY_REDIS_EVERY: Duration = Duration::from_secs(2);
/// The pause after a failure.
const PAUSE: Duration = Duration::from_millis(500);

/// Starts the tasks that follow and tell. Starts none where no other process writes to the store.
pub fn follow(core: &Arc<Core>) -> Vec<JoinHandle<()>> {
    if !core.desk.store.is_shared() {
        return Vec::new();
    }
    vec![tokio::spawn(keep_up(Arc::downgrade(core))), tokio::spawn(keep_telling(Arc::downgrade(core)))]
}

async fn keep_up(core: Weak<Core>) {
    let mut news = Heard::default();
    loop {
        let Some(core) = core.upgrade() else { return };
        news.listen(&core).await;
        if let Err(error) = compare(&core).await {
            tracing::warn!(%error, "the sales in memory cannot be compared with the database just now");
            news = Heard::default();
            sleep(PAUSE).await;
        }
        let desk = core.desk.clone();
        drop(core);
        sleep(COMPARE_EVERY).await;
        tokio::select! {
            () = sleep(LONGEST_SILENCE) => {}
            () = desk.behind.notified() => {}
            () = news.next() => {}
        }
    }
}

/// The subscriptions by which other processes tell news: the database, and Redis where there is one. A subscription
/// that broke is opened again.
#[derive(Default)]
struct Heard {
    by_database: Option<News>,
    by_redis: Option<Told>,
    tried_redis: Option<Instant>,
}

impl Heard {
    async fn listen(&mut self, core: &Core) {
        if self.by_database.is_none() {
            self.by_database = core.desk.store.listen(&core.node).await.ok();
        }
        let is_due = self.tried_redis.is_none_or(|tried: Instant| tried.elapsed() >= TRY_REDIS_EVERY);
        if let (None, Some(redis), true) = (&self.by_redis, &core.redis, is_due) {
            self.by_redis = redis.listen(&core.node).await.ok();
            self.tried_redis = Some(Instant::now());
        }
    }

    /// Waits until there are news, or a subscription broke. Waits for ever where there is no subscription.
    async fn next(&mut self) {
        let Self { by_database, by_redis, .. } = self;
        tokio::select! {
            is_open = async { by_database.as_mut()?.next().await.ok() }, if by_database.is_some() => {
                if is_open.is_none() {
                    *by_database = None;
                }
            }
            is_open = async { by_redis.as_mut()?.next().await }, if by_redis.is_some() => {
                if is_open.is_none() {
                    *by_redis = None;
                }
            }
            else => std::future::pending().await,
        }
    }
}

async fn keep_telling(core: Weak<Core>) {
    loop {
        let Some(core) = core.upgrade() else { return };
        let desk = core.desk.clone();
        let node = core.node.clone();
        let redis = core.redis.clone();
        drop(core);
        desk.changed.notified().await;
        // Where only this process listens at Redis, other processes may listen to the database alone.
        if let Some(redis) = &redis
            && redis.tell(&node).await > 1
        {
            sleep(TELL_EVERY).await;
            continue;
        }
        if let Err(error) = desk.store.tell(&node).await {
            tracing::warn!(%error, "other servers cannot be told just now; they find changes by asking the database");
            sleep(PAUSE).await;
        }
        sleep(TELL_EVERY).await;
    }
}

/// Compares all mirrors with the database, and brings those that are behind up to date.
async fn compare(core: &Core) -> Result<(), EngineError> {
    let heads = {
        let mut reader = core.desk.store.reader().await?;
        // Holds end by the store's time. A server whose clock is wrong learns of it here, before anybody holds.
        let now = core.clock().now();
        core.desk.note_store_time(now, store::store_now(reader.connection(), now).await?);
        store::heads(reader.connection()).await?
    };
    for head in heads {
        let known = core.desk.sales.read().get(&head.sale_id).cloned();
        match known {
            Some(sale) => core.desk.bring_up(&sale, &head).await.map(drop)?,
            None => {
                core.find(&SaleId(head.slug)).await?;
            }
        }
    }
    Ok(())
}

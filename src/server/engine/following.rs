//! Keeps this process's mirrors up to date with what others do to a shared store, and tells the others of its own commits.
//!
//! News come by Redis where there is one, else by the database. They say only that something changed; where each sale
//! stands is then read from the database. News that get lost cost a moment, never an inventory: the database is asked now
//! and then in any case.

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

/// How long this process does not ask where nobody tells it anything.
const LONGEST_SILENCE: Duration = Duration::from_millis(500);
/// Shortest time between two comparisons: news of a storm come by the hundred.
const COMPARE_EVERY: Duration = Duration::from_millis(20);
/// Shortest time between two messages to the others.
const TELL_EVERY: Duration = Duration::from_millis(20);
/// Shortest time between two tries to hear Redis: each may take its time, and mirrors wait for it.
const TRY_REDIS_EVERY: Duration = Duration::from_secs(2);
/// Pause after a failure.
const PAUSE: Duration = Duration::from_millis(500);

/// Starts to follow and to tell; empty where nobody else writes to the store.
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
            tracing::warn!(%error, "the database cannot be followed just now");
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

/// The ways by which others tell: the database, and Redis where there is one. A way that broke is opened anew.
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

    /// Waits until there are news, or a way broke; for ever where there is none.
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
        // Where nobody but this process listens there, others may listen to the database alone.
        if let Some(redis) = &redis
            && redis.tell(&node).await > 1
        {
            sleep(TELL_EVERY).await;
            continue;
        }
        if let Err(error) = desk.store.tell(&node).await {
            tracing::warn!(%error, "other nodes cannot be told just now; they look by themselves");
            sleep(PAUSE).await;
        }
        sleep(TELL_EVERY).await;
    }
}

/// Compares all mirrors with the database and brings up to date what is behind.
async fn compare(core: &Core) -> Result<(), EngineError> {
    let heads = {
        let mut reader = core.desk.store.reader().await?;
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

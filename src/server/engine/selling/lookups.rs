//! Looks holds up. Those who ask at the same time share one query: under load a query costs more than what it finds.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use tokio::{runtime::Handle, sync::oneshot};

use crate::{
    model::{ids::HoldId, limits::MAX_BATCH},
    server::{
        engine::error::EngineError,
        settlement::Gathering,
        stock::Desk,
        store::{self, FoundHold},
    },
};

/// For how long one query may keep those waiting who come after it.
const PATIENCE: Duration = Duration::from_secs(10);

type Waiting = (HoldId, oneshot::Sender<Result<Option<FoundHold>, EngineError>>);

pub struct Lookups {
    desk: Arc<Desk>,
    waiting: Gathering<Waiting>,
    /// The runtime that lives as long as the engine; whoever asks may run on another.
    buyers: Handle,
}

impl Lookups {
    pub fn new(desk: Arc<Desk>) -> Arc<Self> {
        Arc::new(Self { desk, waiting: Gathering::default(), buyers: Handle::current() })
    }

    /// A hold as it is at some moment after the call; `None` where there is no such hold.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn find(self: &Arc<Self>, hold: HoldId) -> Result<Option<FoundHold>, EngineError> {
        let (answer, found) = oneshot::channel();
        if self.waiting.add((hold, answer)) {
            let lookups = self.clone();
            // Whoever goes away does not take the answers of the others along.
            self.buyers.spawn(async move {
                let most = |all: &mut VecDeque<Waiting>| all.drain(..all.len().min(MAX_BATCH)).collect();
                lookups.waiting.work(most, |waiting| lookups.answer(waiting)).await;
            });
        }
        found.await.unwrap_or_else(|_| Err(sqlx::Error::WorkerCrashed.into()))
    }

    async fn answer(&self, waiting: Vec<Waiting>) {
        let holds: Vec<HoldId> = waiting.iter().map(|(hold, _)| *hold).collect();
        let read = tokio::time::timeout(PATIENCE, self.read(&holds)).await;
        let found = read.unwrap_or(Err(sqlx::Error::PoolTimedOut)).map_err(Arc::new);
        for (hold, answer) in waiting {
            let told = match &found {
                Ok(found) => Ok(found.get(&hold).cloned()),
                Err(error) => Err(EngineError::Store(error.clone())),
            };
            // Who has gone away does not get the answer.
            let _ = answer.send(told);
        }
    }

    async fn read(&self, holds: &[HoldId]) -> Result<HashMap<HoldId, FoundHold>, sqlx::Error> {
        let mut reader = self.desk.store.reader().await?;
        let found = store::find_holds(reader.connection(), holds, self.desk.clock.now()).await?;
        Ok(found.into_iter().map(|found| (found.hold.id, found)).collect())
    }
}

//! The strategies that this server can run, by its store and by what it has beside it.

use std::{collections::HashMap, sync::Arc};

use super::{
    atomic_update::AtomicUpdate,
    claim::Strategy,
    group_commit::GroupCommit,
    in_memory::InMemory,
    naive::Naive,
    optimistic::Optimistic,
    pessimistic::Pessimistic,
    queued::{QueueOptions, Queued},
    redis_gate::RedisGate,
    redis_lock::RedisLock,
    skip_locked::SkipLocked,
};
use crate::{
    model::strategy::StrategyKind,
    server::{redis::Redis, stock::Desk, store::StoreKind},
};

/// The strategies that this server can run on its store.
#[derive(Default)]
pub struct Registry {
    strategies: HashMap<StrategyKind, Arc<dyn Strategy>>,
    queue: Option<Arc<Queued>>,
}

impl Registry {
    /// The strategies that the desk's store can run, with Redis or without.
    pub fn new(desk: &Arc<Desk>, redis: Option<&Arc<Redis>>, queue: QueueOptions) -> Self {
        let mut registry = Self::default();
        registry.add(Arc::new(Naive::new(desk.clone())));
        registry.add(Arc::new(AtomicUpdate::new(desk.clone())));
        registry.add(Arc::new(Pessimistic::new(desk.clone())));
        registry.add(Arc::new(Optimistic::new(desk.clone())));
        registry.add(Arc::new(GroupCommit::start(desk.clone())));
        if let Some(redis) = redis {
            registry.add(Arc::new(RedisLock::new(desk.clone(), redis.clone())));
            registry.add(Arc::new(RedisGate::start(desk.clone(), redis.clone())));
            let queue = Arc::new(Queued::start(desk.clone(), redis.clone(), queue));
            registry.queue = Some(queue.clone());
            registry.add(queue);
        }
        match desk.store.kind() {
            // Its gate counts what this process sells, so there must be no other.
            StoreKind::Sqlite => registry.add(Arc::new(InMemory::new(desk.clone()))),
            // Needs locks on single rows.
            StoreKind::Postgres => registry.add(Arc::new(SkipLocked::new(desk.clone()))),
        }
        registry
    }

    /// The strategies that can be run here, in the order of [`StrategyKind::ALL`].
    pub fn kinds(&self) -> Vec<StrategyKind> {
        StrategyKind::ALL.into_iter().filter(|kind| self.strategies.contains_key(kind)).collect()
    }

    /// Adds a strategy, in place of another of its kind.
    pub fn add(&mut self, strategy: Arc<dyn Strategy>) {
        self.strategies.insert(strategy.kind(), strategy);
    }

    pub fn get(&self, kind: StrategyKind) -> Option<&Arc<dyn Strategy>> {
        self.strategies.get(&kind)
    }

    /// Where purchases wait that were given a receipt.
    pub const fn queue(&self) -> Option<&Arc<Queued>> {
        self.queue.as_ref()
    }

    /// Whether a strategy can be run here, or what it would need.
    pub fn support(&self, kind: StrategyKind) -> Result<(), &'static str> {
        if self.strategies.contains_key(&kind) { Ok(()) } else { Err(kind.needs()) }
    }
}

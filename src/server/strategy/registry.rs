//! The strategies that this server can run. That depends on its store, and on whether it has a Redis.

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
    substitutes::WithSubstitutes,
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
        registry.add(with_substitutes(desk, AtomicUpdate::new(desk.clone())));
        registry.add(with_substitutes(desk, Pessimistic::new(desk.clone())));
        registry.add(with_substitutes(desk, Optimistic::new(desk.clone())));
        registry.add(Arc::new(GroupCommit::start(desk.clone())));
        if let Some(redis) = redis {
            registry.add(with_substitutes(desk, RedisLock::new(desk.clone(), redis.clone())));
            registry.add(with_substitutes(desk, RedisGate::start(desk.clone(), redis.clone())));
            let queue = Arc::new(Queued::start(desk.clone(), redis.clone(), queue));
            registry.queue = Some(queue.clone());
            registry.add(queue);
        }
        match desk.store.kind() {
            // The gate sees only the claims of this process, so no other process may sell the same database.
            StoreKind::Sqlite => registry.add(with_substitutes(desk, InMemory::new(desk.clone()))),
            // This strategy needs locks on single rows, which SQLite does not have.
            StoreKind::Postgres => registry.add(with_substitutes(desk, SkipLocked::new(desk.clone()))),
        }
        registry
    }

    /// The strategies that can be run here, in the order of [`StrategyKind::ALL`].
    pub fn kinds(&self) -> Vec<StrategyKind> {
        StrategyKind::ALL.into_iter().filter(|kind| self.strategies.contains_key(kind)).collect()
    }

    /// Adds a strategy. It replaces the strategy of the same kind, if there is one.
    pub fn add(&mut self, strategy: Arc<dyn Strategy>) {
        self.strategies.insert(strategy.kind(), strategy);
    }

    pub fn get(&self, kind: StrategyKind) -> Option<&Arc<dyn Strategy>> {
        self.strategies.get(&kind)
    }

    /// The queue in which purchases with a receipt wait; `None` without Redis.
    pub const fn queue(&self) -> Option<&Arc<Queued>> {
        self.queue.as_ref()
    }

    /// `Ok` where this server can run the strategy, else what the strategy needs.
    pub fn support(&self, kind: StrategyKind) -> Result<(), &'static str> {
        if self.strategies.contains_key(&kind) { Ok(()) } else { Err(kind.needs()) }
    }
}

fn with_substitutes(desk: &Arc<Desk>, strategy: impl Strategy + 'static) -> Arc<dyn Strategy> {
    Arc::new(WithSubstitutes::new(desk.clone(), strategy))
}

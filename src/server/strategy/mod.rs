//! How one unit is won. Knows neither HTTP nor the page, and publishes nothing by itself.
//!
//! Each strategy is one file and one implementation of [`Strategy`]. The last step of every safe one is a conditional SQL
//! write whose rows decide, so that nothing in front of it can oversell.

mod atomic_update; // one conditional update per request
mod gate; // a gate in memory: who is on the way to the database
mod group_commit; // one writer, many buyers per commit
mod in_memory; // a counter in memory admits, the database confirms
mod naive; // reads, then writes what was read: oversells
mod one_by_one; // the frame of strategies that decide each claim in a transaction of its own
mod optimistic; // write only where the version still stands
mod pessimistic; // locked, read again, written
mod queued; // a receipt at once, workers decide from a queue in Redis
mod redis_gate; // a counter in Redis admits, the database decides
mod redis_lock; // a lease in Redis, in front of optimistic
mod skip_locked; // any unit that nobody else is just looking at
mod wanted; // a wish by the rows of the database

use std::{collections::HashMap, future::Future, pin::Pin, sync::Arc};

use tokio::sync::OwnedSemaphorePermit;

use crate::{
    model::{
        ids::{BuyerId, RequestId},
        order::Order,
        outcome::Refusal,
        strategy::StrategyKind,
    },
    server::{
        redis::Redis,
        stock::{Desk, SaleDesk, Wish},
        store::StoreKind,
    },
};

use atomic_update::AtomicUpdate;
use group_commit::GroupCommit;
use in_memory::InMemory;
use naive::Naive;
use optimistic::Optimistic;
use pessimistic::Pessimistic;
pub use queued::{QueueOptions, Queued, Said};
use redis_gate::RedisGate;
#[cfg(test)]
pub use redis_gate::compare as compare_gate;
use redis_lock::RedisLock;
use skip_locked::SkipLocked;

/// One buyer's request for units of one sale, checked and ready to be decided.
pub struct Claim {
    pub sale: Arc<SaleDesk>,
    pub buyer: BuyerId,
    pub wish: Wish,
    pub key: Option<KeyClaim>,
    /// A place in the bounded queue, given back when the claim is decided.
    pub place: Option<OwnedSemaphorePermit>,
    /// The request in line that this decides. Its order has the same id.
    pub request: Option<RequestId>,
}

/// The key that came with a claim. While it lives, the same key of the same buyer is in flight.
pub struct KeyClaim {
    pub key: String,
    pub fingerprint: [u8; 16],
    /// Whatever holds the key in flight; the strategy only keeps it until the outcome is known.
    pub guard: Box<dyn KeyGuard>,
}

impl KeyClaim {
    /// What is recorded of it with an order.
    pub fn recorded(&self) -> (String, [u8; 16]) {
        (self.key.clone(), self.fingerprint)
    }
}

/// Holds a key in flight until it is dropped.
pub trait KeyGuard: Send + Sync {
    /// The answer is stored, or may be: from now on the key is known.
    fn remember(&self);
}

/// What a claim came to.
#[derive(Debug)]
pub enum Verdict {
    Won(Box<Order>),
    /// Refused from memory: the database was not asked.
    Refused(Refusal),
    /// Refused after the database was asked at least one statement.
    RefusedByDatabase(Refusal),
    /// Meanwhile the same request in line, or another one with the same key, was answered: that answer is this one's too.
    Repeated,
    /// In line; asked for under this id it tells what became of it.
    Waiting(RequestId),
    /// The store failed in a way that leaves the outcome open; asking again with the same key settles it.
    Unknown(sqlx::Error),
    /// The bounded queue is full; nothing was tried.
    Overloaded,
    /// It would be refused, but its key may be in line, and nobody can say whether it is.
    Unanswerable,
}

impl Claim {
    /// Ends the claim with a verdict. The key is known from here on where an answer is stored, or may be.
    pub fn settle(self, verdict: Verdict) -> Verdict {
        if let Some(key) = &self.key
            && matches!(verdict, Verdict::Won(_) | Verdict::Unknown(_) | Verdict::Repeated)
        {
            key.guard.remember();
        }
        verdict
    }
}

impl Verdict {
    /// The verdict of a part that did not ask the database, where the part before it did.
    #[must_use]
    pub fn after_asking(self) -> Self {
        match self {
            Self::Refused(refusal) => Self::RefusedByDatabase(refusal),
            verdict => verdict,
        }
    }
}

/// A claim's decision, once it is made.
pub type Deciding<'a> = Pin<Box<dyn Future<Output = Verdict> + Send + 'a>>;

/// A way to guard stock.
pub trait Strategy: Send + Sync {
    fn kind(&self) -> StrategyKind;

    /// Whether a claim goes on by itself where nobody waits for its verdict any more. One that does not is given a task of
    /// its own: a client that goes away in the middle must not leave a transaction half done.
    fn goes_on_alone(&self) -> bool {
        false
    }

    /// Decides one claim. The answer comes after the commit.
    fn claim(&self, claim: Claim) -> Deciding<'_>;
}

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

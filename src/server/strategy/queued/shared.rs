//! What the strategy and its workers share.

use std::{sync::Arc, time::Duration};

use tokio::sync::{Notify, Semaphore};

use super::{line::Line, waiting::Waiting};
use crate::{
    model::{
        ids::{BuyerId, TierId},
        limits::QUEUE_WORKERS,
    },
    server::{stock::Desk, store::Decision},
};

/// How the queue is worked on.
#[derive(Clone, Debug)]
pub struct QueueOptions {
    /// Purchases that this server decides at once.
    pub workers: usize,
    /// Tiers that are served before all others.
    pub first_tiers: Vec<TierId>,
    /// How long a worker may be silent before its entry is given to another one: longer than a decision can take.
    pub take_over_after: Duration,
}

impl Default for QueueOptions {
    fn default() -> Self {
        Self {
            workers: QUEUE_WORKERS,
            first_tiers: vec![TierId::from("vip")],
            take_over_after: Duration::from_secs(30),
        }
    }
}

/// What is known of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Said {
    Pending(BuyerId),
    Decided(BuyerId, Decision),
    /// What became of it is for the database to say.
    AskTheDatabase,
    /// The same, and Redis could not be asked: where the database knows nothing, nothing can be said.
    RedisIsLost,
}

/// What the strategy and its workers share.
pub struct Shared {
    pub desk: Arc<Desk>,
    pub line: Line,
    pub waiting: Waiting,
    pub options: QueueOptions,
    pub workers: Arc<Semaphore>,
    /// Told when something has joined the line here.
    pub joined: Notify,
}

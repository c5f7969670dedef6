//! What the strategy and its workers share.

use std::{sync::Arc, time::Duration};

use tokio::sync::{Notify, Semaphore};

use super::{line::Line, waiting::Waiting};
use crate::{
    model::{
        ids::{BuyerId, TierId},
        limits::QUEUE_WORKERS,
    },
    server::{stock::Desk, store::Decision, strategy::substitutes::Substitutes},
};

/// How the queue is worked on.
#[derive(Clone, Debug)]
pub struct QueueOptions {
    /// How many purchases this server decides at the same time.
    pub workers: usize,
    /// Tiers that are served before all others.
    pub first_tiers: Vec<TierId>,
    /// How long a worker may be silent before its entry is given to another worker. Must be longer than a decision can
    /// take.
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

/// What this server and Redis know of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Said {
    Pending(BuyerId),
    Decided(BuyerId, Decision),
    /// Neither of them knows the request. The database may know its outcome.
    AskTheDatabase,
    /// Redis cannot be asked. The database may know the outcome; where it does not, the request may still be in line.
    RedisIsLost,
}

/// What the strategy and its workers share.
pub struct Shared {
    pub desk: Arc<Desk>,
    pub line: Line,
    pub waiting: Waiting,
    pub options: QueueOptions,
    pub workers: Arc<Semaphore>,
    /// Notified when an entry has joined the line at this server.
    pub joined: Notify,
    pub substitutes: Substitutes,
}

//! The ways in which a claim on stock is made safe. How each works is told where it is implemented, on the server.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Which strategy guards a sale's stock. All names are known to the contract; a server refuses those that its store or
/// set-up cannot run.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StrategyKind {
    Naive,
    AtomicUpdate,
    InMemory,
    Pessimistic,
    SkipLocked,
    Optimistic,
    RedisLock,
    RedisGate,
    Queued,
    #[default]
    GroupCommit,
}

impl StrategyKind {
    pub const ALL: [Self; 10] = [
        Self::Naive,
        Self::AtomicUpdate,
        Self::InMemory,
        Self::Pessimistic,
        Self::SkipLocked,
        Self::Optimistic,
        Self::RedisLock,
        Self::RedisGate,
        Self::Queued,
        Self::GroupCommit,
    ];

    /// The name used in JSON, in SQL and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Naive => "naive",
            Self::AtomicUpdate => "atomic_update",
            Self::InMemory => "in_memory",
            Self::Pessimistic => "pessimistic",
            Self::SkipLocked => "skip_locked",
            Self::Optimistic => "optimistic",
            Self::RedisLock => "redis_lock",
            Self::RedisGate => "redis_gate",
            Self::Queued => "queued",
            Self::GroupCommit => "group_commit",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

//! The strategies that make a claim on stock safe. How each works is explained where it is implemented, on the server.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Which strategy guards a sale's stock. The API knows all these names. A server refuses the strategies that its store
/// or set-up cannot run.
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

    /// How the strategy works, in one sentence.
    pub const fn summary(self) -> &'static str {
        match self {
            Self::Naive => {
                "Reads what is left and writes what it read, less one: whoever reads meanwhile gets the same unit."
            }
            Self::AtomicUpdate => {
                "Takes units by one conditional update per request, which changes no row where they are gone."
            }
            Self::InMemory => "A counter in memory admits, and a conditional update confirms.",
            Self::Pessimistic => {
                "Locks the row, reads it again and writes it, so that buyers of one tier stand in line."
            }
            Self::SkipLocked => "Takes any units whose rows nobody else has locked.",
            Self::Optimistic => "Reads a version, writes only where it still stands, and gives up after three tries.",
            Self::RedisLock => {
                "Holds a lease in Redis for each seat, and writes only where the version that it read still stands."
            }
            Self::RedisGate => "A counter in Redis admits, and a conditional update confirms.",
            Self::Queued => {
                "Answers at once with a receipt, while workers buy one after the other from a queue in Redis."
            }
            Self::GroupCommit => "Decides all who wait in the order of arrival, and writes them with one commit.",
        }
    }

    /// Whether the strategy guarantees that no unit is sold twice and none is lost.
    pub const fn is_exact(self) -> bool {
        !matches!(self, Self::Naive)
    }

    /// What a server lacks that cannot run this strategy, in one sentence.
    pub const fn needs(self) -> &'static str {
        match self {
            Self::InMemory => "It needs the embedded database, where its counter is the only way to the stock.",
            Self::SkipLocked => "It needs locks on single rows, which PostgreSQL has.",
            Self::RedisLock | Self::RedisGate | Self::Queued => "It needs Redis.",
            Self::Naive | Self::AtomicUpdate | Self::Pessimistic | Self::Optimistic | Self::GroupCommit => {
                "It was not set up."
            }
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// A strategy, and whether one particular server supports it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct StrategySupport {
    pub kind: StrategyKind,
    /// Whether this server can run it.
    pub supported: bool,
    /// Whether the strategy guarantees that no unit is sold twice and none is lost. Other strategies are for rehearsals
    /// only.
    pub exact: bool,
    /// How the strategy works, in one sentence.
    pub summary: String,
    /// What this server lacks to run the strategy, if it cannot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// All strategies, and the store from which they sell.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct StrategyList {
    /// `SQLite` or `PostgreSQL`.
    pub store: String,
    pub strategies: Vec<StrategySupport>,
}

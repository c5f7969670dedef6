//! Errors of the engine: why a request cannot be answered just now.

use std::sync::Arc;

/// Why a request cannot be answered just now. Always answered with 503; asking again with the same key is safe.
#[derive(Debug)]
pub enum EngineError {
    /// The bounded queue is full; nothing was tried.
    Overloaded,
    /// Only Redis knows the answer, and it cannot be asked now.
    Unanswerable,
    /// The store cannot be used now. Where a commit was under way, its outcome is unknown.
    /// Shared, because several may have waited for the same answer.
    Store(Arc<sqlx::Error>),
    /// The address of Redis cannot be parsed. Happens only at the start.
    Redis(redis::RedisError),
}

impl std::fmt::Display for EngineError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Overloaded => formatter.write_str("the request queue is full"),
            Self::Unanswerable => formatter.write_str("Redis, which knows the answer, cannot be asked"),
            Self::Store(error) => write!(formatter, "the store cannot be used: {error}"),
            Self::Redis(error) => write!(formatter, "Redis cannot be used: {error}"),
        }
    }
}

impl std::error::Error for EngineError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Overloaded | Self::Unanswerable => None,
            Self::Store(error) => Some(&**error),
            Self::Redis(error) => Some(error),
        }
    }
}

impl From<sqlx::Error> for EngineError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(Arc::new(error))
    }
}

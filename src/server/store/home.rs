//! Where the connections of a store are opened: on the runtime that opened the store, whoever asks for one.

use std::time::Duration;

use sqlx::{Database, Executor, IntoArguments, Pool, pool::PoolConnection};
use tokio::{
    runtime::Handle,
    time::{Instant, timeout_at},
};
use tokio_util::task::AbortOnDropHandle;

use crate::model::limits::READY_TIMEOUT_MILLISECONDS;

/// The runtime that opened a store.
///
/// A connection to PostgreSQL hears from its socket only through the runtime that opened it, and the thread of an
/// SQLite connection has the priority of the thread that opened it. So a connection that buyers use must not be opened
/// by a runtime that is busy with other work.
pub struct Home(Handle);

impl Home {
    /// The present runtime.
    pub fn here() -> Self {
        Self(Handle::current())
    }

    /// A connection of the pool, as soon as one is free.
    pub async fn acquire<DB: Database>(&self, pool: &Pool<DB>) -> Result<PoolConnection<DB>, sqlx::Error> {
        if Handle::current().id() == self.0.id() {
            return pool.acquire().await;
        }
        let pool = pool.clone();
        let acquiring = self.0.spawn(async move { pool.acquire().await });
        AbortOnDropHandle::new(acquiring).await.unwrap_or(Err(sqlx::Error::PoolClosed))
    }
}

/// Whether a trivial read on the one connection of `pool` succeeds in time. Nobody else uses this connection, so no
/// other work of this server can make the read wait.
pub async fn answers<DB: Database>(pool: &Pool<DB>) -> bool
where
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
    DB::Arguments: IntoArguments<DB>,
{
    let until = Instant::now() + Duration::from_millis(READY_TIMEOUT_MILLISECONDS);
    let Ok(Ok(mut connection)) = timeout_at(until, pool.acquire()).await else { return false };
    let reading = sqlx::query("SELECT 1 FROM settings").fetch_optional(&mut *connection);
    match timeout_at(until, reading).await {
        Ok(answer) => answer.is_ok(),
        Err(_elapsed) => {
            // The answer may still come, and must not be read as that to the next question.
            connection.close_on_drop();
            false
        }
    }
}

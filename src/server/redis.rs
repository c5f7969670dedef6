//! Redis, which may be lost at any moment: whoever asks it gets `None` then, and goes on without it.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use redis::{
    Client, FromRedisValue, RedisError, Script, ToRedisArgs,
    aio::{ConnectionManager, ConnectionManagerConfig},
};

use super::telemetry::metrics::REDIS_FAILURES;

/// How long an answer may take: a buyer waits for it.
const RESPONSE_TIMEOUT: Duration = Duration::from_millis(250);
const CONNECTION_TIMEOUT: Duration = Duration::from_millis(500);
/// After a failure nobody asks for so long, so that a lost server costs one buyer a wait and not all of them.
const REST_MILLISECONDS: u64 = 500;

/// Why there is no answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoAnswer {
    /// The question never reached Redis.
    NotAsked,
    /// It may have, and may have been acted upon.
    InDoubt,
}

/// A connection that mends itself.
pub struct Redis {
    manager: ConnectionManager,
    /// Stands in front of every key: the life of the database that they are about, so that another database, or the same
    /// one restored to an earlier state under another epoch, never meets them.
    prefix: String,
    started: Instant,
    /// Milliseconds since `started` until which nobody asks.
    rests_until: AtomicU64,
}

impl Redis {
    /// Reads the address; a server that cannot be reached is no error.
    pub fn open(url: &str, epoch: &str) -> Result<Self, RedisError> {
        let config = ConnectionManagerConfig::new()
            .set_response_timeout(Some(RESPONSE_TIMEOUT))
            .set_connection_timeout(Some(CONNECTION_TIMEOUT))
            .set_number_of_retries(1);
        Ok(Self {
            manager: ConnectionManager::new_lazy_with_config(Client::open(url)?, config)?,
            prefix: format!("onsale:{epoch}:"),
            started: Instant::now(),
            rests_until: AtomicU64::new(0),
        })
    }

    /// A key of this database.
    pub fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// Runs a script. `None` where Redis cannot be asked now.
    pub async fn run<T: FromRedisValue>(
        &self,
        script: &Script,
        keys: &[String],
        arguments: &[&(dyn Argument + Sync)],
    ) -> Option<T> {
        self.ask(script, keys, arguments).await.ok()
    }

    /// The same, for a script whose effect matters even where its answer did not come.
    pub async fn ask<T: FromRedisValue>(
        &self,
        script: &Script,
        keys: &[String],
        arguments: &[&(dyn Argument + Sync)],
    ) -> Result<T, NoAnswer> {
        if self.elapsed() < self.rests_until.load(Ordering::Relaxed) {
            return Err(NoAnswer::NotAsked);
        }
        let mut invocation = script.prepare_invoke();
        for key in keys {
            invocation.key(key);
        }
        for argument in arguments {
            argument.add_to(&mut invocation);
        }
        match invocation.invoke_async(&mut self.manager.clone()).await {
            Ok(answer) => Ok(answer),
            Err(error) => {
                self.rests_until.store(self.elapsed() + REST_MILLISECONDS, Ordering::Relaxed);
                metrics::counter!(REDIS_FAILURES).increment(1);
                tracing::warn!(%error, "Redis cannot be asked; going on without it");
                Err(if error.is_connection_refusal() { NoAnswer::NotAsked } else { NoAnswer::InDoubt })
            }
        }
    }

    /// Whether Redis answers now.
    pub async fn is_ready(&self) -> bool {
        let mut manager = self.manager.clone();
        let ping = redis::cmd("PING");
        let asked = tokio::time::timeout(CONNECTION_TIMEOUT, ping.query_async::<String>(&mut manager));
        matches!(asked.await, Ok(Ok(_)))
    }

    fn elapsed(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// What a script can be given.
pub trait Argument {
    fn add_to(&self, invocation: &mut redis::ScriptInvocation<'_>);
}

impl<T: ToRedisArgs> Argument for T {
    fn add_to(&self, invocation: &mut redis::ScriptInvocation<'_>) {
        invocation.arg(self);
    }
}

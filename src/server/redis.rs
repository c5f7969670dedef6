//! Redis, which may be lost at any moment. Callers get `None` then, and go on without Redis.

use std::{
    io::ErrorKind,
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::StreamExt;
use redis::{
    Client, FromRedisValue, RedisError, Script, ToRedisArgs,
    aio::{ConnectionManager, ConnectionManagerConfig, PubSub},
};

use super::telemetry::metrics::REDIS_FAILURES;

/// How long an answer may take. Short, because a buyer waits for it.
const RESPONSE_TIMEOUT: Duration = Duration::from_millis(250);
const CONNECTION_TIMEOUT: Duration = Duration::from_millis(500);
/// How long nobody asks Redis after a failure, so that a lost Redis makes one buyer wait and not all of them.
const REST_MILLISECONDS: u64 = 500;

/// The channel on which servers tell each other that something changed.
const NEWS: &str = "news";

static TELL: LazyLock<Script> = LazyLock::new(|| Script::new("return redis.call('PUBLISH', KEYS[1], ARGV[1])"));

/// Why there is no answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoAnswer {
    /// The question never reached Redis.
    NotAsked,
    /// The question may have reached Redis, and Redis may have acted on it.
    InDoubt,
}

/// A connection to Redis that reconnects by itself.
pub struct Redis {
    client: Client,
    manager: ConnectionManager,
    /// The beginning of every key. It contains the epoch of the database, so that another database, or the same one
    /// restored to an earlier state under another epoch, never sees these keys.
    prefix: String,
    started: Instant,
    /// Nobody asks Redis until this time, in milliseconds since `started`.
    rests_until: AtomicU64,
}

impl Redis {
    /// Parses the address. A Redis server that cannot be reached is no error.
    pub fn open(url: &str, epoch: &str) -> Result<Self, RedisError> {
        let config = ConnectionManagerConfig::new()
            .set_response_timeout(Some(RESPONSE_TIMEOUT))
            .set_connection_timeout(Some(CONNECTION_TIMEOUT))
            .set_number_of_retries(1);
        let client = Client::open(url)?;
        Ok(Self {
            manager: ConnectionManager::new_lazy_with_config(client.clone(), config)?,
            client,
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

    /// As [`Redis::run`], but says whether a script without an answer may have taken effect.
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

    /// Tells the other servers that `node` committed something, and returns how many listen, `node` itself included.
    pub async fn tell(&self, node: &str) -> u64 {
        self.run(&TELL, &[self.key(NEWS)], &[&node]).await.unwrap_or(0)
    }

    /// Listens from now on to what servers other than `node` tell.
    pub async fn listen(&self, node: &str) -> Result<Told, RedisError> {
        let subscribed = async {
            let mut subscription = self.client.get_async_pubsub().await?;
            subscription.subscribe(self.key(NEWS)).await?;
            Ok(Told { subscription, node: node.to_owned() })
        };
        let timed = tokio::time::timeout(CONNECTION_TIMEOUT, subscribed).await;
        timed.unwrap_or_else(|_| Err(RedisError::from(std::io::Error::from(ErrorKind::TimedOut))))
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

/// A subscription to what other servers tell.
pub struct Told {
    subscription: PubSub,
    node: String,
}

impl Told {
    /// Waits until another process has committed something. `None` where the connection broke and news may be lost.
    pub async fn next(&mut self) -> Option<()> {
        let mut messages = self.subscription.on_message();
        loop {
            let message = messages.next().await?;
            if message.get_payload::<String>().ok()? != self.node {
                return Some(());
            }
        }
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

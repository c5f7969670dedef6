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

use super::{
    derived_key::DerivedKey,
    telemetry::metrics::{FORGED_ENTRIES, REDIS_FAILURES},
};

/// How long an answer may take. Short, because a buyer waits for it.
const RESPONSE_TIMEOUT: Duration = Duration::from_millis(250);
const CONNECTION_TIMEOUT: Duration = Duration::from_millis(500);
/// How long nobody asks Redis after a failure, so that a lost Redis makes one buyer wait and not all of them.
const REST_MILLISECONDS: u64 = 500;

/// The purpose of the key that signs what is kept in Redis and believed later.
const SIGNING_PURPOSE: &[u8] = b"onsale entry in Redis v1";

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
    /// Signs what is believed when it is read again, so that somebody who can write to Redis can make nobody believe
    /// anything.
    signing: DerivedKey,
    started: Instant,
    /// Nobody asks Redis until this time, in milliseconds since `started`.
    rests_until: AtomicU64,
}

impl Redis {
    /// Parses the address. A Redis server that cannot be reached is no error. Servers that share a secret believe each
    /// other's entries.
    pub fn open(url: &str, epoch: &str, secret: &[u8]) -> Result<Self, RedisError> {
        let config = ConnectionManagerConfig::new()
            .set_response_timeout(Some(RESPONSE_TIMEOUT))
            .set_connection_timeout(Some(CONNECTION_TIMEOUT))
            .set_number_of_retries(1);
        let client = Client::open(url)?;
        Ok(Self {
            manager: ConnectionManager::new_lazy_with_config(client.clone(), config)?,
            client,
            prefix: format!("onsale:{epoch}:"),
            signing: DerivedKey::new(secret, SIGNING_PURPOSE),
            started: Instant::now(),
            rests_until: AtomicU64::new(0),
        })
    }

    /// A key of this database.
    pub fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// A text with a signature that holds only at this key, and so only for this database.
    pub fn sign(&self, key: &str, text: &str) -> String {
        self.signing.sign(key, text)
    }

    /// The text that a server of ours signed for this key. `None` where somebody else wrote it, or damaged it: that is
    /// counted and logged, without showing what was written.
    pub fn verified<'a>(&self, key: &str, signed: &'a [u8]) -> Option<&'a str> {
        let text = self.signing.verify(key, signed);
        if text.is_none() {
            metrics::counter!(FORGED_ENTRIES).increment(1);
            tracing::warn!(bytes = signed.len(), "an entry in Redis is not signed by us and is not believed");
        }
        text
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

#[cfg(test)]
mod tests {
    use tokio::{io::AsyncReadExt, net::TcpListener};

    use super::*;

    #[tokio::test]
    async fn an_address_with_rediss_is_spoken_to_by_tls_alone() {
        /// The first byte of a TLS connection: a record of the handshake.
        const HANDSHAKE: u8 = 0x16;
        for (scheme, is_encrypted) in [("rediss", true), ("redis", false)] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let port = listener.local_addr().unwrap().port();
            let redis = Redis::open(&format!("{scheme}://:a-password@localhost:{port}"), "epoch", b"secret").unwrap();
            let asking = tokio::spawn(async move { redis.is_ready().await });
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut first = [0; 512];
            let length = socket.read(&mut first).await.unwrap();
            assert_eq!(first[0] == HANDSHAKE, is_encrypted, "{scheme}");
            let is_told = first[..length].windows(10).any(|bytes| bytes == b"a-password");
            assert_eq!(is_told, !is_encrypted, "{scheme}: the password");
            drop((socket, listener));
            assert!(!asking.await.unwrap());
        }
    }
}

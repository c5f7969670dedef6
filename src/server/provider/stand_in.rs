//! Starts and stops everything.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use axum::serve::ListenerExt;
use rand::RngExt;
use tokio::{net::TcpListener, task::JoinHandle};

use super::{
    book::Book,
    deliveries::{Receiver, deliver_all, expire_sessions},
    desk::{Desk, KEY_SECONDS, seconds},
    faults::{LiveFaults, ServerFaults},
    journal::Journal,
    routes::{Shared, router},
};
use crate::server::{
    clock::Clock,
    config::{PaymentSettings, Secret, ServiceUrl},
    shutdown::Shutdown,
};

/// How long requests in flight may take once the stand-in is stopping.
const DRAIN: Duration = Duration::from_secs(1);
/// Bytes of a drawn key.
const KEY_BYTES: usize = 24;

/// How a stand-in is started.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where it listens. Port 0 means a free one.
    pub addr: SocketAddr,
    /// Where webhooks go; `None` means nowhere.
    pub webhook: Option<String>,
    /// What callers of the API have to show.
    pub key: Secret,
    /// What webhooks are signed with.
    pub webhook_secret: Secret,
    /// The file that outlives the process; `None` means none.
    pub state: Option<PathBuf>,
    /// Decides ids and choices.
    pub seed: u64,
    /// What goes wrong from the start on.
    pub faults: ServerFaults,
}

impl Options {
    /// A stand-in on a free port of this machine that remembers nothing, with drawn secrets and ids.
    pub fn on_loopback(webhook: &str) -> Self {
        Self {
            addr: SocketAddr::from(([127, 0, 0, 1], 0)),
            webhook: Some(webhook.to_owned()),
            key: Self::drawn_secret("sk_test_"),
            webhook_secret: Self::drawn_secret("whsec_"),
            state: None,
            seed: rand::random(),
            faults: ServerFaults::default(),
        }
    }

    /// A secret that nobody can guess.
    pub fn drawn_secret(prefix: &str) -> Secret {
        let mut bytes = [0_u8; KEY_BYTES];
        rand::rng().fill(&mut bytes);
        Secret::new([prefix, &hex::encode(bytes)].concat())
    }
}

/// A stand-in that is running. It stops when this is dropped.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    settings: PaymentSettings,
    shutdown: Shutdown,
    serving: JoinHandle<()>,
}

impl Running {
    /// The address on which it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How a shop reaches it.
    pub fn settings(&self) -> &PaymentSettings {
        &self.settings
    }

    /// Lets requests in flight finish, for at most a second, and stops.
    pub async fn stop(mut self) {
        self.shutdown.start();
        if tokio::time::timeout(DRAIN, &mut self.serving).await.is_err() {
            self.serving.abort();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shutdown.start();
    }
}

/// Starts a stand-in on the current runtime. It answers as soon as this returns.
///
/// # Errors
/// One sentence, if the address is taken, or the state's file or the address for webhooks cannot be used.
pub async fn start(options: Options) -> Result<Running, String> {
    let Options { addr, webhook, key, webhook_secret, state, seed, faults } = options;
    let taken = |error| format!("cannot listen at {addr}: {error}");
    let receiver = webhook.as_deref().map(|address| Receiver::new(address, webhook_secret.clone())).transpose()?;
    let listener = TcpListener::bind(addr).await.map_err(taken)?;
    let address = listener.local_addr().map_err(taken)?;
    let oldest_key = seconds(Clock::System.now().milliseconds) - KEY_SECONDS;
    let (journal, book) = match state {
        Some(path) => Journal::open(&path, oldest_key).map(|(journal, book)| (Some(journal), book))?,
        None => (None, Book::default()),
    };
    // A browser cannot open 0.0.0.0.
    let host = if address.ip().is_unspecified() { [127, 0, 0, 1].into() } else { address.ip() };
    let base_url = format!("http://{}", SocketAddr::new(host, address.port()));
    let shutdown = Shutdown::new();
    let desk = Arc::new(Desk::new(book, journal, seed, base_url.clone(), receiver.is_some()));
    tokio::spawn(expire_sessions(desk.clone(), shutdown.clone()));
    if let Some(receiver) = receiver {
        tokio::spawn(deliver_all(desk.clone(), receiver, shutdown.clone()));
    }
    let shared =
        Shared { desk, faults: Arc::new(LiveFaults::new(faults)), key: key.clone(), shutdown: shutdown.clone() };
    let serving = tokio::spawn(serve(listener, shared, shutdown.clone()));
    let settings = PaymentSettings { url: ServiceUrl::new(base_url), key, webhook_secret };
    Ok(Running { address, settings, shutdown, serving })
}

async fn serve(listener: TcpListener, shared: Shared, shutdown: Shutdown) {
    let stopped = async move { shutdown.started().await };
    // Each answer is written whole, so waiting to fill a packet gains nothing.
    let listener = listener.tap_io(|socket| drop(socket.set_nodelay(true)));
    if let Err(error) = axum::serve(listener, router(shared)).with_graceful_shutdown(stopped).await {
        tracing::error!(%error, "the payment provider's stand-in has stopped");
    }
}

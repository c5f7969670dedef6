//! The accept loop: sockets become HTTP/1.1 connections for the router, within bounds.
//!
//! axum's own `serve` has no time limit for a request's head and keeps large buffers, so hyper is driven from here. A
//! connection whose answer is a live stream leaves hyper altogether and moves to the viewers' runtime: see [`handoff`].

use std::{
    io,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::Router;
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    runtime::Handle,
    sync::Semaphore,
    time::{sleep, timeout},
};
use tokio_util::task::TaskTracker;

use crate::server::{
    limits::{ConnectionCaps, Full, OwnClients},
    shutdown::Shutdown,
    telemetry::metrics::CONNECTIONS_REFUSED,
};

mod connection; // one client's connection
mod handoff; // an answer that is a live stream
mod patient; // a socket that waits for a slow reader only so long
mod shared; // what all connections share, and the place that each takes

pub use handoff::StreamHandoff;

use shared::{Permit, Shared};

/// How many connections the system completes before they are accepted.
const BACKLOG: u32 = 4_096;
/// Pause after an accept that failed because a resource, such as descriptors, ran out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Time between two log lines about accepts that fail.
const ACCEPT_LOG_PAUSE: Duration = Duration::from_secs(5);
/// How long requests in flight may take to finish once the server is stopping.
const DRAIN: Duration = Duration::from_secs(8);
/// The answer to a connection beyond the limit, sent before it has asked anything.
const TOO_MANY_CONNECTIONS: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
/// The answer to a connection beyond the cap of its address.
const TOO_MANY_OF_ADDRESS: &[u8] =
    b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 2\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// A bound socket, not yet accepting.
pub struct Listener {
    socket: TcpListener,
}

/// What a listener needs to know beside its routes.
pub struct ListenerOptions {
    /// Open connections; one more is refused.
    pub max_connections: usize,
    /// How many of them one address may have.
    pub per_address: Arc<ConnectionCaps>,
    /// Our own simulated buyers, who have no such cap.
    pub own_clients: Arc<OwnClients>,
    /// The runtime that live streams move to.
    pub viewers: Handle,
    pub shutdown: Shutdown,
}

impl Listener {
    /// Binds the address early, so that a failure is known before anything is served.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        // A restarted server may bind the address while old connections linger.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        Ok(Self { socket: socket.listen(BACKLOG)? })
    }

    /// The bound address, with the port that the system chose where port 0 was asked for.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Serves until shutdown starts, then lets requests in flight finish and streams end, up to a deadline.
    pub async fn serve(self, router: Router, options: ListenerOptions) {
        let tasks = TaskTracker::new();
        let ListenerOptions { max_connections, per_address, own_clients, viewers, shutdown } = options;
        let shared = Arc::new(Shared { router, viewers, shutdown: shutdown.clone(), tasks: tasks.clone() });
        let permits = Arc::new(Semaphore::new(max_connections.min(Semaphore::MAX_PERMITS)));
        let places = Places { permits, per_address, own_clients };
        tokio::select! {
            () = shutdown.started() => {}
            () = accept_all(&self.socket, &places, &shared) => {}
        }
        drop(self.socket);
        tasks.close();
        if timeout(DRAIN, tasks.wait()).await.is_err() {
            tracing::warn!(open = tasks.len(), "connections were cut off at the deadline");
        }
    }
}

/// Never ends by itself: a failing accept is waited out.
async fn accept_all(socket: &TcpListener, places: &Places, shared: &Arc<Shared>) {
    let mut last_log: Option<Instant> = None;
    loop {
        match socket.accept().await {
            Ok((stream, peer)) => match places.take(peer) {
                Ok(permit) => drop(shared.tasks.spawn(connection::serve(stream, peer, shared.clone(), permit))),
                Err(answer) => refuse(stream, answer),
            },
            Err(error) if concerns_one_client(&error) => {}
            Err(error) => {
                if last_log.is_none_or(|last| last.elapsed() > ACCEPT_LOG_PAUSE) {
                    tracing::error!(%error, "cannot accept connections");
                    last_log = Some(Instant::now());
                }
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Whether the error concerns one client only, so that the next accept may well succeed.
fn concerns_one_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

/// The places for connections.
struct Places {
    permits: Arc<Semaphore>,
    per_address: Arc<ConnectionCaps>,
    own_clients: Arc<OwnClients>,
}

impl Places {
    /// A place for a connection, or the answer that refuses it.
    fn take(&self, peer: SocketAddr) -> Result<Permit, &'static [u8]> {
        let permit = self.permits.clone().try_acquire_owned().map_err(|_| TOO_MANY_CONNECTIONS)?;
        let of_address = match self.own_clients.contains(peer) {
            true => None,
            false => self.per_address.connect(peer.ip()).map_err(|Full| TOO_MANY_OF_ADDRESS)?,
        };
        Ok(Permit::new(permit, of_address))
    }
}

/// Sends the refusal if the system takes it without waiting, and closes.
fn refuse(stream: TcpStream, answer: &[u8]) {
    metrics::counter!(CONNECTIONS_REFUSED).increment(1);
    if let Ok(mut stream) = stream.into_std() {
        let _ = io::Write::write(&mut stream, answer);
    }
}

#[cfg(test)]
mod tests;

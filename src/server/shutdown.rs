//! The signal inside the process that the server is stopping, and the system signals that start it.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::{CancellationToken, WaitForCancellationFuture};

/// Started once, seen by everyone who holds a clone: listeners stop accepting, streams end, loops return.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    token: CancellationToken,
}

impl Shutdown {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn start(&self) {
        self.token.cancel();
    }

    pub fn has_started(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Completes when the server begins to stop, or at once if it already has.
    pub fn started(&self) -> WaitForCancellationFuture<'_> {
        self.token.cancelled()
    }

    /// Starts the shutdown at SIGTERM or SIGINT. From this call on, these signals no longer end the process by
    /// themselves.
    pub fn start_at_signal(&self) -> io::Result<()> {
        let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let shutdown = self.clone();
        tokio::spawn(async move {
            let name = tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
            };
            tracing::info!("closing at {name}");
            shutdown.start();
        });
        Ok(())
    }
}

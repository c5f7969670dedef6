//! The one signal that the server is stopping, and where it comes from.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::{CancellationToken, WaitForCancellationFuture};

/// Told once, heard by everyone who holds a clone: listeners stop accepting, streams end, loops leave.
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

    /// Completes when the server begins to stop; at once where it already has.
    pub fn started(&self) -> WaitForCancellationFuture<'_> {
        self.token.cancelled()
    }

    /// Starts the shutdown at SIGTERM or SIGINT. From this call on, neither ends the process by itself.
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

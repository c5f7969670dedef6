//! The one signal that the server is stopping, and where it comes from.

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
}

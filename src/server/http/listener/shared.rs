//! What all connections share, and the place that each one takes.

use axum::Router;
use tokio::{runtime::Handle, sync::OwnedSemaphorePermit};
use tokio_util::task::TaskTracker;

use crate::server::{limits::ConnectionPlace, shutdown::Shutdown, telemetry::metrics::CONNECTIONS};

/// What all connections share.
pub struct Shared {
    pub router: Router,
    pub viewers: Handle,
    pub shutdown: Shutdown,
    /// Connections and streams that have not ended.
    pub tasks: TaskTracker,
}

/// One open connection's place, given back when the connection ends, on whichever runtime.
pub struct Permit {
    _place: OwnedSemaphorePermit,
    /// The place under the cap of its address; `None` where there is no such cap.
    _of_address: Option<ConnectionPlace>,
}

impl Permit {
    pub fn new(place: OwnedSemaphorePermit, of_address: Option<ConnectionPlace>) -> Self {
        metrics::gauge!(CONNECTIONS).increment(1.0);
        Self { _place: place, _of_address: of_address }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        metrics::gauge!(CONNECTIONS).decrement(1.0);
    }
}

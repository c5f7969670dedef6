//! What viewers hear. (Signatures first; the bodies follow.)
use crate::model::{
    frame::{Snapshot, StatusChange},
    sale::TierCounts,
    seat::SeatStatus,
    time::Timestamp,
};
use crate::server::clock::Clock;

/// What one commit changed in one sale. Published strictly after the commit, in commit order.
pub struct Change {
    /// The seq before, and the seq after.
    pub from: u64,
    pub seq: u64,
    pub at: Timestamp,
    pub seats: Vec<(u32, SeatStatus)>,
    /// The tiers that changed, each complete.
    pub tiers: Vec<TierCounts>,
}

/// One per sale.
pub struct Hub {}

#[allow(unused_variables)]
impl Hub {
    /// `runtime` is where the ticking task and the viewers run, apart from the buyers.
    pub fn new(
        first: Snapshot,
        status: StatusChange,
        clock: Clock,
        runtime: tokio::runtime::Handle,
    ) -> std::sync::Arc<Self> {
        unimplemented!()
    }
    pub fn publish(&self, change: Change) {
        unimplemented!()
    }
    /// Stock was added or reset: everybody gets a fresh snapshot.
    pub fn replace(&self, snapshot: Snapshot) {
        unimplemented!()
    }
    pub fn set_status(&self, status: StatusChange) {
        unimplemented!()
    }
    /// Ends every stream (shutdown).
    pub fn close(&self) {
        unimplemented!()
    }
}

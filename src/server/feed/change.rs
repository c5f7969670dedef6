//! What the engine tells a hub: committed changes, and the organiser's announcements.

use crate::model::{
    frame::StatusChange,
    sale::{SaleStatus, SaleSwitch, TierCounts},
    seat::SeatStatus,
    time::Timestamp,
};

/// What one commit changed in one sale. Published strictly after the commit, in commit order.
#[derive(Clone, Debug)]
pub struct Change {
    /// The sale's `seq` before the commit; `seq` is the one after it.
    pub from: u64,
    pub seq: u64,
    pub at: Timestamp,
    /// Seats that changed: position in the seat list, and new status.
    pub seats: Vec<(u32, SeatStatus)>,
    /// The tiers that changed, each with all its counts.
    pub tiers: Vec<TierCounts>,
}

/// What the organiser has decided and announced. The hub derives the status that viewers see from this, the clock and
/// the stock. So a sale opens on time and sells out without anybody telling the hub.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Announcement {
    pub switch: SaleSwitch,
    pub opens_at: Option<Timestamp>,
    pub message: Option<String>,
}

impl Announcement {
    /// The status at `now` of a sale with these tiers.
    pub fn status(&self, now: Timestamp, tiers: &[TierCounts]) -> SaleStatus {
        let sellable_or_held = tiers.iter().map(|tier| tier.available + tier.held).sum();
        self.switch.status(self.opens_at, now, sellable_or_held)
    }

    pub(super) fn status_change(&self, status: SaleStatus) -> StatusChange {
        StatusChange { status, opens_at: self.opens_at, message: self.message.clone() }
    }
}

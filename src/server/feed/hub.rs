//! One hub per sale. (Signatures first; the bodies follow.)

use std::sync::Arc;

use super::{Announcement, Change};
use crate::{model::frame::Snapshot, server::clock::Clock};

/// One per sale.
pub struct Hub {}

#[allow(unused_variables)]
impl Hub {
    /// A hub that starts from `first` and the organiser's standing decision. `viewers` is the runtime on which frames are
    /// made and viewers are served, apart from the buyers. `first.status` is ignored: the hub derives it.
    pub fn new(
        first: Snapshot,
        announcement: Announcement,
        clock: Clock,
        viewers: &tokio::runtime::Handle,
    ) -> Arc<Self> {
        unimplemented!()
    }

    /// Takes what one commit changed. Cheap: the work is done at the next tick, on the viewers' runtime.
    pub fn publish(&self, change: Change) {
        unimplemented!()
    }

    /// Stock was added or reset: everybody gets a fresh snapshot, and older ids are no longer resumed. May be called
    /// between changes; the order of calls is the order of commits.
    pub fn replace(&self, snapshot: Snapshot) {
        unimplemented!()
    }

    /// The organiser changed the switch, the opening time or the message.
    pub fn announce(&self, announcement: Announcement) {
        unimplemented!()
    }

    /// Ends every stream (shutdown). What comes later is not told to anybody.
    pub fn close(&self) {
        unimplemented!()
    }
}

//! One hub per sale: where the engine leaves what it committed, and where viewers join.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{Notify, broadcast};

use super::{
    Announcement, Change, Resume,
    frame::Frame,
    published::{Published, Update},
    ticker,
};
use crate::{
    model::{frame::Snapshot, time::Timestamp},
    server::{
        clock::Clock,
        shutdown::Shutdown,
        telemetry::metrics::{RESUMES, SNAPSHOTS},
    },
};

/// The live feed of one sale. Lives as long as the process, or until [`Hub::close`].
pub struct Hub {
    pub(super) clock: Clock,
    /// What was committed since the last tick. Held for moments only: the engine waits for it.
    pending: Mutex<Pending>,
    /// Locked before `pending` where both are needed.
    published: Mutex<Published>,
    /// There is something for the next tick.
    pub(super) something_new: Notify,
    pub(super) closing: Shutdown,
}

struct Pending {
    /// The latest seq that the engine has published.
    head: u64,
    updates: Vec<Update>,
    announcement: Option<Announcement>,
}

/// A viewer's place in the feed: what it has to be told first, and everything that comes after.
pub(super) struct Place {
    pub first: Vec<Frame>,
    pub then: broadcast::Receiver<Frame>,
    /// Where the viewer stands before `first`.
    pub position: u64,
}

/// Why a viewer who already watches needs the whole state again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Lost {
    /// More frames came than are kept for the slow.
    Lagged,
    /// A write to it was blocked for too long.
    Stalled,
}

impl Hub {
    /// A hub that starts from `first` and the organiser's standing decision. `viewers` is the runtime on which frames are
    /// made, apart from the buyers. `first.status` is ignored: the hub derives it.
    pub fn new(
        first: Snapshot,
        announcement: Announcement,
        clock: Clock,
        viewers: &tokio::runtime::Handle,
    ) -> Arc<Self> {
        let pending = Pending { head: first.seq, updates: Vec::new(), announcement: None };
        let published = Published::new(first, announcement, clock.now());
        let hub = Arc::new(Self {
            clock,
            pending: Mutex::new(pending),
            published: Mutex::new(published),
            something_new: Notify::new(),
            closing: Shutdown::new(),
        });
        viewers.spawn(ticker::run(hub.clone()));
        hub
    }

    /// Takes what one commit changed. Cheap: the work is done at the next tick, on the viewers' runtime.
    pub fn publish(&self, change: Change) {
        self.leave(change.seq, Update::Change(change));
    }

    /// Stock was added or reset: everybody gets a fresh snapshot, and older ids are no longer resumed. May be called
    /// between changes; the order of calls is the order of commits.
    pub fn replace(&self, snapshot: Snapshot) {
        self.leave(snapshot.seq, Update::Replace(snapshot));
    }

    fn leave(&self, seq: u64, update: Update) {
        let mut pending = self.pending.lock();
        pending.head = seq;
        pending.updates.push(update);
        drop(pending);
        self.something_new.notify_one();
    }

    /// The organiser changed the switch, the opening time or the message.
    pub fn announce(&self, announcement: Announcement) {
        self.pending.lock().announcement = Some(announcement);
        self.something_new.notify_one();
    }

    /// Ends every stream, after the last frame (shutdown). What comes later is not told to anybody.
    pub fn close(&self) {
        self.tick();
        self.published.lock().close();
        self.closing.start();
    }

    /// Tells everybody what has happened since the last tick.
    pub(super) fn tick(&self) {
        let now = self.clock.now();
        let mut published = self.published.lock();
        let (updates, announcement) = {
            let mut pending = self.pending.lock();
            (std::mem::take(&mut pending.updates), pending.announcement.take())
        };
        published.apply(updates, now);
        published.announce(announcement, now);
    }

    pub(super) fn heartbeat(&self) {
        self.published.lock().heartbeat(self.clock.now());
    }

    /// Whether some viewer has not yet taken up the last frames.
    pub(super) fn has_unread_frames(&self) -> bool {
        self.published.lock().has_unread_frames()
    }

    /// When the sale opens, where that is still to come.
    pub(super) fn opening(&self, now: Timestamp) -> Option<Timestamp> {
        self.published.lock().announcement.opens_at.filter(|opens_at| now < *opens_at)
    }

    /// A place for a viewer who stands where it says; `None` once closed.
    pub(super) fn join(&self, resume: &Resume) -> Option<Place> {
        let mut published = self.published.lock();
        let then = published.subscribe()?;
        let reason = match resume {
            Resume::New => "new",
            Resume::Unreadable => "unknown_position",
            Resume::From { epoch: Some(epoch), .. } if epoch != published.epoch() => "other_epoch",
            Resume::From { seq, .. } => match self.missed(&published, *seq) {
                Some(first) => {
                    metrics::counter!(RESUMES).increment(1);
                    return Some(Place { first, then, position: *seq });
                }
                None => "unknown_position",
            },
        };
        metrics::counter!(SNAPSHOTS, "reason" => reason).increment(1);
        let mut first = vec![published.snapshot_frame(self.clock.now())];
        if *resume != Resume::New {
            first.push(published.status_frame());
        }
        Some(Place { first, then, position: published.seq })
    }

    /// What a viewer at `position` has missed; `None` where only a snapshot helps.
    fn missed(&self, published: &Published, position: u64) -> Option<Vec<Frame>> {
        if position > self.pending.lock().head {
            return None; // from the future
        }
        // Ahead of the last frame is where a page stands that was rendered between two ticks: the next frame is rebased.
        let mut frames = published.window.after(position)?;
        if position <= published.status_seq && position <= published.seq {
            frames.push(published.status_frame());
        }
        Some(frames)
    }

    /// A fresh place for a viewer who could not keep up; `None` once closed. Its backlog may have held a status, which
    /// a snapshot tells only in part.
    pub(super) fn join_again(&self, lost: Lost) -> Option<Place> {
        let mut published = self.published.lock();
        let then = published.subscribe()?;
        let reason = match lost {
            Lost::Lagged => "lagged",
            Lost::Stalled => "stalled",
        };
        metrics::counter!(SNAPSHOTS, "reason" => reason).increment(1);
        let first = vec![published.snapshot_frame(self.clock.now()), published.status_frame()];
        Some(Place { first, then, position: published.seq })
    }
}

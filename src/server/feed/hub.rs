//! One hub per sale: where the engine leaves what it committed, and where viewers join.

use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use tokio::{net::TcpStream, sync::Notify};

use super::{
    change::{Announcement, Change},
    crowd::Membership,
    frame::Frame,
    published::{Published, Update},
    resume::Resume,
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
    pub(super) published: Mutex<Published>,
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

/// A viewer's place in the feed: what it has to be told before it stands level with the others.
pub(super) struct Place {
    pub first: Vec<Frame>,
    /// Where the viewer stands before `first`.
    pub position: u64,
    /// Frames that had been sent then: where there are more by now, `first` is no longer all.
    pub frames_sent: u64,
}

impl Hub {
    /// A hub that starts from `first`, whose status is ignored, and that nobody makes tick yet.
    pub(super) fn at_rest(first: Snapshot, announcement: Announcement, clock: Clock) -> Self {
        let pending = Pending { head: first.seq, updates: Vec::new(), announcement: None };
        let published = Published::new(first, announcement, clock.now());
        Self {
            clock,
            pending: Mutex::new(pending),
            published: Mutex::new(published),
            something_new: Notify::new(),
            closing: Shutdown::new(),
        }
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
        let published = self.open()?;
        let reason = match resume {
            Resume::New => "new",
            Resume::Unreadable => "unknown_position",
            Resume::From { epoch: Some(epoch), .. } if epoch != published.epoch() => "other_epoch",
            Resume::From { seq, .. } => match self.missed(&published, *seq) {
                Some(place) => {
                    metrics::counter!(RESUMES).increment(1);
                    return Some(place);
                }
                None => "unknown_position",
            },
        };
        Some(self.whole_state(published, reason, *resume != Resume::New))
    }

    /// Lets a viewer in among those who are told every frame, if it stands level with them. Otherwise its next place, or
    /// `None` once closed. To be called on the viewers' runtime.
    pub(super) fn enter(
        &self,
        socket: &Arc<TcpStream>,
        position: u64,
        frames_sent: u64,
    ) -> Result<Membership, Option<Place>> {
        let mut published = self.published.lock();
        if published.frames_sent == frames_sent {
            return published.admit(socket, position).ok_or(None);
        }
        drop(published);
        Err(self.catch_up(position))
    }

    /// A place for a viewer who watched until it stood at `position`; `None` once closed.
    pub(super) fn catch_up(&self, position: u64) -> Option<Place> {
        let published = self.open()?;
        Some(match self.missed(&published, position) {
            Some(place) => place,
            None => self.whole_state(published, "lagged", true),
        })
    }

    /// A fresh place for a viewer who watched but did not read for so long that its backlog is no news; `None` once closed.
    pub(super) fn start_over(&self) -> Option<Place> {
        Some(self.whole_state(self.open()?, "stalled", true))
    }

    /// What viewers have been told; `None` once closed.
    fn open(&self) -> Option<MutexGuard<'_, Published>> {
        Some(self.published.lock()).filter(|published| !published.is_closed())
    }

    /// What a viewer at `position` has missed; `None` where only a snapshot helps.
    fn missed(&self, published: &Published, position: u64) -> Option<Place> {
        if position > self.pending.lock().head {
            return None; // from the future
        }
        // Ahead of the last frame is where a page stands that was rendered between two ticks: the next frame is rebased.
        let mut first = published.window.after(position)?;
        if position <= published.status_seq && position <= published.seq {
            first.push(published.status_frame());
        }
        Some(Place { first, position, frames_sent: published.frames_sent })
    }

    /// The place of a viewer who gets a snapshot, for this `reason`. Who watched before may have missed a status, which a
    /// snapshot tells only in part.
    fn whole_state(&self, mut published: MutexGuard<'_, Published>, reason: &'static str, with_status: bool) -> Place {
        metrics::counter!(SNAPSHOTS, "reason" => reason).increment(1);
        let mut first = vec![published.snapshot_frame(self.clock.now())];
        if with_status {
            first.push(published.status_frame());
        }
        Place { first, position: published.seq, frames_sent: published.frames_sent }
    }
}

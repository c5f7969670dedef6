//! One hub per sale: the engine leaves committed changes here, and viewers join here.

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

/// The live feed of one sale. It runs until [`Hub::close`] or the end of the process.
pub struct Hub {
    pub(super) clock: Clock,
    /// What was committed since the last tick. The lock is held for moments only, because the engine waits for it.
    pending: Mutex<Pending>,
    /// Where both locks are needed, this one is taken before `pending`.
    pub(super) published: Mutex<Published>,
    /// Notified when there is something for the next tick.
    pub(super) something_new: Notify,
    pub(super) closing: Shutdown,
}

struct Pending {
    /// The latest `seq` that the engine has published.
    head: u64,
    updates: Vec<Update>,
    announcement: Option<Announcement>,
}

/// A viewer's place in the feed, with the frames that it must receive before it is level with the others.
pub(super) struct Place {
    pub first: Vec<Frame>,
    /// The `seq` of the viewer's state before `first`.
    pub position: u64,
    /// How many frames the hub had sent when this place was made. If it has sent more since, `first` is not complete
    /// any more.
    pub frames_sent: u64,
}

impl Hub {
    /// A hub that starts from `first`, and for which no ticker runs yet. The status in `first` is ignored.
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

    /// Takes what one commit changed. This is cheap: the work is done at the next tick, on the viewers' runtime.
    pub fn publish(&self, change: Change) {
        self.leave(change.seq, Update::Change(change));
    }

    /// Stock was added or reset. All viewers get a fresh snapshot, and nobody can resume from an id before it. This may
    /// be called between changes; calls must come in the order of commits.
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

    /// Ends every stream after the last frame, for the shutdown. Nothing that is published later is sent.
    pub fn close(&self) {
        self.tick();
        self.published.lock().close();
        self.closing.start();
    }

    /// Sends all viewers what has happened since the last tick.
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

    /// Whether some crowd has not yet taken the last frames from the channel.
    pub(super) fn has_unread_frames(&self) -> bool {
        self.published.lock().has_unread_frames()
    }

    /// When the sale opens, if that is in the future.
    pub(super) fn opening(&self, now: Timestamp) -> Option<Timestamp> {
        self.published.lock().announcement.opens_at.filter(|opens_at| now < *opens_at)
    }

    /// A place for a viewer who opens a stream and says its position; `None` once closed.
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

    /// Puts a viewer into a crowd if it has received every frame sent so far. The error is otherwise the viewer's next
    /// place, or `None` once closed. To be called on the viewers' runtime.
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

    /// The next place for a viewer who is watching and has come to `position`; `None` once closed.
    pub(super) fn catch_up(&self, position: u64) -> Option<Place> {
        let published = self.open()?;
        Some(match self.missed(&published, position) {
            Some(place) => place,
            None => self.whole_state(published, "lagged", true),
        })
    }

    /// A place with a fresh snapshot, for a viewer who has not read for so long that its backlog is out of date; `None`
    /// once closed.
    pub(super) fn start_over(&self) -> Option<Place> {
        Some(self.whole_state(self.open()?, "stalled", true))
    }

    /// The state that viewers have been sent; `None` once closed.
    fn open(&self) -> Option<MutexGuard<'_, Published>> {
        Some(self.published.lock()).filter(|published| !published.is_closed())
    }

    /// A place with the frames that a viewer at `position` has missed; `None` if it needs a snapshot instead.
    fn missed(&self, published: &Published, position: u64) -> Option<Place> {
        if position > self.pending.lock().head {
            return None; // from the future
        }
        // `position` may be ahead of the last frame: a page that was rendered between two ticks is. The next frame is
        // then rebased for it.
        let mut first = published.window.after(position)?;
        if position <= published.status_seq && position <= published.seq {
            first.push(published.status_frame());
        }
        Some(Place { first, position, frames_sent: published.frames_sent })
    }

    /// A place with a snapshot, needed for this `reason`. A viewer who watched before may also have missed a status,
    /// and a snapshot holds only a part of that: such a viewer gets a status frame too.
    fn whole_state(&self, mut published: MutexGuard<'_, Published>, reason: &'static str, with_status: bool) -> Place {
        metrics::counter!(SNAPSHOTS, "reason" => reason).increment(1);
        let mut first = vec![published.snapshot_frame(self.clock.now())];
        if with_status {
            first.push(published.status_frame());
        }
        Place { first, position: published.seq, frames_sent: published.frames_sent }
    }
}

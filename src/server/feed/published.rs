//! The state that viewers have been sent, and how the next frames are made from it.

use std::sync::Arc;

use tokio::{net::TcpStream, sync::broadcast};

use super::{
    change::{Announcement, Change},
    crowd::{Crowd, Membership},
    frame::Frame,
    window::Window,
};
use crate::{
    model::{
        frame::{Delta, Heartbeat, Snapshot, digest},
        limits::CROWD_BACKLOG_FRAMES,
        sale::{SaleStatus, TierCounts},
        time::Timestamp,
    },
    server::telemetry::metrics::FRAMES,
};

/// How long an encoded snapshot is reused for further viewers, in milliseconds. Its time, `at`, should not be old.
const SNAPSHOT_REUSE_MILLISECONDS: i64 = 1_000;

/// Something that waits for the next tick, in commit order.
#[derive(Debug)]
pub enum Update {
    Change(Change),
    /// Stock was added or reset.
    Replace(Snapshot),
}

/// A sale's state as of the last frame. Only the tick changes it.
pub struct Published {
    epoch: String,
    pub seq: u64,
    /// One letter per seat.
    seats: Vec<u8>,
    tiers: Vec<TierCounts>,
    pub announcement: Announcement,
    status: SaleStatus,
    /// The `seq` at which a status was last sent. A viewer at this `seq` or before may have missed it.
    pub status_seq: u64,
    pub window: Window,
    reusable_snapshot: Option<(Timestamp, Frame)>,
    /// `None` once the hub is closed.
    frames: Option<broadcast::Sender<Frame>>,
    /// How many frames have been sent, of all kinds. Compared with an earlier count, it shows whether a viewer has
    /// missed one.
    pub frames_sent: u64,
    /// All viewers, except those whose own task is sending them what they missed.
    crowds: Vec<Arc<Crowd>>,
}

impl Published {
    pub fn new(first: Snapshot, announcement: Announcement, now: Timestamp) -> Self {
        let status = announcement.status(now, &first.tiers);
        Self {
            seq: first.seq,
            status_seq: first.seq,
            window: Window::new(first.seq),
            epoch: first.epoch,
            seats: first.seats.into_bytes(),
            tiers: first.tiers,
            announcement,
            status,
            reusable_snapshot: None,
            frames: Some(broadcast::Sender::new(CROWD_BACKLOG_FRAMES)),
            frames_sent: 0,
            crowds: Vec::new(),
        }
    }

    pub fn epoch(&self) -> &str {
        &self.epoch
    }

    /// The frames sent from now on; `None` once closed.
    pub fn subscribe(&self) -> Option<broadcast::Receiver<Frame>> {
        self.frames.as_ref().map(broadcast::Sender::subscribe)
    }

    /// Puts a viewer at `position`, who has received every frame sent so far, into a crowd; `None` once closed.
    pub fn admit(&mut self, socket: &Arc<TcpStream>, position: u64) -> Option<Membership> {
        let frames = self.subscribe()?;
        let crowd = self.crowds.iter().find(|crowd| crowd.has_room()).cloned().unwrap_or_else(|| {
            let crowd = Crowd::gather(frames);
            self.crowds.push(crowd.clone());
            crowd
        });
        Some(crowd.admit(socket.clone(), position))
    }

    pub fn close(&mut self) {
        self.frames = None;
        self.crowds.clear();
    }

    pub const fn is_closed(&self) -> bool {
        self.frames.is_none()
    }

    /// Whether some crowd has not yet taken the last frames from the channel.
    pub fn has_unread_frames(&self) -> bool {
        self.frames.as_ref().is_some_and(|frames| !frames.is_empty())
    }

    fn has_viewers(&self) -> bool {
        self.crowds.iter().any(|crowd| !crowd.is_empty())
    }

    /// The whole state. It is encoded once for all viewers who ask at about the same time.
    pub fn snapshot_frame(&mut self, now: Timestamp) -> Frame {
        if let Some((at, frame)) = &self.reusable_snapshot
            && (0..SNAPSHOT_REUSE_MILLISECONDS).contains(&now.since(*at))
        {
            return frame.clone();
        }
        let frame = Frame::snapshot(&Snapshot {
            seq: self.seq,
            epoch: self.epoch.clone(),
            at: now,
            status: self.status,
            seats: String::from_utf8_lossy(&self.seats).into_owned(),
            tiers: self.tiers.clone(),
        });
        self.reusable_snapshot = Some((now, frame.clone()));
        metrics::counter!(FRAMES, "event" => "snapshot").increment(1);
        frame
    }

    /// A frame with the current status.
    pub fn status_frame(&self) -> Frame {
        Frame::status(self.seq, &self.announcement.status_change(self.status))
    }

    /// Merges what was committed since the last tick into one frame, and sends it.
    pub fn apply(&mut self, updates: Vec<Update>, now: Timestamp) {
        let from = self.seq;
        let mut changed = Changed::default();
        let mut replaced = false;
        for update in updates {
            match update {
                Update::Change(change) => self.fold(change, &mut changed),
                Update::Replace(snapshot) => {
                    self.seq = snapshot.seq;
                    self.seats = snapshot.seats.into_bytes();
                    self.tiers = snapshot.tiers;
                    (changed, replaced) = (Changed::default(), true);
                }
            }
        }
        if replaced {
            self.window = Window::new(self.seq);
            self.status = self.announcement.status(now, &self.tiers);
            self.reusable_snapshot = None;
            let frame = self.snapshot_frame(now);
            self.send(frame);
        } else if let Some(at) = changed.at {
            let frame = Frame::delta(&self.delta(from, at, changed));
            metrics::counter!(FRAMES, "event" => "delta").increment(1);
            self.reusable_snapshot = None;
            self.window.push(frame.clone());
            self.send(frame);
        }
    }

    fn fold(&mut self, change: Change, changed: &mut Changed) {
        if change.seq <= self.seq {
            return; // the snapshot that replaced everything contains this change already
        }
        if change.from != self.seq {
            tracing::error!(seq = self.seq, from = change.from, "a change does not follow the one before");
        }
        self.seq = change.seq;
        changed.at = Some(change.at);
        for (index, status) in change.seats {
            if let Some(letter) = self.seats.get_mut(index as usize) {
                *letter = status.letter();
                changed.seats.push(index);
            }
        }
        for tier in change.tiers {
            if let Some(position) = self.tiers.iter().position(|known| known.id == tier.id) {
                self.tiers[position] = tier;
                changed.tiers.push(position);
            }
        }
    }

    fn delta(&self, from: u64, at: Timestamp, changed: Changed) -> Delta {
        let letter = |index: u32| (index, char::from(self.seats[index as usize]));
        Delta {
            from,
            seq: self.seq,
            at,
            seats: each_once(changed.seats).into_iter().map(letter).collect(),
            tiers: each_once(changed.tiers).into_iter().map(|position| self.tiers[position].clone()).collect(),
        }
    }

    /// Sends the status if it is not the one that viewers know: the organiser, the clock or the stock has changed it.
    pub fn announce(&mut self, announcement: Option<Announcement>, now: Timestamp) {
        let announcement = announcement.unwrap_or_else(|| self.announcement.clone());
        let status = announcement.status(now, &self.tiers);
        if status == self.status && announcement == self.announcement {
            return;
        }
        (self.status, self.announcement, self.status_seq) = (status, announcement, self.seq);
        self.reusable_snapshot = None;
        let frame = self.status_frame();
        metrics::counter!(FRAMES, "event" => "status").increment(1);
        self.send(frame);
    }

    /// Sends a sign of life, with the `seq` and the digest that a viewer should have by now.
    pub fn heartbeat(&mut self, now: Timestamp) {
        if self.has_viewers() {
            let digest = digest(&self.seats, &self.tiers);
            metrics::counter!(FRAMES, "event" => "heartbeat").increment(1);
            self.send(Frame::heartbeat(&Heartbeat { at: now, seq: self.seq, digest }));
        }
    }

    fn send(&mut self, frame: Frame) {
        if let Some(frames) = &self.frames {
            self.frames_sent += 1;
            // Fails only if nobody watches.
            let _ = frames.send(frame);
        }
    }
}

/// What one tick has touched.
#[derive(Default)]
struct Changed {
    /// The time of the last change; `None` if there was none.
    at: Option<Timestamp>,
    /// Positions in the order of the changes. A position may occur more than once.
    seats: Vec<u32>,
    tiers: Vec<usize>,
}

fn each_once<T: Ord>(mut positions: Vec<T>) -> Vec<T> {
    positions.sort_unstable();
    positions.dedup();
    positions
}

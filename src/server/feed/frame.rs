//! What is written to viewers: server-sent events, each encoded once and shared as bytes.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Serialize;

use crate::model::frame::{Delta, Heartbeat, Snapshot, StatusChange};

/// Milliseconds after which a browser reconnects when its stream broke. A random part of up to as much again is added,
/// so that a crowd of viewers does not reconnect in one instant.
const RETRY_MILLISECONDS: u64 = 1_000;

/// One event, ready to be written to any number of viewers.
#[derive(Clone, Debug)]
pub struct Frame {
    pub kind: FrameKind,
    /// The `seq` of a viewer's state after it has received this frame.
    pub seq: u64,
    pub bytes: Bytes,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FrameKind {
    /// The whole state.
    Snapshot,
    /// What changed since `seq` `from`.
    Delta { from: u64 },
    /// Something other than stock: a status or a heartbeat.
    Notice,
}

impl Frame {
    pub fn snapshot(snapshot: &Snapshot) -> Self {
        let head = format!("id: {}\nevent: snapshot\n", snapshot.seq);
        Self { kind: FrameKind::Snapshot, seq: snapshot.seq, bytes: event(&head, snapshot) }
    }

    pub fn delta(delta: &Delta) -> Self {
        let head = delta_head(delta.seq);
        Self { kind: FrameKind::Delta { from: delta.from }, seq: delta.seq, bytes: event(&head, delta) }
    }

    pub fn status(seq: u64, status: &StatusChange) -> Self {
        let head = format!("id: {seq}\nevent: status\n");
        Self { kind: FrameKind::Notice, seq, bytes: event(&head, status) }
    }

    pub fn heartbeat(heartbeat: &Heartbeat) -> Self {
        Self { kind: FrameKind::Notice, seq: heartbeat.seq, bytes: event("event: heartbeat\n", heartbeat) }
    }

    /// This frame for a viewer at `position`; `None` if the viewer is further on already. Frames follow each other
    /// without a gap, so this frame does not begin after `position`.
    pub fn as_seen_from(&self, position: u64) -> Option<Cow<'_, Self>> {
        match self.kind {
            FrameKind::Snapshot | FrameKind::Notice => (self.seq >= position).then_some(Cow::Borrowed(self)),
            FrameKind::Delta { .. } if self.seq <= position => None,
            FrameKind::Delta { from } if from < position => Some(Cow::Owned(self.rebased(position))),
            FrameKind::Delta { .. } => Some(Cow::Borrowed(self)),
        }
    }

    /// This delta for a viewer at `position`, which lies between the delta's `from` and its `seq`. Only `from` has to
    /// change: a delta holds the new values of seats and tiers, not differences, so it gives the same result on any
    /// state in between.
    pub fn rebased(&self, position: u64) -> Self {
        let FrameKind::Delta { from } = self.kind else { return self.clone() };
        let old = delta_opening(self.seq, from);
        let mut bytes = delta_opening(self.seq, position).into_bytes();
        bytes.extend_from_slice(&self.bytes[old.len()..]);
        Self { kind: FrameKind::Delta { from: position }, seq: self.seq, bytes: bytes.into() }
    }
}

fn delta_head(seq: u64) -> String {
    format!("id: {seq}\nevent: delta\n")
}

/// The beginning of an encoded delta, up to the end of its first field, `from`.
fn delta_opening(seq: u64, from: u64) -> String {
    format!("{}data: {{\"from\":{from}", delta_head(seq))
}

/// Encodes one event. JSON contains no raw line breaks, so the data is always one line.
fn event(head: &str, data: &impl Serialize) -> Bytes {
    let mut bytes = Vec::with_capacity(256);
    bytes.extend_from_slice(head.as_bytes());
    bytes.extend_from_slice(b"data: ");
    serde_json::to_writer(&mut bytes, data).expect("plain data is always written to memory");
    bytes.extend_from_slice(b"\n\n");
    bytes.into()
}

/// The first line of every stream: how long the browser waits before it reconnects. `chance` is in 0..1.
pub fn retry(chance: f64) -> String {
    let jitter = std::time::Duration::from_millis(RETRY_MILLISECONDS).mul_f64(chance.clamp(0.0, 1.0));
    format!("retry: {}\n\n", RETRY_MILLISECONDS + u64::try_from(jitter.as_millis()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::Timestamp;

    fn delta() -> Delta {
        let at = Timestamp::from_milliseconds(0);
        Delta { from: 9, seq: 12, at, seats: vec![(3, 'S')], tiers: vec![] }
    }

    #[test]
    fn a_frame_is_an_event_with_its_id() {
        let frame = Frame::delta(&delta());
        let expected = "id: 12\nevent: delta\ndata: {\"from\":9,\"seq\":12,\"at\":\"1970-01-01T00:00:00.000Z\",\
                        \"seats\":[[3,\"S\"]],\"tiers\":[]}\n\n";
        assert_eq!(std::str::from_utf8(&frame.bytes).unwrap(), expected);
    }

    #[test]
    fn a_rebased_delta_is_the_delta_from_there() {
        let rebased = Frame::delta(&delta()).rebased(11);
        assert_eq!(rebased.bytes, Frame::delta(&Delta { from: 11, ..delta() }).bytes);
        assert_eq!(rebased.kind, FrameKind::Delta { from: 11 });
    }

    #[test]
    fn the_return_is_spread() {
        assert_eq!(retry(0.0), "retry: 1000\n\n");
        assert_eq!(retry(1.0), "retry: 2000\n\n");
    }
}

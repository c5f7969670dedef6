//! Frames kept for viewers who come back. After a short break a viewer then gets what it missed, not the whole state.

use std::collections::VecDeque;

use super::frame::{Frame, FrameKind};
use crate::model::limits::{REPLAY_WINDOW_BYTES, REPLAY_WINDOW_FRAMES};

/// The latest deltas of a sale, without a gap. Bounded in frames and in bytes.
#[derive(Debug)]
pub struct Window {
    /// The `from` of the first kept frame: the oldest position that can be resumed.
    start: u64,
    frames: VecDeque<Frame>,
    bytes: usize,
}

impl Window {
    pub fn new(start: u64) -> Self {
        Self { start, frames: VecDeque::new(), bytes: 0 }
    }

    /// Keeps a delta that follows the last one.
    pub fn push(&mut self, delta: Frame) {
        self.bytes += delta.bytes.len();
        self.frames.push_back(delta);
        while self.frames.len() > REPLAY_WINDOW_FRAMES || self.bytes > REPLAY_WINDOW_BYTES {
            let Some(oldest) = self.frames.pop_front() else { break };
            self.bytes -= oldest.bytes.len();
            self.start = oldest.seq;
        }
    }

    /// The frames that a viewer at `position` has missed, oldest first; `None` if they are no longer all kept. If
    /// `position` lies inside a frame, that frame is rebased to it.
    pub fn after(&self, position: u64) -> Option<Vec<Frame>> {
        if position < self.start {
            return None;
        }
        let first = self.frames.partition_point(|frame| frame.seq <= position);
        let mut missed: Vec<Frame> = self.frames.iter().skip(first).cloned().collect();
        if let Some(frame) = missed.first_mut()
            && frame.kind != (FrameKind::Delta { from: position })
        {
            *frame = frame.rebased(position);
        }
        Some(missed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{frame::Delta, time::Timestamp};

    fn frame(from: u64, seq: u64) -> Frame {
        let at = Timestamp::from_milliseconds(0);
        Frame::delta(&Delta { from, seq, at, seats: vec![], tiers: vec![] })
    }

    fn spans(frames: Option<Vec<Frame>>) -> Option<Vec<(u64, u64)>> {
        let span = |frame: &Frame| match frame.kind {
            FrameKind::Delta { from } => (from, frame.seq),
            _ => panic!("only deltas are kept"),
        };
        frames.map(|frames| frames.iter().map(span).collect())
    }

    #[test]
    fn a_viewer_gets_what_it_missed() {
        let mut window = Window::new(10);
        window.push(frame(10, 12));
        window.push(frame(12, 20));
        assert_eq!(spans(window.after(9)), None);
        assert_eq!(spans(window.after(10)), Some(vec![(10, 12), (12, 20)]));
        assert_eq!(spans(window.after(12)), Some(vec![(12, 20)]));
        assert_eq!(spans(window.after(15)), Some(vec![(15, 20)]));
        assert_eq!(spans(window.after(20)), Some(vec![]));
    }

    #[test]
    fn the_oldest_frames_make_room() {
        let mut window = Window::new(0);
        let frames = REPLAY_WINDOW_FRAMES as u64;
        for seq in 0..frames + 3 {
            window.push(frame(seq, seq + 1));
        }
        assert_eq!(spans(window.after(2)), None);
        assert_eq!(window.after(3).unwrap().len(), REPLAY_WINDOW_FRAMES);
    }
}

//! Bounds the log lines that clients can cause, so that no client can fill a disk with them.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::model::limits::{CLIENT_FAULT_CHARACTERS, CLIENT_FAULTS_PER_SECOND};

const SECOND: Duration = Duration::from_secs(1);

/// The lines of the current second.
struct Lines {
    began: Instant,
    written: u32,
    /// Lines that were left out since the last one that was written.
    unsaid: u64,
}

static LINES: Mutex<Option<Lines>> = Mutex::new(None);

/// Whether a line about a client's fault may be logged now. If so, how many such lines were left out before it.
pub fn may_log() -> Option<u64> {
    may_log_at(&mut LINES.lock(), Instant::now())
}

fn may_log_at(lines: &mut Option<Lines>, now: Instant) -> Option<u64> {
    let lines = lines.get_or_insert(Lines { began: now, written: 0, unsaid: 0 });
    if now.saturating_duration_since(lines.began) >= SECOND {
        (lines.began, lines.written) = (now, 0);
    }
    if lines.written >= CLIENT_FAULTS_PER_SECOND {
        lines.unsaid += 1;
        return None;
    }
    lines.written += 1;
    Some(std::mem::take(&mut lines.unsaid))
}

/// Text of a client, cut to a length that a log line can hold.
pub fn cut(text: &str) -> &str {
    text.char_indices().nth(CLIENT_FAULT_CHARACTERS).map_or(text, |(end, _)| &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_has_so_many_lines_and_the_rest_is_counted() {
        let (mut lines, start) = (None, Instant::now());
        for _ in 0..CLIENT_FAULTS_PER_SECOND {
            assert_eq!(may_log_at(&mut lines, start), Some(0));
        }
        assert!((0..500).all(|_| may_log_at(&mut lines, start).is_none()));
        assert_eq!(may_log_at(&mut lines, start + SECOND), Some(500));
        assert_eq!(may_log_at(&mut lines, start + SECOND), Some(0));
    }

    #[test]
    fn long_text_is_cut_between_characters() {
        let long = "é".repeat(CLIENT_FAULT_CHARACTERS + 1);
        assert_eq!(cut(&long).chars().count(), CLIENT_FAULT_CHARACTERS);
        assert_eq!(cut("/sales"), "/sales");
    }
}

//! The states of the connection to the server, and the waits between tries. Pure.

/// What the visitor is told about how current the page is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Connection {
    /// The stream is open and sends messages.
    Live,
    /// The stream is being opened.
    Reconnecting,
    /// There is no stream, but polls succeed.
    Polling,
    /// The server has been silent for `STALE_AFTER_MILLISECONDS`.
    Stale,
}

impl Connection {
    /// The name used in markup.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Reconnecting => "reconnecting",
            Self::Polling => "polling",
            Self::Stale => "stale",
        }
    }
}

/// After this much silence the page is called stale: two and a half heartbeats.
pub const STALE_AFTER_MILLISECONDS: i64 = 25_000;
/// Time between two polls.
pub const POLL_MILLISECONDS: i64 = 1_500;
/// Most streams of one browser. Over HTTP/1.1 a browser keeps six connections to one host: the others are for loading
/// pages.
pub const MAX_STREAMS: u8 = 3;
/// The first wait before the stream is opened again. It doubles up to `LONGEST_RETRY_MILLISECONDS`.
const FIRST_RETRY_MILLISECONDS: i64 = 500;
const LONGEST_RETRY_MILLISECONDS: i64 = 15_000;

/// The state of the connection. Silence outweighs the stream, and the stream outweighs the last poll.
pub const fn connection(stream_speaks: bool, silence_milliseconds: i64, polls_succeed: bool) -> Connection {
    if silence_milliseconds >= STALE_AFTER_MILLISECONDS {
        Connection::Stale
    } else if stream_speaks {
        Connection::Live
    } else if polls_succeed {
        Connection::Polling
    } else {
        Connection::Reconnecting
    }
}

/// How long to wait before try number `attempt`, counted from 0. The wait doubles up to a cap. Its second half is
/// random, so that viewers do not all reconnect in the same moment when the server comes back. `chance` is a random
/// byte.
pub const fn retry_milliseconds(attempt: u32, chance: u8) -> i64 {
    let doublings = if attempt > 5 { 5 } else { attempt };
    let full = FIRST_RETRY_MILLISECONDS << doublings;
    let capped = if full > LONGEST_RETRY_MILLISECONDS { LONGEST_RETRY_MILLISECONDS } else { full };
    capped / 2 + capped / 2 * chance as i64 / u8::MAX as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_worse_than_anything_else() {
        assert_eq!(connection(true, 0, false), Connection::Live);
        assert_eq!(connection(true, STALE_AFTER_MILLISECONDS, true), Connection::Stale);
        assert_eq!(connection(false, 2_000, true), Connection::Polling);
        assert_eq!(connection(false, 2_000, false), Connection::Reconnecting);
    }

    #[test]
    fn waits_double_up_to_a_cap_and_are_spread() {
        assert_eq!((retry_milliseconds(0, 0), retry_milliseconds(0, 255)), (250, 500));
        assert_eq!((retry_milliseconds(1, 0), retry_milliseconds(1, 255)), (500, 1_000));
        assert_eq!(retry_milliseconds(60, 255), LONGEST_RETRY_MILLISECONDS);
    }
}

//! Retries when no answer of the server came back: how often, after which pauses, and what the user is told at the end.
//!
//! A lost answer says nothing about the outcome, so the purchase is sent again with the same key. The server then
//! repeats its first answer instead of selling twice.

use std::time::Duration;

/// How often a request is sent again.
pub const MAX_RETRIES: u32 = 5;
/// The pause before the first retry. It doubles with each retry, up to `LONGEST_PAUSE`.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The pause before a retry. Retries are counted from 1.
pub fn pause_before(retry: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(1 << retry.saturating_sub(1).min(16)).min(LONGEST_PAUSE)
}

/// Whether the outcome is unknown after an unreadable answer with this status. So it is after a success whose body was
/// cut off, and after a failure on the way, such as the 502 or 504 of a proxy. The server's own failures are readable:
/// they have a code.
pub const fn leaves_outcome_open(status: u16) -> bool {
    status < 300 || status >= 500
}

/// Explains an answer that is not in the contract, by its status, in one sentence.
pub fn unexpected_status(status: u16) -> String {
    match status {
        502 => "A proxy answered 502 in the server's place: it got no valid answer from the server.".to_owned(),
        503 => "A proxy answered 503 in the server's place: the server is not available.".to_owned(),
        504 => "A proxy answered 504 in the server's place: the server did not answer in time.".to_owned(),
        505.. => format!("A proxy answered {status} in the server's place."),
        _ => format!("An unexpected answer with status {status}."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_end() {
        let pauses: Vec<u128> = (1..=MAX_RETRIES + 2).map(|retry| pause_before(retry).as_millis()).collect();
        assert_eq!(pauses, [50, 100, 200, 400, 800, 1_000, 1_000]);
        assert_eq!(pause_before(u32::MAX), LONGEST_PAUSE);
    }

    #[test]
    fn what_a_proxy_may_have_swallowed_is_asked_again_and_what_the_server_refused_is_not() {
        for status in [201, 202, 500, 502, 503, 504, 524] {
            assert!(leaves_outcome_open(status), "{status}");
        }
        for status in [301, 400, 403, 404, 413, 422] {
            assert!(!leaves_outcome_open(status), "{status}");
        }
    }

    #[test]
    fn a_status_is_told_in_one_sentence() {
        for status in [404, 500, 502, 503, 504, 524] {
            let told = unexpected_status(status);
            assert!(told.contains(&status.to_string()) && told.ends_with('.'), "{told}");
        }
    }
}

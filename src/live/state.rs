//! The state of a page's connection to its sale, and what is due next. Pure: the caller passes the time, in
//! milliseconds of a clock that only runs forward.

use super::{
    connection::{POLL_MILLISECONDS, STALE_AFTER_MILLISECONDS, connection, retry_milliseconds},
    locks::Answer,
    reducer::Verdict,
    store::Hearing,
    turn::{Turn, Wish},
};

/// `S` is a stream and `H` a lock. Dropping one closes the stream or gives the lock back.
pub struct State<S, H> {
    pub turn: Turn<H>,
    pub source: Option<S>,
    /// The number of the latest stream. Messages of earlier streams are dropped.
    pub generation: u64,
    /// Whether the stream works. It is this page's own or the leading page's.
    pub speaks: bool,
    /// Whether the next stream has to begin with a snapshot.
    pub needs_snapshot: bool,
    /// Whether the page has to poll although a stream works, because it missed something or may have.
    wants_poll: bool,
    is_polling: bool,
    polls_succeed: bool,
    was_hidden: bool,
    /// Failed tries in a row.
    attempt: u32,
    retry_at: i64,
    poll_at: i64,
    /// When the server was last heard, by stream or poll.
    heard_at: i64,
    /// When the stream was last opened.
    asked_at: i64,
}

/// What a page has to do now.
#[derive(Debug)]
pub struct Due {
    pub wish: Option<Wish>,
    pub stream: bool,
    pub poll: bool,
}

impl<S, H> State<S, H> {
    pub const fn new(now: i64, turn: Turn<H>) -> Self {
        Self {
            turn,
            source: None,
            generation: 0,
            speaks: false,
            needs_snapshot: false,
            wants_poll: false,
            is_polling: false,
            polls_succeed: false,
            was_hidden: false,
            attempt: 0,
            retry_at: now,
            poll_at: now + POLL_MILLISECONDS,
            heard_at: now,
            asked_at: now,
        }
    }

    pub fn due(&mut self, now: i64, is_hidden: bool) -> Due {
        if self.was_hidden && !is_hidden {
            // The machine may have slept and the page may have missed anything, so the server is asked.
            self.want_poll(now);
        }
        self.was_hidden = is_hidden;
        let wish = self.turn.wish(is_hidden);
        if self.source.is_some() {
            let silence = now - self.heard_at.max(self.asked_at);
            // A hidden page would keep one of the browser's few connections busy for nobody.
            if is_hidden || silence >= STALE_AFTER_MILLISECONDS || !self.turn.may_stream(true) {
                self.let_go(now);
            }
        } else if self.turn.is_deserted() {
            self.speaks = false;
        }
        let stream = !is_hidden && self.source.is_none() && now >= self.retry_at && self.turn.may_stream(false);
        let poll = !is_hidden && !self.is_polling && now >= self.poll_at && (self.wants_poll || !self.speaks);
        if poll {
            self.is_polling = true;
            self.poll_at = now + POLL_MILLISECONDS;
            // A slot may be free by now.
            self.turn.try_slots();
        }
        Due { wish, stream, poll }
    }

    /// Handles the answer to a request for a lock.
    pub fn answer(&mut self, wish: Wish, answer: Answer<H>, is_hidden: bool, now: i64) {
        let had_led = self.turn.leads();
        self.turn.answer(wish, answer, is_hidden);
        if self.turn.leads() != had_led {
            // The lead has changed hands: the stream so far was another page's, or this page may not keep it.
            self.let_go(now);
        }
    }

    /// The caller opens a stream. Returns its number.
    pub const fn begin_stream(&mut self, now: i64) -> u64 {
        self.generation += 1;
        self.asked_at = now;
        self.generation
    }

    /// Closes the stream; the next look opens another at `retry_at`.
    fn let_go(&mut self, retry_at: i64) {
        self.source = None;
        self.speaks = false;
        self.retry_at = retry_at;
    }

    /// The stream failed. The wait before the next try grows with each failure. `chance` is a random number.
    pub fn fail(&mut self, now: i64, chance: u32) {
        self.let_go(now + retry_milliseconds(self.attempt, chance.to_be_bytes()[3]));
        self.attempt = self.attempt.saturating_add(1);
    }

    /// The stream has sent something.
    pub const fn hear(&mut self, now: i64) {
        self.heard_at = now;
        self.speaks = true;
        self.polls_succeed = false;
        self.attempt = 0;
    }

    /// Handles the verdict on a frame.
    pub fn judge(&mut self, verdict: Verdict, is_snapshot: bool, now: i64) {
        if is_snapshot {
            self.needs_snapshot = false;
        }
        if verdict != Verdict::NeedsSnapshot {
            return;
        }
        if self.source.is_some() {
            self.needs_snapshot = true;
            self.let_go(now);
        } else {
            // The stream belongs to the leading page and must not restart for this page's sake. This page polls
            // instead.
            self.want_poll(now);
        }
    }

    /// The leading page has said whether its stream works.
    pub const fn hear_beat(&mut self, speaks: bool, now: i64) {
        if speaks && !self.speaks {
            // The stream does not repeat what it said before this page followed, so a poll has to fill the gap.
            self.want_poll(now);
            self.polls_succeed = false;
        }
        self.speaks = speaks;
    }

    const fn want_poll(&mut self, now: i64) {
        self.wants_poll = true;
        self.poll_at = now;
    }

    /// Handles the verdict on a polled state; `None` if no answer came.
    pub fn hear_poll(&mut self, verdict: Option<Verdict>, now: i64) {
        self.is_polling = false;
        self.polls_succeed = verdict.is_some() && !self.speaks;
        if let Some(verdict) = verdict {
            self.heard_at = now;
            // A stale answer may lack what was missed, so the page polls again.
            self.wants_poll &= verdict == Verdict::Stale;
        }
    }

    pub fn hearing(&self, now: i64) -> Hearing {
        let silence = (now - self.heard_at).max(0);
        Hearing {
            is_listening: true,
            connection: connection(self.speaks, silence, self.polls_succeed),
            silence_seconds: silence / 1000,
        }
    }
}

#[cfg(test)]
mod tests;

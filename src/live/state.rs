//! What a page knows about how it hears of its sale, and what is due next. Pure: times are told by the caller, in milliseconds
//! of a clock that only runs forward.

use super::{
    connection::{POLL_MILLISECONDS, STALE_AFTER_MILLISECONDS, connection, retry_milliseconds},
    locks::Answer,
    reducer::Verdict,
    store::Hearing,
    turn::{Turn, Wish},
};

/// `S` is a stream and `H` a lock: each is there for as long as it lives.
pub struct State<S, H> {
    pub turn: Turn<H>,
    pub source: Option<S>,
    /// Numbers the streams: messages of an earlier one are dropped.
    pub generation: u64,
    /// Whether the stream speaks: this page's own, or that of the page that leads.
    pub speaks: bool,
    /// Whether the next stream has to begin with a snapshot.
    pub needs_snapshot: bool,
    /// Whether the server has to be asked although a stream speaks: something was missed, or may have been.
    wants_poll: bool,
    is_polling: bool,
    polls_succeed: bool,
    was_hidden: bool,
    /// Failed tries in a row.
    attempt: u32,
    retry_at: i64,
    poll_at: i64,
    /// When the server was last heard, by stream or poll, and when the stream was last asked for.
    heard_at: i64,
    asked_at: i64,
}

/// What a look finds to be due.
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
            // Whatever happened meanwhile, the machine may have slept: the server is asked where it stands.
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

    /// What came of a wish.
    pub fn answer(&mut self, wish: Wish, answer: Answer<H>, is_hidden: bool, now: i64) {
        let had_led = self.turn.leads();
        self.turn.answer(wish, answer, is_hidden);
        if self.turn.leads() != had_led {
            // What spoke was the stream of another page, or is not this page's any more.
            self.let_go(now);
        }
    }

    /// A stream is being opened. Returns its number.
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

    /// The stream failed: wait before the next try, longer each time. `chance` is any number.
    pub fn fail(&mut self, now: i64, chance: u32) {
        self.let_go(now + retry_milliseconds(self.attempt, chance.to_be_bytes()[3]));
        self.attempt = self.attempt.saturating_add(1);
    }

    /// The stream has said something.
    pub const fn hear(&mut self, now: i64) {
        self.heard_at = now;
        self.speaks = true;
        self.polls_succeed = false;
        self.attempt = 0;
    }

    /// What became of a frame.
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
            // The stream is another page's: it must not begin anew for this one.
            self.want_poll(now);
        }
    }

    /// The page that leads has said whether its stream speaks.
    pub const fn hear_beat(&mut self, speaks: bool, now: i64) {
        if speaks && !self.speaks {
            // What was told before this page followed is not told again.
            self.want_poll(now);
            self.polls_succeed = false;
        }
        self.speaks = speaks;
    }

    const fn want_poll(&mut self, now: i64) {
        self.wants_poll = true;
        self.poll_at = now;
    }

    /// What became of a poll; `None` where no answer came.
    pub fn hear_poll(&mut self, verdict: Option<Verdict>, now: i64) {
        self.is_polling = false;
        self.polls_succeed = verdict.is_some() && !self.speaks;
        if let Some(verdict) = verdict {
            self.heard_at = now;
            // An answer that is older than what is known may lack what was missed.
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

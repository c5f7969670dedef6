//! Frames and intents folded into a view of one sale. Pure: no clock, no signal, no document.
//!
//! The truth is what the server said last (`letters`, `tiers`, `seq`). Two layers lie over it and never change it:
//! *intents* are purchases under way, which the counters show as tentative; *taken* seats are known from a refusal
//! whose frame has not arrived yet.

mod intent; // purchases under way, and how they end

pub use self::intent::{Intent, Settlement};
use super::seat_set::{Repaint, SeatSet};
use crate::model::{
    frame::{Delta, Heartbeat, Snapshot, StatusChange, digest},
    sale::{Counts, SaleStatus, TierCounts},
    seat::SeatStatus,
    time::Timestamp,
};

/// One event of the stream, parsed.
#[derive(Clone, PartialEq, Debug)]
pub enum Frame {
    Snapshot(Snapshot),
    Delta(Delta),
    Status(StatusChange),
    Heartbeat(Heartbeat),
}

impl Frame {
    /// The server's time when the frame was made, if the frame contains it.
    pub const fn at(&self) -> Option<Timestamp> {
        match self {
            Self::Snapshot(snapshot) => Some(snapshot.at),
            Self::Delta(delta) => Some(delta.at),
            Self::Heartbeat(heartbeat) => Some(heartbeat.at),
            Self::Status(_) => None,
        }
    }
}

/// What became of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// The view is now in the state that the frame describes.
    Applied,
    /// The frame contains nothing new.
    Stale,
    /// A frame was missed, or the digests differ: only a fresh snapshot helps.
    NeedsSnapshot,
}

/// What one seat looks like to this visitor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SeatFace {
    Available,
    Held,
    Sold,
    /// Owned or held by this visitor.
    Mine,
}

impl SeatFace {
    /// The name used in markup.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Available => "available",
            Self::Held => "held",
            Self::Sold => "sold",
            Self::Mine => "mine",
        }
    }
}

/// Counters as shown: the server's, with the units of intents counted as sold already.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct ShownCounts {
    pub counts: Counts,
    /// Whether an intent is part of the figures.
    pub is_tentative: bool,
}

#[derive(Clone, Debug)]
pub struct View {
    epoch: String,
    seq: u64,
    heard_at: Timestamp,
    letters: Vec<u8>,
    tiers: Vec<TierCounts>,
    announced: StatusChange,
    /// The visitor's own seats, bought or held, sorted, each with the `seq` since which it is owned.
    owned: Vec<(u32, u64)>,
    /// Each with its id, sorted by id.
    intents: Vec<(u64, Intent)>,
    next_intent: u64,
    taken: SeatSet,
    repaint: Repaint,
}

impl View {
    /// The view that the server rendered. `owned` are the indices of the visitor's own seats.
    pub fn new(snapshot: Snapshot, opens_at: Option<Timestamp>, message: Option<String>, owned: &[u32]) -> Self {
        let mut view = Self {
            epoch: snapshot.epoch,
            seq: snapshot.seq,
            heard_at: snapshot.at,
            letters: snapshot.seats.into_bytes(),
            tiers: snapshot.tiers,
            announced: StatusChange { status: snapshot.status, opens_at, message },
            owned: Vec::new(),
            intents: Vec::new(),
            next_intent: 0,
            taken: SeatSet::new(),
            repaint: Repaint::Some(SeatSet::new()),
        };
        owned.iter().for_each(|&seat| view.own(seat, view.seq));
        view
    }

    pub fn seq(&self) -> u64 {
        self.seq
    }

    pub fn epoch(&self) -> &str {
        &self.epoch
    }

    /// The server's time in the last frame.
    pub fn heard_at(&self) -> Timestamp {
        self.heard_at
    }

    /// What a unit of a tier costs now, if its price changes with the stock and the server has told it.
    pub fn price(&self, tier: usize) -> Option<u64> {
        self.tiers.get(tier)?.price
    }

    pub fn seats(&self) -> usize {
        self.letters.len()
    }

    pub fn opens_at(&self) -> Option<Timestamp> {
        self.announced.opens_at
    }

    pub fn message(&self) -> Option<&str> {
        self.announced.message.as_deref()
    }

    /// The status that follows from the last announcement and the stock.
    pub fn status(&self) -> SaleStatus {
        let counts: Counts = self.tiers.iter().map(TierCounts::counts).sum();
        match self.announced.status {
            SaleStatus::Open | SaleStatus::SoldOut if counts.available + counts.held == 0 => SaleStatus::SoldOut,
            SaleStatus::Open | SaleStatus::SoldOut => SaleStatus::Open,
            other => other,
        }
    }

    /// Applies one frame of the stream.
    pub fn apply(&mut self, frame: Frame) -> Verdict {
        match frame {
            Frame::Snapshot(snapshot) => self.replace(snapshot),
            Frame::Delta(delta) => self.advance(delta),
            Frame::Status(announced) => {
                self.announced = announced;
                Verdict::Applied
            }
            Frame::Heartbeat(heartbeat) => self.compare(&heartbeat),
        }
    }

    /// Applies a polled state, unless it is older than the view.
    pub fn apply_polled(&mut self, snapshot: Snapshot, announced: StatusChange) -> Verdict {
        if snapshot.epoch == self.epoch && snapshot.seq < self.seq {
            return Verdict::Stale;
        }
        self.announced = announced;
        self.replace(snapshot)
    }

    /// Whether more is available in `tiers` than the server has said so far.
    pub fn gets_back(&self, tiers: &[TierCounts]) -> bool {
        let available = |tiers: &[TierCounts]| tiers.iter().map(|tier| tier.available).sum::<u64>();
        available(tiers) > available(&self.tiers)
    }

    fn replace(&mut self, snapshot: Snapshot) -> Verdict {
        let is_other_life = snapshot.epoch != self.epoch;
        self.repaint = Repaint::All;
        self.epoch = snapshot.epoch;
        self.letters = snapshot.seats.into_bytes();
        self.tiers = snapshot.tiers;
        self.announced.status = snapshot.status;
        self.taken.clear();
        if is_other_life {
            self.owned.clear();
        }
        self.reach(snapshot.seq, snapshot.at);
        self.forget_returned_seats();
        Verdict::Applied
    }

    fn advance(&mut self, delta: Delta) -> Verdict {
        if delta.seq <= self.seq {
            return Verdict::Stale;
        }
        let is_known = delta.seats.iter().all(|&(seat, _)| (seat as usize) < self.letters.len());
        // A frame may begin before the view's `seq`: it contains the final state of each changed seat and tier, not
        // steps.
        if delta.from > self.seq || !is_known {
            return Verdict::NeedsSnapshot;
        }
        for (seat, letter) in delta.seats {
            self.letters[seat as usize] = u8::try_from(letter).unwrap_or(SeatStatus::Sold.letter());
            self.taken.remove(seat);
            self.touch(seat);
        }
        for counts in delta.tiers {
            if let Some(tier) = self.tiers.iter_mut().find(|tier| tier.id == counts.id) {
                *tier = counts;
            }
        }
        self.reach(delta.seq, delta.at);
        self.forget_returned_seats();
        Verdict::Applied
    }

    fn compare(&mut self, heartbeat: &Heartbeat) -> Verdict {
        self.heard_at = heartbeat.at;
        if heartbeat.seq < self.seq {
            return Verdict::Stale;
        }
        let is_equal = heartbeat.seq == self.seq && heartbeat.digest == digest(&self.letters, &self.tiers);
        if is_equal { Verdict::Applied } else { Verdict::NeedsSnapshot }
    }

    fn reach(&mut self, seq: u64, at: Timestamp) {
        self.seq = seq;
        self.heard_at = at;
        let told: Vec<u64> = self
            .intents
            .iter()
            .filter(|(_, intent)| intent.won_at.is_some_and(|won| won <= seq))
            .map(|&(id, _)| id)
            .collect();
        for id in told {
            self.end_intent(id);
        }
    }

    /// Removes own seats that the server calls available again, after a reset or a refund. Seats that were bought after
    /// the view's `seq` stay: the server's frames do not contain that purchase yet.
    fn forget_returned_seats(&mut self) {
        let (letters, seq) = (&self.letters, self.seq);
        self.owned.retain(|&(seat, since)| {
            since > seq || letters.get(seat as usize).is_some_and(|&letter| letter != SeatStatus::Available.letter())
        });
    }

    /// Starts a purchase and returns its id. The counters show it at once, as tentative.
    pub fn intend(&mut self, intent: Intent) -> u64 {
        let id = self.next_intent;
        self.next_intent += 1;
        if let Some(seat) = intent.seat {
            self.touch(seat);
        }
        self.intents.push((id, intent));
        id
    }

    /// Ends the purchase `id`. Won units stay tentative until the server's own counters contain them.
    pub fn settle(&mut self, id: u64, settlement: Settlement) {
        match settlement {
            Settlement::Won { seq, seats } => {
                for seat in seats {
                    self.own(seat, seq);
                    self.touch(seat);
                }
                if seq <= self.seq {
                    self.end_intent(id);
                } else if let Some((_, intent)) = self.intents.iter_mut().find(|(known, _)| *known == id) {
                    intent.won_at = Some(seq);
                }
            }
            Settlement::SeatTaken => {
                if let Some(seat) = self.end_intent(id) {
                    self.taken.insert(seat);
                }
            }
            Settlement::RolledBack => {
                self.end_intent(id);
            }
        }
    }

    /// Returns the seat that the intent named, if any.
    fn end_intent(&mut self, id: u64) -> Option<u32> {
        let position = self.intents.iter().position(|(known, _)| *known == id)?;
        let seat = self.intents.remove(position).1.seat?;
        self.touch(seat);
        Some(seat)
    }

    fn own(&mut self, seat: u32, since: u64) {
        match self.owned.binary_search_by_key(&seat, |&(owned, _)| owned) {
            Ok(position) => self.owned[position].1 = since,
            Err(position) => self.owned.insert(position, (seat, since)),
        }
    }

    /// Replaces the visitor's own seats by the server's list. Seats that were bought after the view's `seq` stay.
    pub fn set_owned(&mut self, seats: &[u32]) {
        let seq = self.seq;
        self.owned.retain(|&(_, since)| since > seq);
        seats.iter().for_each(|&seat| self.own(seat, seq));
        self.repaint = Repaint::All;
    }

    pub fn owns_any(&self) -> bool {
        !self.owned.is_empty()
    }

    /// What a seat looks like. An index beyond the last seat looks sold, because it cannot be bought.
    pub fn face(&self, seat: u32) -> SeatFace {
        if self.owned.binary_search_by_key(&seat, |&(owned, _)| owned).is_ok() {
            return SeatFace::Mine;
        }
        match self.letters.get(seat as usize).copied().and_then(SeatStatus::from_letter) {
            Some(SeatStatus::Available) if !self.taken.contains(seat) => SeatFace::Available,
            Some(SeatStatus::Held) => SeatFace::Held,
            _ => SeatFace::Sold,
        }
    }

    /// Whether a purchase of this very seat is under way.
    pub fn is_tentative(&self, seat: u32) -> bool {
        self.intents.iter().any(|(_, intent)| intent.seat == Some(seat))
    }

    /// The counters of each tier, in the sale's order, as shown.
    pub fn shown_tiers(&self) -> Vec<ShownCounts> {
        self.tiers.iter().map(|tier| self.shown(tier)).collect()
    }

    fn shown(&self, tier: &TierCounts) -> ShownCounts {
        let mut counts = tier.counts();
        let mut is_tentative = false;
        for (_, intent) in self.intents.iter().filter(|(_, intent)| intent.tier == tier.id) {
            // If the seat is no longer available, the server's counters already contain it, whoever took it.
            let is_counted = intent.seat.is_some_and(|seat| {
                self.letters.get(seat as usize).is_none_or(|&letter| letter != SeatStatus::Available.letter())
            });
            let moved = if is_counted { 0 } else { intent.quantity.min(counts.available) };
            counts.available -= moved;
            *(if intent.holds { &mut counts.held } else { &mut counts.sold }) += moved;
            is_tentative = true;
        }
        ShownCounts { counts, is_tentative }
    }

    fn touch(&mut self, seat: u32) {
        if let Repaint::Some(seats) = &mut self.repaint {
            seats.insert(seat);
        }
    }

    /// Returns the seats to paint again, and clears them.
    pub fn take_repaint(&mut self) -> Repaint {
        std::mem::replace(&mut self.repaint, Repaint::Some(SeatSet::new()))
    }
}

#[cfg(test)]
mod tests;

//! A sale's place in memory: its mirror, and how commits reach the mirror in order, whoever made them and in whatever
//! order they arrive.
//!
//! Where several writers share a database, in this process or on other nodes, the news of commit 8 may arrive before
//! the news of commit 7. Commit 8 then waits for 7, so that mirror and viewers see every commit once and in order.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::AtomicU64},
};

use parking_lot::{Mutex, RwLock};
use uuid::Uuid;

use super::sale::Stock;
use crate::{
    model::{
        ids::{BuyerId, HoldId, SaleId},
        ledger::Shift,
        sale::TierCounts,
        seat::SeatStatus,
        time::Timestamp,
    },
    server::ledger::Hash,
};

/// Commits that may wait for earlier ones. When there are more, they are dropped, and the mirror catches up from the
/// store.
const MAX_EARLY: usize = 10_000;

/// One sale's place in memory. The locks are held for moments, never across an await.
pub struct SaleDesk {
    /// The row of the sale.
    pub sale_id: i64,
    pub stock: RwLock<Stock>,
    /// Claims refused so far for which the database was asked at least one statement, by this process.
    pub refused_by_database: AtomicU64,
    /// Held during a reset. Further resets wait for it, and usually find nothing left to do.
    pub resetting: tokio::sync::Mutex<()>,
    /// Held while holds whose time is over are released. Whoever waits for it usually finds nothing left to do.
    pub releasing: tokio::sync::Mutex<()>,
    /// Commits that wait for an earlier one, by the `seq` that they follow. This lock is held while the mirror changes.
    early: Mutex<BTreeMap<u64, Change>>,
}

/// What one or more decisions did to one sale. All of them moved units from one state to the same other state.
pub struct Change {
    /// The sale's `seq` before and after.
    pub from: u64,
    pub seq: u64,
    pub at: Timestamp,
    pub head_hash: Hash,
    shift: Shift,
    seats: Vec<u32>,
    /// Units moved, by tier.
    units: Vec<(usize, u64)>,
    /// Units moved, by the buyer who has or had them, with the order or hold to which they belong.
    owners: Vec<(BuyerId, Option<Uuid>, u64)>,
    /// No hold among these changes may be released by others before this time; `None` where there is none.
    first_due: Option<Timestamp>,
}

/// What a commit changed in one sale, and what is left.
pub struct Commit {
    /// The sale's `seq` before the commit.
    pub from: u64,
    pub seq: u64,
    pub at: Timestamp,
    pub seats: Vec<(u32, SeatStatus)>,
    pub tiers: Vec<TierCounts>,
}

impl Change {
    /// An empty change that starts at this `seq`.
    pub fn new(from: u64, at: Timestamp, shift: Shift) -> Self {
        let (seats, units, owners) = (Vec::new(), Vec::new(), Vec::new());
        Self { from, seq: from, at, head_hash: [0; 32], shift, seats, units, owners, first_due: None }
    }

    pub const fn shift(&self) -> Shift {
        self.shift
    }

    /// Notes that a hold among these changes may be released by others from this time on.
    pub fn expect(&mut self, due_at: Timestamp) {
        self.first_due = Some(self.first_due.map_or(due_at, |first| first.min(due_at)));
    }

    /// Adds units of one tier, with their seats where the tier is seated. `owner` is who has or had them, with the order or
    /// hold to which they belong.
    pub fn add(&mut self, tier_index: usize, quantity: u64, seats: &[u32], owner: Option<(BuyerId, Option<Uuid>)>) {
        match self.units.iter_mut().find(|(known, _)| *known == tier_index) {
            Some((_, sum)) => *sum += quantity,
            None => self.units.push((tier_index, quantity)),
        }
        self.seats.extend(seats);
        self.owners.extend(owner.map(|(buyer, reference)| (buyer, reference, quantity)));
    }
}

impl SaleDesk {
    pub fn new(stock: Stock) -> Arc<Self> {
        Arc::new(Self {
            sale_id: stock.sale_id,
            stock: RwLock::new(stock),
            refused_by_database: AtomicU64::new(0),
            resetting: tokio::sync::Mutex::default(),
            releasing: tokio::sync::Mutex::default(),
            early: Mutex::default(),
        })
    }

    pub fn slug(&self) -> SaleId {
        self.stock.read().id.clone()
    }

    /// Whether the mirror is at this `seq` and this revision.
    pub fn is_at(&self, seq: u64, revision: u64) -> bool {
        let stock = self.stock.read();
        (stock.seq, stock.revision) == (seq, revision)
    }

    /// Takes over a change and the changes that waited for it, and tells of each. `true` where the mirror is behind: a
    /// change still waits for an earlier one, or too many waited and were dropped.
    ///
    /// `now` is the store's time, as far as it is known.
    pub fn take(&self, change: Change, now: Timestamp, tell: impl Fn(Commit)) -> bool {
        let mut early = self.early.lock();
        if early.len() >= MAX_EARLY {
            early.clear();
            return true;
        }
        early.insert(change.from, change);
        self.take_early(&mut early, now, tell)
    }

    /// Replaces the mirror by a newer state of the whole sale, and tells of it. `true` where the mirror may be behind:
    /// the given state was older than the mirror and was dropped, or a change still waits for an earlier one.
    pub fn replace(&self, stock: Stock, tell: impl FnOnce()) -> bool {
        let mut early = self.early.lock();
        {
            let mut mirror = self.stock.write();
            if (stock.seq, stock.revision) < (mirror.seq, mirror.revision) {
                return true;
            }
            let mut before = std::mem::replace(&mut *mirror, stock);
            mirror.live_holds.remember_unpaid_of(&mut before.live_holds);
        }
        tell();
        self.forget_old(&mut early);
        !early.is_empty()
    }

    /// Takes over the settings of a sale, and tells of them. `true` where `stock` and mirror are at different `seq`:
    /// what buyers own must then be read again.
    pub fn patch(&self, stock: Stock, tell: impl FnOnce()) -> bool {
        let early = self.early.lock();
        let is_behind = {
            let mut mirror = self.stock.write();
            if stock.revision < mirror.revision {
                return false;
            }
            let is_behind = stock.seq != mirror.seq;
            if !is_behind {
                mirror.had = stock.had;
                mirror.revision = stock.revision;
            }
            mirror.name = stock.name;
            mirror.switch = stock.switch;
            mirror.opens_at = stock.opens_at;
            mirror.message = stock.message;
            mirror.max_per_buyer = stock.max_per_buyer;
            mirror.terms = stock.terms;
            is_behind
        };
        tell();
        drop(early);
        is_behind
    }

    fn take_early(&self, early: &mut BTreeMap<u64, Change>, now: Timestamp, tell: impl Fn(Commit)) -> bool {
        loop {
            let seq = self.forget_old(early);
            let Some(change) = early.remove(&seq) else { return !early.is_empty() };
            let commit = self.stock.write().apply(change, now);
            tell(commit);
        }
    }

    /// Drops the waiting changes that the mirror already has, and returns the mirror's `seq`.
    fn forget_old(&self, early: &mut BTreeMap<u64, Change>) -> u64 {
        let seq = self.stock.read().seq;
        while early.first_key_value().is_some_and(|(from, _)| *from < seq) {
            early.pop_first();
        }
        seq
    }
}

impl Stock {
    /// Takes over what a commit moved. `now` is the store's time, as far as it is known: the commit's own time is that of
    /// the server that made it, whose clock may be wrong.
    ///
    /// # Panics
    /// Where the mirror differs from the state that the commit was decided on. Such a mirror must not be used any more.
    fn apply(&mut self, change: Change, now: Timestamp) -> Commit {
        let Change { from, seq, at, head_hash, shift, seats, units, owners, first_due } = change;
        assert!(seq > self.seq, "a commit moves the sale's seq on");
        self.shift(shift, &seats, &units);
        (self.seq, self.head_hash) = (seq, head_hash);
        first_due.into_iter().for_each(|due_at| self.live_holds.expect(due_at));
        for (buyer, reference, quantity) in owners {
            if let Some(reference) = reference {
                self.live_holds.apply(shift, HoldId(reference), buyer, quantity, now);
            }
            if self.max_per_buyer.is_some() {
                let had = self.had.entry(buyer).or_default();
                *had = match shift.had_by_buyer() {
                    1 => *had + quantity,
                    -1 => had.saturating_sub(quantity),
                    _ => *had,
                };
            }
        }
        Commit {
            from,
            seq,
            at,
            seats: seats.into_iter().map(|position| (position, shift.to)).collect(),
            tiers: units.iter().map(|(tier_index, _)| self.tiers[*tier_index].tier_counts()).collect(),
        }
    }
}

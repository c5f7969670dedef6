//! The independent recount: seats, tickets and the ledger against each other, and the counters against all of them.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    model::{
        audit::{Audit, LedgerAudit},
        ids::SaleId,
        ledger::{ChangeKind, Units},
        sale::Counts,
        time::Timestamp,
    },
    server::{
        ledger::{self, FIRST_PREVIOUS, Hash, hexadecimal},
        store::{self, LedgerRecord, Recount, Store, TierRecount},
    },
};

/// Ledger lines read at a time.
const LINES_AT_A_TIME: u32 = 4_096;

/// Recounts one sale at one moment of the store. `None` for an unknown sale.
pub async fn audit(store: &Store, sale: &SaleId, now: Timestamp) -> Result<Option<Audit>, sqlx::Error> {
    let mut reader = store.reader().await?;
    // One transaction: everything below is read as of one commit.
    let mut transaction = reader.begin().await?;
    let Some(head) = store::sale_identity(transaction.connection(), sale.as_str()).await? else { return Ok(None) };
    let recount = store::recount(transaction.connection(), head.sale_id).await?;
    let mut replay = Replay::default();
    loop {
        let lines = store::lines_from(transaction.connection(), head.sale_id, replay.seq + 1, LINES_AT_A_TIME).await;
        let lines = match lines {
            Ok(lines) => lines,
            Err(sqlx::Error::Decode(_)) => {
                replay.broken = true;
                break;
            }
            Err(error) => return Err(error),
        };
        let at_end = lines.len() < LINES_AT_A_TIME as usize;
        lines.iter().for_each(|line| replay.take(line));
        if at_end || replay.broken {
            break;
        }
    }
    transaction.rollback().await?;
    Ok(Some(judge(sale, head.strategy, &recount, &replay, now)))
}

/// The state that the ledger's lines add up to.
#[derive(Default)]
struct Replay {
    seq: u64,
    entries: u64,
    head: Hash,
    /// A line that does not follow from the one before, or that sells what is not there.
    broken: bool,
    tiers: BTreeMap<String, TierReplay>,
    sold_seats: BTreeSet<String>,
    /// Sales of a seat that was sold, or of a unit beyond capacity.
    impossible: u64,
}

#[derive(Default)]
struct TierReplay {
    capacity: u64,
    sold: u64,
}

impl Replay {
    fn take(&mut self, line: &LedgerRecord) {
        let previous = if self.seq == 0 { FIRST_PREVIOUS } else { self.head };
        let at = line.at.to_string();
        let hash = ledger::hash(line.seq, &at, line.kind, &line.units, line.reference, &previous);
        self.broken |= line.seq != self.seq + 1 || hash != line.hash;
        self.seq = line.seq;
        self.head = line.hash;
        self.entries += 1;
        match line.kind {
            ChangeKind::Stock => line.units.iter().for_each(|units| self.tier(units).capacity += units.quantity),
            ChangeKind::Buy => line.units.iter().for_each(|units| self.sell(units)),
            ChangeKind::Reset => {
                self.sold_seats.clear();
                // What was sold by mistake is void like everything that was sold.
                self.impossible = 0;
                self.tiers.values_mut().for_each(|tier| tier.sold = 0);
                self.broken |= line.units.iter().any(|units| self.tier(units).capacity != units.quantity);
            }
            // No line of these kinds is written before there are holds and refunds: one that stands there was forged.
            ChangeKind::Hold | ChangeKind::Release | ChangeKind::Expire | ChangeKind::Confirm | ChangeKind::Refund => {
                self.broken = true;
            }
        }
    }

    fn tier(&mut self, units: &Units) -> &mut TierReplay {
        self.tiers.entry(units.tier.0.clone()).or_default()
    }

    fn sell(&mut self, units: &Units) {
        if let Some(seat) = &units.seat
            && !self.sold_seats.insert(seat.0.clone())
        {
            self.impossible += 1;
        }
        let tier = self.tier(units);
        tier.sold += units.quantity;
        if tier.sold > tier.capacity {
            self.impossible += 1;
        }
    }
}

/// Holds everything that was counted against everything else.
fn judge(
    sale: &SaleId,
    strategy: crate::model::strategy::StrategyKind,
    recount: &Recount,
    replay: &Replay,
    checked_at: Timestamp,
) -> Audit {
    let mut sum = Counts::default();
    let (mut phantoms, mut seats_beyond, mut leaks, mut counters_hold) = (0, 0, 0, true);
    for tier in &recount.tiers {
        let judged = judge_tier(tier, replay);
        sum = sum + judged.counts;
        // A seat sold twice is a ticket beyond capacity too, once its tier is sold out: one phantom, not two.
        if tier.seated {
            seats_beyond += judged.beyond_capacity;
        } else {
            phantoms += judged.beyond_capacity;
        }
        leaks += judged.leaks;
        counters_hold &= judged.counts == tier.counters;
    }
    phantoms += recount.doubly_sold.max(seats_beyond);
    // A seat that says sold and has no ticket is lost to everybody; a ticket for a seat that does not is a phantom.
    leaks += recount.sold_seats.difference(&recount.ticketed_seats).count() as u64;
    phantoms += recount.ticketed_seats.difference(&recount.sold_seats).count() as u64;
    let capacity = recount.tiers.iter().map(|tier| replay.tiers.get(&tier.slug).map_or(0, |tier| tier.capacity)).sum();
    let chain_holds = !replay.broken && replay.seq == recount.seq && replay.head.as_slice() == recount.head_hash;
    let replay_holds = replay.impossible == 0
        && replay.sold_seats == recount.ticketed_seats
        && recount.tiers.iter().all(|tier| replay.tiers.get(&tier.slug).map_or(0, |tier| tier.sold) == tier.tickets);
    let verified = chain_holds && replay_holds;
    counters_hold &= sum == recount.counters;
    Audit {
        sale: sale.clone(),
        strategy,
        capacity,
        available: sum.available,
        held: sum.held,
        sold: sum.sold,
        orders: recount.orders,
        tickets: recount.tiers.iter().map(|tier| tier.tickets).sum(),
        phantoms,
        leaks,
        ledger: LedgerAudit { entries: replay.entries, head_hash: hexadecimal(&replay.head), verified },
        clean: phantoms == 0 && leaks == 0 && verified && counters_hold,
        checked_at,
    }
}

struct TierJudgement {
    counts: Counts,
    beyond_capacity: u64,
    leaks: u64,
}

/// Seated tiers are counted by their seats, general admission by capacity less tickets. What the tier's counters offer
/// beyond that would be sold twice; what they withhold is lost.
fn judge_tier(tier: &TierRecount, replay: &Replay) -> TierJudgement {
    let capacity = replay.tiers.get(&tier.slug).map_or(0, |tier| tier.capacity);
    let beyond_capacity = tier.tickets.saturating_sub(capacity);
    let counts = if tier.seated {
        Counts { sold: tier.tickets, ..tier.seats }
    } else {
        Counts { available: capacity.saturating_sub(tier.tickets), held: 0, sold: tier.tickets }
    };
    let leaks = if tier.seated {
        capacity.saturating_sub(tier.seats.capacity())
    } else {
        counts.available.saturating_sub(tier.counters.available + tier.counters.held)
    };
    TierJudgement { counts, beyond_capacity, leaks }
}

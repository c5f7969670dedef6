//! The independent recount: compares seats, tickets and the ledger with each other, and the counters with all of them.

use std::collections::BTreeSet;

use crate::{
    model::{
        audit::{Audit, LedgerAudit},
        ids::{SaleId, SeatLabel},
        ledger::Movement,
        sale::Counts,
        seat::SeatStatus,
        time::Timestamp,
    },
    server::{
        ledger::{
            self, FIRST_PREVIOUS, Hash, hexadecimal,
            replay::{Balance, Replay},
        },
        store::{self, LedgerRecord, Recount, SaleIdentity, Store, TierRecount},
    },
};

/// Ledger lines read at a time.
const LINES_AT_A_TIME: u32 = 4_096;

/// Recounts one sale at one moment of the store. `None` for an unknown sale.
pub async fn audit(store: &Store, sale: &SaleId, now: Timestamp) -> Result<Option<Audit>, sqlx::Error> {
    let Some((head, recount)) = count(store, sale).await? else { return Ok(None) };
    let followed = follow(store, head.sale_id, recount.seq).await?;
    Ok(Some(judge(sale, head.strategy, &recount, &followed, now)))
}

/// Counts the rows of a sale, all as of one commit.
async fn count(store: &Store, sale: &SaleId) -> Result<Option<(SaleIdentity, Recount)>, sqlx::Error> {
    let mut reader = store.long_reader().await?;
    let mut transaction = reader.begin().await?;
    let Some(head) = store::sale_identity(transaction.connection(), sale.as_str()).await? else { return Ok(None) };
    let recount = store::recount(transaction.connection(), head.sale_id).await?;
    transaction.rollback().await?;
    Ok(Some((head, recount)))
}

/// Follows the ledger up to the line `last`, the last one when everything else was counted. Lines never change, so they
/// can be read afterwards, some at a time: a long ledger keeps no transaction open, which would hold up the embedded
/// database's log.
async fn follow(store: &Store, sale_id: i64, last: u64) -> Result<Followed, sqlx::Error> {
    let mut followed = Followed::default();
    while followed.seq < last && !followed.broken {
        let limit = u32::try_from(last - followed.seq).unwrap_or(u32::MAX).min(LINES_AT_A_TIME);
        let mut reader = store.long_reader().await?;
        match store::lines_from(reader.connection(), sale_id, followed.seq + 1, limit).await {
            // Lines are missing at the end.
            Ok(lines) if lines.is_empty() => break,
            Ok(lines) => lines.iter().for_each(|line| followed.take(line)),
            Err(sqlx::Error::Decode(_)) => followed.broken = true,
            Err(error) => return Err(error),
        }
    }
    Ok(followed)
}

/// The ledger, followed line by line.
#[derive(Default)]
struct Followed {
    seq: u64,
    entries: u64,
    head: Hash,
    /// A line that does not follow from the one before, or that cannot be read.
    broken: bool,
    /// The stock that the lines lead to.
    replay: Replay,
    /// Whether a line since the last reset was impossible, such as one that moved units from a state in which they were
    /// not.
    impossible: bool,
}

impl Followed {
    fn take(&mut self, line: &LedgerRecord) {
        let previous = if self.seq == 0 { FIRST_PREVIOUS } else { self.head };
        let at = line.at.to_string();
        let hash = ledger::hash(line.seq, &at, line.kind, &line.units, line.reference, &previous);
        self.broken |= line.seq != self.seq + 1 || hash != line.hash;
        self.seq = line.seq;
        self.head = line.hash;
        self.entries += 1;
        let impossible = !self.replay.apply(line.kind, &line.units, line.reference).is_empty();
        // A reset makes everything void, and so also what was sold by mistake before.
        self.impossible = impossible || self.impossible && line.kind.movement() != Movement::AllPutBack;
    }

    /// Whether every line follows from the line before it, up to the line that the sale's row names, and that one
    /// is the last.
    fn is_the_chain_of(&self, recount: &Recount) -> bool {
        !self.broken
            && self.seq == recount.seq
            && recount.last_line == recount.seq
            && self.head.as_slice() == recount.head_hash
    }

    /// Whether the replayed lines lead to the tickets, seats and holds that were counted.
    fn tells_what_is_there(&self, recount: &Recount) -> bool {
        let is_as_told = |tier: &TierRecount| {
            let Balance { held, sold, .. } = self.balance(tier);
            u64::try_from(sold) == Ok(tier.tickets) && u64::try_from(held) == Ok(tier.units_of_holds)
        };
        !self.impossible
            && self.seats(SeatStatus::Sold).into_iter().eq(&recount.ticketed_seats)
            && self.seats(SeatStatus::Held).into_iter().eq(&recount.held_seats)
            && recount.tiers.iter().all(is_as_told)
    }

    fn balance(&self, tier: &TierRecount) -> Balance {
        self.replay.balance(&tier.slug.as_str().into())
    }

    /// Labels of the seats that are in this state after the lines.
    fn seats(&self, status: SeatStatus) -> BTreeSet<&str> {
        self.replay.seats(status).map(SeatLabel::as_str).collect()
    }
}

/// Compares everything that was counted with everything else.
fn judge(
    sale: &SaleId,
    strategy: crate::model::strategy::StrategyKind,
    recount: &Recount,
    followed: &Followed,
    checked_at: Timestamp,
) -> Audit {
    let mut sum = Counts::default();
    let (mut phantoms, mut seats_beyond, mut leaks, mut counters_hold) = (0, 0, 0, true);
    for tier in &recount.tiers {
        let judged = judge_tier(tier, followed.balance(tier));
        sum = sum + judged.counts;
        // A seat that was sold twice is also a ticket beyond capacity, once its tier is sold out. That is one phantom,
        // not two.
        if tier.seated {
            seats_beyond += judged.beyond_capacity;
        } else {
            phantoms += judged.beyond_capacity;
        }
        leaks += judged.leaks;
        counters_hold &= judged.counts == tier.counters;
    }
    phantoms += recount.doubly_sold.max(seats_beyond) + recount.misplaced_tickets;
    // A seat that is marked sold but has no ticket is lost to everybody: a leak. A ticket for a seat that is not marked
    // sold is a phantom.
    leaks += recount.sold_seats.difference(&recount.ticketed_seats).count() as u64;
    phantoms += recount.ticketed_seats.difference(&recount.sold_seats).count() as u64;
    // The same holds of seats that are marked held, and of holds.
    leaks += recount.held_seats.difference(&recount.seats_of_holds).count() as u64;
    phantoms += recount.seats_of_holds.difference(&recount.held_seats).count() as u64;
    let capacity = recount.tiers.iter().map(|tier| positive(followed.balance(tier).capacity())).sum();
    let verified = followed.is_the_chain_of(recount) && followed.tells_what_is_there(recount);
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
        ledger: LedgerAudit { entries: followed.entries, head_hash: hexadecimal(&followed.head), verified },
        clean: phantoms == 0 && leaks == 0 && verified && counters_hold,
        checked_at,
    }
}

struct TierJudgement {
    counts: Counts,
    beyond_capacity: u64,
    leaks: u64,
}

/// Counts a seated tier by its seats, and general admission by its tickets and by what the ledger says is held. Tickets
/// beyond the capacity were sold twice. Units that are neither sold, held nor available are lost: a leak.
fn judge_tier(tier: &TierRecount, told: Balance) -> TierJudgement {
    let (capacity, held) = (positive(told.capacity()), positive(told.held));
    let beyond_capacity = tier.tickets.saturating_sub(capacity);
    let unsold = capacity.saturating_sub(tier.tickets);
    let counts = if tier.seated {
        Counts { sold: tier.tickets, ..tier.seats }
    } else {
        Counts { available: unsold.saturating_sub(held), held, sold: tier.tickets }
    };
    let leaks = if tier.seated {
        capacity.saturating_sub(tier.seats.capacity())
    } else {
        unsold.saturating_sub(tier.counters.available + tier.counters.held)
    };
    TierJudgement { counts, beyond_capacity, leaks }
}

/// A count as an unsigned number. Only a damaged ledger leads to a count below zero, which becomes 0.
fn positive(count: i64) -> u64 {
    u64::try_from(count).unwrap_or_default()
}

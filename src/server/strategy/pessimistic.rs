//! `pessimistic`: lock the row, read it, write it.
//!
//! **How it works.** Each claim is a transaction of its own. It locks the rows of its tiers (`SELECT … FOR UPDATE`; on
//! SQLite `BEGIN IMMEDIATE` locks the whole database), reads how many units are left now that nobody else can change
//! that, decides, and writes. Named seats are locked after the tiers, always in that order, so that no two claims wait
//! for each other.
//!
//! **What it guarantees.** No phantom and no leak: the rows that were read cannot change before the write, and the
//! write is conditional all the same.
//!
//! **While it does not know.** It waits for the lock, so every refusal is true of what is committed.
//!
//! **What it costs.** A flush and one more round trip per purchase, with the lock held all along. Buyers of one tier
//! wait for each other, even where they want different seats.
//!
//! **Where it is used.** Banking systems, ticket shops on a relational database (pretix locks the event's quotas).

use std::sync::Arc;

use super::{
    Claim, Deciding, Strategy, Verdict,
    atomic_update::take_counted,
    one_by_one::{Take, Taken, attempt},
    wanted::{Wanted, WantedPart, WantedUnits},
};
use crate::{
    model::{seat::SeatStatus, strategy::StrategyKind},
    server::{
        stock::Desk,
        store::{self, Transaction},
    },
};

pub struct Pessimistic {
    desk: Arc<Desk>,
}

impl Pessimistic {
    pub const fn new(desk: Arc<Desk>) -> Self {
        Self { desk }
    }

    async fn decide(&self, claim: Claim) -> Verdict {
        let verdict = attempt(&self.desk, &claim, &Wanted::of(&claim), &ByLock).await.verdict(&claim);
        claim.settle(verdict)
    }
}

/// Takes units after locking their rows.
struct ByLock;

impl Take for ByLock {
    async fn take(
        &self,
        transaction: &mut Transaction<'_>,
        claim: &Claim,
        wanted: &Wanted,
    ) -> Result<Taken, sqlx::Error> {
        for tier in &wanted.tiers {
            let (_, available) = store::lock_tier(transaction.connection(), tier.tier_id).await?;
            if available < tier.quantity {
                return Ok(Taken::Gone(Vec::new()));
            }
        }
        let gone = take_named(transaction, wanted).await?;
        if !gone.is_empty() {
            return Ok(Taken::Gone(gone));
        }
        let mut seats_by_part = Vec::with_capacity(wanted.parts.len());
        for part in &wanted.parts {
            seats_by_part.push(match &part.what {
                WantedUnits::Named(positions) => positions.clone(),
                WantedUnits::Counted(_) => Vec::new(),
                WantedUnits::Seats(quantity) => {
                    let seats = lock_best_seats(transaction, claim, wanted.sale_id, part, *quantity).await?;
                    let set = store::set_seats(transaction.connection(), wanted.sale_id, &seats, wanted.to).await?;
                    if set < *quantity {
                        return Ok(Taken::Gone(Vec::new()));
                    }
                    seats.into_iter().map(|(position, _)| position).collect()
                }
            });
        }
        let is_left = take_counted(transaction, wanted).await?;
        Ok(if is_left { Taken::All(wanted.grant(claim, seats_by_part)) } else { Taken::Gone(Vec::new()) })
    }
}

/// Positions and versions of this many free seats of a tier, in order: the mirror's best ones, locked, if all of them are
/// free; else the first free ones.
async fn lock_best_seats(
    transaction: &mut Transaction<'_>,
    claim: &Claim,
    sale_id: i64,
    part: &WantedPart,
    units: u64,
) -> Result<Vec<(u32, i64)>, sqlx::Error> {
    let best = claim.best_seats(part.tier_index, units);
    if !best.is_empty() {
        let locked = store::lock_seats(transaction.connection(), sale_id, &best).await?;
        if locked.len() == best.len() && locked.iter().all(|(.., status)| *status == SeatStatus::Available) {
            return Ok(locked.into_iter().map(|(position, version, _)| (position, version)).collect());
        }
    }
    store::free_seats(transaction.connection(), sale_id, part.tier_id, units, false).await
}

/// Locks the named seats, takes them and returns those that are gone. If any is gone, the claim takes nothing.
async fn take_named(transaction: &mut Transaction<'_>, wanted: &Wanted) -> Result<Vec<u32>, sqlx::Error> {
    let named = wanted.named_seats();
    if named.is_empty() {
        return Ok(named);
    }
    let locked = store::lock_seats(transaction.connection(), wanted.sale_id, &named).await?;
    let (free, gone): (Vec<_>, Vec<_>) = locked.into_iter().partition(|(.., status)| *status == SeatStatus::Available);
    if !gone.is_empty() {
        return Ok(gone.into_iter().map(|(position, ..)| position).collect());
    }
    let free: Vec<_> = free.into_iter().map(|(position, version, _)| (position, version)).collect();
    let set = store::set_seats(transaction.connection(), wanted.sale_id, &free, wanted.to).await?;
    Ok(if set == named.len() as u64 { Vec::new() } else { named })
}

impl Strategy for Pessimistic {
    fn kind(&self) -> StrategyKind {
        StrategyKind::Pessimistic
    }

    fn claim(&self, claim: Claim) -> Deciding<'_> {
        Box::pin(self.decide(claim))
    }
}

//! `atomic_update`: one conditional update per request.
//!
//! **How it works.** Each claim is a transaction of its own: `UPDATE … SET available = available - n WHERE … AND
//! available >= n`, first for the tiers, then for the seats, last for the sale's row, which hands out `seq`. The first
//! update that does not change its row ends the claim with a refusal.
//!
//! **What it guarantees.** No phantom and no leak, on any store: the database evaluates the condition on the row that
//! it locks. Nothing in memory has to be right.
//!
//! **While it does not know.** It waits for a row that another transaction has locked, so every refusal is true of what
//! is committed.
//!
//! **What it costs.** A flush per purchase, and all buyers of a sale wait for one row.
//!
//! **Where it is used.** The textbook answer, and enough for most shops.

use std::sync::Arc;

use super::{
    Claim, Deciding, Strategy, Verdict,
    one_by_one::{Take, Taken, attempt},
    wanted::{Wanted, WantedUnits},
};
use crate::{
    model::strategy::StrategyKind,
    server::{
        stock::Desk,
        store::{self, Transaction},
    },
};

pub struct AtomicUpdate {
    desk: Arc<Desk>,
}

impl AtomicUpdate {
    pub const fn new(desk: Arc<Desk>) -> Self {
        Self { desk }
    }
}

/// Decides a claim by conditional updates alone.
pub async fn decide_by_condition(desk: &Desk, claim: Claim) -> Verdict {
    let verdict = attempt(desk, &claim, &Wanted::of(&claim), &ByCondition).await.verdict(&claim);
    claim.settle(verdict)
}

/// Takes by conditional updates alone.
pub struct ByCondition;

impl Take for ByCondition {
    async fn take(
        &self,
        transaction: &mut Transaction<'_>,
        claim: &Claim,
        wanted: &Wanted,
    ) -> Result<Taken, sqlx::Error> {
        // The tiers come first. While a claim holds a tier's row, no other claim picks any seat of that tier, so claims
        // do not wait for each other's seats.
        if !take_counted(transaction, wanted).await? {
            return Ok(Taken::Gone(Vec::new()));
        }
        let gone = take_named(transaction, wanted).await?;
        if !gone.is_empty() {
            return Ok(Taken::Gone(gone));
        }
        let mut seats_by_part = Vec::with_capacity(wanted.parts.len());
        for part in &wanted.parts {
            let seats = match &part.what {
                WantedUnits::Named(positions) => positions.clone(),
                WantedUnits::Counted(_) => Vec::new(),
                WantedUnits::Seats(quantity) => {
                    let best = claim.best_seats(part.tier_index, *quantity);
                    take_best_seats(transaction, wanted, part.tier_id, best, *quantity).await?
                }
            };
            if matches!(part.what, WantedUnits::Seats(quantity) if (seats.len() as u64) < quantity) {
                return Ok(Taken::Gone(Vec::new()));
            }
            seats_by_part.push(seats);
        }
        Ok(Taken::All(wanted.grant(claim, seats_by_part)))
    }
}

/// Takes this many seats of a tier and returns them in order: the proposed ones, and others instead of those that are gone.
async fn take_best_seats(
    transaction: &mut Transaction<'_>,
    &Wanted { sale_id, to, .. }: &Wanted,
    tier_id: i64,
    proposed: Vec<u32>,
    units: u64,
) -> Result<Vec<u32>, sqlx::Error> {
    let mut seats = match proposed.is_empty() {
        true => Vec::new(),
        false => store::take_seats(transaction.connection(), sale_id, &proposed, to).await?,
    };
    let missing = units - seats.len() as u64;
    if missing > 0 {
        seats.extend(store::take_any_seats(transaction.connection(), sale_id, tier_id, missing, to).await?);
        seats.sort_unstable();
    }
    Ok(seats)
}

/// Takes the named seats and returns those that are gone. If any is gone, the claim takes nothing.
pub async fn take_named(transaction: &mut Transaction<'_>, wanted: &Wanted) -> Result<Vec<u32>, sqlx::Error> {
    let mut named = wanted.named_seats();
    if named.is_empty() {
        return Ok(named);
    }
    let taken = store::take_seats(transaction.connection(), wanted.sale_id, &named, wanted.to).await?;
    named.retain(|position| taken.binary_search(position).is_err());
    Ok(named)
}

/// Takes the units off the counters of the tiers. `false` where a tier has too few left.
pub async fn take_counted(transaction: &mut Transaction<'_>, wanted: &Wanted) -> Result<bool, sqlx::Error> {
    for tier in &wanted.tiers {
        if !store::set_tier(transaction.connection(), tier.tier_id, None, tier.quantity, wanted.to).await? {
            return Ok(false);
        }
    }
    Ok(true)
}

impl Strategy for AtomicUpdate {
    fn kind(&self) -> StrategyKind {
        StrategyKind::AtomicUpdate
    }

    fn claim(&self, claim: Claim) -> Deciding<'_> {
        Box::pin(decide_by_condition(&self.desk, claim))
    }
}

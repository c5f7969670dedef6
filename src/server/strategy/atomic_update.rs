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
pub async fn buy(desk: &Desk, claim: Claim) -> Verdict {
    let verdict = attempt(desk, &claim, &Wanted::of(&claim), &ByCondition).await.verdict(&claim);
    claim.settle(verdict)
}

/// Takes by conditional updates alone.
pub struct ByCondition;

impl Take for ByCondition {
    async fn take(&self, transaction: &mut Transaction<'_>, wanted: &Wanted) -> Result<Taken, sqlx::Error> {
        // The tiers come first. While a claim holds a tier's row, no other claim picks any seat of that tier, so claims
        // do not wait for each other's seats.
        if !take_counted(transaction, wanted).await? {
            return Ok(Taken::Gone(None));
        }
        if let Some(gone) = take_named(transaction, wanted).await? {
            return Ok(Taken::Gone(Some(gone)));
        }
        let mut seats_by_part = Vec::with_capacity(wanted.parts.len());
        for part in &wanted.parts {
            let connection = transaction.connection();
            let seats = match &part.what {
                WantedUnits::Named(positions) => positions.clone(),
                WantedUnits::Counted(_) => Vec::new(),
                WantedUnits::Seats(quantity) => {
                    store::take_any_seats(connection, wanted.sale_id, part.tier_id, *quantity).await?
                }
            };
            if matches!(part.what, WantedUnits::Seats(quantity) if (seats.len() as u64) < quantity) {
                return Ok(Taken::Gone(None));
            }
            seats_by_part.push(seats);
        }
        Ok(Taken::All(wanted.grant(seats_by_part)))
    }
}

/// Takes the named seats. Returns one that is gone where not all of them could be taken.
pub async fn take_named(transaction: &mut Transaction<'_>, wanted: &Wanted) -> Result<Option<u32>, sqlx::Error> {
    let named = wanted.named_seats();
    if named.is_empty() {
        return Ok(None);
    }
    let taken = store::take_seats(transaction.connection(), wanted.sale_id, &named).await?;
    Ok(named.into_iter().find(|position| taken.binary_search(position).is_err()))
}

/// Takes the units off the counters of the tiers. `false` where a tier has too few left.
pub async fn take_counted(transaction: &mut Transaction<'_>, wanted: &Wanted) -> Result<bool, sqlx::Error> {
    for tier in &wanted.tiers {
        if !store::set_tier(transaction.connection(), tier.tier_id, None, tier.quantity).await? {
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
        Box::pin(buy(&self.desk, claim))
    }
}

//! `skip_locked`: any unit whose row nobody else has locked.
//!
//! **How it works.** Every unit has a row of its own: seats have theirs, and general admission has unnumbered rows. A
//! claim locks the first available rows that no other transaction has locked (`FOR UPDATE SKIP LOCKED`). So two buyers
//! never wait for each other over any unit, and each gets a different one. Named seats are taken by a conditional
//! update, as in `atomic_update`. Counters and `seq` follow as in every strategy.
//!
//! **What it guarantees.** No phantom and no leak.
//!
//! **While it does not know.** Where too few rows are free of locks, it looks again. A lock is not a sale, so it never
//! concludes "sold out" from locks. After half a second of pauses it gives up with `contended`.
//!
//! **What it costs.** A row per unit, and a scan over the rows that others have locked. PostgreSQL must vacuum the rows
//! that this leaves behind.
//!
//! **Where it is used.** Job queues in PostgreSQL, and shops that give out "any seat".

use std::{sync::Arc, time::Duration};

use super::{
    Claim, Deciding, Strategy, Verdict,
    atomic_update::{take_counted, take_named},
    one_by_one::{Attempt, Take, Taken, attempt},
    wanted::{Wanted, WantedUnits},
};
use crate::{
    model::strategy::StrategyKind,
    server::{
        stock::{Desk, contended},
        store::{self, Transaction},
    },
};

/// How often a claim looks for units free of locks before it gives up.
const TRIES: u32 = 100;
/// The pause between two looks: about as long as the transaction of another claim.
const PAUSE: Duration = Duration::from_millis(5);

pub struct SkipLocked {
    desk: Arc<Desk>,
}

impl SkipLocked {
    pub const fn new(desk: Arc<Desk>) -> Self {
        Self { desk }
    }

    async fn decide(&self, claim: Claim) -> Verdict {
        let wanted = Wanted::of(&claim);
        let mut verdict = Verdict::RefusedByDatabase(contended());
        for tries in 0..TRIES {
            if let Attempt::Done(done) = attempt(&self.desk, &claim, &wanted, &Unlocked).await {
                verdict = if tries > 0 { done.after_asking() } else { done };
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
        claim.settle(verdict)
    }
}

/// Takes rows that nobody has locked.
struct Unlocked;

impl Take for Unlocked {
    async fn take(
        &self,
        transaction: &mut Transaction<'_>,
        claim: &Claim,
        wanted: &Wanted,
    ) -> Result<Taken, sqlx::Error> {
        let gone = take_named(transaction, wanted).await?;
        if !gone.is_empty() {
            return Ok(Taken::Gone(gone));
        }
        let mut seats_by_part = Vec::with_capacity(wanted.parts.len());
        for part in &wanted.parts {
            let (found, quantity, seats) = match &part.what {
                WantedUnits::Named(positions) => (positions.len() as u64, positions.len() as u64, positions.clone()),
                WantedUnits::Seats(quantity) => {
                    let seats = take_unlocked_seats(transaction, wanted, part.tier_id, *quantity).await?;
                    (seats.len() as u64, *quantity, seats)
                }
                WantedUnits::Counted(quantity) => {
                    let found = store::take_units(transaction.connection(), part.tier_id, *quantity).await?;
                    (found, *quantity, Vec::new())
                }
            };
            if found < quantity {
                // The counter still has what this claim itself has taken of the tier.
                let (_, available) = store::read_tier(transaction.connection(), part.tier_id).await?;
                let is_gone = available < wanted.of_tier(part.tier_id);
                return Ok(if is_gone { Taken::Gone(Vec::new()) } else { Taken::Outrun });
            }
            seats_by_part.push(seats);
        }
        let is_left = take_counted(transaction, wanted).await?;
        Ok(if is_left { Taken::All(wanted.grant(claim, seats_by_part)) } else { Taken::Gone(Vec::new()) })
    }
}

/// Takes the first available seats of a tier that nobody has locked. Fewer than `quantity` where there are not enough.
async fn take_unlocked_seats(
    transaction: &mut Transaction<'_>,
    &Wanted { sale_id, to, .. }: &Wanted,
    tier_id: i64,
    quantity: u64,
) -> Result<Vec<u32>, sqlx::Error> {
    let seats = store::free_seats(transaction.connection(), sale_id, tier_id, quantity, true).await?;
    store::set_seats(transaction.connection(), sale_id, &seats, to).await?;
    Ok(seats.into_iter().map(|(position, _)| position).collect())
}

impl Strategy for SkipLocked {
    fn kind(&self) -> StrategyKind {
        StrategyKind::SkipLocked
    }

    fn claim(&self, claim: Claim) -> Deciding<'_> {
        Box::pin(self.decide(claim))
    }
}

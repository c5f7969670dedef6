//! `skip_locked`: any unit that nobody else is just looking at.
//!
//! **How it works.** Every unit has a row of its own, seats theirs and general admission unnumbered ones. A claim locks the
//! first available rows that no other transaction has locked (`FOR UPDATE SKIP LOCKED`), so that two buyers never wait for
//! each other over a unit, and each gets a different one. Counters and `seq` follow as in every strategy.
//!
//! **What it guarantees.** No phantom and no leak. Where too few rows are free of locks it looks again: a lock is not a
//! sale, and "sold out" is never concluded from locks.
//!
//! **What it costs.** A row per unit, and a scan over those that others hold; PostgreSQL must clean up behind it.
//!
//! **Where it is used.** Job queues in PostgreSQL, and shops that give out "any seat".

use std::{sync::Arc, time::Duration};

use super::{
    Claim, Deciding, Strategy, Verdict,
    one_by_one::{Attempt, Take, Taken, Wanted, attempt},
};
use crate::{
    model::strategy::StrategyKind,
    server::{
        stock::{Desk, contended},
        store::{self, Transaction},
    },
};

/// Times that a claim looks for units free of locks.
const TRIES: u32 = 100;
/// The pause in between: about as long as another's transaction.
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
            if let Attempt::Done(done) = attempt(&self.desk, &claim, wanted, &Unlocked).await {
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
    async fn take(&self, transaction: &mut Transaction<'_>, wanted: Wanted) -> Result<Taken, sqlx::Error> {
        let Wanted { sale_id, tier_id, seated, seat, quantity, .. } = wanted;
        if seat.is_some() {
            return super::atomic_update::ByCondition.take(transaction, wanted).await;
        }
        let (found, seats) = if seated {
            let seats = store::free_seats(transaction.connection(), sale_id, tier_id, quantity, true).await?;
            (store::set_seats(transaction.connection(), sale_id, &seats).await?, seats)
        } else {
            (store::take_units(transaction.connection(), tier_id, quantity).await?, Vec::new())
        };
        if found < quantity {
            let (_, available) = store::read_tier(transaction.connection(), tier_id).await?;
            return Ok(if available < quantity { Taken::Gone } else { Taken::Outrun });
        }
        let tier_set = store::set_tier(transaction.connection(), tier_id, None, quantity).await?;
        let positions = || seats.iter().map(|(position, _)| *position).collect();
        Ok(if tier_set { Taken::All(positions()) } else { Taken::Gone })
    }
}

impl Strategy for SkipLocked {
    fn kind(&self) -> StrategyKind {
        StrategyKind::SkipLocked
    }

    fn claim(&self, claim: Claim) -> Deciding<'_> {
        Box::pin(self.decide(claim))
    }
}

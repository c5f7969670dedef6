//! `pessimistic`: the row is locked, read again, and written.
//!
//! **How it works.** Each claim is a transaction of its own. It locks the tier's row (`SELECT … FOR UPDATE`; on SQLite
//! `BEGIN IMMEDIATE` locks the whole database), reads how many are left now that nobody else can change it, decides, and
//! writes. Named seats are locked behind the tier, always in that order, so that no two claims wait for each other.
//!
//! **What it guarantees.** No phantom and no leak: what was read cannot change before it is written, and the write is
//! conditional all the same.
//!
//! **What it costs.** A flush and one more round trip per purchase, with the lock held all along: buyers of one tier stand
//! in line, also those who want different seats.
//!
//! **Where it is used.** Banking systems, ticket shops on a relational database (pretix locks the event's quotas).

use std::sync::Arc;

use super::{
    Claim, Deciding, Strategy, Verdict,
    one_by_one::{Take, Taken, Wanted, attempt},
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
        let wanted = Wanted::of(&claim);
        let verdict = attempt(&self.desk, &claim, wanted, &ByLock).await.verdict(&claim, wanted);
        claim.settle(verdict)
    }
}

/// Takes behind locks.
struct ByLock;

impl Take for ByLock {
    async fn take(&self, transaction: &mut Transaction<'_>, wanted: Wanted) -> Result<Taken, sqlx::Error> {
        let Wanted { sale_id, tier_id, seated, seat, quantity, .. } = wanted;
        let (_, available) = store::lock_tier(transaction.connection(), tier_id).await?;
        if available < quantity {
            return Ok(Taken::Gone);
        }
        let seats: Vec<(u32, i64)> = match seat {
            Some(position) => {
                let locked = store::lock_seats(transaction.connection(), sale_id, &[position]).await?;
                let free = locked.into_iter().filter(|(.., status)| *status == SeatStatus::Available);
                free.map(|(position, version, _)| (position, version)).collect()
            }
            None if seated => store::free_seats(transaction.connection(), sale_id, tier_id, quantity, false).await?,
            None => Vec::new(),
        };
        if seated && (seats.len() as u64) < quantity {
            return Ok(Taken::Gone);
        }
        let seats_set = store::set_seats(transaction.connection(), sale_id, &seats).await?;
        let tier_set = store::set_tier(transaction.connection(), tier_id, None, quantity).await?;
        let all = tier_set && seats_set == seats.len() as u64;
        Ok(if all { Taken::All(seats.into_iter().map(|(position, _)| position).collect()) } else { Taken::Gone })
    }
}

impl Strategy for Pessimistic {
    fn kind(&self) -> StrategyKind {
        StrategyKind::Pessimistic
    }

    fn claim(&self, claim: Claim) -> Deciding<'_> {
        Box::pin(self.decide(claim))
    }
}

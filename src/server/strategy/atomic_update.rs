//! `atomic_update`: one conditional update per request.
//!
//! **How it works.** Each claim is a transaction of its own: `UPDATE … SET available = available - n WHERE … AND
//! available >= n`, first the seat, then the tier, last the sale's row that hands out `seq`; whichever changes no row
//! ends it with a refusal.
//!
//! **What it guarantees.** No phantom and no leak, on any store: the database evaluates the condition on the row that it
//! locks. It needs nothing in memory to be right.
//!
//! **What it costs.** A flush per purchase, and all buyers of a sale in line behind one row.
//!
//! **Where it is used.** The textbook answer, and enough for most shops.

use std::sync::Arc;

use super::{
    Claim, Deciding, Strategy, Verdict,
    one_by_one::{Take, Taken, Wanted, attempt},
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
    let wanted = Wanted::of(&claim);
    let verdict = attempt(desk, &claim, wanted, &ByCondition).await.verdict(&claim, wanted);
    claim.settle(verdict)
}

/// Takes by conditional updates alone.
pub struct ByCondition;

impl Take for ByCondition {
    async fn take(&self, transaction: &mut Transaction<'_>, wanted: Wanted) -> Result<Taken, sqlx::Error> {
        let Wanted { sale_id, tier_id, seated, seat, quantity, .. } = wanted;
        let taken = store::take_one_by_one(transaction.connection(), sale_id, tier_id, seat, quantity).await?;
        if taken == store::Taken::Nothing {
            return Ok(Taken::Gone);
        }
        let seats = match seat {
            Some(position) => vec![position],
            None if seated => store::take_any_seats(transaction.connection(), sale_id, tier_id, quantity).await?,
            None => Vec::new(),
        };
        let enough = !seated || seats.len() as u64 == quantity;
        Ok(if enough { Taken::All(seats) } else { Taken::Gone })
    }
}

impl Strategy for AtomicUpdate {
    fn kind(&self) -> StrategyKind {
        StrategyKind::AtomicUpdate
    }

    fn claim(&self, claim: Claim) -> Deciding<'_> {
        Box::pin(buy(&self.desk, claim))
    }
}

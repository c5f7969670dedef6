//! `optimistic`: read with a version, write only where the version still stands.
//!
//! **How it works.** Seat or tier are read with the version of their rows, without any lock. The claim then writes in a
//! transaction of its own, `… WHERE version = what was read`, and every write moves the version on. Where that changes no
//! row, somebody was quicker: it pauses, reads again, and tries again, three times in all with a pause that doubles. Then
//! it gives up with `contended`: stock may be left, and the buyer may ask again.
//!
//! **What it guarantees.** No phantom and no leak. Not that whoever asks while units are left gets one.
//!
//! **What it costs.** Nothing where buyers rarely meet, as on different seats. On one hot counter nearly all tries are in
//! vain: the work is done, and thrown away.
//!
//! **Where it is used.** `@Version` of JPA, ETags with `If-Match`, DynamoDB's conditional writes.

use std::{sync::Arc, time::Duration};

use super::{
    Claim, Deciding, Strategy, Verdict,
    one_by_one::{Attempt, Take, Taken, Wanted, attempt},
};
use crate::{
    model::{seat::SeatStatus, strategy::StrategyKind},
    server::{
        stock::{Desk, contended},
        store::{self, Transaction},
    },
};

/// Times that a claim reads and writes.
const TRIES: u32 = 3;
/// The pause after the first failure; after the second it is twice as long.
const PAUSE: Duration = Duration::from_millis(100);

pub struct Optimistic {
    desk: Arc<Desk>,
}

impl Optimistic {
    pub const fn new(desk: Arc<Desk>) -> Self {
        Self { desk }
    }

    async fn decide(&self, claim: Claim) -> Verdict {
        let verdict = try_versions(&self.desk, &claim).await;
        claim.settle(verdict)
    }
}

/// Reads and writes until nobody was quicker, or [`TRIES`] are over.
pub async fn try_versions(desk: &Desk, claim: &Claim) -> Verdict {
    let wanted = Wanted::of(claim);
    for tries in 0..TRIES {
        if tries > 0 {
            tokio::time::sleep(PAUSE * 2_u32.pow(tries - 1)).await;
        }
        let seen = match Seen::read(desk, wanted).await {
            Ok(Some(seen)) => seen,
            Ok(None) => return Verdict::RefusedByDatabase(wanted.refusal(&claim.sale)),
            Err(error) => return Verdict::Unknown(error),
        };
        if let Attempt::Done(verdict) = attempt(desk, claim, wanted, &seen).await {
            return verdict.after_asking();
        }
    }
    Verdict::RefusedByDatabase(contended())
}

/// What was read, without a lock.
struct Seen {
    /// The version of the tier's row, where its counter is all that guards the units.
    tier: Option<i64>,
    /// Positions and versions of the seats.
    seats: Vec<(u32, i64)>,
}

impl Seen {
    /// Reads what is wanted; `None` where it is gone.
    async fn read(desk: &Desk, wanted: Wanted) -> Result<Option<Self>, sqlx::Error> {
        let Wanted { sale_id, tier_id, seated, seat, quantity, .. } = wanted;
        let mut reader = desk.store.reader().await?;
        if !seated {
            let (version, available) = store::read_tier(reader.connection(), tier_id).await?;
            return Ok((available >= quantity).then_some(Self { tier: Some(version), seats: Vec::new() }));
        }
        let seats: Vec<(u32, i64)> = match seat {
            Some(position) => {
                let read = store::read_seats(reader.connection(), sale_id, &[position]).await?;
                let free = read.into_iter().filter(|(.., status)| *status == SeatStatus::Available);
                free.map(|(position, version, _)| (position, version)).collect()
            }
            None => store::free_seats(reader.connection(), sale_id, tier_id, quantity, false).await?,
        };
        Ok((seats.len() as u64 == quantity).then_some(Self { tier: None, seats }))
    }
}

impl Take for Seen {
    async fn take(&self, transaction: &mut Transaction<'_>, wanted: Wanted) -> Result<Taken, sqlx::Error> {
        let seats_set = store::set_seats(transaction.connection(), wanted.sale_id, &self.seats).await?;
        if seats_set != self.seats.len() as u64 {
            return Ok(Taken::Outrun);
        }
        let tier_set = store::set_tier(transaction.connection(), wanted.tier_id, self.tier, wanted.quantity).await?;
        let positions = || self.seats.iter().map(|(position, _)| *position).collect();
        Ok(if tier_set { Taken::All(positions()) } else { Taken::Outrun })
    }
}

impl Strategy for Optimistic {
    fn kind(&self) -> StrategyKind {
        StrategyKind::Optimistic
    }

    fn claim(&self, claim: Claim) -> Deciding<'_> {
        Box::pin(self.decide(claim))
    }
}

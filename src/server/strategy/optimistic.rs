//! `optimistic`: read with a version, write only where the version is still the same.
//!
//! **How it works.** A claim reads the seats or the tier with the versions of their rows, without any lock. It then
//! writes in a transaction of its own, `… WHERE version = what was read`, and every write increases the version. Where
//! the write does not change its row, another claim was quicker. This claim then pauses, reads again and tries again,
//! three times in all, with a pause that doubles. After that it gives up with `contended`: stock may be left, and the
//! buyer may ask again.
//!
//! **What it guarantees.** No phantom and no leak. It does not guarantee that a buyer who asks while units are left
//! gets one.
//!
//! **While it does not know.** It answers `contended`. It says "sold out" and "taken" only of rows that it has read,
//! and a read sees what is committed.
//!
//! **What it costs.** Nothing where buyers rarely want the same rows, as with different seats. On one hot counter
//! nearly all tries fail, and their work is thrown away.
//!
//! **Where it is used.** `@Version` of JPA, ETags with `If-Match`, DynamoDB's conditional writes.

use std::{sync::Arc, time::Duration};

use super::{
    Claim, Deciding, Strategy, Verdict,
    one_by_one::{Attempt, Take, Taken, attempt},
    wanted::{Wanted, WantedPart, WantedUnits},
};
use crate::{
    model::{seat::SeatStatus, strategy::StrategyKind},
    server::{
        stock::{Desk, contended},
        store::{self, Reader, Transaction},
    },
};

/// How often a claim reads and writes before it gives up.
const TRIES: u32 = 3;
/// The pause after the first failure. The pause after the second is twice as long.
const PAUSE: Duration = Duration::from_millis(100);

pub struct Optimistic {
    desk: Arc<Desk>,
}

impl Optimistic {
    pub const fn new(desk: Arc<Desk>) -> Self {
        Self { desk }
    }

    async fn decide(&self, claim: Claim) -> Verdict {
        let verdict = try_versions(&self.desk, &claim, &Wanted::of(&claim)).await;
        claim.settle(verdict)
    }
}

/// Reads and writes until nobody else was quicker, at most [`TRIES`] times.
pub async fn try_versions(desk: &Desk, claim: &Claim, wanted: &Wanted) -> Verdict {
    for tries in 0..TRIES {
        if tries > 0 {
            tokio::time::sleep(PAUSE * 2_u32.pow(tries - 1)).await;
        }
        let seen = match Seen::read(desk, claim, wanted).await {
            Ok(Ok(seen)) => seen,
            Ok(Err(Gone(seats))) => return Verdict::RefusedByDatabase(claim.gone(seats)),
            Err(error) => return Verdict::Unknown(error),
        };
        if let Attempt::Done(verdict) = attempt(desk, claim, wanted, &seen).await {
            return verdict.after_asking();
        }
    }
    Verdict::RefusedByDatabase(contended())
}

/// What was read, without a lock.
#[derive(Default)]
struct Seen {
    /// The version of each tier's row; `None` for a seated tier, whose units are guarded by the versions of the seats.
    tiers: Vec<Option<i64>>,
    /// Positions and versions of the seats, part by part.
    seats: Vec<Vec<(u32, i64)>>,
}

/// What is wanted cannot be had: these named seats are gone, or too few units are left.
struct Gone(Vec<u32>);

impl Seen {
    async fn read(desk: &Desk, claim: &Claim, wanted: &Wanted) -> Result<Result<Self, Gone>, sqlx::Error> {
        let mut reader = desk.store.reader().await?;
        let mut seen = Self::default();
        for tier in &wanted.tiers {
            let (version, available) = store::read_tier(reader.connection(), tier.tier_id).await?;
            if !tier.seated && available < tier.quantity {
                return Ok(Err(Gone(Vec::new())));
            }
            seen.tiers.push((!tier.seated).then_some(version));
        }
        for part in &wanted.parts {
            let seats = match seen.read_seats(&mut reader, claim, wanted, part).await? {
                Ok(seats) => seats,
                Err(gone) => return Ok(Err(gone)),
            };
            seen.seats.push(seats);
        }
        Ok(Ok(seen))
    }

    async fn read_seats(
        &self,
        reader: &mut Reader,
        claim: &Claim,
        wanted: &Wanted,
        part: &WantedPart,
    ) -> Result<Result<Vec<(u32, i64)>, Gone>, sqlx::Error> {
        Ok(match &part.what {
            WantedUnits::Counted(_) => Ok(Vec::new()),
            WantedUnits::Named(positions) => {
                let read = store::read_seats(reader.connection(), wanted.sale_id, positions).await?;
                let (free, gone): (Vec<_>, Vec<_>) =
                    read.into_iter().partition(|(.., status)| *status == SeatStatus::Available);
                match gone.is_empty() {
                    true => Ok(free.into_iter().map(|(position, version, _)| (position, version)).collect()),
                    false => Err(Gone(gone.into_iter().map(|(position, ..)| position).collect())),
                }
            }
            WantedUnits::Seats(quantity) => {
                let best = claim.best_seats(part.tier_index, *quantity);
                if let Some(seats) = read_best_seats(reader, wanted.sale_id, &best).await? {
                    return Ok(Ok(seats));
                }
                // Seats that another part of the wish names must not be picked twice. So this asks for as many more,
                // and drops the named ones.
                let named = wanted.named_seats();
                let asked = quantity + named.len() as u64;
                let mut free =
                    store::free_seats(reader.connection(), wanted.sale_id, part.tier_id, asked, false).await?;
                free.retain(|(position, _)| named.binary_search(position).is_err());
                free.truncate(usize::try_from(*quantity).expect("a wish is for few units"));
                if free.len() as u64 == *quantity { Ok(free) } else { Err(Gone(Vec::new())) }
            }
        })
    }
}

/// Positions and versions of these seats, where all of them are free.
async fn read_best_seats(
    reader: &mut Reader,
    sale_id: i64,
    best: &[u32],
) -> Result<Option<Vec<(u32, i64)>>, sqlx::Error> {
    if best.is_empty() {
        return Ok(None);
    }
    let read = store::read_seats(reader.connection(), sale_id, best).await?;
    let are_free = read.len() == best.len() && read.iter().all(|(.., status)| *status == SeatStatus::Available);
    Ok(are_free.then(|| read.into_iter().map(|(position, version, _)| (position, version)).collect()))
}

impl Take for Seen {
    async fn take(
        &self,
        transaction: &mut Transaction<'_>,
        claim: &Claim,
        wanted: &Wanted,
    ) -> Result<Taken, sqlx::Error> {
        let seats: Vec<_> = self.seats.iter().flatten().copied().collect();
        let seats_set = match seats.is_empty() {
            true => 0,
            false => store::set_seats(transaction.connection(), wanted.sale_id, &seats, wanted.to).await?,
        };
        if seats_set != seats.len() as u64 {
            return Ok(Taken::Outrun);
        }
        for (tier, version) in wanted.tiers.iter().zip(&self.tiers) {
            if !store::set_tier(transaction.connection(), tier.tier_id, *version, tier.quantity, wanted.to).await? {
                return Ok(Taken::Outrun);
            }
        }
        let positions = |seats: &Vec<(u32, i64)>| seats.iter().map(|(position, _)| *position).collect();
        Ok(Taken::All(wanted.grant(claim, self.seats.iter().map(positions).collect())))
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

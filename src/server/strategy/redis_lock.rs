//! `redis_lock`: a lease in Redis, in front of `optimistic`.
//!
//! **How it works.** Before a claim reads a seat, it takes a lease on that seat (`SET NX` with a time to live), or on
//! the tier where no seat is named. The lease names an owner that is new for each attempt. A script gives the lease
//! back by deleting it only if it still has that owner, so a claim whose lease ran out cannot delete the lease of the
//! next claim. After the lease comes the versioned write of `optimistic`, which alone decides.
//!
//! **What it guarantees.** No phantom and no leak, even where Redis forgets leases, is slow, or is gone: then the
//! versions alone keep buyers apart. A seat whose holder did not win can be sold at once; a seat whose holder died,
//! when the lease runs out.
//!
//! **While it does not know.** A claim that finds the lease taken waits, and in the end answers `contended`.
//!
//! **What it costs.** Two more round trips for each lease. A claim that finds the lease taken asks three times in all,
//! with pauses, then gives up with `contended`. That is not `seat-taken`, because the holder may yet fail.
//!
//! **Where it is used.** Seat locks of ticket shops, Redlock, ShedLock.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use redis::Script;
use uuid::Uuid;

use super::{
    Claim, Deciding, Strategy, Verdict,
    optimistic::try_versions,
    wanted::{Wanted, WantedUnits},
};
use crate::{
    model::strategy::StrategyKind,
    server::{
        redis::Redis,
        stock::{Desk, contended},
        telemetry::metrics::LEASES_CONTENDED,
    },
};

/// How long a lease lasts when nobody gives it back.
const LEASE_MILLISECONDS: u64 = 5_000;
/// How often a claim asks for a lease before it gives up.
const TRIES: u32 = 3;
/// The pause after the first refusal. The pause after the second is twice as long.
const PAUSE: Duration = Duration::from_millis(100);

static TAKE: LazyLock<Script> = LazyLock::new(|| {
    Script::new("if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 1 else return 0 end")
});
static GIVE_BACK: LazyLock<Script> = LazyLock::new(|| {
    Script::new("if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) else return 0 end")
});

pub struct RedisLock {
    desk: Arc<Desk>,
    redis: Arc<Redis>,
}

/// A lease that is given back when it is dropped.
struct Lease {
    redis: Arc<Redis>,
    key: String,
    owner: String,
}

impl RedisLock {
    pub const fn new(desk: Arc<Desk>, redis: Arc<Redis>) -> Self {
        Self { desk, redis }
    }

    async fn decide(&self, claim: Claim) -> Verdict {
        let wanted = Wanted::of(&claim);
        let verdict = match self.lease_all(&wanted).await {
            Ok(_leases) => try_versions(&self.desk, &claim, &wanted).await,
            Err(Contended) => {
                metrics::counter!(LEASES_CONTENDED).increment(1);
                Verdict::Refused(contended())
            }
        };
        claim.settle(verdict)
    }

    /// Takes the leases on everything that is wanted, as far as Redis can be asked. All claims take them in the same
    /// order, so that no two claims wait for each other.
    async fn lease_all(&self, wanted: &Wanted) -> Result<Vec<Lease>, Contended> {
        let mut units = Vec::new();
        for part in &wanted.parts {
            match &part.what {
                WantedUnits::Named(positions) => {
                    units.extend(positions.iter().map(|position| format!("lease:{}:seat:{position}", wanted.sale_id)));
                }
                WantedUnits::Seats(_) | WantedUnits::Counted(_) => {
                    units.push(format!("lease:{}:tier:{}", wanted.sale_id, part.tier_id));
                }
            }
        }
        units.sort_unstable();
        let mut leases = Vec::with_capacity(units.len());
        for unit in units {
            leases.extend(self.lease(&unit).await?);
        }
        Ok(leases)
    }

    /// Takes one lease. `None` where Redis cannot be asked.
    async fn lease(&self, unit: &str) -> Result<Option<Lease>, Contended> {
        let key = self.redis.key(unit);
        for tries in 0..TRIES {
            if tries > 0 {
                tokio::time::sleep(PAUSE * 2_u32.pow(tries - 1)).await;
            }
            // The lease value exists before Redis answers, so that a claim that goes away in between gives back a lease
            // that it may have got.
            let lease = Lease { redis: self.redis.clone(), key: key.clone(), owner: Uuid::new_v4().to_string() };
            match self.redis.run::<u8>(&TAKE, std::slice::from_ref(&key), &[&lease.owner, &LEASE_MILLISECONDS]).await {
                None => return Ok(None),
                Some(1) => return Ok(Some(lease)),
                Some(_) => {}
            }
        }
        Err(Contended)
    }
}

/// Another claim holds the lease.
struct Contended;

impl Drop for Lease {
    fn drop(&mut self) {
        let (redis, key, owner) = (self.redis.clone(), std::mem::take(&mut self.key), std::mem::take(&mut self.owner));
        tokio::spawn(async move { redis.run::<u8>(&GIVE_BACK, &[key], &[&owner]).await });
    }
}

impl Strategy for RedisLock {
    fn kind(&self) -> StrategyKind {
        StrategyKind::RedisLock
    }

    fn claim(&self, claim: Claim) -> Deciding<'_> {
        Box::pin(self.decide(claim))
    }
}

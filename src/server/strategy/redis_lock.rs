//! `redis_lock`: a lease in Redis, in front of `optimistic`.
//!
//! **How it works.** Before a claim reads a seat it takes a lease on it (`SET NX` with a time to live), on the tier where
//! no seat is named. The lease names an owner that is new for each attempt, and is given back by a script that deletes it
//! only if it is still that owner's: whoever was so slow that the lease ran out cannot take away the next one's. Behind the
//! lease stands the versioned write of `optimistic`, which alone decides.
//!
//! **What it guarantees.** No phantom and no leak, also where Redis forgets leases, is slow, or is gone: then buyers only
//! meet at the versions. A holder who loses, or dies, leaves a seat that can be sold at once, or when the lease runs out.
//!
//! **While it does not know.** Whoever meets a lease waits for it, and in the end answers `contended`.
//!
//! **What it costs.** Two more round trips per purchase. Whoever meets a lease waits and tries again, three times in all,
//! then gives up with `contended`, which is not `seat-taken`: the holder may yet fail.
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

/// How long a lease lasts that nobody gives back.
const LEASE_MILLISECONDS: u64 = 5_000;
/// Times that a claim asks for its lease.
const TRIES: u32 = 3;
/// The pause after the first refusal; after the second it is twice as long.
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

    /// The leases on what is wanted, as far as Redis can be asked. They are taken in one order, so that no two claims wait for
    /// each other.
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

    /// One lease; none where Redis cannot be asked.
    async fn lease(&self, unit: &str) -> Result<Option<Lease>, Contended> {
        let key = self.redis.key(unit);
        for tries in 0..TRIES {
            if tries > 0 {
                tokio::time::sleep(PAUSE * 2_u32.pow(tries - 1)).await;
            }
            // The owner stands before the answer does: a claim that goes away in between gives back what it may have.
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

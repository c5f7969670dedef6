//! `redis_gate`: a counter in Redis admits, the database decides.
//!
//! **How it works.** What is left of each tier stands in Redis, for all nodes. A script takes a claim's units off it and
//! notes the claim as on its way, in one step; where too few are left the claim is refused without a word to the database.
//! Whoever is let in buys by a conditional update as in `atomic_update`; when that is settled the note goes, and the units
//! go back where nothing was bought.
//!
//! **What it guarantees.** No phantom, because the database has the last word. No leak, because the counter is compared
//! with the database every second: units that left the gate with a node that died go back, once their note has run out. A
//! Redis that is lost, flushed or restored to an old state lets too many in for a moment, and the database refuses them;
//! one that is gone lets all in.
//!
//! **What it costs.** Two more round trips per purchase, one per refusal, and a flush per purchase as in `atomic_update`.
//!
//! **Where it is used.** Flash sales with `DECR` in front of the database, on several nodes.

use std::{
    sync::{Arc, LazyLock, Weak},
    time::Duration,
};

use redis::Script;
use uuid::Uuid;

use super::{
    Claim, Deciding, Strategy, Verdict,
    atomic_update::ByCondition,
    one_by_one::{Wanted, attempt},
};
use crate::{
    model::strategy::StrategyKind,
    server::{
        redis::Redis,
        stock::{Desk, SaleDesk},
        store,
        telemetry::metrics::GATE_REFUSALS,
    },
};

/// How long a claim may be on its way before its note runs out and its units count as leaked. One that comes through later
/// lets one claim too many in, which the database refuses.
const NOTE_MILLISECONDS: i64 = 5_000;
const RECONCILE_EVERY: Duration = Duration::from_secs(1);

/// Lets a claim in. Gate: a hash of `revision` and what is left by tier. Notes: a sorted set of claims on their way, by
/// the time at which they run out.
static ADMIT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local revision = redis.call('HGET', KEYS[1], 'revision')
         if not revision or tonumber(revision) < tonumber(ARGV[1]) then return 'stale' end
         if tonumber(revision) > tonumber(ARGV[1]) then return 'ahead' end
         if tonumber(redis.call('HGET', KEYS[1], ARGV[2])) < tonumber(ARGV[3]) then return 'gone' end
         redis.call('HINCRBY', KEYS[1], ARGV[2], -tonumber(ARGV[3]))
         redis.call('ZADD', KEYS[2], ARGV[5], ARGV[4])
         return 'in'",
    )
});

/// Takes a claim's note away, and puts its units back where it bought nothing. A note that is gone was settled otherwise.
static SETTLE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('ZREM', KEYS[2], ARGV[1]) == 0 then return 0 end
         if tonumber(ARGV[3]) > 0 then redis.call('HINCRBY', KEYS[1], ARGV[2], ARGV[3]) end
         return 1",
    )
});

/// Fills a gate that is empty or older than this revision; what was on its way is forgotten with it.
static FILL: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local revision = redis.call('HGET', KEYS[1], 'revision')
         if revision and tonumber(revision) >= tonumber(ARGV[1]) then return 0 end
         redis.call('DEL', KEYS[1], KEYS[2])
         redis.call('HSET', KEYS[1], 'revision', ARGV[1])
         for tier = 2, #ARGV do redis.call('HSET', KEYS[1], tier - 2, ARGV[tier]) end
         return 1",
    )
});

/// What the gate says: revision, then per tier what is left and what is on its way. Notes that have run out go first.
static LOOK: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', ARGV[1])
         local revision = redis.call('HGET', KEYS[1], 'revision')
         if not revision then return {} end
         local said = { tonumber(revision) }
         for tier = 0, tonumber(ARGV[2]) - 1 do
             table.insert(said, tonumber(redis.call('HGET', KEYS[1], tier)))
             table.insert(said, 0)
         end
         for _, note in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
             local tier, units = string.match(note, '^(%d+):(%d+):')
             local place = 3 + 2 * tonumber(tier)
             said[place] = said[place] + tonumber(units)
         end
         return said",
    )
});

/// Sets what is left of a tier, if the gate still says what it was seen to say.
static CORRECT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('HGET', KEYS[1], 'revision') ~= ARGV[1] then return 0 end
         if redis.call('HGET', KEYS[1], ARGV[2]) ~= ARGV[3] then return 0 end
         redis.call('HSET', KEYS[1], ARGV[2], ARGV[4])
         return 1",
    )
});

pub struct RedisGate {
    desk: Arc<Desk>,
    redis: Arc<Redis>,
}

/// A claim on its way through the gate.
struct Admission {
    redis: Arc<Redis>,
    keys: [String; 2],
    tier_index: usize,
    quantity: u64,
    note: String,
    /// Whether the outcome is known; else the note stays until it runs out, and the comparison settles it.
    is_known: bool,
    is_bought: bool,
}

/// What the gate says to a claim.
enum Answer {
    In(Admission),
    Gone,
    /// Nothing that can be relied on: the database alone decides.
    Nothing,
}

impl RedisGate {
    /// Also starts to compare gates with the database, until the strategy is dropped.
    pub fn start(desk: Arc<Desk>, redis: Arc<Redis>) -> Self {
        tokio::spawn(keep_comparing(Arc::downgrade(&desk), Arc::downgrade(&redis)));
        Self { desk, redis }
    }

    async fn decide(&self, claim: Claim) -> Verdict {
        let wanted = Wanted::of(&claim);
        let admission = match self.ask(&claim.sale, wanted).await {
            Answer::In(admission) => Some(admission),
            Answer::Nothing => None,
            Answer::Gone => {
                metrics::counter!(GATE_REFUSALS).increment(1);
                let refusal = wanted.refusal(&claim.sale);
                return claim.settle(Verdict::Refused(refusal));
            }
        };
        let verdict = attempt(&self.desk, &claim, wanted, &ByCondition).await.verdict(&claim, wanted);
        if let Some(mut admission) = admission {
            admission.is_known = !matches!(verdict, Verdict::Unknown(_));
            admission.is_bought = matches!(verdict, Verdict::Won(_));
        }
        claim.settle(verdict)
    }

    async fn ask(&self, sale: &SaleDesk, wanted: Wanted) -> Answer {
        let keys = keys(&self.redis, wanted.sale_id);
        let note = format!("{}:{}:{}", wanted.tier_index, wanted.quantity, Uuid::new_v4());
        // Twice at most: the second time after the gate was filled.
        for _ in 0..2 {
            let revision = sale.stock.read().revision;
            let runs_out = self.desk.clock.now().milliseconds + NOTE_MILLISECONDS;
            let said: Option<String> = self
                .redis
                .run(&ADMIT, &keys, &[&revision, &wanted.tier_index, &wanted.quantity, &note, &runs_out])
                .await;
            match said.as_deref() {
                Some("in") => {
                    return Answer::In(Admission {
                        redis: self.redis.clone(),
                        keys,
                        tier_index: wanted.tier_index,
                        quantity: wanted.quantity,
                        note,
                        is_known: false,
                        is_bought: false,
                    });
                }
                Some("gone") => return Answer::Gone,
                Some("stale") => {
                    if self.fill(sale, &keys).await.is_none() {
                        return Answer::Nothing;
                    }
                }
                Some("ahead") => {
                    self.desk.behind.notify_one();
                    return Answer::Nothing;
                }
                _ => return Answer::Nothing,
            }
        }
        Answer::Nothing
    }

    /// Fills the gate with what the mirror says is left: never less than there is.
    async fn fill(&self, sale: &SaleDesk, keys: &[String]) -> Option<()> {
        let (revision, left) = {
            let stock = sale.stock.read();
            (stock.revision, stock.tiers.iter().map(|tier| tier.counts.available).collect::<Vec<_>>())
        };
        self.redis.run::<u8>(&FILL, keys, &[&revision, &left]).await.map(|_| ())
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        if !self.is_known {
            return;
        }
        let (redis, keys, note) = (self.redis.clone(), self.keys.clone(), std::mem::take(&mut self.note));
        let (tier_index, units) = (self.tier_index, if self.is_bought { 0 } else { self.quantity });
        tokio::spawn(async move { redis.run::<u8>(&SETTLE, &keys, &[&note, &tier_index, &units]).await });
    }
}

fn keys(redis: &Redis, sale_id: i64) -> [String; 2] {
    // In braces what must lie on one node of a Redis cluster.
    [redis.key(&format!("gate:{{{sale_id}}}")), redis.key(&format!("gate:{{{sale_id}}}:notes"))]
}

async fn keep_comparing(desk: Weak<Desk>, redis: Weak<Redis>) {
    loop {
        tokio::time::sleep(RECONCILE_EVERY).await;
        let (Some(desk), Some(redis)) = (desk.upgrade(), redis.upgrade()) else { return };
        let sales: Vec<_> = desk.sales.read().values().cloned().collect();
        for sale in sales {
            if sale.stock.read().strategy == StrategyKind::RedisGate
                && let Err(error) = compare(&desk, &redis, &sale).await
            {
                tracing::warn!(%error, "a gate cannot be compared with the database just now");
            }
        }
    }
}

/// Compares a sale's gate with the database and corrects it.
///
/// The gate is read first: units only ever leave the database, so what it has left a moment later is the least that gate
/// and claims on their way must have had together. Where they had less, units have leaked, and go back. Where nobody is on
/// the way, both must say the same.
pub async fn compare(desk: &Desk, redis: &Redis, sale: &SaleDesk) -> Result<(), sqlx::Error> {
    let keys = keys(redis, sale.sale_id);
    let tier_ids: Vec<i64> = sale.stock.read().tiers.iter().map(|tier| tier.tier_id).collect();
    let look = async || {
        let now = desk.clock.now().milliseconds;
        redis.run::<Vec<i64>>(&LOOK, &keys, &[&now, &tier_ids.len()]).await.unwrap_or_default()
    };
    let seen = look().await;
    let Some((revision, tiers)) = seen.split_first() else { return Ok(()) };
    let mut reader = desk.store.reader().await?;
    for (tier_index, (tier_id, said)) in tier_ids.iter().zip(tiers.chunks(2)).enumerate() {
        let (_, available) = store::read_tier(reader.connection(), *tier_id).await?;
        let available = i64::try_from(available).unwrap_or(i64::MAX);
        let [left, on_the_way] = *said else { return Ok(()) };
        let right = if left + on_the_way < available {
            available - on_the_way
        } else if on_the_way == 0 && look().await == seen {
            available
        } else {
            left
        };
        if right != left {
            tracing::warn!(sale = sale.sale_id, tier_index, left, right, "a gate was corrected");
            redis.run::<u8>(&CORRECT, &keys, &[revision, &tier_index, &left, &right]).await;
        }
    }
    Ok(())
}

impl Strategy for RedisGate {
    fn kind(&self) -> StrategyKind {
        StrategyKind::RedisGate
    }

    fn claim(&self, claim: Claim) -> Deciding<'_> {
        Box::pin(self.decide(claim))
    }
}

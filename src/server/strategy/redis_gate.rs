//! `redis_gate`: a counter in Redis lets claims in, the database decides.
//!
//! **How it works.** Redis holds how many units are left of each tier, for all nodes. A script takes a claim's units
//! off these counters and notes the claim as on its way, in one step, for all tiers or for none. A claim that was let
//! in buys by a conditional update as in `atomic_update`. When its outcome is known, its note is removed, and its units
//! go back to the counters where nothing was bought. Each node also has a gate in memory in front of Redis, so that its
//! own claims wait for each other without asking Redis.
//!
//! **What it guarantees.** No phantom, because the database has the last word. No leak, because the counters are
//! compared with the database every second: units that a dead node took off the counters go back when the note of its
//! claim has run out. A Redis that was flushed or restored to an old state lets in too many claims for a moment, and
//! the database refuses them. While Redis cannot be asked, all claims are let in.
//!
//! **While it does not know.** A counter at zero does not mean that all units are gone: units of a claim on its way may
//! come back, and the counter knows nothing of named seats. So the counter refuses nobody. Where it is too low, a claim
//! waits until the gate lets it in or the mirror says that what it wants is gone. Where no claim is on its way and the
//! mirror says that units are left, the counter has leaked, and the database is asked.
//!
//! **What it costs.** Two more round trips per purchase, and a flush per purchase as in `atomic_update`.
//!
//! **Where it is used.** Flash sales with `DECR` in front of the database, on several nodes.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Weak},
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use redis::Script;
use uuid::Uuid;

use super::{
    Claim, Deciding, Strategy, Verdict,
    atomic_update::ByCondition,
    gate::{self, Gate},
    one_by_one::attempt,
    wanted::Wanted,
};
use crate::{
    model::{outcome::Refusal, strategy::StrategyKind},
    server::{
        redis::Redis,
        stock::{Desk, SaleDesk},
        store,
        telemetry::metrics::GATE_REFUSALS,
    },
};

/// How long a claim may be on its way before its note runs out and its units count as leaked. Where such a claim still
/// buys later, the gate has let in one claim too many, which the database refuses.
const NOTE_MILLISECONDS: i64 = 5_000;
const RECONCILE_EVERY: Duration = Duration::from_secs(1);
/// The first and the longest pause before a claim that was not let in asks again.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(160);
/// How often in a row a claim finds the gate too low with nobody on the way, before it asks the database. More than
/// once, because news of what other nodes sold may be late.
const LOOKS_AT_EMPTY_GATE: u32 = 4;

/// Lets a claim in. The gate is a hash of `revision` and of the units left by tier. The notes are a sorted set of the
/// claims on their way, by the time at which each note runs out; a note begins with its units as
/// `TIER:UNITS,TIER:UNITS`.
static ADMIT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local revision = redis.call('HGET', KEYS[1], 'revision')
         if not revision or tonumber(revision) < tonumber(ARGV[1]) then return 'stale' end
         if tonumber(revision) > tonumber(ARGV[1]) then return 'ahead' end
         for tier, units in string.gmatch(ARGV[2], '(%d+):(%d+)') do
             if tonumber(redis.call('HGET', KEYS[1], tier)) < tonumber(units) then
                 if redis.call('ZCARD', KEYS[2]) > 0 then return 'busy' else return 'empty' end
             end
         end
         for tier, units in string.gmatch(ARGV[2], '(%d+):(%d+)') do
             redis.call('HINCRBY', KEYS[1], tier, -tonumber(units))
         end
         redis.call('ZADD', KEYS[2], ARGV[3], ARGV[2])
         return 'in'",
    )
});

/// Removes a claim's note, and puts its units back where it bought nothing. Does nothing where the note is gone,
/// because it ran out or the gate was filled again, and the gate no longer counts the claim as on its way.
static SETTLE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('ZREM', KEYS[2], ARGV[1]) == 0 then return 0 end
         if ARGV[2] == '0' then
             for tier, units in string.gmatch(ARGV[1], '(%d+):(%d+)') do
                 redis.call('HINCRBY', KEYS[1], tier, units)
             end
         end
         return 1",
    )
});

/// Fills a gate that is empty or older than this revision. Notes of claims on their way are deleted too.
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

/// Reads the gate: its revision, then for each tier the units left and the units on their way. Deletes notes that have
/// run out first.
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
             for tier, units in string.gmatch(note, '(%d+):(%d+)') do
                 local place = 3 + 2 * tonumber(tier)
                 said[place] = said[place] + tonumber(units)
             end
         end
         return said",
    )
});

/// Sets the units left of a tier, if neither they nor the revision have changed since they were read.
static CORRECT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('HGET', KEYS[1], 'revision') ~= ARGV[1] then return 0 end
         if redis.call('HGET', KEYS[1], ARGV[2]) ~= ARGV[3] then return 0 end
         redis.call('HSET', KEYS[1], ARGV[2], ARGV[4])
         return 1",
    )
});

/// Adds units that came back to the units left, if the gate has this revision.
static RAISE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('HGET', KEYS[1], 'revision') ~= ARGV[1] then return 0 end
         for tier, units in string.gmatch(ARGV[2], '(%d+):(%d+)') do
             redis.call('HINCRBY', KEYS[1], tier, units)
         end
         return 1",
    )
});

pub struct RedisGate {
    desk: Arc<Desk>,
    redis: Arc<Redis>,
    /// The gates in memory, in front of those in Redis, by sale.
    gates: Mutex<HashMap<i64, Arc<Gate>>>,
}

/// A claim on its way through the gate in Redis.
struct Admission {
    redis: Arc<Redis>,
    keys: [String; 2],
    note: String,
    /// Whether the outcome is known. If not, the note stays until it runs out, and the comparison with the database
    /// settles the claim.
    is_known: bool,
    is_bought: bool,
}

/// The answer of the gate to a claim.
enum Answer {
    In(Admission),
    /// The mirror says that what the claim wants is gone.
    Gone(Refusal),
    /// The gate cannot say anything reliable, so the database alone decides.
    Nothing,
}

/// The result of one look at the gate.
enum Look {
    In(Admission),
    /// Too few units are left, but other claims are on their way, and their units may come back.
    Busy,
    /// Too few units are left, and no claim is on its way.
    Empty,
    Nothing,
}

impl RedisGate {
    /// Also starts the task that compares gates with the database, until desk or Redis client is dropped.
    pub fn start(desk: Arc<Desk>, redis: Arc<Redis>) -> Self {
        tokio::spawn(keep_comparing(Arc::downgrade(&desk), Arc::downgrade(&redis)));
        let raised = redis.clone();
        desk.tell_of_returns(move |sale, units| raise(&raised, sale, units));
        Self { desk, redis, gates: Mutex::default() }
    }

    async fn decide(&self, claim: Claim) -> Verdict {
        let gate = self.gates.lock().entry(claim.sale.sale_id).or_default().clone();
        let answer = match Gate::enter(&gate, &claim).await {
            Ok(mut own) => match self.ask(&claim).await {
                Answer::Gone(refusal) => Err(refusal),
                Answer::Nothing => Ok(self.buy(&claim, &mut own).await),
                Answer::In(mut admission) => {
                    let verdict = self.buy(&claim, &mut own).await;
                    admission.is_known = !matches!(verdict, Verdict::Unknown(_));
                    admission.is_bought = own.is_bought;
                    Ok(verdict)
                }
            },
            Err(refusal) => Err(refusal),
        };
        let verdict = answer.unwrap_or_else(|refusal| {
            metrics::counter!(GATE_REFUSALS).increment(1);
            Verdict::Refused(refusal)
        });
        claim.settle(verdict)
    }

    async fn buy(&self, claim: &Claim, own: &mut gate::Admission) -> Verdict {
        let verdict = attempt(&self.desk, claim, &Wanted::of(claim), &ByCondition).await.verdict(claim);
        own.is_bought = matches!(verdict, Verdict::Won(_));
        verdict
    }

    /// Asks until it is certain whether the claim is let in. Asks for no longer than a note lasts and one comparison
    /// more: by then the gate has been compared with the database, or it cannot be.
    async fn ask(&self, claim: &Claim) -> Answer {
        let patience = Duration::from_millis(NOTE_MILLISECONDS.unsigned_abs()) + RECONCILE_EVERY;
        let started = Instant::now();
        let (mut pause, mut empty) = (FIRST_PAUSE, 0);
        loop {
            match self.look(claim).await {
                Look::In(admission) => return Answer::In(admission),
                Look::Nothing => return Answer::Nothing,
                Look::Busy => empty = 0,
                Look::Empty => empty += 1,
            }
            if let Some(refusal) = claim.wish.refusal(&claim.sale.stock.read()) {
                return Answer::Gone(refusal);
            }
            if empty == LOOKS_AT_EMPTY_GATE || started.elapsed() > patience {
                return Answer::Nothing;
            }
            // Another node may have sold what is wanted, and its news may still be on their way.
            self.desk.behind.notify_one();
            tokio::time::sleep(pause.mul_f64(0.5 + rand::random::<f64>() / 2.0)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn look(&self, claim: &Claim) -> Look {
        let keys = keys(&self.redis, claim.sale.sale_id);
        let note = format!("{};{}", written(claim.wish.units_by_tier()), Uuid::new_v4());
        // At most two tries: the second one after the gate was filled.
        for _ in 0..2 {
            let revision = claim.sale.stock.read().revision;
            let runs_out = self.desk.clock.now().milliseconds + NOTE_MILLISECONDS;
            let said: Option<String> = self.redis.run(&ADMIT, &keys, &[&revision, &note, &runs_out]).await;
            match said.as_deref() {
                Some("in") => {
                    let redis = self.redis.clone();
                    return Look::In(Admission { redis, keys, note, is_known: false, is_bought: false });
                }
                Some("busy") => return Look::Busy,
                Some("empty") => return Look::Empty,
                Some("stale") => {
                    if self.fill(&claim.sale, &keys).await.is_none() {
                        return Look::Nothing;
                    }
                }
                Some("ahead") => {
                    self.desk.behind.notify_one();
                    return Look::Nothing;
                }
                _ => return Look::Nothing,
            }
        }
        Look::Nothing
    }

    /// Fills the gate with the units that the mirror says are left. The mirror never says fewer than there are.
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
        let is_bought = u8::from(self.is_bought);
        tokio::spawn(async move { redis.run::<u8>(&SETTLE, &keys, &[&note, &is_bought]).await });
    }
}

/// Raises the gate by units that came back, while nobody waits for it.
fn raise(redis: &Arc<Redis>, sale: &SaleDesk, units: &[(usize, u64)]) {
    let revision = {
        let stock = sale.stock.read();
        if stock.strategy != StrategyKind::RedisGate {
            return;
        }
        stock.revision
    };
    let (redis, keys) = (redis.clone(), keys(redis, sale.sale_id));
    let units = written(units.iter().copied());
    tokio::spawn(async move { redis.run::<u8>(&RAISE, &keys, &[&revision, &units]).await });
}

/// Units by tier, as the scripts read them.
fn written(units: impl Iterator<Item = (usize, u64)>) -> String {
    units.map(|(tier, units)| format!("{tier}:{units}")).collect::<Vec<_>>().join(",")
}

fn keys(redis: &Redis, sale_id: i64) -> [String; 2] {
    // A Redis cluster keeps keys with the same text in braces on one node, as the scripts need.
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
/// While the sale's `seq` stands still, nothing is sold and nothing comes back, so what the database has left is the least that
/// the gate and the claims on their way must have together. Where they have less, units have leaked, and are put back. Where no
/// claim is on its way, gate and database must say the same. Where the `seq` moved between two looks at it, nothing is
/// corrected: a claim that finds an empty gate asks the database meanwhile.
pub async fn compare(desk: &Desk, redis: &Redis, sale: &SaleDesk) -> Result<(), sqlx::Error> {
    let keys = keys(redis, sale.sale_id);
    let tier_ids: Vec<i64> = sale.stock.read().tiers.iter().map(|tier| tier.tier_id).collect();
    let look = async || {
        let now = desk.clock.now().milliseconds;
        redis.run::<Vec<i64>>(&LOOK, &keys, &[&now, &tier_ids.len()]).await.unwrap_or_default()
    };
    let mut reader = desk.store.reader().await?;
    let seq = store::seq_of(reader.connection(), sale.sale_id).await?;
    let seen = look().await;
    let Some((revision, tiers)) = seen.split_first() else { return Ok(()) };
    for (tier_index, (tier_id, said)) in tier_ids.iter().zip(tiers.chunks(2)).enumerate() {
        let (_, available) = store::read_tier(reader.connection(), *tier_id).await?;
        if store::seq_of(reader.connection(), sale.sale_id).await? != seq {
            return Ok(());
        }
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

//! `redis_gate`: a counter in Redis admits, the database decides.
//!
//! **How it works.** What is left of each tier stands in Redis, for all nodes. A script takes a claim's units off it and
//! notes the claim as on its way, in one step, for all tiers or for none. Whoever is let in buys by a conditional update as in
//! `atomic_update`; when that is settled the note goes, and the units go back where nothing was bought. Each node keeps a gate
//! in memory in front, so that its own claims wait for each other without asking Redis.
//!
//! **What it guarantees.** No phantom, because the database has the last word. No leak, because the counter is compared
//! with the database every second: units that left the gate with a node that died go back, once their note has run out. A
//! Redis that is lost, flushed or restored to an old state lets too many in for a moment, and the database refuses them;
//! one that is gone lets all in.
//!
//! **While it does not know.** A counter that stands at zero does not say that all is gone: what is on its way may come back,
//! and it knows nothing of named seats. So nobody is refused by it. Where it has too little, a claim waits until the mirror
//! says that what it wants is gone, or until the gate lets it in; where nobody is on the way and the mirror says that units
//! are left, the gate has leaked, and the database is asked.
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

/// How long a claim may be on its way before its note runs out and its units count as leaked. One that comes through later
/// lets one claim too many in, which the database refuses.
const NOTE_MILLISECONDS: i64 = 5_000;
const RECONCILE_EVERY: Duration = Duration::from_secs(1);
/// The first and the longest pause before a claim asks again that was not let in.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(160);
/// Times that a claim asks a gate that has too little while nobody is on the way: news of what others sold may be late.
const LOOKS_AT_EMPTY_GATE: u32 = 4;

/// Lets a claim in. Gate: a hash of `revision` and what is left by tier. Notes: a sorted set of claims on their way, by
/// the time at which they run out; each begins with its units as `TIER:UNITS,TIER:UNITS`.
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

/// Takes a claim's note away, and puts its units back where it bought nothing. A note that is gone was settled otherwise.
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
             for tier, units in string.gmatch(note, '(%d+):(%d+)') do
                 local place = 3 + 2 * tonumber(tier)
                 said[place] = said[place] + tonumber(units)
             end
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
    /// In front of the gate in Redis, by sale.
    gates: Mutex<HashMap<i64, Arc<Gate>>>,
}

/// A claim on its way through the gate in Redis.
struct Admission {
    redis: Arc<Redis>,
    keys: [String; 2],
    note: String,
    /// Whether the outcome is known; else the note stays until it runs out, and the comparison settles it.
    is_known: bool,
    is_bought: bool,
}

/// What the gate says to a claim.
enum Answer {
    In(Admission),
    /// What is wanted is gone: the mirror says so.
    Gone(Refusal),
    /// Nothing that can be relied on: the database alone decides.
    Nothing,
}

/// What one look at the gate says.
enum Look {
    In(Admission),
    /// Too few are left, and somebody is on the way whose units may come back.
    Busy,
    /// Too few are left, and nobody is on the way.
    Empty,
    Nothing,
}

impl RedisGate {
    /// Also starts to compare gates with the database, until the strategy is dropped.
    pub fn start(desk: Arc<Desk>, redis: Arc<Redis>) -> Self {
        tokio::spawn(keep_comparing(Arc::downgrade(&desk), Arc::downgrade(&redis)));
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

    /// Asks until it is certain whether the claim is let in. No longer than a note lasts: by then the gate has been compared
    /// with the database, or cannot be.
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
            // What is wanted may be sold by another node, whose news are on their way.
            self.desk.behind.notify_one();
            tokio::time::sleep(pause.mul_f64(0.5 + rand::random::<f64>() / 2.0)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn look(&self, claim: &Claim) -> Look {
        let keys = keys(&self.redis, claim.sale.sale_id);
        let units: Vec<_> = claim.wish.units_by_tier().map(|(tier, units)| format!("{tier}:{units}")).collect();
        let note = format!("{};{}", units.join(","), Uuid::new_v4());
        // Twice at most: the second time after the gate was filled.
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
        let is_bought = u8::from(self.is_bought);
        tokio::spawn(async move { redis.run::<u8>(&SETTLE, &keys, &[&note, &is_bought]).await });
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

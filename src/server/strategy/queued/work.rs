//! The workers: take entries from the line, a few at a time, and decide them.

use std::{
    sync::{Arc, Weak, atomic::Ordering},
    time::{Duration, Instant},
};

use tokio::sync::OwnedSemaphorePermit;

use super::{
    entry::Entry,
    line::{Content, Delivery},
    shared::Shared,
};
use crate::{
    model::{
        ids::{BuyerId, HoldId, OrderId},
        limits::{MAX_MILLISECONDS_IN_LINE, MAX_QUEUE_TRIES},
        outcome::Code,
        strategy::StrategyKind,
    },
    server::{
        failpoint::failpoint,
        settlement::{MAX_DECISIONS, may_be_freed},
        stock::{Desk, KeyClaim, KeyGuard, SaleDesk, Wish, key_reused, refuse_early},
        store::{self, DecidedRequest, Decision, StoredBody},
        strategy::{Claim, Verdict, atomic_update::decide_by_condition},
        telemetry::metrics::{DEAD_LETTERS, KEPT_DEAD_LETTERS, QUEUE_DECISIONS, QUEUE_RETRIES},
    },
};

/// How often the line is searched for entries that other servers put there. Less often where no sale has this strategy.
const LOOK_EVERY: Duration = Duration::from_millis(50);
const LOOK_EVERY_WITHOUT_SALE: Duration = Duration::from_secs(1);
/// How often a worker tells Redis that it still works on its entry. It does so between two tries.
const KEEP_EVERY: Duration = Duration::from_secs(5);
/// The pause before the second try. Each further pause is twice as long as the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// The pause between tries while the database is away, or Redis cannot be asked.
const LONG_PAUSE: Duration = Duration::from_millis(250);

/// The outcome of an entry that cannot be decided: a refusal after which its buyer may try again.
const GIVEN_UP: Decision = Decision::Refused(Code::Contended);

/// Takes entries whenever workers are free. Now and then takes over the entries of silent workers first.
pub async fn keep_working(shared: Weak<Shared>) {
    let mut took_over = None;
    loop {
        let Some(shared) = shared.upgrade() else { return };
        let Ok(worker) = shared.workers.clone().acquire_owned().await else { return };
        let mut deliveries = Vec::new();
        if took_over.is_none_or(|at: Instant| at.elapsed() * 4 > shared.options.take_over_after) {
            // Where only one process sells, the workers that had entries before its start are dead.
            let is_heir = took_over.is_none() && !shared.desk.store.is_shared();
            let silent_for = if is_heir { Duration::ZERO } else { shared.options.take_over_after };
            deliveries = shared.line.take_over(shared.free_workers(), silent_for).await;
            took_over = Some(Instant::now());
        }
        if deliveries.is_empty() {
            deliveries = shared.line.take(shared.free_workers()).await;
        }
        let is_idle = deliveries.is_empty();
        shared.hand_out(worker, deliveries);
        if is_idle {
            let interval = if shared.has_sale() { LOOK_EVERY } else { LOOK_EVERY_WITHOUT_SALE };
            let _ = tokio::time::timeout(interval, shared.joined.notified()).await;
        }
    }
}

impl Shared {
    /// How many entries can be worked on now: one by the worker that was just acquired, and one by each free worker.
    fn free_workers(&self) -> usize {
        1 + self.workers.available_permits()
    }

    /// Whether a sale sells by this strategy.
    pub fn has_sale(&self) -> bool {
        self.desk.sales.read().values().any(|sale| sale.stock.read().strategy == StrategyKind::Queued)
    }

    fn hand_out(self: &Arc<Self>, worker: OwnedSemaphorePermit, deliveries: Vec<Delivery>) {
        let mut worker = Some(worker);
        for delivery in deliveries {
            // There is a free worker for each entry: no more entries were asked for, and nothing else acquires workers.
            let worker = worker.take().or_else(|| self.workers.clone().try_acquire_owned().ok());
            let shared = self.clone();
            tokio::spawn(async move {
                shared.work(delivery).await;
                drop(worker);
            });
        }
    }

    /// Decides one entry, and tells its outcome.
    async fn work(&self, delivery: Delivery) {
        let entry = match &delivery.content {
            Content::Entry(entry) => entry,
            Content::Unreadable => return self.bury(&delivery, None, "it cannot be read").await,
            Content::Forged => return self.discard(&delivery).await,
        };
        if delivery.deliveries > MAX_QUEUE_TRIES {
            return self.bury(&delivery, Some(entry), "it was handed out too often without a decision").await;
        }
        if entry.is_older_than(MAX_MILLISECONDS_IN_LINE, self.desk.clock.now()) {
            return self.bury(&delivery, Some(entry), "it was in line for too long").await;
        }
        let (mut tries, mut kept) = (0, Instant::now());
        loop {
            if kept.elapsed() > KEEP_EVERY {
                match self.line.keep(&delivery).await {
                    Some(false) => return,
                    Some(true) => kept = Instant::now(),
                    None => {}
                }
            }
            match self.decide(entry).await {
                Ok(decision) => return self.finish(&delivery, entry, decision).await,
                // The entry stays in line for another server, or for the next start of this one.
                Err(_) if self.workers.is_closed() => return,
                // The database is away. That does not count as a try, because it is not the entry's fault.
                Err(_) if !self.desk.store.is_ready().await => tokio::time::sleep(LONG_PAUSE).await,
                Err(error) => {
                    tries += 1;
                    if tries == MAX_QUEUE_TRIES {
                        return self.bury(&delivery, Some(entry), &error.to_string()).await;
                    }
                    metrics::counter!(QUEUE_RETRIES).increment(1);
                    tokio::time::sleep(FIRST_PAUSE * 2_u32.pow(tries - 1)).await;
                }
            }
        }
    }

    /// Tells the outcome of an entry, as soon as Redis can be asked.
    async fn finish(&self, delivery: &Delivery, entry: &Entry, decision: Decision) {
        failpoint!("decided");
        // From here on nobody may put the entry back in line. Its place is given back only when the outcome can be
        // read.
        let place = self.waiting.remove(entry.request);
        let outcome = decision.columns().1.unwrap_or("confirmed");
        metrics::counter!(QUEUE_DECISIONS, "outcome" => outcome).increment(1);
        while self.line.finish(delivery, entry, decision).await.is_none() && !self.workers.is_closed() {
            tokio::time::sleep(LONG_PAUSE).await;
        }
        drop(place);
    }

    /// Takes an entry out of the line that no server of ours wrote. It is not kept, because it could push real dead
    /// letters out.
    async fn discard(&self, delivery: &Delivery) {
        while self.line.discard(delivery).await.is_none() && !self.workers.is_closed() {
            tokio::time::sleep(LONG_PAUSE).await;
        }
    }

    /// Gives an entry up, and keeps it with the reason as a dead letter. Its buyer, where it has one, may try again.
    async fn bury(&self, delivery: &Delivery, entry: Option<&Entry>, reason: &str) {
        // An earlier try may have bought it all the same, and its answer was lost.
        while let Some(entry) = entry {
            match self.stands(entry, GIVEN_UP).await {
                Ok(GIVEN_UP) => break,
                Ok(decision) => return self.finish(delivery, entry, decision).await,
                Err(_) if self.workers.is_closed() => return,
                Err(_) => tokio::time::sleep(LONG_PAUSE).await,
            }
        }
        tracing::error!(request = ?entry.map(|entry| entry.request), reason, "a purchase in line became a dead letter");
        metrics::counter!(DEAD_LETTERS).increment(1);
        let place = entry.and_then(|entry| self.waiting.remove(entry.request));
        while !self.workers.is_closed() {
            if let Some(letters) = self.line.bury(delivery, GIVEN_UP, reason).await {
                #[allow(clippy::cast_precision_loss)] // far below 2⁵³
                metrics::gauge!(KEPT_DEAD_LETTERS).set(letters as f64);
                break;
            }
            tokio::time::sleep(LONG_PAUSE).await;
        }
        drop(place);
    }

    /// Decides an entry, or returns what was decided before.
    pub async fn decide(&self, entry: &Entry) -> Result<Decision, sqlx::Error> {
        let sale = self.desk.sales.read().get(&entry.sale_id).cloned();
        let wished = sale.and_then(|sale| {
            let wish = entry.wish(&sale.stock.read())?;
            Some((sale, wish))
        });
        let Some((sale, wish)) = wished else {
            // Another server may have made the sale, or added seats to it, a moment ago.
            self.desk.behind.notify_one();
            return Err(sqlx::Error::RowNotFound);
        };
        let mut came_back = sale.stock.read().came_back;
        let mut verdict = self.try_to_take(entry, &sale, &wish).await;
        for _ in 0..MAX_DECISIONS {
            let Some(refusal) = verdict.refusal() else { break };
            if !may_be_freed(&self.desk, &sale, refusal, came_back).await? {
                break;
            }
            came_back = sale.stock.read().came_back;
            verdict = self.try_to_take(entry, &sale, &wish).await;
        }
        // All servers share the line. A server whose mirror is behind must not empty the line with outdated refusals.
        if matches!(verdict, Verdict::Refused(_))
            && self.desk.store.is_shared()
            && self.desk.bring_up_now(&sale).await?
        {
            verdict = self.try_to_take(entry, &sale, &wish).await;
        }
        let refusal = match verdict {
            Verdict::Won(won) => return Ok(Decision::Confirmed(OrderId(won.id()))),
            Verdict::Unknown(error) => return Err(error),
            Verdict::Repeated => key_reused(),
            Verdict::RefusedByDatabase(refusal) => {
                sale.refused_by_database.fetch_add(1, Ordering::Relaxed);
                refusal
            }
            Verdict::Refused(refusal) => refusal,
            Verdict::Overloaded | Verdict::Waiting(_) | Verdict::Unanswerable => {
                unreachable!("it is decided here and now")
            }
        };
        // What the entry wanted may be gone because the entry itself bought it, at another server, or here while Redis
        // was lost.
        self.stands(entry, Decision::Refused(refusal.code)).await
    }

    async fn try_to_take(&self, entry: &Entry, sale: &Arc<SaleDesk>, wish: &Wish) -> Verdict {
        let early = refuse_early(&sale.stock.read(), wish, self.desk.clock.now()).err();
        if let Some(refusal) = early {
            return Verdict::Refused(refusal);
        }
        let key = entry.key.clone().map(|key| KeyClaim {
            guard: Arc::new(KnownAfter(self.desk.clone(), entry.buyer, key.key.clone())),
            key: key.key,
            fingerprint: key.fingerprint,
        });
        let (buyer, wish) = (entry.buyer, wish.clone());
        let taking = entry.taking();
        let (request, contact) = (Some(entry.request), entry.contact.clone());
        let claim = Claim { sale: sale.clone(), buyer, taking, wish, key, contact, place: None, request };
        self.substitutes.decide(&self.desk, claim, |claim| decide_by_condition(&self.desk, claim)).await
    }

    /// Records the outcome of an entry in the database, and returns the outcome that is valid: one that was recorded
    /// before, else the order of the entry or of its key, else `decision`. Only the returned outcome may be told.
    async fn stands(&self, entry: &Entry, decision: Decision) -> Result<Decision, sqlx::Error> {
        let decision = self.of_its_key(entry).await?.unwrap_or(decision);
        let decided = DecidedRequest { buyer: entry.buyer, decision, at: self.desk.clock.now() };
        let mut writer = self.desk.writer().await?;
        let is_new = store::decide_request(writer.in_doubt(), entry.request, &decided).await?;
        writer.settle();
        if is_new {
            return Ok(decision);
        }
        drop(writer);
        let mut reader = self.desk.store.reader().await?;
        let said = store::find_decided(reader.connection(), entry.request).await?;
        Ok(said.ok_or(sqlx::Error::RowNotFound)?.decision)
    }

    /// The outcome of an entry that has become an order, or whose key has been answered.
    async fn of_its_key(&self, entry: &Entry) -> Result<Option<Decision>, sqlx::Error> {
        let mut reader = self.desk.store.reader().await?;
        // The record of a decision is deleted after some time. After that only the order tells that the request was
        // granted.
        if store::find_order(reader.connection(), entry.order(), Some(entry.buyer), true).await?.is_some()
            || store::holder_of(reader.connection(), HoldId(entry.request.0)).await?.is_some()
        {
            return Ok(Some(Decision::Confirmed(entry.order())));
        }
        let Some(key) = &entry.key else { return Ok(None) };
        let answer = store::find_answer(reader.connection(), entry.buyer, &key.key).await?;
        Ok(answer.map(|answer| match answer.body {
            StoredBody::Order(order) if answer.fingerprint == key.fingerprint => Decision::Confirmed(order),
            StoredBody::Hold(hold) if answer.fingerprint == key.fingerprint => Decision::Confirmed(OrderId(hold.id.0)),
            StoredBody::Order(_) | StoredBody::Hold(_) | StoredBody::Sent { .. } => {
                Decision::Refused(Code::IdempotencyKeyReused)
            }
        }))
    }
}

/// Makes the key of an entry known to this process, where no request holds that key in flight any more.
struct KnownAfter(Arc<Desk>, BuyerId, String);

impl KeyGuard for KnownAfter {
    fn remember(&self) {
        self.0.know(self.1, &self.2);
    }
}

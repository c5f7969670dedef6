//! `group_commit`: one writer, many buyers per commit. The default.
//!
//! **How it works.** Claims wait in a bounded queue. Each claim is decided when it arrives, on a draft: the sale as it
//! will be if all earlier claims are committed as planned. One task, the sequencer, takes the waiting claims of a sale,
//! at most 1,024 units at once, and writes the result in one transaction: one guarded update for all seats, one for all
//! counters, one round of inserts. The rows that the guarded updates change are the verdict. Where a row is missing,
//! the mirror was wrong: everything is rolled back, the mirror is read again, and the batch is decided once more.
//!
//! **What it guarantees.** No phantom and no leak, claims decided in the order of their arrival, an answer only after
//! the commit is on disk.
//!
//! **While it does not know.** A claim that is refused because of earlier claims is answered only after those are
//! committed. Where their commit fails, the claim is decided again.
//!
//! **What it costs.** One flush per batch instead of one per buyer; a lone buyer waits for nobody. One writer per store.
//!
//! **Where it is used.** Database logs (group commit in PostgreSQL and MySQL), LMAX, TigerBeetle.

mod pending; // the claims that wait, decided as they arrive

use std::{collections::HashSet, panic::AssertUnwindSafe, sync::Arc, thread, time::Instant};

use futures_util::FutureExt;
use parking_lot::Mutex;
use tokio::{
    runtime::{Builder, Handle},
    sync::{Notify, oneshot},
};

use self::pending::{Batch, Decision, Pending, Plan, Waiting};
use super::{Claim, Deciding, Strategy, Verdict, Won};
use crate::{
    model::{ledger::Movement, seat::SeatStatus, strategy::StrategyKind, time::Timestamp},
    server::{
        failpoint::failpoint,
        stock::{Desk, Recorded, SaleDesk, decide::Draft},
        store::{self, Connection, Guard, Writer},
        telemetry::metrics::{BATCH_SIZE, COMMIT_DURATION, QUEUE_LENGTH},
    },
};

/// How often a batch is decided again because another process changed the sale.
const MAX_RETRIES: u32 = 8;

pub struct GroupCommit {
    line: Arc<Line>,
}

/// What the buyers' tasks and the sequencer share.
struct Line {
    desk: Arc<Desk>,
    pending: Mutex<Pending>,
    /// Notified when a claim arrives while the sequencer is idle.
    arrived: Notify,
}

impl GroupCommit {
    /// Starts the sequencer. It ends when the strategy is dropped and no claim is pending.
    ///
    /// The sequencer has a thread of its own. On the buyers' runtime it would have to wait for hundreds of connections
    /// each time the database has answered.
    pub fn start(desk: Arc<Desk>) -> Self {
        let line = Arc::new(Line { desk, pending: Mutex::default(), arrived: Notify::new() });
        let (buyers, of_sequencer) = (Handle::current(), line.clone());
        let runtime = Builder::new_current_thread().enable_all().build().expect("a server may have descriptors");
        thread::Builder::new()
            .name("sequencer".into())
            .spawn(move || runtime.block_on(run(&of_sequencer, &buyers)))
            .expect("a server may have threads");
        Self { line }
    }
}

impl Drop for GroupCommit {
    fn drop(&mut self) {
        self.line.pending.lock().is_closed = true;
        self.line.arrived.notify_one();
    }
}

impl Strategy for GroupCommit {
    fn kind(&self) -> StrategyKind {
        StrategyKind::GroupCommit
    }

    fn goes_on_alone(&self) -> bool {
        true
    }

    fn claim(&self, claim: Claim) -> Deciding<'_> {
        let (answer, verdict) = oneshot::channel();
        // This queue needs no bound of its own. The engine hands out a limited number of places, and a claim without a
        // place never gets this far.
        let is_idle = {
            let mut pending = self.line.pending.lock();
            pending.add(&self.line.desk, claim, answer);
            std::mem::take(&mut pending.is_idle)
        };
        if is_idle {
            self.line.arrived.notify_one();
        }
        Box::pin(async move { verdict.await.unwrap_or(Verdict::Unknown(sqlx::Error::WorkerCrashed)) })
    }
}

async fn run(line: &Line, buyers: &Handle) {
    loop {
        let batch = {
            let mut pending = line.pending.lock();
            let batch = pending.next();
            if batch.is_none() && pending.is_closed {
                return;
            }
            batch
        };
        let Some(batch) = batch else {
            line.arrived.notified().await;
            continue;
        };
        metrics::histogram!(BATCH_SIZE).record(batch.claims.len() as f64);
        let sale_id = batch.sale.sale_id;
        // A failed assertion ends this batch, not the sale. Its claims are told that the outcome is unknown, and
        // clients ask again with the same key. The turn was dropped in doubt, so the next turn reads all sales again.
        let is_settled = AssertUnwindSafe(turn(line, buyers, batch)).catch_unwind().await.unwrap_or(false);
        let mut pending = line.pending.lock();
        if !is_settled {
            pending.doubt(sale_id);
        }
        pending.written();
        metrics::gauge!(QUEUE_LENGTH).set(pending.len() as f64);
    }
}

/// Writes a batch and answers its buyers. `false` where the batch was not committed as planned.
async fn turn(line: &Line, buyers: &Handle, batch: Batch) -> bool {
    let Batch { sale, claims, plan, .. } = batch;
    let desk = &line.desk;
    let mut writer = match desk.steady_writer().await {
        Ok(writer) => writer,
        Err(error) => {
            fail(claims, &error);
            return false;
        }
    };
    // Between planning and this turn an organiser may have changed the sale.
    let plan = plan.filter(|plan| sale.is_at(plan.seq, plan.revision));
    let was_planned = plan.is_some();
    match write_batch(desk, &mut writer, &sale, &claims, plan).await {
        Ok(written) => {
            let held = was_planned && !written.asked_database;
            answer(desk, buyers, &sale, claims, written);
            writer.settle();
            held
        }
        Err(error) => {
            // The writer is dropped in doubt, so the next turn starts on a new connection.
            drop(writer);
            fail(claims, &error);
            false
        }
    }
}

/// Commits a batch of claims on one sale: as planned, or else decided on the mirror as it is now. After an error the
/// outcome is unknown.
async fn write_batch(
    desk: &Desk,
    writer: &mut Writer,
    sale: &Arc<SaleDesk>,
    claims: &[Waiting],
    plan: Option<Plan>,
) -> Result<Plan, sqlx::Error> {
    let mut repeated = HashSet::new();
    let mut plan = plan.unwrap_or_else(|| propose(desk, sale, claims, &repeated));
    for tries in 0..=MAX_RETRIES {
        if plan.granted().next().is_none() {
            return Ok(plan);
        }
        failpoint!("admitted");
        let started = Instant::now();
        // The first try trusts the mirror and costs one round trip. Where other processes sell the sale too, further
        // tries lock its row first.
        let taken = if tries > 0 && desk.store.is_shared() {
            let (planned, taken) = write_behind_lock(desk, writer, sale, claims, &repeated, tries).await?;
            plan = planned;
            taken
        } else {
            write(writer.in_doubt(), sale, &plan).await?
        };
        match taken {
            Taken::All(begun_at) => {
                failpoint!("committed");
                metrics::histogram!(COMMIT_DURATION).record(started.elapsed().as_secs_f64());
                plan.begun_at = begun_at;
                return Ok(plan);
            }
            Taken::KeyInUse => repeated.extend(answered(writer, claims).await?),
            Taken::Nothing if desk.store.is_shared() => {}
            Taken::Nothing => {
                // The mirror was wrong, so something else writes to this database. The batch is rolled back, so nobody
                // has won because of the wrong mirror.
                tracing::warn!(sale = %sale.slug(), "the mirror differs from the database; reading it anew");
                desk.reload(writer, sale).await?;
            }
        }
        plan = propose(desk, sale, claims, &repeated);
        plan.asked_database = true;
    }
    Err(sqlx::Error::Protocol("another process changed the sale during every try".into()))
}

/// Locks the sale's row, so that nobody else changes the sale meanwhile, then decides the claims and writes them.
async fn write_behind_lock(
    desk: &Desk,
    writer: &mut Writer,
    sale: &Arc<SaleDesk>,
    claims: &[Waiting],
    repeated: &HashSet<usize>,
    tries: u32,
) -> Result<(Plan, Taken), sqlx::Error> {
    let mut transaction = writer.begin().await?;
    store::lock_sale(transaction.connection(), sale.sale_id).await?;
    // The ledger usually tells what happened meanwhile. Where it does not, or a try after it failed, the rows are read.
    if tries > 1 || !desk.catch_up(transaction.connection(), sale).await? {
        desk.read_anew(&mut transaction, sale).await?;
    }
    let mut plan = propose(desk, sale, claims, repeated);
    plan.asked_database = true;
    let taken = write(transaction.connection(), sale, &plan).await?;
    match taken {
        Taken::All(_) => transaction.commit().await?,
        Taken::Nothing | Taken::KeyInUse => transaction.rollback().await?,
    }
    Ok((plan, taken))
}

/// Decides the claims on the mirror as it is now. The claims at the indices in `repeated` already have an answer.
fn propose(desk: &Desk, sale: &SaleDesk, claims: &[Waiting], repeated: &HashSet<usize>) -> Plan {
    let stock = sale.stock.read();
    let mut draft = Draft::new(&stock);
    let mut plan = Plan::new(&mut draft, desk.clock.now());
    for (place, (claim, _)) in claims.iter().enumerate() {
        match repeated.contains(&place) {
            true => plan.decisions.push(Decision::Repeated),
            false => plan.decide(desk, &stock, &mut draft, claim),
        }
    }
    plan
}

/// The result of a guarded write.
enum Taken {
    /// With the store's time at which holds began.
    All(Timestamp),
    /// Nothing was written, because a row was not as the mirror says.
    Nothing,
    /// Nothing was written, because another process has used one of the keys meanwhile.
    KeyInUse,
}

/// Writes a plan, all of it or nothing.
async fn write(connection: Connection<'_>, sale: &SaleDesk, plan: &Plan) -> Result<Taken, sqlx::Error> {
    let guard = guard(sale, plan);
    let (mut purchases, mut holds) = (Vec::new(), Vec::new());
    for recorded in plan.granted() {
        match recorded {
            Recorded::Sold(sold) => purchases.push(&sold.purchase),
            Recorded::Held(held) => holds.push(&held.new),
        }
    }
    assert!(purchases.is_empty() || holds.is_empty(), "a batch has claims of one kind");
    let written = match holds.is_empty() {
        true => store::take_and_record(connection, &guard, plan.at, &purchases).await.map(|all| all.then_some(plan.at)),
        false => store::take_and_hold(connection, &guard, plan.at, &holds).await,
    };
    match written {
        Ok(Some(begun_at)) => Ok(Taken::All(begun_at)),
        Ok(None) => Ok(Taken::Nothing),
        Err(error) if store::is_key_taken(&error) => Ok(Taken::KeyInUse),
        Err(error) => Err(error),
    }
}

/// The guarded write of a plan: what it takes, and the state of the sale that it relies on.
fn guard(sale: &SaleDesk, plan: &Plan) -> Guard {
    let stock = sale.stock.read();
    let mut units = vec![0; stock.tiers.len()];
    let (mut seats, mut decisions) = (Vec::new(), 0);
    let mut to = SeatStatus::Sold;
    for recorded in plan.granted() {
        if let Movement::Between(shift) = recorded.kind().movement() {
            to = shift.to;
        }
        for part in recorded.parts() {
            units[part.tier_index] += part.quantity;
            seats.extend(&part.seats);
        }
        decisions += 1;
    }
    let tiers = stock.tiers.iter().zip(units).filter(|(_, units)| *units > 0);
    Guard {
        sale_id: stock.sale_id,
        to,
        seq: plan.seq,
        revision: plan.revision,
        decisions,
        head_hash: plan.head_hash,
        seats,
        tiers: tiers.map(|(tier, units)| (tier.tier_id, units)).collect(),
    }
}

/// Indices of the claims whose keys have been answered.
async fn answered(writer: &mut Writer, claims: &[Waiting]) -> Result<Vec<usize>, sqlx::Error> {
    let mut places = Vec::new();
    for (place, (claim, _)) in claims.iter().enumerate() {
        if let Some(key) = &claim.key
            && store::find_answer(writer.connection(), claim.buyer, &key.key).await?.is_some()
        {
            places.push(place);
        }
    }
    Ok(places)
}

/// Tells of a commit: the mirror and the viewers first, then every buyer.
///
/// One task on the buyers' runtime sends the answers. Sent from the sequencer's thread, each answer would have to wake
/// a thread of that runtime.
fn answer(desk: &Desk, buyers: &Handle, sale: &Arc<SaleDesk>, claims: Vec<Waiting>, plan: Plan) {
    desk.committed(sale, plan.at, &plan.granted().collect::<Vec<_>>(), plan.begun_at);
    let sale = sale.clone();
    buyers.spawn(async move {
        for ((claim, answer), decision) in claims.into_iter().zip(plan.decisions) {
            let verdict = match decision {
                Decision::Granted(recorded) => Verdict::Won(Won::new(&recorded, &sale.stock.read(), plan.begun_at)),
                Decision::Refused(refusal) if plan.asked_database => Verdict::RefusedByDatabase(refusal),
                Decision::Refused(refusal) => Verdict::Refused(refusal),
                Decision::Repeated => Verdict::Repeated,
            };
            // A buyer who has gone away does not get the answer. The order is valid all the same.
            let _ = answer.send(claim.settle(verdict));
        }
    });
}

fn fail(claims: impl IntoIterator<Item = Waiting>, error: &sqlx::Error) {
    tracing::error!(%error, "a batch could not be written; asking again with the same key settles its outcome");
    for (claim, answer) in claims {
        let _ = answer.send(claim.settle(Verdict::Unknown(sqlx::Error::WorkerCrashed)));
    }
}

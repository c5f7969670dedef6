//! `group_commit`: one writer, many buyers per commit. The default.
//!
//! **How it works.** Claims wait in a bounded queue. Each is decided as it arrives, on a draft of what the sale comes to when
//! everything before it holds. One task takes all that wait and writes the result in one transaction: one guarded update for
//! all seats, one for all counters, one round of inserts. The rows that the guarded updates change are the verdict; where one
//! is missing, the mirror was wrong: everything is rolled back, the mirror is read anew, and the batch is decided once more.
//!
//! **What it guarantees.** No phantom and no leak, claims decided in the order of their arrival, an answer only after
//! the commit is on disk.
//!
//! **While it does not know.** A claim that is refused because of others on their way hears so after their commit, and is
//! decided anew where that fails.
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
use super::{Claim, Deciding, Strategy, Verdict};
use crate::{
    model::strategy::StrategyKind,
    server::{
        failpoint::failpoint,
        stock::{Desk, SaleDesk, decide::Draft},
        store::{self, Connection, Guard, Writer},
        telemetry::metrics::{BATCH_SIZE, COMMIT_DURATION, QUEUE_LENGTH},
    },
};

/// Times a batch is proposed anew because another process changed the sale.
const MAX_RETRIES: u32 = 8;

pub struct GroupCommit {
    line: Arc<Line>,
}

/// What buyers and sequencer share.
struct Line {
    desk: Arc<Desk>,
    pending: Mutex<Pending>,
    /// Told when a claim arrives while the sequencer is idle.
    arrived: Notify,
}

impl GroupCommit {
    /// Starts the sequencer; it ends when the strategy is dropped and nothing is pending.
    ///
    /// It has a thread of its own: beside the connections on a shared runtime it would stand in line behind hundreds of
    /// them each time that the database has answered.
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
        // Unbounded here because the engine hands out places: a claim without one never gets this far.
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
        // A broken assertion ends this batch, not the sale: its claims hear nothing, which their keys settle, and the turn
        // that was dropped in doubt makes the next one read everything anew.
        let is_settled = AssertUnwindSafe(turn(line, buyers, batch)).catch_unwind().await.unwrap_or(false);
        let mut pending = line.pending.lock();
        if !is_settled {
            pending.doubt(sale_id);
        }
        pending.written();
        metrics::gauge!(QUEUE_LENGTH).set(pending.len() as f64);
    }
}

/// Writes a batch and answers its buyers. `false` where it is not as it was planned.
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
    // An organiser may have been here in between.
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
            // Dropped in doubt: the next turn starts on a new connection.
            drop(writer);
            fail(claims, &error);
            false
        }
    }
}

/// Commits what the claims on one sale come to: as planned, or as the mirror says now. An error leaves the outcome open.
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
        if plan.sold().next().is_none() {
            return Ok(plan);
        }
        failpoint!("admitted");
        let started = Instant::now();
        // The first try costs one hop and trusts the mirror. Where others sell the sale too, the next ones hold its row.
        let taken = if tries > 0 && desk.store.is_shared() {
            let (planned, taken) = write_behind_lock(desk, writer, sale, claims, &repeated, tries).await?;
            plan = planned;
            taken
        } else {
            write(writer.in_doubt(), sale, &plan).await?
        };
        match taken {
            Taken::All => {
                failpoint!("committed");
                metrics::histogram!(COMMIT_DURATION).record(started.elapsed().as_secs_f64());
                return Ok(plan);
            }
            Taken::KeyInUse => repeated.extend(answered(writer, claims).await?),
            Taken::Nothing if desk.store.is_shared() => {}
            Taken::Nothing => {
                // The mirror was wrong, so something else writes to this database. Nobody wins by a wrong mirror.
                tracing::warn!(sale = %sale.slug(), "the mirror differs from the database; reading it anew");
                desk.reload(writer, sale).await?;
            }
        }
        plan = propose(desk, sale, claims, &repeated);
        plan.asked_database = true;
    }
    Err(sqlx::Error::Protocol("the sale does not hold still: another process sells it too".into()))
}

/// Plans the claims with the sale's row held, so that nobody else changes it meanwhile, and writes them.
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
    // The ledger tells what happened meanwhile; where that did not help, only the rows can.
    if tries > 1 || !desk.catch_up(transaction.connection(), sale).await? {
        desk.read_anew(&mut transaction, sale).await?;
    }
    let mut plan = propose(desk, sale, claims, repeated);
    plan.asked_database = true;
    let taken = write(transaction.connection(), sale, &plan).await?;
    match taken {
        Taken::All => transaction.commit().await?,
        Taken::Nothing | Taken::KeyInUse => transaction.rollback().await?,
    }
    Ok((plan, taken))
}

/// What the claims come to on the mirror. Those at the places `repeated` have their answer already.
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

/// What a guarded write came to.
enum Taken {
    All,
    /// A row was not as the mirror says.
    Nothing,
    /// A key was used meanwhile, by another process.
    KeyInUse,
}

/// Writes a plan, all of it or nothing.
async fn write(connection: Connection<'_>, sale: &SaleDesk, plan: &Plan) -> Result<Taken, sqlx::Error> {
    let guard = guard(sale, plan);
    let purchases: Vec<_> = plan.sold().map(|sold| &sold.purchase).collect();
    match store::take_and_record(connection, &guard, plan.at, &purchases).await {
        Ok(true) => Ok(Taken::All),
        Ok(false) => Ok(Taken::Nothing),
        Err(error) if store::is_key_taken(&error) => Ok(Taken::KeyInUse),
        Err(error) => Err(error),
    }
}

/// What a plan takes: the sale's row and the guarded write whose rows are the verdict.
fn guard(sale: &SaleDesk, plan: &Plan) -> Guard {
    let stock = sale.stock.read();
    let mut units = vec![0; stock.tiers.len()];
    let (mut seats, mut decisions) = (Vec::new(), 0);
    for sold in plan.sold() {
        for part in &sold.parts {
            units[part.tier_index] += part.quantity;
            seats.extend(&part.seats);
        }
        decisions += 1;
    }
    let tiers = stock.tiers.iter().zip(units).filter(|(_, units)| *units > 0);
    Guard {
        sale_id: stock.sale_id,
        seq: plan.seq,
        revision: plan.revision,
        decisions,
        head_hash: plan.head_hash,
        seats,
        tiers: tiers.map(|(tier, units)| (tier.tier_id, units)).collect(),
    }
}

/// Places of the claims whose keys have been answered.
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

/// After the commit: the mirror and the viewers first, then every buyer.
///
/// The answers go out from one task on the buyers' runtime: woken from here, each buyer would cost a wake of a thread.
fn answer(desk: &Desk, buyers: &Handle, sale: &Arc<SaleDesk>, claims: Vec<Waiting>, plan: Plan) {
    desk.committed(sale, plan.at, &plan.sold().collect::<Vec<_>>());
    let sale = sale.clone();
    buyers.spawn(async move {
        for ((claim, answer), decision) in claims.into_iter().zip(plan.decisions) {
            let verdict = match decision {
                Decision::Sold(sold) => Verdict::Won(Box::new(sold.order(&sale.stock.read()))),
                Decision::Refused(refusal) if plan.asked_database => Verdict::RefusedByDatabase(refusal),
                Decision::Refused(refusal) => Verdict::Refused(refusal),
                Decision::Repeated => Verdict::Repeated,
            };
            // A buyer who has gone away does not hear the answer; the order stands all the same.
            let _ = answer.send(claim.settle(verdict));
        }
    });
}

fn fail(claims: impl IntoIterator<Item = Waiting>, error: &sqlx::Error) {
    tracing::error!(%error, "a batch could not be written; its outcome is settled by asking again");
    for (claim, answer) in claims {
        let _ = answer.send(claim.settle(Verdict::Unknown(sqlx::Error::WorkerCrashed)));
    }
}

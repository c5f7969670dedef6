//! `group_commit`: one writer, many buyers per commit. The default.
//!
//! **How it works.** Claims wait in a bounded queue. One task takes all that wait, decides them in order against the
//! mirror of the sale, and writes the result in one transaction: one guarded update for all seats, one for all counters,
//! one round of inserts. The rows that the guarded updates change are the verdict; where one is missing, the mirror was
//! wrong: everything is rolled back, the mirror is read anew, and the batch is decided once more.
//!
//! **What it guarantees.** No phantom and no leak, claims decided in the order of their arrival, an answer only after
//! the commit is on disk.
//!
//! **What it costs.** One flush per batch instead of one per buyer; a lone buyer waits for nobody. One writer per store.
//!
//! **Where it is used.** Database logs (group commit in PostgreSQL and MySQL), LMAX, TigerBeetle.

use std::{collections::HashSet, panic::AssertUnwindSafe, sync::Arc, thread, time::Instant};

use futures_util::FutureExt;
use tokio::{
    runtime::{Builder, Handle},
    sync::{mpsc, oneshot},
};

use super::{
    Claim, Deciding, Desk, SaleDesk, Strategy, Verdict, Wish,
    decide::{Draft, check_open},
    desk::Sold,
};
use crate::{
    model::{ids::OrderId, limits::MAX_BATCH, outcome::Refusal, strategy::StrategyKind, time::Timestamp},
    server::{
        ledger::Hash,
        store::{self, Connection, Guard, Writer},
        telemetry::metrics::{BATCH_SIZE, COMMIT_DURATION, QUEUE_LENGTH},
    },
};

/// Times a batch is proposed anew because another process changed the sale.
const MAX_RETRIES: u32 = 3;

/// A claim with where to send its verdict.
type Waiting = (Claim, oneshot::Sender<Verdict>);

pub struct GroupCommit {
    // Unbounded here because the engine hands out places: a claim without one never gets this far.
    queue: mpsc::UnboundedSender<Waiting>,
}

impl GroupCommit {
    /// Starts the sequencer; it ends when the strategy is dropped and the queue is empty.
    ///
    /// It has a thread of its own: beside the connections on a shared runtime it would stand in line behind hundreds of
    /// them each time that the database has answered.
    pub fn start(desk: Arc<Desk>) -> Self {
        let (queue, waiting) = mpsc::unbounded_channel();
        let buyers = Handle::current();
        let runtime = Builder::new_current_thread().enable_all().build().expect("a server may have descriptors");
        thread::Builder::new()
            .name("sequencer".into())
            .spawn(move || runtime.block_on(run(desk, buyers, waiting)))
            .expect("a server may have threads");
        Self { queue }
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
        let queued = self.queue.send((claim, answer));
        Box::pin(async move {
            match queued {
                Ok(()) => verdict.await.unwrap_or(Verdict::Unknown(sqlx::Error::WorkerCrashed)),
                Err(_) => Verdict::Overloaded,
            }
        })
    }
}

async fn run(desk: Arc<Desk>, buyers: Handle, mut waiting: mpsc::UnboundedReceiver<Waiting>) {
    let mut batch = Vec::with_capacity(MAX_BATCH);
    let mut next = None;
    loop {
        let Some(first) = (match next.take() {
            Some(claim) => Some(claim),
            None => waiting.recv().await,
        }) else {
            return;
        };
        let writer = desk.steady_writer().await;
        // Whoever came while the last commit was written goes into this one.
        let mut units = units_of(&first.0);
        batch.push(first);
        while let Ok(claim) = waiting.try_recv() {
            units += units_of(&claim.0);
            if units > MAX_BATCH as u64 {
                next = Some(claim);
                break;
            }
            batch.push(claim);
        }
        metrics::histogram!(BATCH_SIZE).record(batch.len() as f64);
        metrics::gauge!(QUEUE_LENGTH).set(waiting.len() as f64);
        match writer {
            // A broken assertion ends this batch, not the sale: its claims hear nothing, which their keys settle, and
            // the turn that was dropped in doubt makes the next one read everything anew.
            Ok(writer) => match AssertUnwindSafe(decide_batch(&desk, &buyers, writer, &mut batch)).catch_unwind().await
            {
                Ok(()) => {}
                Err(_) => batch.clear(),
            },
            Err(error) => fail(batch.drain(..), &error),
        }
    }
}

fn units_of(claim: &Claim) -> u64 {
    match claim.wish {
        Wish::Seat { .. } => 1,
        Wish::Units { quantity, .. } => quantity,
    }
}

/// Decides a batch, one transaction for each sale in it, in the order of arrival.
async fn decide_batch(desk: &Desk, buyers: &Handle, writer: Writer, batch: &mut Vec<Waiting>) {
    let mut writer = Some(writer);
    while let Some((first, _)) = batch.first() {
        let sale = first.sale.clone();
        let (claims, rest) = batch.drain(..).partition::<Vec<_>, _>(|(claim, _)| Arc::ptr_eq(&claim.sale, &sale));
        *batch = rest;
        let Some(turn) = writer.as_mut() else {
            fail(claims, &sqlx::Error::WorkerCrashed);
            continue;
        };
        match decide_sale(desk, turn, &sale, &claims).await {
            Ok(decided) => {
                answer(desk, buyers, &sale, claims, decided);
                turn.settle();
            }
            Err(error) => {
                // Dropped in doubt: the next turn starts on a new connection.
                writer = None;
                fail(claims, &error);
            }
        }
    }
}

/// What a claim comes to, if the commit holds.
enum Decision {
    Sold(Sold),
    Refused(Refusal),
    /// Another request with its key was answered meanwhile.
    Repeated,
}

/// What became of the claims on one sale, in their order.
struct Decided {
    at: Timestamp,
    /// The sale's `seq` and `revision` that they were decided on, and the hash of the last line.
    seq: u64,
    revision: u64,
    head_hash: Hash,
    decisions: Vec<Decision>,
    /// Whether the mirror was wrong at first, so that the database had to say what is left.
    asked_database: bool,
}

impl Decided {
    fn sold(&self) -> impl Iterator<Item = &Sold> {
        self.decisions.iter().filter_map(|decision| match decision {
            Decision::Sold(sold) => Some(sold),
            Decision::Refused(_) | Decision::Repeated => None,
        })
    }
}

/// Decides the claims on one sale and commits the result. An error leaves the outcome open.
async fn decide_sale(
    desk: &Desk,
    writer: &mut Writer,
    sale: &Arc<SaleDesk>,
    claims: &[Waiting],
) -> Result<Decided, sqlx::Error> {
    let mut repeated = HashSet::new();
    let mut decided = propose(desk, sale, claims, &repeated);
    for tries in 0..=MAX_RETRIES {
        if decided.sold().next().is_none() {
            return Ok(decided);
        }
        let started = Instant::now();
        // The first try costs one hop and trusts the mirror. Where others sell the sale too, the next ones hold its row.
        let taken = match tries > 0 && desk.store.is_shared() {
            false => write(writer.in_doubt(), sale, &decided).await?,
            true => {
                let mut transaction = writer.begin().await?;
                store::lock_sale(transaction.connection(), sale.sale_id).await?;
                // The ledger tells what was sold meanwhile; where that was not it, only the rows can.
                if tries > 1 || !desk.catch_up(transaction.connection(), sale).await? {
                    desk.read_anew(&mut transaction, sale).await?;
                }
                decided = propose(desk, sale, claims, &repeated);
                decided.asked_database = true;
                let taken = write(transaction.connection(), sale, &decided).await?;
                match taken {
                    Taken::All => transaction.commit().await?,
                    Taken::Nothing | Taken::KeyInUse => transaction.rollback().await?,
                }
                taken
            }
        };
        match taken {
            Taken::All => {
                metrics::histogram!(COMMIT_DURATION).record(started.elapsed().as_secs_f64());
                return Ok(decided);
            }
            Taken::KeyInUse => repeated.extend(answered(writer, claims).await?),
            Taken::Nothing if desk.store.is_shared() => {}
            Taken::Nothing => {
                // The mirror was wrong, so something else writes to this database. Nobody wins by a wrong mirror.
                tracing::warn!(sale = %sale.stock.read().id, "the mirror differs from the database; reading it anew");
                desk.reload(writer, sale).await?;
            }
        }
        decided = propose(desk, sale, claims, &repeated);
        decided.asked_database = true;
    }
    Err(sqlx::Error::Protocol("the sale does not hold still: another process sells it too".into()))
}

/// What the claims come to on the mirror. Those at the places `repeated` have their answer already.
fn propose(desk: &Desk, sale: &SaleDesk, claims: &[Waiting], repeated: &HashSet<usize>) -> Decided {
    let at = desk.clock.now();
    let stock = sale.stock.read();
    let closed = check_open(&stock, at).err();
    let mut draft = Draft::new(&stock, at);
    let decisions = claims.iter().enumerate().map(|(place, (claim, _))| {
        if repeated.contains(&place) {
            return Decision::Repeated;
        }
        if let Some(refusal) = &closed {
            return Decision::Refused(refusal.clone());
        }
        let order = OrderId(desk.identifiers.next(at));
        match draft.decide(order.0, claim.buyer, claim.wish) {
            Ok(grant) => Decision::Sold(desk.sell(&stock, claim.buyer, order, grant, claim.key.as_ref())),
            Err(refusal) => Decision::Refused(refusal),
        }
    });
    let decisions = decisions.collect();
    let (seq, revision) = (stock.seq, stock.revision);
    Decided { at, seq, revision, head_hash: draft.head_hash, decisions, asked_database: false }
}

/// What a guarded write came to.
enum Taken {
    All,
    /// A row was not as the mirror says.
    Nothing,
    /// A key was used meanwhile, by another process.
    KeyInUse,
}

/// Writes the proposal, all of it or nothing.
async fn write(connection: Connection<'_>, sale: &SaleDesk, decided: &Decided) -> Result<Taken, sqlx::Error> {
    let guard = guard(sale, decided);
    let purchases: Vec<_> = decided.sold().map(|sold| &sold.purchase).collect();
    match store::take_and_record(connection, &guard, decided.at, &purchases).await {
        Ok(true) => Ok(Taken::All),
        Ok(false) => Ok(Taken::Nothing),
        Err(error) if store::is_key_taken(&error) => Ok(Taken::KeyInUse),
        Err(error) => Err(error),
    }
}

/// What the proposal takes: the sale's row and the guarded write whose rows are the verdict.
fn guard(sale: &SaleDesk, decided: &Decided) -> Guard {
    let stock = sale.stock.read();
    let mut units = vec![0; stock.tiers.len()];
    let (mut seats, mut decisions) = (Vec::new(), 0);
    for sold in decided.sold() {
        units[sold.tier_index] += sold.purchase.tickets.len() as u64;
        seats.extend(&sold.seats);
        decisions += 1;
    }
    let tiers = stock.tiers.iter().zip(units).filter(|(_, units)| *units > 0);
    Guard {
        sale_id: stock.sale_id,
        seq: decided.seq,
        revision: decided.revision,
        decisions,
        head_hash: decided.head_hash,
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
fn answer(desk: &Desk, buyers: &Handle, sale: &Arc<SaleDesk>, claims: Vec<Waiting>, decided: Decided) {
    desk.committed(sale, decided.at, &decided.sold().collect::<Vec<_>>());
    let sale = sale.clone();
    buyers.spawn(async move {
        for ((claim, answer), decision) in claims.into_iter().zip(decided.decisions) {
            let verdict = match decision {
                Decision::Sold(sold) => Verdict::Won(Box::new(sold.order(&sale.stock.read()))),
                Decision::Refused(refusal) if decided.asked_database => Verdict::RefusedByDatabase(refusal),
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

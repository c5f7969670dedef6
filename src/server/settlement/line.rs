//! The settlements of a sale that wait. Those that wait at the same time share a transaction.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    thread,
};

use parking_lot::Mutex;
use tokio::{
    runtime::{Builder, Handle},
    sync::oneshot,
};

use super::{
    asked::Settlement,
    gathering::Gathering,
    settle::{Done, Which, settle},
};
use crate::{
    model::{ids::OrderId, limits::MAX_BATCH, order::Order},
    server::{
        stock::{Desk, SaleDesk},
        store,
    },
};

/// What became of a settlement.
#[derive(Debug)]
pub enum Settled {
    Confirmed(Box<Order>),
    Released,
    /// The hold had ended before, or its time was over. Nothing has changed.
    TooLate,
    /// The hold has been changed since it was looked at. Nothing else has changed.
    Outdated,
    /// Another request with the same key was answered meanwhile.
    Repeated,
    /// The store failed, and the outcome is unknown. Asking again with the same key settles it.
    Unknown,
}

type Waiting = (Settlement, oneshot::Sender<Settled>);

/// The settlements of all sales.
pub struct Settlements {
    desk: Arc<Desk>,
    by_sale: Mutex<HashMap<i64, Arc<Gathering<Waiting>>>>,
    settler: Settler,
    /// The runtime of those who wait for an answer. Sent from the settler's thread, each answer would have to wake a thread
    /// of that runtime.
    buyers: Handle,
}

/// The thread on which batches are settled. On the buyers' runtime a batch would have to wait for hundreds of connections
/// each time the database has answered.
struct Settler {
    runtime: Handle,
    /// The thread ends when this is dropped.
    _open: oneshot::Sender<()>,
}

impl Settler {
    fn start() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a server may have descriptors");
        let (open, closed) = oneshot::channel::<()>();
        let settler = Self { runtime: runtime.handle().clone(), _open: open };
        let until_closed = move || drop(runtime.block_on(closed));
        thread::Builder::new().name("settler".into()).spawn(until_closed).expect("a server may have threads");
        settler
    }
}

impl Settlements {
    pub fn new(desk: Arc<Desk>) -> Self {
        Self { desk, by_sale: Mutex::default(), settler: Settler::start(), buyers: Handle::current() }
    }

    /// Settles a hold. Once begun it goes on, even when nobody waits for the outcome any more.
    pub async fn settle(&self, sale: &Arc<SaleDesk>, settlement: Settlement) -> Settled {
        let line = self.by_sale.lock().entry(sale.sale_id).or_default().clone();
        let (answer, settled) = oneshot::channel();
        if line.add((settlement, answer)) {
            let (desk, sale, buyers) = (self.desk.clone(), sale.clone(), self.buyers.clone());
            let working = async move { line.work(next_batch, |batch| run(&desk, &sale, batch, &buyers)).await };
            self.settler.runtime.spawn(working);
        }
        settled.await.unwrap_or(Settled::Unknown)
    }
}

/// The next settlements of one kind, with as many units as one transaction may have.
fn next_batch(waiting: &mut VecDeque<Waiting>) -> Vec<Waiting> {
    let mut batch: Vec<Waiting> = Vec::new();
    let mut units = 0;
    while let Some((next, _)) = waiting.front() {
        let is_other_kind = batch.first().is_some_and(|(first, _)| first.kind != next.kind);
        let is_named = batch.iter().any(|(settlement, _)| settlement.hold == next.hold);
        if is_other_kind || is_named || !batch.is_empty() && units + next.units > MAX_BATCH as u64 {
            break;
        }
        units += next.units;
        batch.extend(waiting.pop_front());
    }
    batch
}

/// Settles a batch and answers it. Where a key of it was used meanwhile, each settlement gets a transaction of its own.
async fn run(desk: &Desk, sale: &Arc<SaleDesk>, batch: Vec<Waiting>, buyers: &Handle) {
    let (settlements, answers): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
    let Some(kind) = settlements.first().map(|settlement| settlement.kind) else { return };
    let outcomes = match settle(desk, sale, kind, &Which::Named(&settlements)).await {
        Ok(done) => outcomes(&settlements, done),
        Err(error) if store::is_key_taken(&error) && settlements.len() > 1 => {
            let mut outcomes = Vec::with_capacity(settlements.len());
            for settlement in &settlements {
                let alone = std::slice::from_ref(settlement);
                outcomes.extend(match settle(desk, sale, kind, &Which::Named(alone)).await {
                    Ok(done) => self::outcomes(alone, done),
                    Err(error) => vec![failed(&error)],
                });
            }
            outcomes
        }
        Err(error) => settlements.iter().map(|_| failed(&error)).collect(),
    };
    buyers.spawn(async move {
        for ((settlement, outcome), answer) in settlements.into_iter().zip(outcomes).zip(answers) {
            if let Some(key) = &settlement.key
                && !matches!(outcome, Settled::TooLate | Settled::Outdated | Settled::Released)
            {
                key.guard.remember();
            }
            // Who has gone away does not get the answer. What was settled is valid all the same.
            let _ = answer.send(outcome);
        }
    });
}

fn failed(error: &sqlx::Error) -> Settled {
    if store::is_key_taken(error) {
        return Settled::Repeated;
    }
    tracing::error!(%error, "holds could not be settled; asking again settles their outcome");
    Settled::Unknown
}

fn outcomes(settlements: &[Settlement], Done { ended, outdated, orders }: Done) -> Vec<Settled> {
    let mut orders: HashMap<OrderId, Order> = orders.into_iter().map(|order| (order.id, order)).collect();
    let outcome = |settlement: &Settlement| match orders.remove(&OrderId(settlement.hold.0)) {
        Some(order) => Settled::Confirmed(Box::new(order)),
        None if ended.contains(&settlement.hold) => Settled::Released,
        None if outdated.contains(&settlement.hold) => Settled::Outdated,
        None => Settled::TooLate,
    };
    settlements.iter().map(outcome).collect()
}

//! `in_memory`: a counter in memory admits, the database confirms.
//!
//! **How it works.** The gate of a sale counts in memory what is left. A claim that finds nothing there is refused without
//! a word to the database; one that does takes its units out of the gate and buys by a conditional update as in
//! `atomic_update`. Where that fails, the units go back into the gate, or the gate is filled anew. The answer waits for
//! the commit like every other.
//!
//! **What it guarantees.** No phantom, because the database has the last word. No leak, because what is not bought goes
//! back, and because the gate is filled anew from the database at start, after every fault, and after every change by an
//! organiser, once all claims in flight are settled.
//!
//! **What it costs.** A flush per purchase. Only one process may sell the database: two gates would each let in all.
//!
//! **Where it is used.** Flash sales with a counter in front of the warehouse, single-process shops.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::{
    Claim, Deciding, Strategy, Verdict,
    atomic_update::ByCondition,
    one_by_one::{Wanted, attempt},
};
use crate::{
    model::{seat::SeatStatus, strategy::StrategyKind},
    server::stock::{Desk, SaleDesk},
};

pub struct InMemory {
    desk: Arc<Desk>,
    gates: Mutex<HashMap<i64, Arc<Gate>>>,
}

/// What is left of one sale, and who is on the way to it.
#[derive(Default)]
struct Gate {
    state: Mutex<State>,
    /// Told whenever nobody is on the way any more.
    idle: Notify,
}

#[derive(Default)]
struct State {
    /// The sale's `revision` that the gate was filled at; none where it must be filled anew.
    revision: Option<u64>,
    left: Vec<u64>,
    taken: HashSet<u32>,
    in_flight: usize,
}

/// What the gate says to a claim.
enum Answer {
    In(Admission),
    Gone,
    /// The gate must be filled anew, and cannot be while others are on the way.
    Wait,
}

/// Units taken out of the gate, on their way to be bought.
struct Admission {
    gate: Arc<Gate>,
    wanted: Wanted,
    fate: Fate,
}

/// What became of units taken out of the gate.
enum Fate {
    /// Also where nobody waited for the outcome.
    Unknown,
    Bought,
    Returned,
}

impl InMemory {
    pub fn new(desk: Arc<Desk>) -> Self {
        Self { desk, gates: Mutex::default() }
    }

    async fn decide(&self, claim: Claim) -> Verdict {
        let wanted = Wanted::of(&claim);
        let gate = self.gates.lock().entry(wanted.sale_id).or_default().clone();
        let mut admission = loop {
            let idle = gate.idle.notified();
            match Gate::ask(&gate, &claim.sale, wanted) {
                Answer::In(admission) => break admission,
                Answer::Gone => {
                    let refusal = wanted.refusal(&claim.sale);
                    return claim.settle(Verdict::Refused(refusal));
                }
                Answer::Wait => idle.await,
            }
        };
        let verdict = attempt(&self.desk, &claim, wanted, &ByCondition).await.verdict(&claim, wanted);
        admission.fate = match verdict {
            Verdict::Won(_) => Fate::Bought,
            Verdict::Refused(_) | Verdict::RefusedByDatabase(_) | Verdict::Repeated | Verdict::Overloaded => {
                Fate::Returned
            }
            Verdict::Unknown(_) => Fate::Unknown,
            Verdict::Waiting(_) | Verdict::Unanswerable => unreachable!("it is decided here and now"),
        };
        drop(admission);
        claim.settle(verdict)
    }
}

impl Gate {
    fn ask(gate: &Arc<Self>, sale: &SaleDesk, wanted: Wanted) -> Answer {
        let mut state = gate.state.lock();
        {
            let stock = sale.stock.read();
            if state.revision != Some(stock.revision) {
                if state.in_flight > 0 {
                    return Answer::Wait;
                }
                state.revision = Some(stock.revision);
                state.left = stock.tiers.iter().map(|tier| tier.counts.available).collect();
                let gone =
                    |(position, status): (u32, &SeatStatus)| (*status != SeatStatus::Available).then_some(position);
                state.taken = (0..).zip(&stock.seats).filter_map(gone).collect();
            }
        }
        let is_left = state.left[wanted.tier_index] >= wanted.quantity
            && wanted.seat.is_none_or(|position| !state.taken.contains(&position));
        if !is_left {
            return Answer::Gone;
        }
        state.left[wanted.tier_index] -= wanted.quantity;
        state.taken.extend(wanted.seat);
        state.in_flight += 1;
        Answer::In(Admission { gate: gate.clone(), wanted, fate: Fate::Unknown })
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        let mut state = self.gate.state.lock();
        state.in_flight -= 1;
        match self.fate {
            Fate::Bought => {}
            Fate::Unknown => state.revision = None,
            Fate::Returned => {
                state.left[self.wanted.tier_index] += self.wanted.quantity;
                if let Some(position) = self.wanted.seat {
                    state.taken.remove(&position);
                }
            }
        }
        if state.in_flight == 0 {
            self.gate.idle.notify_waiters();
        }
    }
}

impl Strategy for InMemory {
    fn kind(&self) -> StrategyKind {
        StrategyKind::InMemory
    }

    fn claim(&self, claim: Claim) -> Deciding<'_> {
        Box::pin(self.decide(claim))
    }
}

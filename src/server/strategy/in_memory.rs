//! `in_memory`: a gate in memory admits, the database confirms.
//!
//! **How it works.** The gate of a sale counts in memory what is on its way to the database, beside what the mirror says is
//! left. A claim for something that is gone is refused without a word to the database; one for which enough is left beside
//! those on their way is let in and buys by a conditional update as in `atomic_update`.
//!
//! **What it guarantees.** No phantom, because the database has the last word. No leak, because the gate holds nothing but
//! who is on the way: whoever is settled, one way or the other, is not.
//!
//! **While it does not know.** What is on its way may come back. A claim that finds too little beside it waits until that is
//! settled, and is then let in or refused.
//!
//! **What it costs.** A flush per purchase. Only one process may sell the database: two mirrors would each let in all.
//!
//! **Where it is used.** Flash sales with a counter in front of the warehouse, single-process shops.

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;

use super::{
    Claim, Deciding, Strategy, Verdict, atomic_update::ByCondition, gate::Gate, one_by_one::attempt, wanted::Wanted,
};
use crate::{model::strategy::StrategyKind, server::stock::Desk};

pub struct InMemory {
    desk: Arc<Desk>,
    gates: Mutex<HashMap<i64, Arc<Gate>>>,
}

impl InMemory {
    pub fn new(desk: Arc<Desk>) -> Self {
        Self { desk, gates: Mutex::default() }
    }

    async fn decide(&self, claim: Claim) -> Verdict {
        let gate = self.gates.lock().entry(claim.sale.sale_id).or_default().clone();
        let mut admission = match Gate::enter(&gate, &claim).await {
            Ok(admission) => admission,
            Err(refusal) => return claim.settle(Verdict::Refused(refusal)),
        };
        let verdict = attempt(&self.desk, &claim, &Wanted::of(&claim), &ByCondition).await.verdict(&claim);
        admission.is_bought = matches!(verdict, Verdict::Won(_));
        claim.settle(verdict)
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

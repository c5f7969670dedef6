//! `in_memory`: a gate in memory lets claims in, the database confirms.
//!
//! **How it works.** The mirror says how many units are left, and the gate of a sale counts in memory how many of them
//! are wanted by claims on their way to the database. A claim for something that is gone is refused without asking the
//! database. A claim for which enough is left beside those on their way is let in, and buys by a conditional update as
//! in `atomic_update`.
//!
//! **What it guarantees.** No phantom, because the database has the last word. No leak, because the gate counts only
//! claims on their way, and a claim stops counting as soon as it is settled, whether it won or not.
//!
//! **While it does not know.** Units of a claim on its way may become free again. A claim that finds too few units
//! beside those waits until the other claims are settled, and is then let in or refused.
//!
//! **What it costs.** A flush per purchase. Only one process may sell the database, because two gates would each let in
//! claims for all units.
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

//! The claims that wait for the sequencer, decided as they arrive.
//!
//! While a batch is written, the next one is already planned on a draft: the sale as it will be if all earlier batches
//! are committed as planned. Where one is not, the plans of the sale's waiting batches are dropped, and each batch is
//! planned again at its turn.

use std::{collections::VecDeque, sync::Arc};

use rustc_hash::FxHashMap;
use tokio::sync::oneshot;

use crate::{
    model::{
        ids::{HoldId, OrderId},
        ledger::ChangeKind,
        limits::MAX_BATCH,
        outcome::Refusal,
        time::Timestamp,
    },
    server::{
        ledger::Hash,
        stock::{Desk, Held, Recorded, SaleDesk, Sold, Stock, decide::Draft},
        strategy::{Claim, Taking, Verdict},
    },
};

/// A claim and the channel for its verdict.
pub type Waiting = (Claim, oneshot::Sender<Verdict>);

/// The outcome of a claim, valid once its batch is committed.
pub enum Decision {
    Granted(Recorded),
    Refused(Refusal),
    /// Another request with the same key was answered meanwhile.
    Repeated,
}

/// The decisions on the claims of a batch, in the order of the claims.
pub struct Plan {
    pub at: Timestamp,
    /// The store's time at which holds began, once they are committed.
    pub begun_at: Timestamp,
    /// The sale's `seq` and `revision` that the decisions are based on.
    pub seq: u64,
    pub revision: u64,
    /// The hash of the plan's last ledger line.
    pub head_hash: Hash,
    pub decisions: Vec<Decision>,
    /// Whether the batch was first written in vain, so that the database had to say what is left.
    pub asked_database: bool,
}

/// Claims of one kind on one sale, to be written together.
pub struct Batch {
    pub sale: Arc<SaleDesk>,
    kind: ChangeKind,
    pub claims: Vec<Waiting>,
    /// `None` where the batch cannot be planned before its turn.
    pub plan: Option<Plan>,
    units: u64,
}

#[derive(Default)]
pub struct Pending {
    batches: VecDeque<Batch>,
    /// Each sale as it will be if all its waiting claims are committed as planned, by the sale's row.
    drafts: FxHashMap<i64, Draft>,
    /// The sale whose batch is being written now.
    in_writing: Option<i64>,
    /// Whether the sequencer waits to be woken.
    pub is_idle: bool,
    pub is_closed: bool,
}

impl Plan {
    /// A plan without decisions that starts from the draft.
    pub fn new(draft: &mut Draft, at: Timestamp) -> Self {
        draft.set_time(at);
        let (seq, revision, head_hash) = (draft.seq, draft.revision, draft.head_hash);
        Self { at, begun_at: at, seq, revision, head_hash, decisions: Vec::new(), asked_database: false }
    }

    /// Decides one more claim.
    pub fn decide(&mut self, desk: &Desk, stock: &Stock, draft: &mut Draft, claim: &Claim) {
        let (id, taking) = (desk.identifiers.next(self.at), claim.taking);
        let decided = stock
            .check_open(self.at)
            .and_then(|()| draft.decide(stock, (taking.kind(), id), claim.buyer, &claim.wish, taking.bounds()));
        self.head_hash = draft.head_hash;
        self.decisions.push(match decided {
            Ok(grant) => Decision::Granted(match taking {
                Taking::Buy => Recorded::Sold(Sold::new(
                    &desk.identifiers,
                    stock,
                    (claim.buyer, OrderId(id)),
                    grant,
                    claim.asked(),
                )),
                Taking::Hold(_) => Recorded::Held(Held::new(stock, claim.buyer, HoldId(id), grant, claim.asked().key)),
            }),
            Err(refusal) => Decision::Refused(refusal),
        });
    }

    pub fn granted(&self) -> impl Iterator<Item = &Recorded> {
        self.decisions.iter().filter_map(|decision| match decision {
            Decision::Granted(recorded) => Some(recorded),
            Decision::Refused(_) | Decision::Repeated => None,
        })
    }
}

impl Pending {
    /// Adds a claim to the last batch of its sale, or to a new batch. Decides the claim where all claims before it are
    /// decided.
    pub fn add(&mut self, desk: &Desk, claim: Claim, answer: oneshot::Sender<Verdict>) {
        let sale_id = claim.sale.sale_id;
        let units = claim.wish.quantity();
        let kind = claim.taking.kind();
        let place = self.batches.iter().rposition(|batch| batch.sale.sale_id == sale_id);
        let stock = claim.sale.stock.read();
        if self.drafts.get(&sale_id).is_some_and(|draft| draft.revision != stock.revision) {
            // An organiser has changed the sale since the draft was begun.
            self.doubt(sale_id);
        }
        if !self.drafts.contains_key(&sale_id) && place.is_none() && self.in_writing != Some(sale_id) {
            // No claim on this sale comes before this one, so it is decided on the mirror.
            self.drafts.insert(sale_id, Draft::new(&stock));
        }
        let mut draft = self.drafts.get_mut(&sale_id);
        let fits = |batch: &Batch| batch.kind == kind && batch.units + units <= MAX_BATCH as u64;
        let place = place.filter(|place| fits(&self.batches[*place])).unwrap_or_else(|| {
            let plan = draft.as_mut().map(|draft| Plan::new(draft, desk.clock.now()));
            self.batches.push_back(Batch { sale: claim.sale.clone(), kind, claims: Vec::new(), plan, units: 0 });
            self.batches.len() - 1
        });
        let batch = &mut self.batches[place];
        batch.units += units;
        if let Some(plan) = &mut batch.plan {
            plan.decide(desk, &stock, draft.expect("what is planned has a draft"), &claim);
        }
        drop(stock);
        batch.claims.push((claim, answer));
    }

    /// The next batch to be written; [`Pending::written`] ends its turn.
    pub fn next(&mut self) -> Option<Batch> {
        let batch = self.batches.pop_front();
        self.in_writing = batch.as_ref().map(|batch| batch.sale.sale_id);
        self.is_idle = batch.is_none();
        batch
    }

    /// How many claims wait.
    pub fn len(&self) -> usize {
        self.batches.iter().map(|batch| batch.claims.len()).sum()
    }

    /// Drops the plans of a sale's waiting batches, because what they build on was not committed as planned. Each batch
    /// is planned again at its turn.
    pub fn doubt(&mut self, sale_id: i64) {
        self.drafts.remove(&sale_id);
        self.batches.iter_mut().filter(|batch| batch.sale.sale_id == sale_id).for_each(|batch| batch.plan = None);
    }

    /// Ends the turn of the batch that was being written. The mirror already includes it.
    pub fn written(&mut self) {
        if let Some(sale_id) = self.in_writing.take()
            && !self.batches.iter().any(|batch| batch.sale.sale_id == sale_id)
        {
            // The next claim starts from the mirror again.
            self.drafts.remove(&sale_id);
        }
    }
}

//! `queued`: the buyer gets a receipt at once, and workers decide the purchases from a queue in Redis.
//!
//! **How it works.** A claim joins a Redis stream and is answered with the id of its request. Each server has a few
//! workers. They take entries from the streams that all servers share, in one consumer group, and buy by a conditional
//! update as in `atomic_update`. Redis keeps the outcome for an hour, and the buyer asks for it. Tiers that are to be
//! served first have a stream of their own, which the workers empty first. A decision that fails for a passing reason
//! is tried again; an entry that fails too often is put with the dead letters, where it is kept and counted. Another
//! server takes over the entries of a server that died.
//!
//! **What it guarantees.** No phantom and no leak, and only one outcome for each request. The outcome is a row of the
//! database. It is written in the transaction of the order, or alone where the request is refused, and only the first
//! such row counts. So a request is granted or refused, never both, even where two servers work on it, Redis hands it
//! out again, or it comes back from a lost Redis. A server remembers what it gave receipts for, and puts it back in
//! line when Redis has forgotten it. While Redis cannot be asked, new claims are decided at once, and so are those in
//! line. A request without an outcome that both the servers and Redis have forgotten was never sold.
//!
//! **While it does not know.** It answers with a receipt, and tells the outcome later.
//!
//! **What it costs.** A flush per purchase and per refusal, three round trips to Redis, and a buyer who has to ask for
//! the outcome. It does not sell faster, but it answers sooner and keeps a rush of buyers away from the database.
//!
//! **Where it is used.** Ticket shops that answer "we are working on your order", and everything behind a message broker.

mod entry; // a purchase in line
mod line; // the line in Redis
mod looking_after; // requests that have waited for long are put back in line, or decided
mod scripts; // the scripts of the line
mod shared; // what the strategy and its workers share
mod waiting; // the requests that this server gave receipts for
mod work; // the workers: take entries and decide them

use std::sync::Arc;

use tokio::sync::{Notify, Semaphore};

pub use self::shared::{QueueOptions, Said};
use self::{
    entry::Entry,
    line::{Joined, Line, State},
    shared::Shared,
    waiting::Waiting,
};
use super::{Claim, Deciding, Strategy, Verdict, atomic_update::decide_by_condition, substitutes::Substitutes};
use crate::{
    model::{
        ids::{BuyerId, RequestId},
        strategy::StrategyKind,
    },
    server::{
        failpoint::failpoint,
        redis::{NoAnswer, Redis},
        stock::{Desk, key_reused},
    },
};

pub struct Queued {
    shared: Arc<Shared>,
}

impl Queued {
    /// Also starts the workers. They work until the strategy is dropped or [`Queued::leave`] is called.
    pub fn start(desk: Arc<Desk>, redis: Arc<Redis>, options: QueueOptions) -> Self {
        let shared = Arc::new(Shared {
            desk,
            line: Line::new(redis, uuid::Uuid::now_v7().to_string()),
            waiting: Waiting::default(),
            workers: Arc::new(Semaphore::new(options.workers)),
            options,
            joined: Notify::new(),
            substitutes: Substitutes::default(),
        });
        tokio::spawn(work::keep_working(Arc::downgrade(&shared)));
        tokio::spawn(looking_after::keep_looking_after(Arc::downgrade(&shared)));
        Self { shared }
    }

    /// The verdict where a request with this key is in line. On a shared store the request may have joined at another
    /// server, which only Redis knows; while Redis cannot be asked, the verdict is then [`Verdict::Unanswerable`].
    pub async fn find(&self, buyer: BuyerId, key: &str, fingerprint: [u8; 16]) -> Option<Verdict> {
        let known = match self.shared.waiting.find(buyer, key) {
            Some(known) => Some(known),
            None => match self.shared.line.find(buyer, key).await {
                Some(known) => known,
                None if self.shared.desk.store.is_shared() => return Some(Verdict::Unanswerable),
                None => None,
            },
        };
        known.map(|known| of_known(known, fingerprint))
    }

    /// What this server and Redis know of a request.
    pub async fn look(&self, request: RequestId) -> Said {
        match self.shared.line.look(request).await {
            Some(Some((owner, State::Pending))) => Said::Pending(owner),
            Some(Some((owner, State::Decided(decision)))) => Said::Decided(owner, decision),
            Some(None) => self.shared.waiting.owner(request).map_or(Said::AskTheDatabase, Said::Pending),
            None => Said::RedisIsLost,
        }
    }

    /// The buyer of a request, where this server gave the receipt for it and does not know its outcome yet.
    pub fn owner_of_waiting(&self, request: RequestId) -> Option<BuyerId> {
        self.shared.waiting.owner(request)
    }

    /// Whether a purchase of this buyer is in line. `None` where another server may have put one there, which only Redis
    /// knows, and Redis cannot be asked.
    pub async fn has_in_line(&self, buyer: BuyerId) -> Option<bool> {
        let Shared { desk, line, waiting, .. } = &*self.shared;
        if waiting.has_buyer(buyer) {
            return Some(true);
        }
        if !self.shared.has_sale() {
            return Some(false);
        }
        match line.has_in_line(buyer).await {
            None if desk.store.is_shared() => None,
            in_line => Some(in_line.unwrap_or(false)),
        }
    }

    /// Takes no more entries, and gives back the places of all waiting requests. The requests stay in line for other
    /// servers, or for the next start of this one.
    pub fn leave(&self) {
        self.shared.workers.close();
        self.shared.waiting.clear();
    }

    async fn join(&self, mut claim: Claim) -> Verdict {
        let Shared { desk, line, waiting, options, joined, substitutes, .. } = &*self.shared;
        let request = RequestId(desk.identifiers.next(desk.clock.now()));
        let is_first = {
            let stock = claim.sale.stock.read();
            claim.wish.parts().iter().any(|part| options.first_tiers.contains(&stock.tiers[part.tier_index].id))
        };
        let entry = Entry::new(&claim, claim.sale.sale_id, request, is_first);
        if let Some(known) = entry.key.as_ref().and_then(|key| waiting.find(entry.buyer, &key.key)) {
            return of_known(known, entry.fingerprint());
        }
        // The entry is noted before it joins, because a worker may finish it before this function goes on.
        let fingerprint = entry.fingerprint();
        let place = claim.place.take().filter(|_| !self.shared.workers.is_closed());
        waiting.add(entry.clone(), place);
        match line.join(&entry).await {
            Ok(Joined::InLine) => {
                failpoint!("joined");
                joined.notify_one();
                Verdict::Waiting(request)
            }
            Ok(Joined::Known(earlier, with)) => {
                waiting.remove(request);
                of_known((earlier, with), fingerprint)
            }
            // The entry may be in line. So it must not be decided here: it could be refused here and granted by a
            // worker.
            Err(NoAnswer::InDoubt) => Verdict::Waiting(request),
            Err(NoAnswer::NotAsked) => {
                claim.place = waiting.remove(request);
                let is_keyed = claim.key.is_some();
                match substitutes.decide(desk, claim, |claim| decide_by_condition(desk, claim)).await {
                    // The key may have joined the line at another server. Then its request is granted or refused there.
                    Verdict::Refused(_) | Verdict::RefusedByDatabase(_) if is_keyed && desk.store.is_shared() => {
                        Verdict::Unanswerable
                    }
                    verdict => verdict,
                }
            }
        }
    }
}

/// The verdict where a key is already in line.
fn of_known((request, fingerprint): (RequestId, [u8; 16]), wanted: [u8; 16]) -> Verdict {
    if fingerprint == wanted { Verdict::Waiting(request) } else { Verdict::Refused(key_reused()) }
}

impl Strategy for Queued {
    fn kind(&self) -> StrategyKind {
        StrategyKind::Queued
    }

    fn claim(&self, claim: Claim) -> Deciding<'_> {
        Box::pin(self.join(claim))
    }
}

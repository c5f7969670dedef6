//! `queued`: a receipt at once, while workers buy one after the other from a queue in Redis.
//!
//! **How it works.** A claim joins a Redis stream and is answered with the id of its request. Each server has a few workers
//! that take entries from the streams of all servers, in one consumer group, and buy by a conditional update as in
//! `atomic_update`; what came of it stands in Redis for an hour, and the buyer asks for it. Tiers that are to be served first
//! have a stream of their own, which is emptied first. What fails for a passing reason is tried again; what fails time and
//! again is put with the dead letters, kept and counted. The entries of a server that died are taken over by another one.
//!
//! **What it guarantees.** No phantom and no leak, and one word to each buyer: what becomes of a request is a row of the
//! database, written with its order or alone where it is refused, and only the first such row stands. So a request may be
//! worked on by two servers, be handed out again or come back from a lost Redis: it is granted or refused, never both. A
//! server remembers what it gave receipts for, and puts it back in line when Redis has forgotten it. While Redis cannot be
//! asked, new claims are decided at once, and so are those in line. What both a server and Redis have forgotten was never
//! sold.
//!
//! **While it does not know.** It answers with a receipt, and says later what became of it.
//!
//! **What it costs.** A flush per purchase and per refusal, three round trips to Redis, and a buyer who has to ask for the
//! outcome. It does not sell faster: it answers sooner, and keeps a stampede from the database.
//!
//! **Where it is used.** Ticket shops that answer "we are working on your order", and everything behind a message broker.

mod entry; // a purchase in line
mod line; // the line in Redis
mod looking_after; // what has waited for long is put back in line, or decided
mod shared; // what the strategy and its workers share
mod waiting; // what this server gave receipts for
mod work; // taking entries and deciding them

use std::sync::Arc;

use tokio::sync::{Notify, Semaphore};

pub use self::shared::{QueueOptions, Said};
use self::{
    entry::Entry,
    line::{Joined, Line, State},
    shared::Shared,
    waiting::Waiting,
};
use super::{Claim, Deciding, Strategy, Verdict, atomic_update::buy};
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
    /// Also starts to work on the line, until the strategy is dropped or [`Queued::leave`] is called.
    pub fn start(desk: Arc<Desk>, redis: Arc<Redis>, options: QueueOptions) -> Self {
        let shared = Arc::new(Shared {
            desk,
            line: Line::new(redis, uuid::Uuid::now_v7().to_string()),
            waiting: Waiting::default(),
            workers: Arc::new(Semaphore::new(options.workers)),
            options,
            joined: Notify::new(),
        });
        tokio::spawn(work::keep_working(Arc::downgrade(&shared)));
        tokio::spawn(looking_after::keep_looking_after(Arc::downgrade(&shared)));
        Self { shared }
    }

    /// The request that waits for this key, if it does. Where others sell too, it may have joined at one of them, which
    /// only Redis knows.
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

    /// What has become of a request.
    pub async fn look(&self, request: RequestId) -> Said {
        match self.shared.line.look(request).await {
            Some(Some((owner, State::Pending))) => Said::Pending(owner),
            Some(Some((owner, State::Decided(decision)))) => Said::Decided(owner, decision),
            Some(None) => self.shared.waiting.owner(request).map_or(Said::AskTheDatabase, Said::Pending),
            None => Said::RedisIsLost,
        }
    }

    /// Whether this server gave the receipt for a request and has not heard of its outcome.
    pub fn owner_of_waiting(&self, request: RequestId) -> Option<BuyerId> {
        self.shared.waiting.owner(request)
    }

    /// Takes no more entries and gives back the places of all that wait: they stay in line for other servers, or for the
    /// next start of this one.
    pub fn leave(&self) {
        self.shared.workers.close();
        self.shared.waiting.clear();
    }

    async fn join(&self, mut claim: Claim) -> Verdict {
        let Shared { desk, line, waiting, options, joined, .. } = &*self.shared;
        let request = RequestId(desk.identifiers.next(desk.clock.now()));
        let is_first = {
            let stock = claim.sale.stock.read();
            claim.wish.parts().iter().any(|part| options.first_tiers.contains(&stock.tiers[part.tier_index].id))
        };
        let entry = Entry::new(&claim, claim.sale.sale_id, request, is_first);
        if let Some(known) = entry.key.as_ref().and_then(|key| waiting.find(entry.buyer, &key.key)) {
            return of_known(known, entry.fingerprint());
        }
        // Noted first: a worker may be done with it before this goes on.
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
            // It may be in line: then it must not be decided anywhere else, lest it be refused here and granted there.
            Err(NoAnswer::InDoubt) => Verdict::Waiting(request),
            Err(NoAnswer::NotAsked) => {
                claim.place = waiting.remove(request);
                let is_keyed = claim.key.is_some();
                match buy(desk, claim).await {
                    // The key may be in line by way of another server: it is granted or refused there.
                    Verdict::Refused(_) | Verdict::RefusedByDatabase(_) if is_keyed && desk.store.is_shared() => {
                        Verdict::Unanswerable
                    }
                    verdict => verdict,
                }
            }
        }
    }
}

/// The answer where a key is in line already.
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

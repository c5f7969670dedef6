//! How a claim gets from the edge to its strategy: it is checked, its key is looked up, it is refused early where that
//! is certain, and it is queued.

use std::sync::{Arc, atomic::Ordering};

use super::{
    answered::{Answered, Outcome},
    desk::Selling,
    request::{Body, FirstLook, Request},
};
use crate::{
    model::{
        body::BuyBody,
        hold::{Hold, HoldItem},
        ids::{BuyerId, OrderId, SaleId},
        order::Contact,
        outcome::{Advice, BuyOutcome, Code, Refusal},
    },
    server::{
        engine::{
            error::EngineError,
            keyed::Started,
            keys::{IdempotencyKey, InFlight, KeptKey},
            refusals::unknown_sale,
        },
        settlement::{MAX_DECISIONS, may_be_freed},
        stock::{KeyClaim, SaleDesk, Wish, key_reused},
        store::{StoredAnswer, StoredBody},
        strategy::{Claim, Taking, Verdict, Won},
    },
};

/// What a request brings along beside its wish.
#[derive(Default)]
pub(in crate::server::engine) struct Brought {
    pub key: Option<KeyClaim>,
    pub contact: Option<Contact>,
}

/// A request that no stored answer of its key has settled.
struct Candidate {
    sale: Arc<SaleDesk>,
    first_look: FirstLook,
    /// Keeps the request's key in flight.
    guard: Option<InFlight>,
    /// Whether the store was asked for an answer to the key.
    looked_up: bool,
}

impl Selling {
    /// Buys what `body` names for `buyer`, or says why not. A request whose key was answered before gets the same
    /// answer again.
    ///
    /// # Errors
    /// Where the queue is full, the store fails, or only Redis knows the answer and cannot be asked. After a failure of
    /// the store the outcome is unknown; asking again with the same key settles it.
    pub async fn buy(
        &self,
        sale: &SaleId,
        buyer: BuyerId,
        body: BuyBody,
        key: Option<IdempotencyKey>,
    ) -> Result<BuyOutcome, EngineError> {
        let key = key.map(|key| self.core.keys.kept(&key));
        let request = Request { sale, buyer, body: Body::Buy(&body), key: key.as_ref(), room: None };
        Ok(match self.ask(&request).await? {
            Outcome::Won { won: Won::Order(order), is_replayed } => {
                BuyOutcome::Bought { order: *order, replayed: is_replayed }
            }
            Outcome::Won { won: Won::Hold(_), .. } => unreachable!("a hold is another request"),
            Outcome::Refused(refusal) => BuyOutcome::Refused(refusal),
            Outcome::Waiting(request) => BuyOutcome::Waiting { request },
        })
    }

    /// Asks for stock.
    pub(super) async fn ask(&self, request: &Request<'_>) -> Result<Outcome, EngineError> {
        let answered = match self.admit(request).await {
            Ok(candidate) => self.decide(request, candidate).await,
            Err(answered) => answered,
        };
        if answered.is_refused_by_database()
            && let Some(desk) = self.core.known(request.sale)
        {
            desk.refused_by_database.fetch_add(1, Ordering::Relaxed);
        }
        self.purchases.count(answered.name());
        match answered.outcome {
            Ok(Outcome::Refused(refusal)) => {
                let Some(sale) = self.core.known(request.sale) else { return Ok(Outcome::Refused(refusal)) };
                Ok(Outcome::Refused(self.explain(&sale, request.buyer, request.body, refusal).await))
            }
            outcome => outcome,
        }
    }

    /// Adds to a refusal what the buyer may do about it. A refusal is as true without that, so a store that cannot be asked is no
    /// reason to withhold it.
    pub(super) async fn explain(&self, sale: &SaleDesk, buyer: BuyerId, body: Body<'_>, refusal: Refusal) -> Refusal {
        match refusal.code {
            Code::SoldOut => {
                let held = body.held(&sale.stock.read());
                let advice = Advice { held: Some(held), ..Advice::default() };
                if held > 0 { refusal.with(advice) } else { refusal }
            }
            Code::SeatTaken if sale.stock.read().live_holds.of_buyer(buyer) > 0 => {
                let Ok(holds) = self.live_holds(buyer, Some(sale.sale_id)).await else { return refusal };
                let is_wanted = |item: &HoldItem| item.seat.as_ref().is_some_and(|seat| refusal.seats.contains(seat));
                let own_hold = holds.iter().find(|hold| hold.items.iter().any(is_wanted)).map(|hold| hold.id);
                let advice = Advice { own_hold, ..Advice::default() };
                if own_hold.is_some() { refusal.with(advice) } else { refusal }
            }
            _ => refusal,
        }
    }

    /// Looks up the sale and the key. `Err` is the answer where these alone settle the request.
    async fn admit(&self, request: &Request<'_>) -> Result<Candidate, Answered> {
        let Some(sale) = self.core.find(request.sale).await? else {
            return Err(unknown_sale(request.sale).into());
        };
        let first_look = self.look(request, &sale)?;
        let Some(key) = request.key else {
            return Ok(Candidate { sale, first_look, guard: None, looked_up: false });
        };
        match self.core.begin(request.buyer, key, || request.fingerprint()).await? {
            Started::New { guard, looked_up } => Ok(Candidate { sale, first_look, guard: Some(guard), looked_up }),
            Started::Answered(StoredBody::Order(order)) => Err(Answered::without_asking(self.replay(order).await)),
            Started::Answered(StoredBody::Hold(hold)) => Err(Answered::without_asking(Ok(replayed(hold)))),
            Started::Answered(StoredBody::Sent { .. }) => Err(key_reused().into()),
            Started::Refused(refusal) => Err(refusal.into()),
        }
    }

    /// What one look at the mirror says about a request. Where there is no room for it, that is a refusal like any other
    /// from memory: whoever asks again with the same key still gets the first answer.
    fn look(&self, request: &Request<'_>, sale: &SaleDesk) -> Result<FirstLook, Refusal> {
        let look = request.look(&sale.stock.read(), self.core.clock().now(), self.core.desk.store_now())?;
        let units = look.wish.quantity();
        let refusal = look.refusal.or_else(|| request.room.and_then(|room| room.make(request.sale, units).err()));
        Ok(FirstLook { refusal, ..look })
    }

    /// Decides a request. Where it would be refused while the time of some holds is over, those are released first, and it is
    /// decided again.
    async fn decide(&self, request: &Request<'_>, candidate: Candidate) -> Answered {
        let Candidate { sale, mut first_look, guard, looked_up } = candidate;
        // The key stays in flight until this function ends, because its stored answer may still be looked up below.
        let key = request.key.zip(guard).map(|(key, guard)| KeyClaim {
            key: key.as_str().to_owned(),
            fingerprint: request.fingerprint(),
            guard: Arc::new(guard),
        });
        let mut tries = 0;
        let verdict = loop {
            let came_back = first_look.came_back;
            let verdict = self.decide_once(request, &sale, first_look, key.clone()).await;
            let Some(refusal) = verdict.refusal().filter(|_| tries < MAX_DECISIONS) else { break verdict };
            match may_be_freed(&self.core.desk, &sale, refusal, came_back).await {
                Ok(true) => {}
                Ok(false) => break verdict,
                Err(error) => break Verdict::Unknown(error),
            }
            tries += 1;
            match self.look(request, &sale) {
                Ok(another_look) => first_look = another_look,
                Err(refusal) => break Verdict::Refused(refusal),
            }
        };
        let answered = self.answer(request, verdict).await;
        drop(key);
        Answered { asked_database: answered.asked_database || looked_up, ..answered }
    }

    /// Refuses a request that certainly cannot win, and lets the sale's strategy decide all others.
    async fn decide_once(
        &self,
        request: &Request<'_>,
        sale: &Arc<SaleDesk>,
        FirstLook { wish, taking, contact, refusal, is_queued, .. }: FirstLook,
        key: Option<KeyClaim>,
    ) -> Verdict {
        match refusal {
            Some(refusal) => {
                let waiting = if is_queued { self.find_waiting(request).await } else { None };
                waiting.unwrap_or(Verdict::Refused(refusal))
            }
            None => self.claim(sale.clone(), request.buyer, taking, wish, Brought { key, contact }).await,
        }
    }

    /// Turns a verdict into the buyer's answer, and notes whether the database was asked.
    async fn answer(&self, request: &Request<'_>, verdict: Verdict) -> Answered {
        match (verdict, request.key) {
            (Verdict::Won(won), _) => Answered::after_asking(Ok(Outcome::Won { won, is_replayed: false })),
            (Verdict::Waiting(request), _) => Answered::without_asking(Ok(Outcome::Waiting(request))),
            // On a shared store another process may have answered this key, which this process cannot know from memory.
            (Verdict::Refused(refusal) | Verdict::RefusedByDatabase(refusal), Some(key))
                if self.core.desk.store.is_shared() =>
            {
                Answered::after_asking(self.replay_or(request, key, refusal).await)
            }
            (Verdict::Refused(refusal), _) => refusal.into(),
            (Verdict::RefusedByDatabase(refusal), _) => Answered::after_asking(Ok(Outcome::Refused(refusal))),
            (Verdict::Repeated, Some(key)) => {
                let refusal = Refusal::new(Code::Contended, "The key was used and forgotten meanwhile. Try again.");
                Answered::after_asking(self.replay_or(request, key, refusal).await)
            }
            (Verdict::Repeated, None) => unreachable!("only a key can be repeated"),
            (Verdict::Unknown(error), _) => Answered::after_asking(Err(error.into())),
            (Verdict::Overloaded, _) => EngineError::Overloaded.into(),
            (Verdict::Unanswerable, _) => EngineError::Unanswerable.into(),
        }
    }

    /// The verdict where a request with this key is in line or may be, because that request may still be granted.
    async fn find_waiting(&self, request: &Request<'_>) -> Option<Verdict> {
        let (queue, key) = self.core.strategies.queue().zip(request.key)?;
        queue.find(request.buyer, key.as_str(), request.fingerprint()).await
    }

    /// The answer that is kept for a key, or `refusal` where there is none.
    async fn replay_or(&self, request: &Request<'_>, key: &KeptKey, refusal: Refusal) -> Result<Outcome, EngineError> {
        let answer = Box::pin(self.core.stored_answer(request.buyer, key)).await?;
        let Some(StoredAnswer { fingerprint, body, .. }) = answer else { return Ok(Outcome::Refused(refusal)) };
        match body {
            StoredBody::Order(order) if fingerprint == request.fingerprint() => self.replay(order).await,
            StoredBody::Hold(hold) if fingerprint == request.fingerprint() => Ok(replayed(hold)),
            StoredBody::Order(_) | StoredBody::Hold(_) | StoredBody::Sent { .. } => Ok(Outcome::Refused(key_reused())),
        }
    }

    async fn replay(&self, order: OrderId) -> Result<Outcome, EngineError> {
        let order = self.find_order(order, None).await?;
        let order = order.ok_or(sqlx::Error::RowNotFound)?;
        Ok(Outcome::Won { won: Won::Order(Box::new(order)), is_replayed: true })
    }

    /// Hands a claim to the sale's strategy, if there is a place in the queue.
    pub(in crate::server::engine) async fn claim(
        &self,
        sale: Arc<SaleDesk>,
        buyer: BuyerId,
        taking: Taking,
        wish: Wish,
        Brought { key, contact }: Brought,
    ) -> Verdict {
        let Ok(place) = self.places.clone().try_acquire_owned() else { return Verdict::Overloaded };
        let kind = sale.stock.read().strategy;
        let Some(strategy) = self.core.strategies.get(kind) else {
            let detail = format!("This server cannot run {}.", kind.name());
            return Verdict::Refused(Refusal::new(Code::StrategyUnsupported, detail));
        };
        let claim = Claim { sale, buyer, taking, wish, key, contact, place: Some(place), request: None };
        if strategy.goes_on_alone() {
            return strategy.claim(claim).await;
        }
        let strategy = strategy.clone();
        let deciding = tokio::spawn(async move { strategy.claim(claim).await });
        deciding.await.unwrap_or(Verdict::Unknown(sqlx::Error::WorkerCrashed))
    }
}

/// The answer to a request that held these units before, with the same key.
fn replayed(hold: Box<Hold>) -> Outcome {
    Outcome::Won { won: Won::Hold(hold), is_replayed: true }
}

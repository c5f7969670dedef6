//! How a claim gets from the edge to its strategy: it is checked, its key is looked up, it is refused early where that
//! is certain, and it is queued.

use std::sync::{Arc, atomic::Ordering};

use super::{answered::Answered, desk::Selling};
use crate::{
    model::{
        body::BuyBody,
        ids::{BuyerId, OrderId, SaleId, SeatLabel},
        limits::MAX_UNITS_PER_REQUEST,
        outcome::{BuyOutcome, Code, Refusal},
        strategy::StrategyKind,
        time::Timestamp,
    },
    server::{
        engine::{
            error::EngineError,
            keyed::{Started, fingerprint},
            keys::{IdempotencyKey, InFlight, KeptKey},
            refusals::{invalid, unknown_sale},
        },
        stock::{SaleDesk, Stock, Wish, key_reused, refuse_early},
        store::{StoredAnswer, StoredBody},
        strategy::{Claim, KeyClaim, Verdict},
    },
};

/// A purchase as the client asks for it.
struct Request<'a> {
    sale: &'a SaleId,
    buyer: BuyerId,
    body: &'a BuyBody,
    key: Option<&'a KeptKey>,
}

impl Request<'_> {
    fn fingerprint(&self) -> [u8; 16] {
        fingerprint(&format!("POST /sales/{}/buy", self.sale), self.body)
    }
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
        let request = Request { sale, buyer, body: &body, key: key.as_ref() };
        let answered = match self.admit(&request).await {
            Ok(candidate) => self.decide(&request, candidate).await,
            Err(answered) => answered,
        };
        if answered.is_refused_by_database()
            && let Some(desk) = self.core.known(sale)
        {
            desk.refused_by_database.fetch_add(1, Ordering::Relaxed);
        }
        self.purchases.count(answered.name());
        answered.outcome
    }

    /// Looks up the sale and the key. `Err` is the answer where these alone settle the request.
    async fn admit(&self, request: &Request<'_>) -> Result<Candidate, Answered> {
        let Some(sale) = self.core.find(request.sale).await? else {
            return Err(unknown_sale(request.sale).into());
        };
        let first_look = look(&sale.stock.read(), request.body, self.core.clock().now())?;
        let Some(key) = request.key else {
            return Ok(Candidate { sale, first_look, guard: None, looked_up: false });
        };
        match self.core.begin(request.buyer, key, || request.fingerprint()).await? {
            Started::New { guard, looked_up } => Ok(Candidate { sale, first_look, guard: Some(guard), looked_up }),
            Started::Answered(StoredBody::Order(order)) => Err(Answered::without_asking(self.replay(order).await)),
            Started::Answered(StoredBody::Sent { .. }) => Err(key_reused().into()),
            Started::Refused(refusal) => Err(refusal.into()),
        }
    }

    /// Refuses a request that certainly cannot win, and lets the sale's strategy decide all others.
    async fn decide(&self, request: &Request<'_>, candidate: Candidate) -> Answered {
        let Candidate { sale, first_look: FirstLook { wish, refusal, is_queued }, guard, looked_up } = candidate;
        // Where no claim takes the key along, the key stays in flight until this function ends, because its stored
        // answer may still be looked up below.
        let verdict = match refusal {
            Some(refusal) => {
                let waiting = if is_queued { self.find_waiting(request).await } else { None };
                waiting.unwrap_or(Verdict::Refused(refusal))
            }
            None => {
                let key = request.key.zip(guard).map(|(key, guard)| KeyClaim {
                    key: key.as_str().to_owned(),
                    fingerprint: request.fingerprint(),
                    guard: Box::new(guard),
                });
                self.claim(sale, request.buyer, wish, key).await
            }
        };
        let answered = self.answer(request, verdict).await;
        Answered { asked_database: answered.asked_database || looked_up, ..answered }
    }

    /// Turns a verdict into the buyer's answer, and notes whether the database was asked.
    async fn answer(&self, request: &Request<'_>, verdict: Verdict) -> Answered {
        match (verdict, request.key) {
            (Verdict::Won(order), _) => {
                Answered::after_asking(Ok(BuyOutcome::Bought { order: *order, replayed: false }))
            }
            (Verdict::Waiting(request), _) => Answered::without_asking(Ok(BuyOutcome::Waiting { request })),
            // On a shared store another process may have answered this key, which this process cannot know from memory.
            (Verdict::Refused(refusal) | Verdict::RefusedByDatabase(refusal), Some(key))
                if self.core.desk.store.is_shared() =>
            {
                Answered::after_asking(self.replay_or(request, key, refusal).await)
            }
            (Verdict::Refused(refusal), _) => refusal.into(),
            (Verdict::RefusedByDatabase(refusal), _) => Answered::after_asking(Ok(BuyOutcome::Refused(refusal))),
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
    async fn replay_or(
        &self,
        request: &Request<'_>,
        key: &KeptKey,
        refusal: Refusal,
    ) -> Result<BuyOutcome, EngineError> {
        match Box::pin(self.core.stored_answer(request.buyer, key)).await? {
            Some(StoredAnswer { fingerprint, body: StoredBody::Order(order), .. })
                if fingerprint == request.fingerprint() =>
            {
                self.replay(order).await
            }
            Some(_) => Ok(BuyOutcome::Refused(key_reused())),
            None => Ok(BuyOutcome::Refused(refusal)),
        }
    }

    async fn replay(&self, order: OrderId) -> Result<BuyOutcome, EngineError> {
        let order = self.find_order(order, None).await?;
        let order = order.ok_or(sqlx::Error::RowNotFound)?;
        Ok(BuyOutcome::Bought { order, replayed: true })
    }

    /// Hands a claim to the sale's strategy, if there is a place in the queue.
    pub(in crate::server::engine) async fn claim(
        &self,
        sale: Arc<SaleDesk>,
        buyer: BuyerId,
        wish: Wish,
        key: Option<KeyClaim>,
    ) -> Verdict {
        let Ok(place) = self.places.clone().try_acquire_owned() else { return Verdict::Overloaded };
        let kind = sale.stock.read().strategy;
        let Some(strategy) = self.core.strategies.get(kind) else {
            let detail = format!("This server cannot run {}.", kind.name());
            return Verdict::Refused(Refusal::new(Code::StrategyUnsupported, detail));
        };
        let claim = Claim { sale, buyer, wish, key, place: Some(place), request: None };
        if strategy.goes_on_alone() {
            return strategy.claim(claim).await;
        }
        let strategy = strategy.clone();
        let deciding = tokio::spawn(async move { strategy.claim(claim).await });
        deciding.await.unwrap_or(Verdict::Unknown(sqlx::Error::WorkerCrashed))
    }
}

/// What one look at the mirror of a sale says about a request.
struct FirstLook {
    wish: Wish,
    /// The refusal from memory. It is certain, unless the request's key was answered before or is in line.
    refusal: Option<Refusal>,
    is_queued: bool,
}

fn look(stock: &Stock, body: &BuyBody, now: Timestamp) -> Result<FirstLook, Refusal> {
    let wish = wish(stock, body)?;
    let refusal = refuse_early(stock, &wish, now).err();
    Ok(FirstLook { wish, refusal, is_queued: stock.strategy == StrategyKind::Queued })
}

/// The wish that the body describes, by positions. Unknown names are refused before anything else in the body.
fn wish(stock: &Stock, body: &BuyBody) -> Result<Wish, Refusal> {
    match (&body.seat, &body.seats, &body.tier) {
        (Some(label), None, None) => {
            let position = position(stock, label)?;
            refuse_quantity(body)?;
            Ok(Wish::seat(stock, position))
        }
        (None, Some(labels), None) => {
            let positions = labels.iter().map(|label| position(stock, label)).collect::<Result<Vec<_>, _>>()?;
            refuse_quantity(body)?;
            if positions.len() > MAX_UNITS_PER_REQUEST as usize {
                return Err(invalid(format!("One request names at most {MAX_UNITS_PER_REQUEST} seats.")));
            }
            Wish::seats_at(stock, positions).ok_or_else(|| invalid("Name at least one seat, and each of them once."))
        }
        (None, None, Some(tier)) => {
            let Some(tier_index) = stock.tier_index(tier) else {
                return Err(Refusal::new(Code::NotFound, format!("There is no tier {tier} in this sale.")));
            };
            let quantity = u64::try_from(body.quantity.unwrap_or(1)).unwrap_or(0);
            if !(1..=u64::from(MAX_UNITS_PER_REQUEST)).contains(&quantity) {
                return Err(invalid(format!("The quantity is a whole number from 1 to {MAX_UNITS_PER_REQUEST}.")));
            }
            Ok(Wish::units(tier_index, quantity))
        }
        _ => Err(invalid("Name either a seat, or seats, or a tier.")),
    }
}

fn position(stock: &Stock, label: &SeatLabel) -> Result<u32, Refusal> {
    let position = stock.map.positions.get(label).copied();
    position.ok_or_else(|| Refusal::new(Code::NotFound, format!("There is no seat {label} in this sale.")))
}

fn refuse_quantity(body: &BuyBody) -> Result<(), Refusal> {
    match body.quantity {
        None => Ok(()),
        Some(_) => Err(invalid("Named seats come without a quantity.")),
    }
}

//! A claim's way from the edge to its strategy: checked, looked up, refused early where that is certain, queued.

use std::sync::{Arc, atomic::Ordering};

use sha2::{Digest, Sha256};

use super::{
    Engine, EngineError, IdempotencyKey,
    keys::{Begun, InFlight},
    oldest_answer,
};
use crate::{
    model::{
        body::BuyBody,
        ids::{BuyerId, SaleId},
        limits::MAX_UNITS_PER_REQUEST,
        outcome::{BuyOutcome, Code, Refusal},
        strategy::StrategyKind,
        time::Timestamp,
    },
    server::{
        stock::{SaleDesk, Stock, Wish, key_reused, refuse_early},
        store::{self, StoredAnswer, StoredBody},
        strategy::{Claim, KeyClaim, Verdict},
    },
};

impl Engine {
    /// Buys what `body` names for `buyer`, or says why not. With a key, a request that was answered before is answered
    /// so again.
    ///
    /// # Errors
    /// Where the queue is full or the store fails. After a failed store the outcome is open: the same key settles it.
    pub async fn buy(
        &self,
        sale: &SaleId,
        buyer: BuyerId,
        body: BuyBody,
        key: Option<IdempotencyKey>,
    ) -> Result<BuyOutcome, EngineError> {
        let mut asked_database = false;
        let outcome = self.try_buy(sale, buyer, body, key, &mut asked_database).await;
        if asked_database
            && !matches!(outcome, Ok(BuyOutcome::Bought { .. } | BuyOutcome::Waiting { .. }))
            && let Some(desk) = self.known(sale)
        {
            desk.refused_by_database.fetch_add(1, Ordering::Relaxed);
        }
        let name = match &outcome {
            Ok(BuyOutcome::Bought { replayed: false, .. }) => "bought",
            Ok(BuyOutcome::Bought { replayed: true, .. }) => "replayed",
            Ok(BuyOutcome::Refused(refusal)) => refusal.code.name(),
            Ok(BuyOutcome::Waiting { .. }) => "waiting",
            Err(_) => Code::Overloaded.name(),
        };
        self.purchases.count(name);
        outcome
    }

    /// The same. `asked_database` says afterwards whether a claim that was not granted cost the database a statement.
    async fn try_buy(
        &self,
        sale: &SaleId,
        buyer: BuyerId,
        body: BuyBody,
        key: Option<IdempotencyKey>,
        asked_database: &mut bool,
    ) -> Result<BuyOutcome, EngineError> {
        let Some(desk) = self.find(sale).await? else {
            return Ok(BuyOutcome::Refused(unknown_sale(sale)));
        };
        let FirstLook { wish, refusal, is_queued } = match look(&desk.stock.read(), &body, self.clock().now()) {
            Ok(first_look) => first_look,
            Err(refusal) => return Ok(BuyOutcome::Refused(refusal)),
        };
        let fingerprint = || fingerprint(&format!("POST /sales/{sale}/buy"), &body);
        let key = match key {
            None => None,
            Some(key) => match self.begin(buyer, &key, fingerprint).await? {
                Started::New { guard, looked_up } => {
                    *asked_database = looked_up;
                    Some((key, guard))
                }
                Started::Answered(StoredBody::Order(order)) => return self.replay(order).await,
                Started::Answered(StoredBody::Sent { .. }) => return Ok(BuyOutcome::Refused(key_reused())),
                Started::Refused(refusal) => return Ok(BuyOutcome::Refused(refusal)),
            },
        };
        let again = key.as_ref().map(|(key, _)| key.clone());
        let verdict = match refusal {
            Some(refusal) if is_queued => {
                let waiting = self.find_waiting(buyer, again.as_ref(), fingerprint).await;
                waiting.unwrap_or(Verdict::Refused(refusal))
            }
            Some(refusal) => Verdict::Refused(refusal),
            None => {
                let key = key.map(|(key, guard)| KeyClaim {
                    key: key.into_text(),
                    fingerprint: fingerprint(),
                    guard: Box::new(guard),
                });
                self.claim(desk, buyer, wish, key).await
            }
        };
        *asked_database |= matches!(verdict, Verdict::RefusedByDatabase(_) | Verdict::Repeated | Verdict::Unknown(_));
        match (verdict, again) {
            (Verdict::Won(order), _) => Ok(BuyOutcome::Bought { order: *order, replayed: false }),
            (Verdict::Waiting(request), _) => Ok(BuyOutcome::Waiting { request }),
            // What this process knows of keys is not all where others sell too: they may have answered this one.
            (Verdict::Refused(refusal) | Verdict::RefusedByDatabase(refusal), Some(key))
                if self.desk.store.is_shared() =>
            {
                *asked_database = true;
                self.replay_or(buyer, &key, fingerprint(), refusal).await
            }
            (Verdict::Refused(refusal) | Verdict::RefusedByDatabase(refusal), _) => Ok(BuyOutcome::Refused(refusal)),
            (Verdict::Repeated, Some(key)) => {
                let refusal = Refusal::new(Code::Contended, "The key was used and forgotten meanwhile. Try again.");
                self.replay_or(buyer, &key, fingerprint(), refusal).await
            }
            (Verdict::Repeated, None) => unreachable!("only a key can be repeated"),
            (Verdict::Unknown(error), _) => Err(EngineError::Store(error)),
            (Verdict::Overloaded, _) => Err(EngineError::Overloaded),
            (Verdict::Unanswerable, _) => Err(EngineError::Unanswerable),
        }
    }

    /// The request in line that came with this key, where there is one or may be one: it may still be granted.
    async fn find_waiting(
        &self,
        buyer: BuyerId,
        key: Option<&IdempotencyKey>,
        fingerprint: impl FnOnce() -> [u8; 16],
    ) -> Option<Verdict> {
        let (queue, key) = self.strategies.queue().zip(key)?;
        queue.find(buyer, key.as_str(), fingerprint()).await
    }

    /// The answer that is kept for a key, or this refusal where there is none.
    async fn replay_or(
        &self,
        buyer: BuyerId,
        key: &IdempotencyKey,
        fingerprint: [u8; 16],
        refusal: Refusal,
    ) -> Result<BuyOutcome, EngineError> {
        match Box::pin(self.stored_answer(buyer, key)).await? {
            Some(StoredAnswer { fingerprint: stored, body: StoredBody::Order(order), .. }) if stored == fingerprint => {
                self.replay(order).await
            }
            Some(_) => Ok(BuyOutcome::Refused(key_reused())),
            None => Ok(BuyOutcome::Refused(refusal)),
        }
    }

    /// Hands a claim to the sale's strategy, if there is a place in the queue.
    async fn claim(&self, sale: Arc<SaleDesk>, buyer: BuyerId, wish: Wish, key: Option<KeyClaim>) -> Verdict {
        let Ok(place) = self.places.clone().try_acquire_owned() else { return Verdict::Overloaded };
        let kind = sale.stock.read().strategy;
        let Some(strategy) = self.strategies.get(kind) else {
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

    /// Begins a keyed request: new, answered before, or refused for its key. The fingerprint is asked for only where
    /// there is something to compare it with.
    pub(super) async fn begin(
        &self,
        buyer: BuyerId,
        key: &IdempotencyKey,
        fingerprint: impl FnOnce() -> [u8; 16],
    ) -> Result<Started, EngineError> {
        let guard = match self.keys.begin(buyer, key) {
            Begun::Unknown(guard) => return Ok(Started::New { guard, looked_up: false }),
            Begun::MaybeKnown(guard) => guard,
            Begun::InFlight => {
                let detail = "A request with this key has not been answered yet.";
                return Ok(Started::Refused(Refusal::new(Code::IdempotencyInFlight, detail)));
            }
        };
        self.look_up(buyer, key, fingerprint, guard).await
    }

    /// Begins a keyed request whose key may have been answered.
    pub(super) async fn look_up(
        &self,
        buyer: BuyerId,
        key: &IdempotencyKey,
        fingerprint: impl FnOnce() -> [u8; 16],
        guard: InFlight,
    ) -> Result<Started, EngineError> {
        match Box::pin(self.stored_answer(buyer, key)).await? {
            None => Ok(Started::New { guard, looked_up: true }),
            Some(answer) if answer.fingerprint == fingerprint() => Ok(Started::Answered(answer.body)),
            Some(_) => Ok(Started::Refused(key_reused())),
        }
    }

    /// The answer kept for a key, where it is not past its time; one that is makes room.
    async fn stored_answer(&self, buyer: BuyerId, key: &IdempotencyKey) -> Result<Option<StoredAnswer>, EngineError> {
        let mut reader = self.desk.store.reader().await?;
        let answer = store::find_answer(reader.connection(), buyer, key.as_str()).await?;
        drop(reader);
        match answer {
            Some(answer) if answer.created_at < oldest_answer(self.clock().now()) => {
                self.forget_answers(&[(buyer, key.as_str().to_owned())]).await?;
                Ok(None)
            }
            answer => Ok(answer),
        }
    }

    async fn replay(&self, order: crate::model::ids::OrderId) -> Result<BuyOutcome, EngineError> {
        let order = self.find_order(order, None).await?;
        let order = order.ok_or(EngineError::Store(sqlx::Error::RowNotFound))?;
        Ok(BuyOutcome::Bought { order, replayed: true })
    }
}

/// How a keyed request begins.
pub(super) enum Started {
    New {
        guard: InFlight,
        /// Whether the store was asked for an answer.
        looked_up: bool,
    },
    Answered(StoredBody),
    Refused(Refusal),
}

/// What a key was sent with: the first 16 bytes of the SHA-256 of route and body.
pub(super) fn fingerprint(route: &str, body: &impl serde::Serialize) -> [u8; 16] {
    let mut hasher = Sha256::new();
    hasher.update(route.as_bytes());
    hasher.update([0]);
    hasher.update(serde_json::to_vec(body).expect("a body is plain data"));
    let digest = hasher.finalize();
    digest[..16].try_into().expect("a SHA-256 has 32 bytes")
}

pub(super) fn unknown_sale(sale: &SaleId) -> Refusal {
    Refusal::new(Code::NotFound, format!("There is no sale {sale}."))
}

pub(super) fn invalid(detail: impl Into<String>) -> Refusal {
    Refusal::new(Code::Invalid, detail)
}

/// What one look at a sale says of a request.
struct FirstLook {
    wish: Wish,
    /// Certain, unless the request's key was answered before or is in line.
    refusal: Option<Refusal>,
    is_queued: bool,
}

fn look(stock: &Stock, body: &BuyBody, now: Timestamp) -> Result<FirstLook, Refusal> {
    let wish = wish(stock, body)?;
    let refusal = refuse_early(stock, &wish, now).err();
    Ok(FirstLook { wish, refusal, is_queued: stock.strategy == StrategyKind::Queued })
}

/// What the body names, by positions. Unknown names are refused before anything else about the body.
fn wish(stock: &Stock, body: &BuyBody) -> Result<Wish, Refusal> {
    match (&body.seat, &body.tier) {
        (Some(label), None) => {
            let Some(position) = stock.map.positions.get(label) else {
                return Err(Refusal::new(Code::NotFound, format!("There is no seat {label} in this sale.")));
            };
            match body.quantity {
                None => Ok(Wish::seat(stock, *position)),
                Some(_) => Err(invalid("A named seat comes without a quantity.")),
            }
        }
        (None, Some(tier)) => {
            let Some(tier_index) = stock.tier_index(tier) else {
                return Err(Refusal::new(Code::NotFound, format!("There is no tier {tier} in this sale.")));
            };
            let quantity = u64::try_from(body.quantity.unwrap_or(1)).unwrap_or(0);
            if !(1..=u64::from(MAX_UNITS_PER_REQUEST)).contains(&quantity) {
                return Err(invalid(format!("The quantity is a whole number from 1 to {MAX_UNITS_PER_REQUEST}.")));
            }
            Ok(Wish::units(tier_index, quantity))
        }
        _ => Err(invalid("Name either a seat or a tier.")),
    }
}

//! For whom a purchase is made, and whose session its answer brings.
//!
//! Over plain http, a neighbouring site of the same domain can plant a session cookie: the session of a guest whom
//! somebody else knows. What its owner bought would then belong to that somebody too. So the first purchase of a
//! session that came in a plain cookie is made for an heir, and the answer brings the heir's session in place of the
//! old one. The heir is derived from the session and the client, so whoever holds the planted session elsewhere is not
//! the heir. A session that has bought something keeps its identity, because its owner must not lose the tickets, and so
//! does an heir who holds something.
//!
//! All heirs of a session share their idempotency keys ([`BuyerId::sharing_keys`]). So a purchase whose answer was lost
//! is found again by its key, even where the client comes from another address meanwhile and has become another heir.
//! The answer then brings the session of the heir who has the order: only who sent the purchase knows its key.

mod address_room; // room under the operator's limit for one address

use std::{
    net::IpAddr,
    sync::{Arc, OnceLock},
    time::Duration,
};

use axum::response::Response;

use self::address_room::AddressRoom;
use crate::{
    model::{
        body::{BuyBody, HoldBody},
        hold::Hold,
        ids::{BuyerId, HoldId, SaleId},
        outcome::{BuyOutcome, HoldOutcome},
    },
    server::{
        app::App,
        auth::Asker,
        engine::{Decided, EngineError, Holding, IdempotencyKey, Room},
    },
};

/// Who sends a purchase, and for whom it may be made instead.
#[derive(Clone)]
pub struct Purchaser {
    pub asker: Asker,
    /// `None` where nobody else can know the session.
    heir: Option<BuyerId>,
    /// The address whose limits count; `None` for our own simulated buyers, who have no limits.
    limited: Option<IpAddr>,
    /// To whom the purchase went, where that may be an heir.
    owner: Arc<OnceLock<BuyerId>>,
}

impl Purchaser {
    /// `heir` is the heir of the asker's session for this client. Only a plantable session has one. `limited` is the
    /// address whose limits count, if any do.
    pub fn new(asker: Asker, heir: Option<BuyerId>, limited: Option<IpAddr>) -> Self {
        Self { heir: heir.filter(|_| asker.is_plantable), asker, limited, owner: Arc::default() }
    }

    /// Buys for the asker or the heir. Where the decision is made later, waits for it, for at most `patience`; with
    /// `None` it does not wait.
    ///
    /// # Errors
    /// As `Selling::buy`, and where it cannot be known now whether the session has bought something.
    pub async fn buy(
        &self,
        app: &App,
        sale: &SaleId,
        body: BuyBody,
        key: Option<IdempotencyKey>,
        patience: Option<Duration>,
    ) -> Result<BuyOutcome, EngineError> {
        let selling = &app.engine.selling;
        let heir = self.inheriting(app, key.as_ref()).await?;
        let buyer = heir.unwrap_or(self.asker.buyer);
        let outcome = match patience {
            None => selling.buy(sale, buyer, body, key).await?,
            Some(patience) => selling.buy_and_wait(sale, buyer, body, key, patience).await?,
        };
        if let (Some(heir), false) = (heir, matches!(outcome, BuyOutcome::Refused(_))) {
            let _ = self.owner.set(selling.owner(&outcome).await.unwrap_or(heir));
        }
        Ok(outcome)
    }

    /// Holds for the asker or the heir, with `patience` as [`Purchaser::buy`] has it. One address may hold only so
    /// much, if the operator says so.
    ///
    /// # Errors
    /// As [`Purchaser::buy`].
    pub async fn hold(
        &self,
        app: &App,
        sale: &SaleId,
        body: HoldBody,
        key: Option<IdempotencyKey>,
        patience: Option<Duration>,
    ) -> Result<HoldOutcome, EngineError> {
        let selling = &app.engine.selling;
        let heir = self.inheriting(app, key.as_ref()).await?;
        let buyer = heir.unwrap_or(self.asker.buyer);
        let wish = Wish { sale: sale.clone(), buyer, body, key, patience };
        let outcome = match AddressRoom::new(app, self.limited, None) {
            None => take(app, wish, None).await?,
            Some(room) => to_its_end(take_in_room(app.clone(), wish, room)).await?,
        };
        if let (Some(heir), false) = (heir, matches!(outcome, HoldOutcome::Refused(_))) {
            // It is held, whatever the store says now.
            let _ = self.owner.set(selling.holder(&outcome).await.ok().flatten().unwrap_or(heir));
        }
        Ok(outcome)
    }

    /// Makes a hold of the asker have what `body` names, and nothing else. A refusal leaves it as it was.
    ///
    /// # Errors
    /// As `Selling::change_hold`.
    pub async fn change(&self, app: &App, hold: HoldId, body: HoldBody) -> Decided<Hold> {
        let buyer = self.asker.buyer;
        let Some(room) = AddressRoom::new(app, self.limited, Some(hold)) else {
            return app.engine.selling.change_hold(hold, buyer, body, None).await;
        };
        let app = app.clone();
        to_its_end(async move {
            let changed = app.engine.selling.change_hold(hold, buyer, body, Some(&room)).await;
            room.settle_change(&changed);
            changed
        })
        .await
    }

    /// Completes the answer to the purchase: brings the session of the heir to whom it went, else what the asker is to
    /// be told of their own. A refusal leaves the old session as it was.
    pub fn introduce(&self, app: &App, response: Response) -> Response {
        match self.owner.get().filter(|owner| **owner != self.asker.buyer) {
            Some(owner) => Asker::heir(*owner, &app.sessions, app.engine.clock().now()).introduce(response),
            None => self.asker.introduce(response),
        }
    }

    /// The heir, if the purchase is to be made for them.
    async fn inheriting(&self, app: &App, key: Option<&IdempotencyKey>) -> Result<Option<BuyerId>, EngineError> {
        let Some(heir) = self.heir else { return Ok(None) };
        Ok(app.engine.selling.inherits(self.asker.buyer, heir, key).await?.then_some(heir))
    }
}

/// What is to be held, and for whom.
struct Wish {
    sale: SaleId,
    buyer: BuyerId,
    body: HoldBody,
    key: Option<IdempotencyKey>,
    patience: Option<Duration>,
}

async fn take(app: &App, wish: Wish, room: Option<&dyn Room>) -> Result<HoldOutcome, EngineError> {
    let Wish { sale, buyer, body, key, patience } = wish;
    let holding = Holding { sale: &sale, buyer, body, key, is_limited: !app.config.demo, room };
    match patience {
        None => app.engine.selling.hold(holding).await,
        Some(patience) => app.engine.selling.hold_and_wait(holding, patience).await,
    }
}

async fn take_in_room(app: App, wish: Wish, room: AddressRoom) -> Result<HoldOutcome, EngineError> {
    let sale = wish.sale.clone();
    let outcome = take(&app, wish, Some(&room)).await;
    room.settle(&sale, &outcome);
    outcome
}

/// Goes on even if the client goes away: what is held then has to be counted too.
async fn to_its_end<T: Send + 'static>(
    request: impl Future<Output = Result<T, EngineError>> + Send + 'static,
) -> Result<T, EngineError> {
    tokio::spawn(request).await.unwrap_or_else(|_| Err(sqlx::Error::WorkerCrashed.into()))
}

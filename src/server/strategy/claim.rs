//! A claim on stock, its verdict, and the trait that decides it.

use std::{future::Future, pin::Pin, sync::Arc};

use tokio::sync::OwnedSemaphorePermit;

use crate::{
    model::{
        ids::{BuyerId, RequestId},
        order::Order,
        outcome::Refusal,
        strategy::StrategyKind,
    },
    server::stock::{SaleDesk, Wish},
};

/// One buyer's request for units of one sale, checked and ready to be decided.
pub struct Claim {
    pub sale: Arc<SaleDesk>,
    pub buyer: BuyerId,
    pub wish: Wish,
    pub key: Option<KeyClaim>,
    /// A place in the bounded queue, given back when the claim is decided.
    pub place: Option<OwnedSemaphorePermit>,
    /// The request in line that this claim decides. Its order gets the same id.
    pub request: Option<RequestId>,
}

/// The key that came with a claim. While it lives, the same key of the same buyer is in flight.
pub struct KeyClaim {
    pub key: String,
    pub fingerprint: [u8; 16],
    /// Holds the key in flight. The strategy only keeps it until the outcome is known.
    pub guard: Box<dyn KeyGuard>,
}

impl KeyClaim {
    /// The part of the key that is recorded with an order.
    pub fn recorded(&self) -> (String, [u8; 16]) {
        (self.key.clone(), self.fingerprint)
    }
}

/// Holds a key in flight until it is dropped.
pub trait KeyGuard: Send + Sync {
    /// Makes the key known, because an answer to it is stored or may be.
    fn remember(&self);
}

/// The result of a claim.
#[derive(Debug)]
pub enum Verdict {
    Won(Box<Order>),
    /// Refused from memory: the database was not asked.
    Refused(Refusal),
    /// Refused after at least one statement was sent to the database.
    RefusedByDatabase(Refusal),
    /// The same request in line, or another request with the same key, was answered meanwhile. That answer is valid for
    /// this claim too.
    Repeated,
    /// The claim is in line. The outcome can be asked for under this id.
    Waiting(RequestId),
    /// The store failed, and the outcome is unknown. Asking again with the same key settles it.
    Unknown(sqlx::Error),
    /// The bounded queue is full; nothing was tried.
    Overloaded,
    /// The claim would be refused, but its key may be in line, and nobody can say now whether it is.
    Unanswerable,
}

impl Claim {
    /// Ends the claim with a verdict. Makes the key known where an answer to it is stored or may be.
    pub fn settle(self, verdict: Verdict) -> Verdict {
        if let Some(key) = &self.key
            && matches!(verdict, Verdict::Won(_) | Verdict::Unknown(_) | Verdict::Repeated)
        {
            key.guard.remember();
        }
        verdict
    }
}

impl Verdict {
    /// The verdict of a step that did not ask the database, where an earlier step of the same claim did.
    #[must_use]
    pub fn after_asking(self) -> Self {
        match self {
            Self::Refused(refusal) => Self::RefusedByDatabase(refusal),
            verdict => verdict,
        }
    }
}

/// The future of a claim's verdict.
pub type Deciding<'a> = Pin<Box<dyn Future<Output = Verdict> + Send + 'a>>;

/// A way to guard stock.
pub trait Strategy: Send + Sync {
    fn kind(&self) -> StrategyKind;

    /// Whether a claim is still decided when nobody waits for its verdict any more. If not, the engine gives the claim
    /// a task of its own, because a client that goes away in the middle must not leave a transaction half done.
    fn goes_on_alone(&self) -> bool {
        false
    }

    /// Decides one claim. A verdict that depends on a commit comes after that commit.
    fn claim(&self, claim: Claim) -> Deciding<'_>;
}

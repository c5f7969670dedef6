//! A claim on stock, what it comes to, and what decides it.

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
    /// The request in line that this decides. Its order has the same id.
    pub request: Option<RequestId>,
}

/// The key that came with a claim. While it lives, the same key of the same buyer is in flight.
pub struct KeyClaim {
    pub key: String,
    pub fingerprint: [u8; 16],
    /// Whatever holds the key in flight; the strategy only keeps it until the outcome is known.
    pub guard: Box<dyn KeyGuard>,
}

impl KeyClaim {
    /// What is recorded of it with an order.
    pub fn recorded(&self) -> (String, [u8; 16]) {
        (self.key.clone(), self.fingerprint)
    }
}

/// Holds a key in flight until it is dropped.
pub trait KeyGuard: Send + Sync {
    /// The answer is stored, or may be: from now on the key is known.
    fn remember(&self);
}

/// What a claim came to.
#[derive(Debug)]
pub enum Verdict {
    Won(Box<Order>),
    /// Refused from memory: the database was not asked.
    Refused(Refusal),
    /// Refused after the database was asked at least one statement.
    RefusedByDatabase(Refusal),
    /// Meanwhile the same request in line, or another one with the same key, was answered: that answer is this one's too.
    Repeated,
    /// In line; asked for under this id it tells what became of it.
    Waiting(RequestId),
    /// The store failed in a way that leaves the outcome open; asking again with the same key settles it.
    Unknown(sqlx::Error),
    /// The bounded queue is full; nothing was tried.
    Overloaded,
    /// It would be refused, but its key may be in line, and nobody can say whether it is.
    Unanswerable,
}

impl Claim {
    /// Ends the claim with a verdict. The key is known from here on where an answer is stored, or may be.
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
    /// The verdict of a part that did not ask the database, where the part before it did.
    #[must_use]
    pub fn after_asking(self) -> Self {
        match self {
            Self::Refused(refusal) => Self::RefusedByDatabase(refusal),
            verdict => verdict,
        }
    }
}

/// A claim's decision, once it is made.
pub type Deciding<'a> = Pin<Box<dyn Future<Output = Verdict> + Send + 'a>>;

/// A way to guard stock.
pub trait Strategy: Send + Sync {
    fn kind(&self) -> StrategyKind;

    /// Whether a claim goes on by itself where nobody waits for its verdict any more. One that does not is given a task of
    /// its own: a client that goes away in the middle must not leave a transaction half done.
    fn goes_on_alone(&self) -> bool {
        false
    }

    /// Decides one claim. The answer comes after the commit.
    fn claim(&self, claim: Claim) -> Deciding<'_>;
}

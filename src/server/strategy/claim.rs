//! A claim on stock, its verdict, and the trait that decides it.

use std::{future::Future, pin::Pin, sync::Arc};

use tokio::sync::OwnedSemaphorePermit;
use uuid::Uuid;

use crate::{
    model::{
        hold::Hold,
        ids::{BuyerId, RequestId},
        ledger::ChangeKind,
        order::{Contact, Order},
        outcome::Refusal,
        seat::SeatStatus,
        strategy::StrategyKind,
        time::Timestamp,
    },
    server::stock::{Asked, KeyClaim, Recorded, SaleDesk, Stock, Wish, decide::Bounds},
};

/// One buyer's request for units of one sale, checked and ready to be decided.
pub struct Claim {
    pub sale: Arc<SaleDesk>,
    pub buyer: BuyerId,
    pub taking: Taking,
    pub wish: Wish,
    pub key: Option<KeyClaim>,
    /// How the buyer can be reached.
    pub contact: Option<Contact>,
    /// A place in the bounded queue, given back when the claim is decided.
    pub place: Option<OwnedSemaphorePermit>,
    /// The request in line that this claim decides. Its order gets the same id.
    pub request: Option<RequestId>,
}

/// What becomes of the units that a claim takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Taking {
    Buy,
    /// They are held for some time.
    Hold(Bounds),
}

impl Taking {
    /// The kind of the ledger's line.
    pub const fn kind(self) -> ChangeKind {
        match self {
            Self::Buy => ChangeKind::Buy,
            Self::Hold(_) => ChangeKind::Hold,
        }
    }

    /// The state that the units get.
    pub const fn to(self) -> SeatStatus {
        match self {
            Self::Buy => SeatStatus::Sold,
            Self::Hold(_) => SeatStatus::Held,
        }
    }

    /// What the claim must not exceed.
    pub fn bounds(self) -> Bounds {
        match self {
            Self::Buy => Bounds::default(),
            Self::Hold(bounds) => bounds,
        }
    }
}

/// What a claim has won.
#[derive(Debug)]
pub enum Won {
    Order(Box<Order>),
    Hold(Box<Hold>),
}

impl Won {
    /// The answer to a claim, once it is committed. A hold began at `begun_at`, a time of the store.
    pub fn new(recorded: &Recorded, stock: &Stock, begun_at: Timestamp) -> Self {
        match recorded {
            Recorded::Sold(sold) => Self::Order(Box::new(sold.order(stock))),
            Recorded::Held(held) => Self::Hold(Box::new(held.hold(stock, begun_at))),
        }
    }

    /// The id of the order or hold.
    pub const fn id(&self) -> Uuid {
        match self {
            Self::Order(order) => order.id.0,
            Self::Hold(hold) => hold.id.0,
        }
    }
}

/// The result of a claim.
#[derive(Debug)]
pub enum Verdict {
    Won(Won),
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
    /// What is recorded of the claim beside what it was granted.
    pub fn asked(&self) -> Asked {
        Asked { key: self.key.as_ref().map(KeyClaim::recorded), contact: self.contact.clone() }
    }

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
    /// The refusal, if it is one.
    pub const fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) | Self::RefusedByDatabase(refusal) => Some(refusal),
            _ => None,
        }
    }

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

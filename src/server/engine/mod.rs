//! The decisions. (Signatures first; the bodies follow.)
use std::sync::Arc;

use crate::{
    model::{
        audit::Audit,
        body::{BuyBody, NewSale, SalePatch, StockBody},
        frame::Snapshot,
        ids::{BuyerId, OrderId, SaleId, SeatLabel},
        ledger::LedgerLine,
        order::Order,
        outcome::{BuyOutcome, Refusal},
        sale::{Sale, StockCreated},
        seat::{Seat, SeatList, SeatRow, SeatStatus},
    },
    server::{clock::Clock, feed::Hub, store::Store},
};

/// What an operation came to: done, or refused for a reason that a client can understand.
pub type Decided<T> = Result<Result<T, Refusal>, EngineError>;

/// The store failed, or the queue is full: nothing is known to have changed. Always answered with 503.
#[derive(Debug)]
pub enum EngineError {
    /// The bounded queue is full; nothing was tried.
    Overloaded,
    /// The store cannot be used now; the outcome is unknown where a commit was under way.
    Store(sqlx::Error),
}

/// A key that the buyer sent with a request, 1 to 255 printable ASCII characters (checked at the edge).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct IdempotencyKey(pub String);

pub struct EngineOptions {
    pub clock: Clock,
    /// Claims that may wait; one more is refused.
    pub request_queue: usize,
    /// The runtime of hubs and viewers, apart from the buyers'.
    pub viewers: tokio::runtime::Handle,
}

pub struct Engine {}

#[allow(unused_variables)]
impl Engine {
    pub async fn open(store: Store, options: EngineOptions) -> Result<Arc<Self>, EngineError> {
        unimplemented!()
    }
    pub fn clock(&self) -> &Clock {
        unimplemented!()
    }
    /// Names the life of the database (goes into every snapshot).
    pub fn epoch(&self) -> &str {
        unimplemented!()
    }
    /// Secret kept in the database: made once, used where the configuration gives none. 32 bytes.
    pub fn stored_secret(&self) -> [u8; 32] {
        unimplemented!()
    }
    /// Whether a trivial read of the store succeeds now.
    pub async fn ready(&self) -> bool {
        unimplemented!()
    }
    pub fn sales(&self) -> Vec<Sale> {
        unimplemented!()
    }
    pub async fn sale(&self, sale: &SaleId) -> Option<Sale> {
        unimplemented!()
    }
    /// The demo sales, made where missing.
    pub async fn seed_demo(&self) -> Result<(), EngineError> {
        unimplemented!()
    }
    /// Whether this is one of the demo sales' ids.
    pub fn is_demo_sale(sale: &SaleId) -> bool {
        unimplemented!()
    }
    pub async fn create_sale(&self, body: NewSale) -> Decided<Sale> {
        unimplemented!()
    }
    pub async fn patch_sale(&self, sale: &SaleId, body: SalePatch) -> Decided<Sale> {
        unimplemented!()
    }
    pub async fn reset_sale(&self, sale: &SaleId) -> Decided<Sale> {
        unimplemented!()
    }
    pub async fn add_stock(&self, sale: &SaleId, body: StockBody) -> Decided<StockCreated> {
        unimplemented!()
    }
    /// All seats, filtered; `None` for an unknown sale.
    pub fn seats(&self, sale: &SaleId, tier: Option<&str>, status: Option<SeatStatus>) -> Option<SeatList> {
        unimplemented!()
    }
    pub fn seat(&self, sale: &SaleId, seat: &SeatLabel) -> Option<Seat> {
        unimplemented!()
    }
    /// Geometry of the seat map, in seat order.
    pub fn seat_rows(&self, sale: &SaleId) -> Option<Vec<SeatRow>> {
        unimplemented!()
    }
    /// State and seq as of the last commit, for the server-rendered page.
    pub fn snapshot(&self, sale: &SaleId) -> Option<Snapshot> {
        unimplemented!()
    }
    pub fn hub(&self, sale: &SaleId) -> Option<Arc<Hub>> {
        unimplemented!()
    }
    /// `fingerprint` = route and canonical body, hashed; a key used again must come with the same.
    pub async fn buy(
        &self,
        sale: &SaleId,
        buyer: BuyerId,
        body: BuyBody,
        key: Option<IdempotencyKey>,
    ) -> Result<BuyOutcome, EngineError> {
        unimplemented!()
    }
    pub async fn orders(&self, buyer: BuyerId) -> Result<Vec<Order>, EngineError> {
        unimplemented!()
    }
    /// The order if it is `buyer`'s, or anybody's where `buyer` is `None` (an admin asks).
    pub async fn order(&self, buyer: Option<BuyerId>, order: OrderId) -> Result<Option<Order>, EngineError> {
        unimplemented!()
    }
    /// Labels of the seats that this buyer owns in the sale.
    pub async fn owned_seats(&self, sale: &SaleId, buyer: BuyerId) -> Result<Vec<SeatLabel>, EngineError> {
        unimplemented!()
    }
    pub async fn audit(&self, sale: &SaleId) -> Result<Option<Audit>, EngineError> {
        unimplemented!()
    }
    /// Up to `limit` lines with a seq above `after`, in order; empty at the end. `None` for an unknown sale.
    pub async fn ledger(&self, sale: &SaleId, after: u64, limit: u32) -> Result<Option<Vec<LedgerLine>>, EngineError> {
        unimplemented!()
    }
    /// Stops taking claims, lets those in flight finish, closes the store.
    pub async fn close(&self) {
        unimplemented!()
    }
}

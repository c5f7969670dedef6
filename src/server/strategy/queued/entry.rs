//! A purchase in line, as Redis keeps it.

use serde::{Deserialize, Serialize};

use crate::{
    model::{
        ids::{BuyerId, OrderId, RequestId},
        limits::MAX_UNITS_PER_REQUEST,
        time::Timestamp,
    },
    server::{
        stock::{Stock, Wish},
        strategy::Claim,
    },
};

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// Also the id of the order that it becomes, so that the database lets it become only one.
    pub request: RequestId,
    pub sale_id: i64,
    pub buyer: BuyerId,
    pub wish: Wish,
    pub key: Option<EntryKey>,
    /// Whether it is served before those that are not.
    pub is_first: bool,
    /// Whether it was in line before, and Redis forgot it: it may have been decided then.
    pub again: bool,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct EntryKey {
    pub key: String,
    pub fingerprint: [u8; 16],
}

impl Entry {
    pub fn new(claim: &Claim, sale_id: i64, request: RequestId, is_first: bool) -> Self {
        let key = claim.key.as_ref().map(|key| EntryKey { key: key.key.clone(), fingerprint: key.fingerprint });
        Self { request, sale_id, buyer: claim.buyer, wish: claim.wish.clone(), key, is_first, again: false }
    }

    pub const fn order(&self) -> OrderId {
        OrderId(self.request.0)
    }

    /// What its key came with; nothing where it has none.
    pub fn fingerprint(&self) -> [u8; 16] {
        self.key.as_ref().map_or_else(Default::default, |key| key.fingerprint)
    }

    /// Whether it joined the line so long ago; its id begins with the time.
    pub fn is_older_than(&self, milliseconds: i64, now: Timestamp) -> bool {
        let joined = self.request.0.get_timestamp().map_or(0, |time| time.to_unix().0);
        i64::try_from(joined).map_or(true, |seconds| seconds * 1_000 < now.milliseconds - milliseconds)
    }

    /// Whether the sale has what is wished for, at all. An entry that did not come from here may say anything.
    pub fn fits(&self, stock: &Stock) -> bool {
        self.wish.quantity() <= u64::from(MAX_UNITS_PER_REQUEST) && self.wish.fits(stock)
    }
}

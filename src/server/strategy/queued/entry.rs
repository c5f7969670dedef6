//! A purchase in line, as Redis keeps it.

use serde::{Deserialize, Serialize};

use crate::{
    model::{
        ids::{BuyerId, OrderId, RequestId},
        limits::MAX_UNITS_PER_REQUEST,
        order::Contact,
        time::Timestamp,
    },
    server::{
        stock::{Part, Stock, What, Wish, decide::Bounds},
        strategy::{Claim, Taking},
    },
};

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// Also the id of the order that the entry becomes, so that the database lets it become only one order.
    pub request: RequestId,
    pub sale_id: i64,
    pub buyer: BuyerId,
    pub wish: WrittenWish,
    pub key: Option<EntryKey>,
    /// How the buyer can be reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<Contact>,
    /// Whether this entry is served before all that are not first.
    pub is_first: bool,
    /// Whether this entry was in line before and Redis forgot it. It may already have been decided then.
    pub again: bool,
}

/// A wish as Redis keeps it. One seat, or units of one tier, are written in the form that older servers read, because
/// older and newer servers may work on the same line during an upgrade.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WrittenWish {
    Seat {
        position: u32,
    },
    Units {
        tier_index: usize,
        quantity: u64,
    },
    Parts(Wish),
    /// To be held, not bought.
    Hold {
        parts: Wish,
        bounds: Bounds,
        /// The named seats in the order in which they were named, where others may be taken instead.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        in_order: Vec<u32>,
    },
}

impl From<&Wish> for WrittenWish {
    fn from(wish: &Wish) -> Self {
        match wish.parts() {
            [Part { what: What::Seats(seats), .. }] if seats.len() == 1 => Self::Seat { position: seats[0] },
            [Part { tier_index, what: What::Units(quantity) }] => {
                Self::Units { tier_index: *tier_index, quantity: *quantity }
            }
            _ => Self::Parts(wish.clone()),
        }
    }
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct EntryKey {
    pub key: String,
    pub fingerprint: [u8; 16],
}

impl Entry {
    pub fn new(claim: &Claim, sale_id: i64, request: RequestId, is_first: bool) -> Self {
        let key = claim.key.as_ref().map(|key| EntryKey { key: key.key.clone(), fingerprint: key.fingerprint });
        let wish = match claim.taking {
            Taking::Buy => (&claim.wish).into(),
            Taking::Hold(bounds) => {
                let in_order = claim.wish.in_order().to_vec();
                WrittenWish::Hold { parts: claim.wish.clone(), bounds, in_order }
            }
        };
        Self { request, sale_id, buyer: claim.buyer, wish, key, contact: claim.contact.clone(), is_first, again: false }
    }

    /// What becomes of the units.
    pub const fn taking(&self) -> Taking {
        match self.wish {
            WrittenWish::Hold { bounds, .. } => Taking::Hold(bounds),
            WrittenWish::Seat { .. } | WrittenWish::Units { .. } | WrittenWish::Parts(_) => Taking::Buy,
        }
    }

    pub const fn order(&self) -> OrderId {
        OrderId(self.request.0)
    }

    /// The fingerprint of the request that came with the key; zeros where there is no key.
    pub fn fingerprint(&self) -> [u8; 16] {
        self.key.as_ref().map_or_else(Default::default, |key| key.fingerprint)
    }

    /// Whether the entry joined the line longer than this ago. The time is in its id, a UUIDv7.
    pub fn is_older_than(&self, milliseconds: i64, now: Timestamp) -> bool {
        let joined = self.request.0.get_timestamp().map_or(0, |time| time.to_unix().0);
        i64::try_from(joined).map_or(true, |seconds| seconds * 1_000 < now.milliseconds - milliseconds)
    }

    /// The wish, where the sale has its seats and tiers and the quantity is allowed. Checked again here, because the
    /// sale may have changed since, and a signature only says that one of our servers wrote the entry.
    pub fn wish(&self, stock: &Stock) -> Option<Wish> {
        let wish = match &self.wish {
            WrittenWish::Seat { position } if (*position as usize) < stock.seats.len() => Wish::seat(stock, *position),
            WrittenWish::Seat { .. } => return None,
            WrittenWish::Units { tier_index, quantity } => {
                Wish::new(vec![Part { tier_index: *tier_index, what: What::Units(*quantity) }])?
            }
            WrittenWish::Parts(wish) => wish.clone(),
            WrittenWish::Hold { parts: wish, in_order, .. } if in_order.is_empty() => wish.clone(),
            WrittenWish::Hold { parts: wish, in_order, .. } => wish.clone().or_nearest(in_order.clone())?,
        };
        (wish.quantity() <= u64::from(MAX_UNITS_PER_REQUEST) && wish.fits(stock)).then_some(wish)
    }
}

//! Units that are set aside for one buyer until a time.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    currency::{are_usual, usual_digits},
    ids::{HoldId, OrderId, SaleId, SeatLabel, TierId},
    rung::Rung,
    time::Timestamp,
};

/// Units that are set aside for one buyer until a time, to be paid for.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Hold {
    pub id: HoldId,
    pub sale: SaleId,
    pub status: HoldStatus,
    pub items: Vec<HoldItem>,
    /// How well the seats stand together, if the server picked them. If it picked seats in several tiers, the lowest of
    /// their rungs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub rung: Option<Rung>,
    /// Minor units of the currency.
    pub total: u64,
    pub currency: String,
    /// Decimal digits of the currency's amounts; two if left out.
    #[serde(default = "usual_digits", skip_serializing_if = "are_usual")]
    #[schema(minimum = 0, maximum = 4)]
    pub currency_digits: u32,
    pub expires_at: Timestamp,
    /// How often it can still be extended.
    pub extensions_left: u32,
    /// The time at the server that keeps the hold's time.
    pub server_now: Timestamp,
    /// The ledger position of the newest change of what is held.
    pub seq: u64,
    /// The order that it became.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub order: Option<OrderId>,
}

impl Hold {
    /// Whether it has exactly these seats, or others that were given instead of them, and nothing else.
    pub fn has_just(&self, seats: &[SeatLabel]) -> bool {
        let has = |item: &HoldItem| item.seat.iter().chain(&item.substitute).any(|seat| seats.contains(seat));
        self.items.len() == seats.len() && self.items.iter().all(has)
    }
}

/// One held seat, or held units of a general-admission tier.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct HoldItem {
    pub tier: TierId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub seat: Option<SeatLabel>,
    pub quantity: u64,
    /// Of one unit, in minor units of the currency.
    pub price: u64,
    /// The seat that was asked for, if another one was given instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub substitute: Option<SeatLabel>,
}

/// What has become of a hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HoldStatus {
    Active,
    /// A payment for it is under way.
    Paying,
    /// Its units are sold to its buyer.
    Confirmed,
    /// Its buyer gave it back.
    Released,
    /// Its time ended before it was paid.
    Expired,
}

impl HoldStatus {
    const ALL: [Self; 5] = [Self::Active, Self::Paying, Self::Confirmed, Self::Released, Self::Expired];

    /// The name used in JSON and in SQL.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Paying => "paying",
            Self::Confirmed => "confirmed",
            Self::Released => "released",
            Self::Expired => "expired",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }

    /// Whether the units are still set aside.
    pub const fn is_live(self) -> bool {
        matches!(self, Self::Active | Self::Paying)
    }
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct HoldList {
    /// The oldest first.
    pub holds: Vec<Hold>,
}

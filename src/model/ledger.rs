//! The ledger: the list of all changes of a sale's stock. One decision is one line is one `seq`, however many units.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    ids::{SeatLabel, TierId},
    time::Timestamp,
};

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    Stock,
    Buy,
    Hold,
    Release,
    Expire,
    Confirm,
    Refund,
    Reset,
}

impl ChangeKind {
    pub const ALL: [Self; 8] =
        [Self::Stock, Self::Buy, Self::Hold, Self::Release, Self::Expire, Self::Confirm, Self::Refund, Self::Reset];

    /// The name used in JSON and in SQL.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stock => "stock",
            Self::Buy => "buy",
            Self::Hold => "hold",
            Self::Release => "release",
            Self::Expire => "expire",
            Self::Confirm => "confirm",
            Self::Refund => "refund",
            Self::Reset => "reset",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// What a change moved: one seat, or a quantity of a general-admission tier.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Units {
    pub tier: TierId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seat: Option<SeatLabel>,
    pub quantity: u64,
}

/// One line of the exported ledger. The order of the fields is the order in which they are hashed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LedgerLine {
    pub seq: u64,
    pub at: Timestamp,
    pub kind: ChangeKind,
    pub units: Vec<Units>,
    /// The order or hold that the change belongs to; null for stock and reset.
    #[serde(rename = "ref")]
    pub reference: Option<Uuid>,
    /// The hash of the line before, 64 hex digits; zeros for the first.
    pub prev: String,
    /// SHA-256 of this line without `hash`, as compact JSON with the keys in this order.
    pub hash: String,
}

/// The `prev` of the first line.
pub const FIRST_PREVIOUS_HASH: &str = "0000000000000000000000000000000000000000000000000000000000000000";

//! The ledger: the list of all changes of a sale's stock. One decision is one line is one `seq`, however many units.
//!
//! Each kind of change moves units from one state to another. [`ChangeKind::movement`] is the table that says from where to
//! where; the decision, the mirror, the frames, the audit and the offline check all read it, and none of them knows a single
//! kind.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    ids::{SeatLabel, TierId},
    seat::SeatStatus,
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

    /// From which state a change of this kind takes units, and into which it puts them.
    pub const fn movement(self) -> Movement {
        use SeatStatus::{Available, Held, Sold};
        match self {
            Self::Stock => Movement::Made(Available),
            Self::Buy => Movement::Moved { from: Available, to: Sold },
            Self::Hold => Movement::Moved { from: Available, to: Held },
            Self::Release | Self::Expire => Movement::Moved { from: Held, to: Available },
            Self::Confirm => Movement::Moved { from: Held, to: Sold },
            Self::Refund => Movement::Moved { from: Sold, to: Available },
            Self::Reset => Movement::AllPutBack(Available),
        }
    }
}

/// What a change does to the units that its line names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Movement {
    /// They are new, and in this state.
    Made(SeatStatus),
    Moved {
        from: SeatStatus,
        to: SeatStatus,
    },
    /// They are all units of the sale, wherever they were, and are in this state now.
    AllPutBack(SeatStatus),
}

impl Movement {
    /// The state that the units are in afterwards.
    pub const fn to(self) -> SeatStatus {
        match self {
            Self::Made(to) | Self::AllPutBack(to) | Self::Moved { to, .. } => to,
        }
    }

    /// What the change adds to the units that a buyer has, for each unit that it names: +1 where it takes them from what is
    /// available, -1 where it puts them back.
    pub fn had_by_buyer(self) -> i64 {
        let is_had = |status| i64::from(status != SeatStatus::Available);
        match self {
            Self::Made(_) | Self::AllPutBack(_) => 0,
            Self::Moved { from, to } => is_had(to) - is_had(from),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_from_available_counts_for_its_buyer_and_what_puts_back_counts_against() {
        let counted = ChangeKind::ALL.map(|kind| (kind.name(), kind.movement().had_by_buyer()));
        let expected = [
            ("stock", 0),
            ("buy", 1),
            ("hold", 1),
            ("release", -1),
            ("expire", -1),
            ("confirm", 0),
            ("refund", -1),
            ("reset", 0),
        ];
        assert_eq!(counted, expected);
    }
}

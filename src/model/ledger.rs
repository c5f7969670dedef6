//! The ledger: the list of all changes of a sale's stock. Each decision is one line and has one `seq`, however many
//! units it moves.
//!
//! Each kind of change moves units from one state to another. [`ChangeKind::movement`] is the table of these moves. The
//! decision, the mirror, the frames, the audit and the offline check all read it, and none of them handles a kind by
//! itself.

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

    /// What a change of this kind does to the units that its line names.
    pub const fn movement(self) -> Movement {
        use SeatStatus::{Available, Held, Sold};
        match self {
            Self::Stock => Movement::Made,
            Self::Buy => Movement::Between(Shift { from: Available, to: Sold }),
            Self::Hold => Movement::Between(Shift { from: Available, to: Held }),
            Self::Release | Self::Expire => Movement::Between(Shift { from: Held, to: Available }),
            Self::Confirm => Movement::Between(Shift { from: Held, to: Sold }),
            Self::Refund => Movement::Between(Shift { from: Sold, to: Available }),
            Self::Reset => Movement::AllPutBack,
        }
    }
}

/// What a change does to the units that its line names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Movement {
    /// The units are new and available.
    Made,
    /// The units go from one state to another.
    Between(Shift),
    /// All units of the sale become available, whatever state they were in.
    AllPutBack,
}

/// The state that units leave, and the state that they enter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shift {
    pub from: SeatStatus,
    pub to: SeatStatus,
}

impl Shift {
    /// By how much each moved unit changes the number of units that its buyer has, held or sold: 1 if the unit was
    /// available before, -1 if it becomes available, else 0.
    pub const fn had_by_buyer(self) -> i64 {
        self.to.is_had() as i64 - self.from.is_had() as i64
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
    /// The order or hold to which the change belongs; null for stock and reset.
    #[serde(rename = "ref")]
    pub reference: Option<Uuid>,
    /// The hash of the previous line, 64 hex digits; all zeros for the first line.
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
        let counted = ChangeKind::ALL.map(|kind| match kind.movement() {
            Movement::Between(shift) => (kind.name(), shift.had_by_buyer()),
            Movement::Made | Movement::AllPutBack => (kind.name(), 0),
        });
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

//! Purchases under way, and how they end.

use crate::model::ids::TierId;

/// A purchase under way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Intent {
    pub tier: TierId,
    pub quantity: u64,
    /// Index of the seat, if the purchase names a seat.
    pub seat: Option<u32>,
    /// Whether the units will be held and not sold.
    pub(super) holds: bool,
    /// The purchase's `seq` once it is won; the intent stays until the view has reached it.
    pub(super) won_at: Option<u64>,
}

impl Intent {
    pub fn seat(tier: TierId, seat: u32) -> Self {
        Self { tier, quantity: 1, seat: Some(seat), holds: false, won_at: None }
    }

    pub fn units(tier: TierId, quantity: u64) -> Self {
        Self { tier, quantity, seat: None, holds: false, won_at: None }
    }

    /// The same, but with `holds` the units will be held and not sold.
    #[must_use]
    pub fn held(self, holds: bool) -> Self {
        Self { holds, ..self }
    }
}

/// How an intent ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Settlement {
    /// Won with the change `seq`. `seats` are the indices of the seats that were bought.
    Won { seq: u64, seats: Vec<u32> },
    /// The named seat belongs to somebody else.
    SeatTaken,
    /// Nothing was bought, for any other reason.
    RolledBack,
}

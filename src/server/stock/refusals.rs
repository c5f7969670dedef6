//! The refusals that have to do with stock, worded once.

use crate::model::{
    ids::{SaleId, SeatLabel},
    outcome::{Code, Refusal},
};

/// The refusal where a tier, or the whole sale, has too few units left.
pub fn sold_out(sale: &SaleId) -> Refusal {
    Refusal::new(Code::SoldOut, format!("{sale} does not have that many units left."))
}

/// The refusal where a named seat belongs to another buyer.
pub fn seat_taken(seat: &SeatLabel) -> Refusal {
    Refusal::new(Code::SeatTaken, format!("Seat {seat} is taken."))
}

/// The refusal where a buyer would own more than the sale allows.
pub fn limit_reached(limit: u32) -> Refusal {
    Refusal::new(Code::LimitReached, format!("One buyer may have at most {limit} units of this sale."))
}

/// The refusal where stock may remain, but this strategy gave up.
pub fn contended() -> Refusal {
    Refusal::new(Code::Contended, "Too many buyers at once. Units may be left: try again.")
}

/// The refusal where a key was already used with another request.
pub fn key_reused() -> Refusal {
    Refusal::new(Code::IdempotencyKeyReused, "This key was already used with another route or body.")
}

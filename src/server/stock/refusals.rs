//! The refusals that have to do with stock, worded once.

use super::sale::Stock;
use crate::model::{
    ids::{SaleId, SeatLabel},
    outcome::{Advice, Code, Refusal},
};

/// The refusal where a tier, or the whole sale, has too few units left.
pub fn sold_out(sale: &SaleId) -> Refusal {
    Refusal::new(Code::SoldOut, format!("{sale} does not have that many units left."))
}

/// The refusal where these named seats belong to other buyers; `None` without such seats.
pub fn seats_taken(stock: &Stock, gone: impl Iterator<Item = u32>) -> Option<Refusal> {
    let seats: Vec<SeatLabel> = gone.map(|position| stock.label(position).clone()).collect();
    let detail = match &seats[..] {
        [] => return None,
        [seat] => format!("Seat {seat} is taken."),
        seats => {
            let names: Vec<&str> = seats.iter().map(SeatLabel::as_str).collect();
            format!("Seats {} are taken.", names.join(", "))
        }
    };
    Some(Refusal { seats, ..Refusal::new(Code::SeatTaken, detail) })
}

/// The refusal where a buyer would own more than the sale allows.
pub fn limit_reached(limit: u32) -> Refusal {
    Refusal::new(Code::LimitReached, format!("One buyer may have at most {limit} units of this sale."))
}

/// The refusal where a buyer would have more live holds than allowed.
pub fn too_many_holds(most: u32) -> Refusal {
    Refusal::new(Code::LimitReached, format!("One buyer may have at most {most} holds of a sale at once."))
}

/// The refusal where a claim would cost more than its buyer allows.
pub fn price_changed(total: u64) -> Refusal {
    let refusal = Refusal::new(Code::PriceChanged, "The price has changed since you looked.");
    refusal.with(Advice { total: Some(total), ..Advice::default() })
}

/// The refusal where stock may remain, but this strategy gave up.
pub fn contended() -> Refusal {
    Refusal::new(Code::Contended, "Too many buyers at once. Units may be left: try again.")
}

/// The refusal where a key was already used with another request.
pub fn key_reused() -> Refusal {
    Refusal::new(Code::IdempotencyKeyReused, "This key was already used with another route or body.")
}

//! What a buyer wishes for, by positions inside the sale, and what is certain of it from memory alone.

use serde::{Deserialize, Serialize};

use super::{decide::check_open, sale::Stock, seat_taken, sold_out};
use crate::model::{outcome::Refusal, seat::SeatStatus, time::Timestamp};

/// What is wished for, by positions inside the sale.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wish {
    Seat { position: u32 },
    Units { tier_index: usize, quantity: u64 },
}

/// Refuses what is certain from memory.
pub fn refuse_early(stock: &Stock, wish: Wish, now: Timestamp) -> Result<(), Refusal> {
    check_open(stock, now)?;
    match wish {
        Wish::Seat { position } if stock.seats[position as usize] != SeatStatus::Available => {
            Err(seat_taken(stock.map.labels[position as usize].as_str()))
        }
        Wish::Units { tier_index, quantity } if stock.tiers[tier_index].counts.available < quantity => {
            Err(sold_out(&stock.id))
        }
        Wish::Seat { .. } | Wish::Units { .. } => Ok(()),
    }
}

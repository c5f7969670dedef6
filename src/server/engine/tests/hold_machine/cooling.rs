//! The model's part about buyers whose holds ended unpaid.

use std::collections::BTreeMap;

use super::model::Refused;
use crate::model::{
    limits::{COOLING_OFF_MILLISECONDS, UNPAID_HOLDS_IN_A_ROW},
    outcome::Code,
};

/// The holds of each buyer that ended unpaid, one after the other, and when the last of them did.
#[derive(Clone, Debug, Default)]
pub struct CoolingOff {
    unpaid: BTreeMap<u128, (u32, i64)>,
}

impl CoolingOff {
    pub fn ended(&mut self, buyer: u128, is_paid: bool, now: i64) {
        if is_paid {
            self.unpaid.remove(&buyer);
            return;
        }
        let (in_a_row, last) = self.unpaid.get(&buyer).copied().unwrap_or((0, now));
        let has_waited = in_a_row >= UNPAID_HOLDS_IN_A_ROW && now - last >= COOLING_OFF_MILLISECONDS;
        self.unpaid.insert(buyer, (if has_waited { 1 } else { in_a_row + 1 }, now));
    }

    pub fn check(&self, buyer: u128, now: i64) -> Result<(), Refused> {
        let Some((in_a_row, last)) = self.unpaid.get(&buyer) else { return Ok(()) };
        let left = last + COOLING_OFF_MILLISECONDS - now;
        if *in_a_row < UNPAID_HOLDS_IN_A_ROW || left <= 0 {
            return Ok(());
        }
        let wait_seconds = u32::try_from((left + 999) / 1_000).unwrap();
        Err(Refused { wait_seconds: Some(wait_seconds), ..Refused::new(Code::RateLimited) })
    }
}

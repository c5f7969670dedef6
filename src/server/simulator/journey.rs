//! The journey of a buyer who holds before paying: how it is to end is drawn from the run's seed.

use bytes::Bytes;

use crate::model::{
    body::{ConfirmBody, PaymentMethod, SimulatedOutcome, SimulatedPayment},
    scenario::draws_below,
};

/// How a journey ends, once something is held.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    Pays,
    /// The payment is declined, which releases the hold.
    IsDeclined,
    GivesBack,
    /// The hold stays until its time is over.
    WalksAway,
}

/// Of so many buyers this many pay, and this many have their payment declined. One of the others walks away.
const OUT_OF: u64 = 10;
const PAYING: u64 = 6;
const DECLINED: u64 = 2;

impl End {
    /// The name in the outcomes of a run, for the ends without an order.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pays => "paid",
            Self::IsDeclined => "declined",
            Self::GivesBack => "gave_back",
            Self::WalksAway => "walked_away",
        }
    }

    /// The body with which the hold is confirmed.
    pub fn confirmation(self) -> Bytes {
        let outcome = if self == Self::Pays { SimulatedOutcome::Succeed } else { SimulatedOutcome::Fail };
        let payment = Some(SimulatedPayment { method: PaymentMethod::Simulated, outcome });
        let body = ConfirmBody { payment, contact: None };
        Bytes::from(serde_json::to_vec(&body).expect("a body is plain data"))
    }
}

/// The end of each buyer's journey. The same seed draws the same ends.
pub fn ends(buyers: u32, seed: u64) -> Vec<End> {
    let end = |drawn: u64| match drawn {
        drawn if drawn < PAYING => End::Pays,
        drawn if drawn < PAYING + DECLINED => End::IsDeclined,
        drawn if drawn + 1 < OUT_OF => End::GivesBack,
        _ => End::WalksAway,
    };
    draws_below(OUT_OF, seed).take(buyers as usize).map(end).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn journeys_end_in_all_ways_and_most_of_them_with_a_payment() {
        let drawn = ends(1_000, 7);
        assert_eq!(drawn, ends(1_000, 7), "the same seed draws the same ends");
        let count = |end: End| drawn.iter().filter(|drawn| **drawn == end).count();
        for (end, least) in [(End::Pays, 500), (End::IsDeclined, 120), (End::GivesBack, 50), (End::WalksAway, 50)] {
            assert!(count(end) >= least, "{end:?}: {}", count(end));
        }
    }
}

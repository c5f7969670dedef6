//! A gate in memory: it counts the units that claims of this process are about to buy, so that no claim is sent to the
//! database in vain.
//!
//! Only the mirror, which knows what is committed, says that units are gone. Units of a claim on its way are not gone
//! yet, because that claim may fail. So a claim that finds too few units left beside those on their way waits until the
//! other claims are settled.

use std::{collections::HashSet, sync::Arc};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::Claim;
use crate::model::outcome::Refusal;

/// The claims on their way to the units of one sale.
#[derive(Default)]
pub struct Gate {
    on_the_way: Mutex<OnTheWay>,
    /// Wakes the claims that wait, when another look may have another result.
    settled: Notify,
}

#[derive(Default)]
struct OnTheWay {
    /// Units by tier.
    units: Vec<u64>,
    /// Positions of the named seats.
    seats: HashSet<u32>,
}

/// A claim that was let in. It counts as on its way until this is dropped.
pub struct Admission {
    gate: Arc<Gate>,
    units: Vec<(usize, u64)>,
    seats: Vec<u32>,
    /// Whether the claim has won, so that the mirror no longer counts its units as available.
    pub is_bought: bool,
}

impl Gate {
    /// Waits until the claim can be let in, or until the mirror says that what it wants is gone.
    pub async fn enter(gate: &Arc<Self>, claim: &Claim) -> Result<Admission, Refusal> {
        loop {
            let settled = gate.settled.notified();
            if let Some(refusal) = claim.wish.refusal(&claim.sale.stock.read()) {
                return Err(refusal);
            }
            match Self::admit(gate, claim) {
                Some(admission) => return Ok(admission),
                None => settled.await,
            }
        }
    }

    /// `None` where the claims on their way may leave too few units, or want one of the same named seats.
    fn admit(gate: &Arc<Self>, claim: &Claim) -> Option<Admission> {
        let stock = claim.sale.stock.read();
        let mut on_the_way = gate.on_the_way.lock();
        on_the_way.units.resize(stock.tiers.len(), 0);
        for (tier_index, units) in claim.wish.units_by_tier() {
            let before = on_the_way.units[tier_index];
            if before > 0 && stock.tiers[tier_index].counts.available < before + units {
                return None;
            }
        }
        if claim.wish.seats().any(|position| on_the_way.seats.contains(&position)) {
            return None;
        }
        let units: Vec<_> = claim.wish.units_by_tier().collect();
        let seats: Vec<_> = claim.wish.seats().collect();
        units.iter().for_each(|(tier_index, units)| on_the_way.units[*tier_index] += units);
        on_the_way.seats.extend(&seats);
        Some(Admission { gate: gate.clone(), units, seats, is_bought: false })
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        let mut on_the_way = self.gate.on_the_way.lock();
        let mut is_last = false;
        for (tier_index, units) in &self.units {
            on_the_way.units[*tier_index] -= units;
            is_last |= on_the_way.units[*tier_index] == 0;
        }
        for position in &self.seats {
            on_the_way.seats.remove(position);
        }
        // A purchase of units changes nothing for the claims that wait for units, except where it was the last on its
        // way: what is available shrinks by as much as what is on the way. Waking all of them for each purchase would
        // cost more than the purchases.
        if !self.is_bought || is_last || !self.seats.is_empty() {
            self.gate.settled.notify_waiters();
        }
    }
}

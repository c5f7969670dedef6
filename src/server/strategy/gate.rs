//! A gate in memory: what is on its way to the database in this process, so that nobody is sent there in vain.
//!
//! What is gone is said by the mirror, which knows what is committed. What is on its way is not gone yet: it may come back.
//! So a claim that finds too little left beside those on their way waits until they are settled.

use std::{collections::HashSet, sync::Arc};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::Claim;
use crate::model::outcome::Refusal;

/// Who is on the way to the units of one sale.
#[derive(Default)]
pub struct Gate {
    on_the_way: Mutex<OnTheWay>,
    /// Told when those who wait may find something else than before.
    settled: Notify,
}

#[derive(Default)]
struct OnTheWay {
    /// Units by tier.
    units: Vec<u64>,
    /// Positions of the seats that are named.
    seats: HashSet<u32>,
}

/// A claim that was let in. Dropped, it is on its way no more.
pub struct Admission {
    gate: Arc<Gate>,
    units: Vec<(usize, u64)>,
    seats: Vec<u32>,
    /// Whether the mirror has taken its units off by now.
    pub is_bought: bool,
}

impl Gate {
    /// Lets a claim in, or says that what it wants is gone: whichever is certain first.
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

    /// `None` where those on their way may leave too little, or have a seat of it.
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
        // A purchase of units leaves those who wait for them where they were, until it is the last on its way: to wake all
        // of them for each would cost more than the purchases.
        if !self.is_bought || is_last || !self.seats.is_empty() {
            self.gate.settled.notify_waiters();
        }
    }
}

//! Places that are counted by owner, and given back when they are dropped.

use std::{hash::Hash, sync::Arc};

use parking_lot::Mutex;
use rustc_hash::FxHashMap;

/// How many places each owner has taken. It keeps entries only for places that are taken now, so it cannot grow beyond
/// them.
#[derive(Debug)]
pub struct Places<Owner: Copy + Eq + Hash> {
    taken: Mutex<FxHashMap<Owner, usize>>,
}

/// A place that counts for one or two owners.
#[derive(Debug)]
pub struct Place<Owner: Copy + Eq + Hash> {
    places: Arc<Places<Owner>>,
    owners: [Option<Owner>; 2],
}

impl<Owner: Copy + Eq + Hash> Places<Owner> {
    pub fn new() -> Arc<Self> {
        Arc::new(Self { taken: Mutex::default() })
    }

    /// A place for these owners, each of whom may have so many; `None` if one of them already has as many. A refusal takes
    /// no place.
    pub fn take(self: &Arc<Self>, capped: [Option<(Owner, usize)>; 2]) -> Option<Place<Owner>> {
        let mut taken = self.taken.lock();
        let is_full = |(owner, cap): &(Owner, usize)| taken.get(owner).is_some_and(|count| count >= cap);
        if capped.iter().flatten().any(is_full) {
            return None;
        }
        let owners = capped.map(|capped| capped.map(|(owner, _)| owner));
        for owner in owners.into_iter().flatten() {
            *taken.entry(owner).or_default() += 1;
        }
        Some(Place { places: Arc::clone(self), owners })
    }

    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.taken.lock().is_empty()
    }
}

impl<Owner: Copy + Eq + Hash> Drop for Place<Owner> {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock();
        for owner in self.owners.into_iter().flatten() {
            if let Some(count) = taken.get_mut(&owner) {
                *count -= 1;
                if *count == 0 {
                    taken.remove(&owner);
                }
            }
        }
    }
}

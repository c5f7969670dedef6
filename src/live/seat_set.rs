//! A set of seats, and which seats to paint again.

/// Indices of seats, as a sorted list. A list is fast enough for the few seats that a page keeps in one, and a
/// `BTreeSet` would add some 9 KB to what every buyer downloads.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct SeatSet(Vec<u32>);

impl SeatSet {
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    pub fn insert(&mut self, seat: u32) {
        if let Err(position) = self.0.binary_search(&seat) {
            self.0.insert(position, seat);
        }
    }

    /// Returns whether the seat was in the set.
    pub fn remove(&mut self, seat: u32) -> bool {
        let found = self.0.binary_search(&seat);
        if let Ok(position) = found {
            self.0.remove(position);
        }
        found.is_ok()
    }

    pub fn contains(&self, seat: u32) -> bool {
        self.0.binary_search(&seat).is_ok()
    }

    pub const fn len(&self) -> usize {
        self.0.len()
    }

    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The seats in order.
    pub fn as_slice(&self) -> &[u32] {
        &self.0
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }
}

impl IntoIterator for SeatSet {
    type Item = u32;
    type IntoIter = std::vec::IntoIter<u32>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// Seats that may look different since they were last painted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Repaint {
    All,
    Some(SeatSet),
}

impl Repaint {
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Some(seats) if seats.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seats_are_kept_once_and_in_order() {
        let mut seats = SeatSet::new();
        for seat in [7, 3, 5, 3] {
            seats.insert(seat);
        }
        assert_eq!((seats.as_slice(), seats.len(), seats.contains(5)), (&[3, 5, 7][..], 3, true));
        assert!(seats.remove(5) && !seats.remove(5) && !seats.contains(5));
        seats.clear();
        assert!(seats.is_empty() && seats == SeatSet::new());
    }
}

//! The free seats of a tier, row by row, and the search for the nearest of them.

use std::ops::Range;

use super::rows::TierRow;

/// All runs of this length or longer count as equally long. It is larger than the units of one request plus two.
const LONGEST_RUN: u32 = u128::BITS - 1;

/// A set of lengths of runs. A run is free seats side by side.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Lengths(u128);

impl Lengths {
    pub const NONE: Self = Self(0);

    pub const fn exactly(seats: u32) -> Self {
        Self(1 << if seats < LONGEST_RUN { seats } else { LONGEST_RUN })
    }

    pub const fn at_least(seats: u32) -> Self {
        Self(u128::MAX << if seats < LONGEST_RUN { seats } else { LONGEST_RUN })
    }

    /// The lengths of runs from which `seats` can be taken without leaving a single free seat.
    pub const fn fitting(seats: u32) -> Self {
        Self::exactly(seats).and(Self::at_least(seats + 2))
    }

    /// The union of both sets.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub const fn have(self, seats: u32) -> bool {
        self.meet(Self::exactly(seats))
    }

    /// Whether the sets have a length in common.
    pub const fn meet(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// The free seats of one tier, row by row.
pub trait TierRows {
    /// Whether [`TierRows::rows_with`] gives the rows in the order of their distances.
    const NEAREST_FIRST: bool = false;

    /// In the order of the seat list.
    fn rows(&self) -> &[TierRow];

    /// The runs of free seats within these columns of a row, in order. Columns count from 0.
    fn runs(&self, row: usize, columns: Range<u32>) -> impl Iterator<Item = Range<u32>>;

    /// Rows to look at for runs of these lengths: all that have one, and maybe others.
    fn rows_with(&self, _: Lengths) -> impl Iterator<Item = usize> {
        0..self.rows().len()
    }
}

/// A distance with the position of the first seat: the smallest of these numbers is picked.
pub type Key = u64;

/// The key of nothing.
pub const NONE: Key = Key::MAX;

pub fn key(distance: u32, first_seat: u32) -> Key {
    Key::from(distance) << u32::BITS | Key::from(first_seat)
}

/// The position of the first seat.
#[allow(clippy::cast_possible_truncation)] // the upper half is the distance
pub const fn first_seat(key: Key) -> u32 {
    key as u32
}

/// Looks at rows that may have runs of these lengths. `look` returns the key that a place has to stay below to be of use
/// from then on; rows that are too far away for that are left out.
pub fn look_at<R: TierRows>(rows: &R, lengths: Lengths, mut look: impl FnMut(usize) -> Key) {
    let mut below = NONE;
    for row in rows.rows_with(lengths) {
        if key(rows.rows()[row].distance, 0) < below {
            below = look(row);
        } else if R::NEAREST_FIRST {
            return;
        }
    }
}

//! Which seats are free, row by row, so that picking costs as much as the rows that are looked at, not as all seats of
//! the sale.
//!
//! Each row is a set of bits. A tree over the rows of a tier holds the lengths of their runs of free seats. It finds
//! the first row with a run of a wanted length in a few steps. The mirror has one `FreeSeats`, and each draft of the
//! mirror a copy.

use std::sync::Arc;

use crate::model::{
    rung::{Best, Lengths, Run, Rung, TierRows, best_available, rung_of},
    seat::{SeatRow, SeatStatus},
};

/// How many seats one word of a row's bits holds.
const SEATS_PER_WORD: u32 = u64::BITS;

/// The free seats of a sale, by tier; a tier of general admission has no rows.
#[derive(Clone, Debug, Default)]
pub struct FreeSeats {
    tiers: Vec<TierSeats>,
}

#[derive(Clone, Debug, Default)]
struct TierSeats {
    rows: Arc<[Row]>,
    /// One bit per seat, set while the seat is free. Each row begins with a new word.
    free: Vec<u64>,
    /// A tree of run lengths. Its leaves hold the lengths of each row's runs, and each node above those of its two
    /// children. Node `n` has the children `2n` and `2n + 1`, and the leaves begin in the middle of the list.
    lengths: Vec<Lengths>,
}

/// Where a row stands in its tier.
#[derive(Clone, Copy, Debug)]
struct Row {
    first_position: u32,
    seats: u32,
    first_word: usize,
    /// Whether the row is right behind the previous one, in the same section.
    is_behind: bool,
}

impl FreeSeats {
    /// The free seats among `seats`, which lists the seats of `rows` one row after the other.
    pub fn new(tiers: usize, rows: &[SeatRow], seats: &[SeatStatus]) -> Self {
        let mut rows_of_tiers = vec![Vec::new(); tiers];
        let mut words_of_tiers = vec![0; tiers];
        let mut first_position = 0;
        for (index, row) in rows.iter().enumerate() {
            let tier = row.tier_index as usize;
            rows_of_tiers[tier].push(Row {
                first_position,
                seats: row.seats,
                first_word: words_of_tiers[tier],
                is_behind: index.checked_sub(1).is_some_and(|before| row.is_right_behind(&rows[before])),
            });
            words_of_tiers[tier] += row.seats.div_ceil(SEATS_PER_WORD) as usize;
            first_position += row.seats;
        }
        let tiers = rows_of_tiers.into_iter().zip(words_of_tiers);
        Self { tiers: tiers.map(|(rows, words)| TierSeats::new(rows.into(), words, seats)).collect() }
    }

    pub fn is_free(&self, tier_index: usize, position: u32) -> bool {
        let tier = &self.tiers[tier_index];
        let (word, bit) = tier.rows[tier.row_of(position)].place(position);
        tier.free[word] & bit != 0
    }

    /// Marks a seat as free or as taken.
    pub fn set(&mut self, tier_index: usize, position: u32, is_free: bool) {
        let tier = &mut self.tiers[tier_index];
        let row = tier.row_of(position);
        let (word, bit) = tier.rows[row].place(position);
        match is_free {
            true => tier.free[word] |= bit,
            false => tier.free[word] &= !bit,
        }
        tier.measure(row);
    }

    /// The best `units` free seats of a tier; `None` where fewer are free.
    pub fn pick(&self, tier_index: usize, units: u64) -> Option<Best> {
        best_available(&self.tiers[tier_index], u32::try_from(units).ok()?)
    }

    /// How well these seats of a tier stand together. The seats must be in order.
    pub fn rung_of(&self, tier_index: usize, seats: &[u32]) -> Rung {
        rung_of(&self.tiers[tier_index], seats)
    }
}

impl TierSeats {
    fn new(rows: Arc<[Row]>, words: usize, seats: &[SeatStatus]) -> Self {
        let leaves = rows.len().next_power_of_two();
        let mut tier = Self { free: vec![0; words], lengths: vec![Lengths::NONE; 2 * leaves], rows };
        for row in 0..tier.rows.len() {
            let Row { first_position, seats: count, .. } = tier.rows[row];
            for position in first_position..first_position + count {
                if seats[position as usize] == SeatStatus::Available {
                    let (word, bit) = tier.rows[row].place(position);
                    tier.free[word] |= bit;
                }
            }
            tier.measure(row);
        }
        tier
    }

    fn row_of(&self, position: u32) -> usize {
        self.rows.partition_point(|row| row.first_position <= position) - 1
    }

    /// Updates the tree after a change of a row's bits.
    fn measure(&mut self, row: usize) {
        let lengths = self.runs(row).map(|run| Lengths::exactly(run.seats)).fold(Lengths::NONE, Lengths::and);
        let mut node = self.lengths.len() / 2 + row;
        self.lengths[node] = lengths;
        while node > 1 {
            node /= 2;
            let lengths = self.lengths[2 * node].and(self.lengths[2 * node + 1]);
            if self.lengths[node] == lengths {
                return;
            }
            self.lengths[node] = lengths;
        }
    }
}

impl TierRows for TierSeats {
    fn count(&self) -> usize {
        self.rows.len()
    }

    fn first_seat(&self, row: usize) -> u32 {
        self.rows[row].first_position
    }

    fn is_behind(&self, row: usize) -> bool {
        self.rows[row].is_behind
    }

    fn runs(&self, row: usize) -> impl Iterator<Item = Run> {
        let Row { first_position, seats, first_word, .. } = self.rows[row];
        let words = &self.free[first_word..first_word + seats.div_ceil(SEATS_PER_WORD) as usize];
        let mut next = 0;
        std::iter::from_fn(move || {
            let first = next_bit(words, next, true);
            let end = next_bit(words, first, false).min(seats);
            next = end;
            (first < seats).then(|| Run { first: first_position + first, seats: end - first })
        })
    }

    fn next_row(&self, from: usize, wanted: Lengths) -> Option<usize> {
        let leaves = self.lengths.len() / 2;
        let mut node = leaves + from;
        if from >= self.rows.len() {
            return None;
        }
        // Goes up until a subtree at or after `from` has such a run, and then down to its first row that has one.
        while !self.lengths[node].meet(wanted) {
            while node % 2 == 1 {
                node /= 2;
            }
            if node == 0 {
                return None;
            }
            node += 1;
        }
        while node < leaves {
            node *= 2;
            if !self.lengths[node].meet(wanted) {
                node += 1;
            }
        }
        Some(node - leaves)
    }
}

impl Row {
    /// The word and the bit of a seat.
    const fn place(&self, position: u32) -> (usize, u64) {
        let number = position - self.first_position;
        (self.first_word + (number / SEATS_PER_WORD) as usize, 1 << (number % SEATS_PER_WORD))
    }
}

/// The first bit at or after `from` that is set (or not set, as `is_set` says); the number of all bits where there is
/// none.
fn next_bit(words: &[u64], from: u32, is_set: bool) -> u32 {
    let mut word = (from / SEATS_PER_WORD) as usize;
    // For cleared bits the word is inverted, so that a set bit is searched in both cases. Bits before `from` are
    // shifted away.
    let mut before = from % SEATS_PER_WORD;
    while let Some(bits) = words.get(word) {
        let bits = if is_set { *bits } else { !*bits } >> before;
        if bits != 0 {
            return u32::try_from(word).expect("rows are short") * SEATS_PER_WORD + before + bits.trailing_zeros();
        }
        (word, before) = (word + 1, 0);
    }
    u32::try_from(words.len()).expect("rows are short") * SEATS_PER_WORD
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn row(tier_index: u32, seats: u32) -> SeatRow {
        SeatRow { tier_index, section: "101".into(), row: "A".into(), seats, section_in_label: false }
    }

    /// The same seats without bits and tree. Picking must agree with this simple version.
    struct Walked<'a> {
        /// Of each row of one tier: its first position, its number of seats, and whether it is right behind the
        /// previous row.
        rows: Vec<(u32, u32, bool)>,
        free: &'a [bool],
    }

    impl<'a> Walked<'a> {
        fn new(rows: &[SeatRow], free: &'a [bool], tier: u32) -> Self {
            let (mut first, mut before) = (0, None);
            let mut walked = Self { rows: Vec::new(), free };
            for row in rows {
                if row.tier_index == tier {
                    walked.rows.push((first, row.seats, before == Some(tier)));
                }
                (first, before) = (first + row.seats, Some(row.tier_index));
            }
            walked
        }
    }

    impl TierRows for Walked<'_> {
        fn count(&self) -> usize {
            self.rows.len()
        }

        fn first_seat(&self, row: usize) -> u32 {
            self.rows[row].0
        }

        fn is_behind(&self, row: usize) -> bool {
            self.rows[row].2
        }

        fn runs(&self, row: usize) -> impl Iterator<Item = Run> {
            let (first, seats, _) = self.rows[row];
            let free: Vec<u32> = (first..first + seats).filter(|seat| self.free[*seat as usize]).collect();
            let run = |run: &[u32]| Run { first: run[0], seats: u32::try_from(run.len()).unwrap() };
            free.chunk_by(|one, other| one + 1 == *other).map(run).collect::<Vec<_>>().into_iter()
        }
    }

    fn house() -> impl Strategy<Value = (Vec<SeatRow>, Vec<(u32, bool)>)> {
        let rows = prop::collection::vec((0_u32..2, 1_u32..150).prop_map(|(tier, seats)| row(tier, seats)), 1..12);
        (rows, prop::collection::vec((any::<u32>(), any::<bool>()), 0..400))
    }

    proptest! {
        #[test]
        fn seats_are_picked_as_if_all_were_walked((rows, changes) in house(), wanted in 1_u64..8) {
            let seats: u32 = rows.iter().map(|row| row.seats).sum();
            let mut free = vec![true; seats as usize];
            let mut kept = FreeSeats::new(2, &rows, &vec![SeatStatus::Available; seats as usize]);
            let tiers: Vec<u32> = rows.iter().flat_map(|row| (0..row.seats).map(|_| row.tier_index)).collect();
            for (position, is_free) in changes {
                let position = position % seats;
                free[position as usize] = is_free;
                kept.set(tiers[position as usize] as usize, position, is_free);
            }
            let statuses = free.iter().map(|free| if *free { SeatStatus::Available } else { SeatStatus::Sold });
            let anew = FreeSeats::new(2, &rows, &statuses.collect::<Vec<_>>());
            for tier in 0..2 {
                let expected = best_available(&Walked::new(&rows, &free, tier), u32::try_from(wanted).unwrap());
                prop_assert_eq!(&kept.pick(tier as usize, wanted), &expected);
                prop_assert_eq!(&anew.pick(tier as usize, wanted), &expected);
            }
            for (position, tier) in (0..).zip(tiers) {
                prop_assert_eq!(kept.is_free(tier as usize, position), free[position as usize]);
            }
        }
    }
}

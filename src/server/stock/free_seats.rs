//! Which seats are free, row by row, so that picking costs as much as the rows that are looked at, not as all seats of
//! the sale.
//!
//! Each row is a set of bits. A tree over the rows of a tier, the nearest to the middle of the front first, holds the
//! lengths of their runs of free seats. It finds the next row with a run of a wanted length in a few steps. The mirror
//! has one `FreeSeats`, and each draft of the mirror a copy.

mod nearest; // the nearest free seat to one that is gone

use std::{ops::Range, sync::Arc};

use crate::model::{
    rung::{Best, Lengths, Rung, TierRow, TierRows, best_available, rows_of_tier, rung_of},
    seat::{SeatRow, SeatStatus},
};

/// How many seats one word of a row's bits holds.
const SEATS_PER_WORD: u32 = u64::BITS;

/// The free seats of a sale, by tier; a tier of general admission has no rows.
#[derive(Clone, Debug, Default)]
pub struct FreeSeats {
    tiers: Vec<TierSeats>,
}

#[derive(Clone, Debug)]
struct TierSeats {
    places: Arc<Places>,
    /// One bit per seat, set while the seat is free. Each row begins with a new word.
    free: Vec<u64>,
    /// A tree of run lengths. Its leaves hold the lengths of each row's runs, the nearest row first, and each node above
    /// those of its two children. Node `n` has the children `2n` and `2n + 1`, and the leaves begin in the middle of the
    /// list.
    lengths: Vec<Lengths>,
    /// How many seats are free in each section.
    free_in_sections: Vec<u32>,
}

/// Where the rows of a tier are.
#[derive(Debug)]
struct Places {
    rows: Vec<TierRow>,
    /// The rows of each section.
    sections: Vec<Range<usize>>,
    /// The first word of each row.
    first_words: Vec<usize>,
    /// The rows in the order of their distances.
    nearest: Vec<usize>,
    /// The place of each row in `nearest`.
    ranks: Vec<usize>,
}

impl FreeSeats {
    /// The free seats among `seats`, which lists the seats of `rows` one row after the other.
    pub fn new(tiers: usize, rows: &[SeatRow], seats: &[SeatStatus]) -> Self {
        let tiers = (0..).take(tiers).map(|tier_index| TierSeats::new(rows_of_tier(rows, tier_index), seats));
        Self { tiers: tiers.collect() }
    }

    pub fn is_free(&self, tier_index: usize, position: u32) -> bool {
        let tier = &self.tiers[tier_index];
        let (word, bit) = tier.places.bit_of(tier.places.row_of(position), position);
        tier.free[word] & bit != 0
    }

    /// Marks seats of a tier as free or as taken. Seats that follow each other here and stand in one row cost little more than
    /// one seat.
    pub fn set(&mut self, tier_index: usize, positions: &[u32], is_free: bool) {
        let tier = &mut self.tiers[tier_index];
        let mut rest = positions;
        while let [first, ..] = rest {
            let row = tier.places.row_of(*first);
            let seats = tier.places.rows[row].seats();
            let in_row = 1 + rest[1..].iter().take_while(|position| seats.contains(*position)).count();
            let (of_row, of_others) = rest.split_at(in_row);
            tier.set(row, of_row, is_free);
            rest = of_others;
        }
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
    fn new(rows: Vec<TierRow>, seats: &[SeatStatus]) -> Self {
        let (mut first_words, mut words) = (Vec::with_capacity(rows.len()), 0);
        for row in &rows {
            first_words.push(words);
            words += row.seats.div_ceil(SEATS_PER_WORD) as usize;
        }
        let mut nearest: Vec<usize> = (0..rows.len()).collect();
        nearest.sort_by_key(|row| rows[*row].distance);
        let mut ranks = vec![0; rows.len()];
        nearest.iter().enumerate().for_each(|(rank, row)| ranks[*row] = rank);
        let sections = rows.chunk_by(|one, other| one.section == other.section).scan(0, |end, section| {
            let start = *end;
            *end += section.len();
            Some(start..*end)
        });
        let sections: Vec<_> = sections.collect();
        let lengths = vec![Lengths::NONE; 2 * rows.len().next_power_of_two()];
        let places = Arc::new(Places { sections, first_words, nearest, ranks, rows });
        let free_in_sections = vec![0; places.sections.len()];
        let mut tier = Self { places: places.clone(), free: vec![0; words], lengths, free_in_sections };
        for (number, row) in places.rows.iter().enumerate() {
            for position in row.seats() {
                if seats[position as usize] == SeatStatus::Available {
                    let (word, bit) = places.bit_of(number, position);
                    tier.free[word] |= bit;
                    tier.free_in_sections[row.section] += 1;
                }
            }
            tier.measure(number);
        }
        tier
    }

    /// Marks seats of a row as free or as taken.
    fn set(&mut self, row: usize, positions: &[u32], is_free: bool) {
        let mut changed = 0;
        for position in positions {
            let (word, bit) = self.places.bit_of(row, *position);
            if (self.free[word] & bit != 0) != is_free {
                self.free[word] ^= bit;
                changed += 1;
            }
        }
        if changed == 0 {
            return;
        }
        let free = &mut self.free_in_sections[self.places.rows[row].section];
        match is_free {
            true => *free += changed,
            false => *free -= changed,
        }
        self.measure(row);
    }

    /// Updates the tree after a change of a row's bits.
    fn measure(&mut self, row: usize) {
        let runs = self.runs(row, 0..self.places.rows[row].seats);
        let lengths = runs.map(|run| Lengths::exactly(run.end - run.start)).fold(Lengths::NONE, Lengths::and);
        let mut node = self.lengths.len() / 2 + self.places.ranks[row];
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

    fn has_free(&self) -> bool {
        self.lengths[1].meet(Lengths::at_least(1))
    }

    /// The first rank at or after `from` whose row has a run of one of these lengths.
    fn next_rank(&self, from: usize, wanted: Lengths) -> Option<usize> {
        let leaves = self.lengths.len() / 2;
        let mut node = leaves + from;
        if from >= self.places.rows.len() {
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

impl TierRows for TierSeats {
    const NEAREST_FIRST: bool = true;

    fn rows(&self) -> &[TierRow] {
        &self.places.rows
    }

    fn runs(&self, row: usize, columns: Range<u32>) -> impl Iterator<Item = Range<u32>> {
        let words = &self.free[self.places.words_of(row)];
        let mut next = columns.start;
        std::iter::from_fn(move || {
            let start = next_bit(words, next, true);
            next = next_bit(words, start, false).min(columns.end);
            (start < columns.end).then_some(start..next)
        })
    }

    fn rows_with(&self, lengths: Lengths) -> impl Iterator<Item = usize> {
        let mut next = 0;
        std::iter::from_fn(move || {
            let rank = self.next_rank(next, lengths)?;
            next = rank + 1;
            Some(self.places.nearest[rank])
        })
    }
}

impl Places {
    fn row_of(&self, position: u32) -> usize {
        self.rows.partition_point(|row| row.first_seat <= position) - 1
    }

    /// The word and the bit of a seat of this row.
    fn bit_of(&self, row: usize, position: u32) -> (usize, u64) {
        let column = position - self.rows[row].first_seat;
        (self.first_words[row] + (column / SEATS_PER_WORD) as usize, 1 << (column % SEATS_PER_WORD))
    }

    fn words_of(&self, row: usize) -> Range<usize> {
        let first = self.first_words[row];
        first..first + self.rows[row].seats.div_ceil(SEATS_PER_WORD) as usize
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

    fn row(tier_index: u32, section: u32, seats: u32) -> SeatRow {
        SeatRow { tier_index, section: section.to_string(), row: "A".into(), seats, section_in_label: false }
    }

    /// The same seats without bits and tree, and in the order of the seat list. Picking must agree with this simple
    /// version.
    struct Walked<'a> {
        rows: Vec<TierRow>,
        free: &'a [bool],
    }

    impl TierRows for Walked<'_> {
        fn rows(&self) -> &[TierRow] {
            &self.rows
        }

        fn runs(&self, row: usize, columns: Range<u32>) -> impl Iterator<Item = Range<u32>> {
            let first = self.rows[row].first_seat;
            let free: Vec<u32> = columns.filter(|column| self.free[(first + column) as usize]).collect();
            let run = |run: &[u32]| run[0]..run[run.len() - 1] + 1;
            free.chunk_by(|one, other| one + 1 == *other).map(run).collect::<Vec<_>>().into_iter()
        }
    }

    fn house() -> impl Strategy<Value = (Vec<SeatRow>, Vec<(Vec<u32>, bool)>)> {
        let row = (0_u32..2, 0_u32..3, 1_u32..150).prop_map(|(tier, section, seats)| row(tier, section, seats));
        let rows = prop::collection::vec(row, 1..24).prop_map(|mut rows| {
            // The sections of a tier follow each other.
            rows.sort_by(|one, other| (one.tier_index, &one.section).cmp(&(other.tier_index, &other.section)));
            // Added rows come last, in the last section of their tier.
            let added = rows.iter().rfind(|row| row.tier_index == 0).cloned();
            rows.into_iter().chain(added).collect::<Vec<_>>()
        });
        let seats = prop_oneof![
            prop::collection::vec(any::<u32>(), 1..4),
            (any::<u32>(), 1_u32..80)
                .prop_map(|(first, count)| (0..count).map(|seat| first.wrapping_add(seat)).collect()),
        ];
        (rows, prop::collection::vec((seats, any::<bool>()), 0..100))
    }

    proptest! {
        #[test]
        fn seats_are_picked_as_if_all_were_walked((rows, changes) in house(), wanted in 1_u64..8) {
            let seats: u32 = rows.iter().map(|row| row.seats).sum();
            let mut free = vec![true; seats as usize];
            let mut kept = FreeSeats::new(2, &rows, &vec![SeatStatus::Available; seats as usize]);
            let tiers: Vec<u32> = rows.iter().flat_map(|row| (0..row.seats).map(|_| row.tier_index)).collect();
            for (positions, is_free) in changes {
                let positions: Vec<u32> = positions.into_iter().map(|position| position % seats).collect();
                positions.iter().for_each(|position| free[*position as usize] = is_free);
                for of_tier in positions.chunk_by(|one, other| tiers[*one as usize] == tiers[*other as usize]) {
                    kept.set(tiers[of_tier[0] as usize] as usize, of_tier, is_free);
                }
            }
            let statuses = free.iter().map(|free| if *free { SeatStatus::Available } else { SeatStatus::Sold });
            let anew = FreeSeats::new(2, &rows, &statuses.collect::<Vec<_>>());
            for tier in 0..2 {
                let expected = best_available(&Walked { rows: rows_of_tier(&rows, tier), free: &free }, wanted as u32);
                prop_assert_eq!(&kept.pick(tier as usize, wanted), &expected);
                prop_assert_eq!(&anew.pick(tier as usize, wanted), &expected);
            }
            for (position, tier) in (0..).zip(tiers) {
                prop_assert_eq!(kept.is_free(tier as usize, position), free[position as usize]);
            }
        }
    }
}

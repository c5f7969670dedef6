//! Which seats are free, row by row, so that picking seats costs the rows that are looked at and not the seats of the sale.
//!
//! Each row is a set of bits. Over the rows of a tier stands a tree of their longest runs of free seats, in which the first
//! row with room for so many is found in a few steps. The mirror has one of these, and each draft of it a copy.

use std::sync::Arc;

use crate::model::seat::{SeatRow, SeatStatus};

/// Seats that one word of a row's bits stands for.
const SEATS_PER_WORD: u32 = u64::BITS;

/// The free seats of a sale, by tier; a tier of general admission has no rows.
#[derive(Clone, Debug, Default)]
pub struct FreeSeats {
    tiers: Vec<TierRows>,
}

#[derive(Clone, Debug, Default)]
struct TierRows {
    rows: Arc<[Row]>,
    /// A bit for each seat, set while it is free; each row begins with a word of its own.
    free: Vec<u64>,
    /// The longest run of free seats of each row, and above them the greater of each two: node `n` has the children `2n` and
    /// `2n + 1`, and the rows begin in the middle.
    longest: Vec<u32>,
}

/// Where a row stands in its tier.
#[derive(Clone, Copy, Debug)]
struct Row {
    first_position: u32,
    seats: u32,
    first_word: usize,
}

impl FreeSeats {
    /// The free seats among `seats`, which stand in `rows` one after the other.
    pub fn new(tiers: usize, rows: &[SeatRow], seats: &[SeatStatus]) -> Self {
        let mut rows_of_tiers = vec![Vec::new(); tiers];
        let mut words_of_tiers = vec![0; tiers];
        let mut first_position = 0;
        for row in rows {
            let tier = row.tier_index as usize;
            rows_of_tiers[tier].push(Row { first_position, seats: row.seats, first_word: words_of_tiers[tier] });
            words_of_tiers[tier] += row.seats.div_ceil(SEATS_PER_WORD) as usize;
            first_position += row.seats;
        }
        let tiers = rows_of_tiers.into_iter().zip(words_of_tiers);
        Self { tiers: tiers.map(|(rows, words)| TierRows::new(rows.into(), words, seats)).collect() }
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

    /// So many free seats of a tier: side by side in the first row that has room for them, else the first ones in order;
    /// `None` where fewer are free.
    pub fn pick(&self, tier_index: usize, units: u64) -> Option<Vec<u32>> {
        let wanted = u32::try_from(units).ok()?;
        let tier = &self.tiers[tier_index];
        match tier.first_together(wanted) {
            Some(first) => Some((first..first + wanted).collect()),
            None => tier.first_scattered(wanted),
        }
    }
}

impl TierRows {
    fn new(rows: Arc<[Row]>, words: usize, seats: &[SeatStatus]) -> Self {
        let leaves = rows.len().next_power_of_two();
        let mut tier = Self { free: vec![0; words], longest: vec![0; 2 * leaves], rows };
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

    /// Brings the tree up to date with the bits of a row.
    fn measure(&mut self, row: usize) {
        let longest = self.runs(row).map(|(_, seats)| seats).max().unwrap_or_default();
        let mut node = self.longest.len() / 2 + row;
        self.longest[node] = longest;
        while node > 1 {
            node /= 2;
            let longest = self.longest[2 * node].max(self.longest[2 * node + 1]);
            if self.longest[node] == longest {
                return;
            }
            self.longest[node] = longest;
        }
    }

    /// The first row from `from` on that has so many free seats side by side.
    fn first_row(&self, from: usize, wanted: u32) -> Option<usize> {
        let leaves = self.longest.len() / 2;
        let mut node = leaves + from;
        if from >= self.rows.len() {
            return None;
        }
        // Up until a subtree that lies wholly behind `from` has room, and then down to its first row that has.
        while self.longest[node] < wanted {
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
            if self.longest[node] < wanted {
                node += 1;
            }
        }
        Some(node - leaves)
    }

    /// The position of the first of so many free seats side by side.
    fn first_together(&self, wanted: u32) -> Option<u32> {
        let row = self.first_row(0, wanted)?;
        let run = self.runs(row).find(|(_, seats)| *seats >= wanted);
        run.map(|(first, _)| first)
    }

    /// The first free seats in order.
    fn first_scattered(&self, wanted: u32) -> Option<Vec<u32>> {
        let mut found = Vec::with_capacity(wanted as usize);
        let mut next = 0;
        while let Some(row) = self.first_row(next, 1) {
            let free = self.runs(row).flat_map(|(first, seats)| first..first + seats);
            found.extend(free.take(wanted as usize - found.len()));
            if found.len() == wanted as usize {
                return Some(found);
            }
            next = row + 1;
        }
        None
    }

    /// The runs of free seats in a row, as the position of the first seat and their number.
    fn runs(&self, row: usize) -> impl Iterator<Item = (u32, u32)> {
        let Row { first_position, seats, first_word } = self.rows[row];
        let words = &self.free[first_word..first_word + seats.div_ceil(SEATS_PER_WORD) as usize];
        let mut next = 0;
        std::iter::from_fn(move || {
            let first = next_bit(words, next, true);
            let end = next_bit(words, first, false).min(seats);
            next = end;
            (first < seats).then(|| (first_position + first, end - first))
        })
    }
}

impl Row {
    /// The word and the bit of a seat.
    const fn place(&self, position: u32) -> (usize, u64) {
        let number = position - self.first_position;
        (self.first_word + (number / SEATS_PER_WORD) as usize, 1 << (number % SEATS_PER_WORD))
    }
}

/// The first bit from `from` on that is set, or not set; the number of all bits where there is none.
fn next_bit(words: &[u64], from: u32, is_set: bool) -> u32 {
    let mut word = (from / SEATS_PER_WORD) as usize;
    // Bits before the place are shifted away, so that what is searched for is always a bit that is set.
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

    /// The same by walking all seats: what the tree has to agree with.
    fn pick_by_walking(rows: &[SeatRow], free: &[bool], tier: u32, wanted: usize) -> Option<Vec<u32>> {
        let (mut position, mut scattered) = (0, Vec::new());
        for row in rows {
            let mut beside = Vec::new();
            for _ in 0..row.seats {
                if row.tier_index == tier && free[position as usize] {
                    beside.push(position);
                    scattered.push(position);
                    if beside.len() == wanted {
                        return Some(beside);
                    }
                } else {
                    beside.clear();
                }
                position += 1;
            }
        }
        scattered.truncate(wanted);
        (scattered.len() == wanted).then_some(scattered)
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
                let expected = pick_by_walking(&rows, &free, tier, wanted as usize);
                prop_assert_eq!(&kept.pick(tier as usize, wanted), &expected);
                prop_assert_eq!(&anew.pick(tier as usize, wanted), &expected);
            }
            for (position, tier) in (0..).zip(tiers) {
                prop_assert_eq!(kept.is_free(tier as usize, position), free[position as usize]);
            }
        }
    }
}

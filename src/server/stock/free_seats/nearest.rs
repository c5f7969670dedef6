//! The nearest free seat to one that is gone.
//!
//! A free seat of the asked one's tier is nearer than one of any other tier, however far away, because tiers are what
//! buyers choose by. Inside a tier, a seat of the same section is nearer than one of any other section. Inside a
//! section, a row counts as much as two seats. Sections are as near as they are in the order of their numbers, and tiers
//! as in the order of the sale. In a section further on, seats count from the end of the row that faces the asked seat.
//! In another tier, the section straight in front or behind comes first, and rows count from the side that faces the
//! asked seat. Of seats that are as near, the first in the seat list is taken.
//!
//! The search goes outward, section by section and row by row. It skips tiers and sections without free seats, and ends
//! where the next row is further away than the best seat so far.

use super::{FreeSeats, SEATS_PER_WORD, TierSeats, next_bit};

/// What one row counts, in seats.
const SEATS_PER_ROW: u64 = 2;

/// Where a seat is looked for.
#[derive(Clone, Copy)]
struct Asked {
    section: usize,
    /// How many rows of its section are in front of it.
    depth: i64,
    column: u32,
}

/// Where another section is, seen from the asked seat.
#[derive(Clone, Copy)]
enum Side {
    /// It is the seat's own section, or straight in front or behind.
    Same,
    /// Its rows end beside the asked seat.
    Left,
    /// Its rows begin beside the asked seat.
    Right,
}

impl FreeSeats {
    /// The free seat that is the nearest to this seat of this tier. It is in the same tier, or else in another one that
    /// `may_be` allows. `None` if no such seat is free.
    pub fn nearest(&self, tier_index: usize, position: u32, may_be: impl Fn(usize) -> bool) -> Option<u32> {
        let places = &self.tiers[tier_index].places;
        let row = places.row_of(position);
        let place = places.rows[row];
        let asked =
            Asked { section: place.section, depth: i64::from(place.depth), column: position - place.first_seat };
        (0..self.tiers.len()).find_map(|apart| {
            let tiers = both_sides(tier_index, apart, self.tiers.len());
            let tiers = tiers.filter(|(other, _)| *other == tier_index || may_be(*other));
            let found = tiers.filter_map(|(other, side)| self.tiers[other].nearest(asked, side));
            found.min().map(|(.., position)| position)
        })
    }
}

/// The places so far from `own`, before and after it.
fn both_sides(own: usize, apart: usize, count: usize) -> impl Iterator<Item = (usize, Side)> {
    let before = own.checked_sub(apart).map(|place| (place, if apart == 0 { Side::Same } else { Side::Left }));
    let after = (apart > 0 && own + apart < count).then_some((own + apart, Side::Right));
    before.into_iter().chain(after)
}

impl TierSeats {
    /// The nearest free seat of a tier: how many sections it is away, then its distance in that section, then its
    /// position. `side` says whether it is the tier of the asked seat, or one in front of that or behind it.
    fn nearest(&self, asked: Asked, side: Side) -> Option<(usize, u64, u32)> {
        let sections = &self.places.sections;
        let own = asked.section.min(sections.len().checked_sub(1)?);
        if !self.has_free() {
            return None;
        }
        (0..sections.len()).find_map(|apart| {
            let found = both_sides(own, apart, sections.len())
                .filter(|(section, _)| self.free_in_sections[*section] > 0)
                .filter_map(|(section, beside)| {
                    let depth = match side {
                        Side::Same => asked.depth,
                        // A tier in front faces the asked seat with its last row, a tier behind with its first.
                        Side::Left => sections[section].len() as i64,
                        Side::Right => -1,
                    };
                    self.nearest_in(section, Asked { depth, ..asked }, beside)
                });
            found.min().map(|(distance, position)| (apart, distance, position))
        })
    }

    /// The nearest free seat of a section: its distance and its position.
    fn nearest_in(&self, section: usize, asked: Asked, side: Side) -> Option<(u64, u32)> {
        let rows = &self.places.sections[section];
        let mut nearest: Option<(u64, u32)> = None;
        for depth in outward(asked.depth, rows.len() as i64) {
            let behind = SEATS_PER_ROW * depth.abs_diff(asked.depth);
            if nearest.is_some_and(|(distance, _)| distance < behind) {
                break;
            }
            let row = rows.start + depth as usize;
            if let Some((aside, column)) = self.nearest_column(row, asked.column, side) {
                let found = (behind + u64::from(aside), self.places.rows[row].first_seat + column);
                nearest = Some(nearest.map_or(found, |nearest| nearest.min(found)));
            }
        }
        nearest
    }

    /// The nearest free seat of a row: how many seats it is aside, and its column.
    fn nearest_column(&self, row: usize, column: u32, side: Side) -> Option<(u32, u32)> {
        let words = &self.free[self.places.words_of(row)];
        let seats = self.places.rows[row].seats;
        let after = |from: u32| Some(next_bit(words, from, true)).filter(|column| *column < seats);
        match side {
            Side::Right => after(0).map(|column| (column, column)),
            Side::Left => last_bit(words, seats).map(|column| (seats - 1 - column, column)),
            Side::Same => {
                let found = [last_bit(words, column.min(seats)), after(column)];
                found.into_iter().flatten().map(|found| (found.abs_diff(column), found)).min()
            }
        }
    }
}

/// The numbers below `count` in the order of their distance from `from`.
fn outward(from: i64, count: i64) -> impl Iterator<Item = i64> {
    let (mut before, mut after) = (from.min(count - 1), (from + 1).max(0));
    std::iter::from_fn(move || {
        let is_before = before >= 0 && (after >= count || from - before <= after - from);
        let next = if is_before { before } else { after };
        if is_before {
            before -= 1;
        } else {
            after += 1;
        }
        (next < count).then_some(next)
    })
}

/// The last bit before `end` that is set.
fn last_bit(words: &[u64], end: u32) -> Option<u32> {
    let whole = (end / SEATS_PER_WORD) as usize;
    let first_bits = words.get(whole).map(|bits| (whole, bits & ((1 << (end % SEATS_PER_WORD)) - 1)));
    let earlier = words[..whole].iter().copied().enumerate().rev();
    let (word, bits) = first_bits.into_iter().chain(earlier).find(|(_, bits)| *bits != 0)?;
    Some(u32::try_from(word).expect("rows are short") * SEATS_PER_WORD + bits.ilog2())
}

#[cfg(test)]
mod tests;

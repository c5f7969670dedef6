//! The rows of a tier, and how far each is from the middle of the front.

use std::ops::Range;

use crate::model::seat::SeatRow;

/// Half seats for each row further back: as much as two seats further aside.
const HALF_SEATS_PER_ROW: u32 = 4;

/// A row of one tier, and where it stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TierRow {
    /// Position in the sale of the row's first seat, whether it is free or not.
    pub first_seat: u32,
    pub seats: u32,
    /// Number of its section in the tier, from 0.
    pub section: usize,
    /// How many rows of its section are in front of it.
    pub depth: u32,
    /// Whether it stands right behind the previous row of the tier, in the same section.
    pub is_behind: bool,
    /// Half seats between its middle and the middle of the tier's front.
    pub distance: u32,
}

impl TierRow {
    /// The positions of its seats in the sale.
    pub const fn seats(&self) -> Range<u32> {
        self.first_seat..self.first_seat + self.seats
    }

    /// Half seats between the middle of these seats and the middle of the row.
    pub const fn aside(&self, start: u32, seats: u32) -> u32 {
        (2 * start + seats).abs_diff(self.seats)
    }

    /// The column where so many seats start that are in the middle of the row, or as near to it as whole seats allow.
    pub const fn middle_start(&self, seats: u32) -> u32 {
        self.seats.saturating_sub(seats) / 2
    }

    /// The column nearest to the middle of the row where so many seats can start in a run. Leaves no single seat at
    /// either end of the run, unless the run has just one more.
    pub fn start_in(&self, run: &Range<u32>, seats: u32) -> u32 {
        let (first, last) = (run.start, run.end - seats);
        let start = self.middle_start(seats).clamp(first, last);
        // Only the second place and the last but one leave a single seat. So one of those within two columns leaves none.
        let leaves_none = |start: &u32| start - first != 1 && last - start != 1;
        let places = start.saturating_sub(2).max(first)..=(start + 2).min(last);
        places.filter(leaves_none).min_by_key(|start| self.aside(*start, seats)).unwrap_or(start)
    }
}

/// The rows of a tier, in the order of the seat list, which has all rows of a sale.
pub fn rows_of_tier(all: &[SeatRow], tier_index: u32) -> Vec<TierRow> {
    let mut rows: Vec<TierRow> = Vec::new();
    // How far each section's middle is from the start of the line of all sections, in half seats.
    let mut middles: Vec<u32> = Vec::new();
    let (mut line, mut width) = (0, 0);
    let mut last: Option<&SeatRow> = None;
    let (mut first_seat, mut is_adjacent) = (0, false);
    for row in all {
        let is_of_tier = row.tier_index == tier_index;
        if is_of_tier {
            // The seat list has the sections of a tier one after the other.
            let is_same_section = last.is_some_and(|last| last.section == row.section);
            let mut depth = 0;
            if is_same_section {
                depth = rows[rows.len() - 1].depth + 1;
            } else {
                line += width;
                width = 0;
                middles.push(0);
            }
            width = width.max(row.seats);
            let section = middles.len() - 1;
            middles[section] = 2 * line + width;
            let is_behind = is_adjacent && is_same_section;
            rows.push(TierRow { first_seat, seats: row.seats, section, depth, is_behind, distance: 0 });
            last = Some(row);
        }
        is_adjacent = is_of_tier;
        first_seat += row.seats;
    }
    for row in &mut rows {
        row.distance = HALF_SEATS_PER_ROW * row.depth + middles[row.section].abs_diff(line + width);
    }
    rows
}

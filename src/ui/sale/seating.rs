//! The geometry of the seat map: which seat is where, and which seat is next when a key is pressed. Pure.
//!
//! A seat's index is its position in the seat list. Rows that follow each other in one section of one tier form a
//! *block*. Blocks of one tier stand side by side and form a *band*. Bands lie one behind the other, away from the
//! stage.

use std::ops::Range;

use crate::model::{ids::SeatLabel, seat::SeatRow};

/// A move by a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    Left,
    Right,
    Up,
    Down,
    RowStart,
    RowEnd,
    First,
    Last,
    BlockBefore,
    BlockAfter,
}

/// Rows of one section of one tier.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Block {
    pub tier_index: usize,
    pub section: String,
    /// Positions in the list of rows.
    pub rows: Range<usize>,
}

#[derive(Clone, Default, Debug)]
pub struct Seating {
    rows: Vec<SeatRow>,
    /// The index of each row's first seat.
    first_seats: Vec<u32>,
    blocks: Vec<Block>,
    /// Positions in the list of blocks.
    bands: Vec<Range<usize>>,
    seats: u32,
}

/// A seat's place: its row, its block, its position in the row from 0.
struct Place {
    row: usize,
    block: usize,
    column: u32,
}

impl Seating {
    pub fn new(rows: Vec<SeatRow>) -> Self {
        let mut seating = Self::default();
        for (position, row) in rows.iter().enumerate() {
            seating.first_seats.push(seating.seats);
            seating.seats += row.seats;
            let tier_index = row.tier_index as usize;
            match seating.blocks.last_mut() {
                Some(block) if block.tier_index == tier_index && block.section == row.section => block.rows.end += 1,
                _ => seating.blocks.push(Block {
                    tier_index,
                    section: row.section.clone(),
                    rows: position..position + 1,
                }),
            }
        }
        for (position, block) in seating.blocks.iter().enumerate() {
            match seating.bands.last_mut() {
                Some(band) if seating.blocks[band.start].tier_index == block.tier_index => band.end += 1,
                _ => seating.bands.push(position..position + 1),
            }
        }
        seating.rows = rows;
        seating
    }

    pub const fn seats(&self) -> u32 {
        self.seats
    }

    pub fn bands(&self) -> impl Iterator<Item = &[Block]> {
        self.bands.iter().map(|band| &self.blocks[band.clone()])
    }

    /// Seats side by side in the widest line of any band.
    pub fn widest_line(&self) -> u32 {
        let widest_row = |block: &Block| self.rows[block.rows.clone()].iter().map(|row| row.seats).max().unwrap_or(0);
        self.bands().map(|band| band.iter().map(widest_row).sum()).max().unwrap_or(0)
    }

    /// All rows, in the order of the seat list.
    pub fn rows(&self) -> &[SeatRow] {
        &self.rows
    }

    pub fn row(&self, position: usize) -> &SeatRow {
        &self.rows[position]
    }

    pub fn first_seat(&self, row: usize) -> u32 {
        self.first_seats[row]
    }

    pub fn label(&self, seat: u32) -> Option<SeatLabel> {
        let place = self.place(seat)?;
        Some(self.rows[place.row].label(place.column + 1))
    }

    pub fn tier_index(&self, seat: u32) -> Option<usize> {
        Some(self.rows[self.place(seat)?.row].tier_index as usize)
    }

    pub fn index_of(&self, label: &SeatLabel) -> Option<u32> {
        let number: u32 = label.as_str().rsplit_once('-')?.1.parse().ok()?;
        let row = self.rows.iter().position(|row| (1..=row.seats).contains(&number) && row.label(number) == *label)?;
        Some(self.first_seats[row] + number - 1)
    }

    /// The indices of the seats with these labels. Unknown labels are skipped.
    pub fn indices_of(&self, labels: &[SeatLabel]) -> Vec<u32> {
        labels.iter().filter_map(|label| self.index_of(label)).collect()
    }

    fn place(&self, seat: u32) -> Option<Place> {
        if seat >= self.seats {
            return None;
        }
        let row = self.first_seats.partition_point(|&first| first <= seat) - 1;
        let block = self.blocks.partition_point(|block| block.rows.end <= row);
        Some(Place { row, block, column: seat - self.first_seats[row] })
    }

    /// The seat to which a key leads from `seat`. It is `seat` itself if there is none further.
    pub fn step(&self, seat: u32, step: Step) -> u32 {
        let Some(place) = self.place(seat) else { return seat };
        let last_column = self.rows[place.row].seats - 1;
        let target = match step {
            Step::Left if place.column > 0 => Some(seat - 1),
            Step::Right if place.column < last_column => Some(seat + 1),
            Step::Left => self.beside(&place, -1).map(|row| self.first_seats[row] + self.rows[row].seats - 1),
            Step::Right => self.beside(&place, 1).map(|row| self.first_seats[row]),
            Step::Up => self.row_across(&place, -1).map(|row| self.facing(&place, row)),
            Step::Down => self.row_across(&place, 1).map(|row| self.facing(&place, row)),
            Step::RowStart => Some(seat - place.column),
            Step::RowEnd => Some(seat - place.column + last_column),
            Step::First => Some(0),
            Step::Last => Some(self.seats - 1),
            Step::BlockBefore => place.block.checked_sub(1).map(|block| self.same_place_in(&place, block)),
            Step::BlockAfter => Some(place.block + 1)
                .filter(|&block| block < self.blocks.len())
                .map(|block| self.same_place_in(&place, block)),
        };
        target.unwrap_or(seat)
    }

    fn band_of(&self, block: usize) -> usize {
        self.bands.partition_point(|band| band.end <= block)
    }

    /// The same row in the block beside this block.
    fn beside(&self, place: &Place, direction: isize) -> Option<usize> {
        let block = place.block.checked_add_signed(direction)?;
        let band = &self.bands[self.band_of(place.block)];
        if !band.contains(&block) {
            return None;
        }
        let row = self.blocks[block].rows.start + (place.row - self.blocks[place.block].rows.start);
        self.blocks[block].rows.contains(&row).then_some(row)
    }

    /// The row in front or behind: in the same block, else the nearest row of a block in the next band.
    fn row_across(&self, place: &Place, direction: isize) -> Option<usize> {
        let row = place.row.checked_add_signed(direction)?;
        if self.blocks[place.block].rows.contains(&row) {
            return Some(row);
        }
        let band = self.band_of(place.block);
        let ordinal = place.block - self.bands[band].start;
        let next = self.bands.get(band.checked_add_signed(direction)?)?;
        let block = &self.blocks[next.start + ordinal.min(next.len() - 1)];
        Some(if direction > 0 { block.rows.start } else { block.rows.end - 1 })
    }

    /// The seat of `row` that is straight in front or behind. Rows of different lengths are centred.
    fn facing(&self, place: &Place, row: usize) -> u32 {
        let (own, other) = (i64::from(self.rows[place.row].seats), i64::from(self.rows[row].seats));
        let column = (i64::from(place.column) + (other - own) / 2).clamp(0, other - 1);
        self.first_seats[row] + u32::try_from(column).unwrap_or_default()
    }

    fn same_place_in(&self, place: &Place, block: usize) -> u32 {
        let rows = &self.blocks[block].rows;
        let offset = place.row - self.blocks[place.block].rows.start;
        let row = (rows.start + offset).min(rows.end - 1);
        self.first_seats[row] + place.column.min(self.rows[row].seats - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::seat::{SeatLayout, seat_rows};

    /// Two blocks of 2 rows of 3 side by side (seats 0 to 11), and behind them one block of 2 rows of 5 (12 to 21).
    fn seating() -> Seating {
        Seating::new(seat_rows(&[
            Some(SeatLayout { sections: 2, rows: 2, per_row: 3 }),
            None,
            Some(SeatLayout { sections: 1, rows: 2, per_row: 5 }),
        ]))
    }

    #[test]
    fn labels_and_indices_are_each_other_s_inverse() {
        let seating = seating();
        assert_eq!((seating.seats(), seating.widest_line()), (22, 6));
        for seat in 0..seating.seats() {
            assert_eq!(seating.index_of(&seating.label(seat).unwrap()), Some(seat));
        }
        assert_eq!(seating.label(9).unwrap().as_str(), "102-B-1");
        assert_eq!(seating.index_of(&"102-B-4".into()), None);
        assert_eq!(seating.index_of(&"nonsense".into()), None);
        assert_eq!((seating.tier_index(11), seating.tier_index(12), seating.tier_index(22)), (Some(0), Some(2), None));
    }

    #[test]
    fn keys_lead_along_rows_and_across_blocks() {
        let seating = seating();
        let steps = [
            (0, Step::Left, 0),
            (0, Step::Right, 1),
            (2, Step::Right, 6),
            (6, Step::Left, 2),
            (8, Step::Right, 8),
            (0, Step::Down, 3),
            (3, Step::Up, 0),
            (0, Step::Up, 0),
            (4, Step::RowStart, 3),
            (4, Step::RowEnd, 5),
            (4, Step::First, 0),
            (4, Step::Last, 21),
            (4, Step::BlockAfter, 10),
            (10, Step::BlockAfter, 18),
            (18, Step::BlockAfter, 18),
            (18, Step::BlockBefore, 10),
        ];
        for (from, step, to) in steps {
            assert_eq!(seating.step(from, step), to, "{step:?} from {from}");
        }
    }

    #[test]
    fn the_seat_behind_is_the_one_that_faces() {
        let seating = seating();
        assert_eq!(seating.step(3, Step::Down), 13, "the first of three faces the second of five");
        assert_eq!(seating.step(13, Step::Up), 3);
        assert_eq!(seating.step(12, Step::Up), 3, "beyond the edge: the nearest");
    }

    #[test]
    fn no_seats_lead_nowhere() {
        assert_eq!(Seating::new(Vec::new()).step(0, Step::Last), 0);
    }
}

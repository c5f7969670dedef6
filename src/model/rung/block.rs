//! Seats in adjacent rows, behind each other.

use std::ops::Range;

use super::search::{Key, Lengths, NONE, TierRows, key, look_at};

/// The most rows for seats that are picked behind each other.
pub const MOST_ROWS: u32 = 4;

/// The nearest seats behind each other, in as few rows as possible, and the number of these rows.
pub fn behind_each_other(rows: &impl TierRows, units: u32) -> Option<(Vec<u32>, u32)> {
    (2..=MOST_ROWS).filter_map(|rows| Shape::of(units, rows)).find_map(|shape| shape.find(rows))
}

/// How seats stand behind each other. The full rows have `width` seats each, in the same columns. A short row in front
/// of them or behind them has the rest.
///
/// With more than two rows the width is at least two. A single file is not a group, and the search for one would visit
/// every row when few seats are left.
#[derive(Clone, Copy)]
pub struct Shape {
    pub rows: u32,
    pub width: u32,
    /// Seats of the short row, at most `width`.
    pub rest: u32,
}

/// The nearest seats of a shape that were found so far, and their key.
struct Nearest {
    key: Key,
    seats: Vec<u32>,
}

impl Shape {
    pub fn of(units: u32, rows: u32) -> Option<Self> {
        let width = units.div_ceil(rows);
        if rows > 2 && width < 2 {
            return None;
        }
        let rest = units.checked_sub(width * (rows - 1)).filter(|rest| *rest > 0)?;
        Some(Self { rows, width, rest })
    }

    fn find(self, rows: &impl TierRows) -> Option<(Vec<u32>, u32)> {
        let mut nearest = Nearest { key: NONE, seats: Vec::new() };
        look_at(rows, Lengths::at_least(self.width), |top| {
            self.find_below(rows, top, top, 0..u32::MAX, &mut nearest);
            nearest.key
        });
        let Nearest { key, seats } = nearest;
        (key < NONE).then_some((seats, self.rows))
    }

    /// Searches the full rows of a block that begins at `top`, continuing at `row` and inside these columns.
    fn find_below(self, rows: &impl TierRows, top: usize, row: usize, columns: Range<u32>, nearest: &mut Nearest) {
        if row + 1 == top + self.rows as usize {
            if is_right_behind(rows, top) {
                self.add_short_row(rows, top..row, top - 1, &columns, nearest);
            }
            if is_right_behind(rows, row) {
                self.add_short_row(rows, top..row, row, &columns, nearest);
            }
        } else if row == top || is_right_behind(rows, row) {
            for free in within(rows, row, columns, self.width) {
                self.find_below(rows, top, row + 1, free, nearest);
            }
        }
    }

    /// Completes the full rows by a short row in front of them or behind them. They are placed as near to the middle as
    /// the columns and the short row allow, and the short row as far to the front of the seat list as it can stand then.
    fn add_short_row(
        self,
        rows: &impl TierRows,
        full: Range<usize>,
        short: usize,
        columns: &Range<u32>,
        nearest: &mut Nearest,
    ) {
        let Self { width, rest, .. } = self;
        let top = &rows.rows()[full.start];
        for free in within(rows, short, columns.clone(), rest) {
            let first = columns.start.max((free.start + rest).saturating_sub(width));
            let start = top.middle_start(width).clamp(first, (columns.end - width).min(free.end - rest));
            let short_start = free.start.max(start);
            let first = match short < full.start {
                true => rows.rows()[short].first_seat + short_start,
                false => top.first_seat + start,
            };
            let found = key(top.distance + top.aside(start, width), first);
            if found < nearest.key {
                nearest.key = found;
                nearest.seats.clear();
                for row in full.start.min(short)..full.end.max(short + 1) {
                    let (start, seats) = if row == short { (short_start, rest) } else { (start, width) };
                    let first = rows.rows()[row].first_seat + start;
                    nearest.seats.extend(first..first + seats);
                }
            }
        }
    }
}

fn is_right_behind(rows: &impl TierRows, row: usize) -> bool {
    rows.rows().get(row).is_some_and(|row| row.is_behind)
}

/// The runs of at least so many free seats within these columns of a row.
fn within(rows: &impl TierRows, row: usize, columns: Range<u32>, seats: u32) -> impl Iterator<Item = Range<u32>> {
    let columns = columns.start..columns.end.min(rows.rows()[row].seats);
    rows.runs(row, columns).filter(move |free| free.end - free.start >= seats)
}

/// Whether seats in these rows and columns form a [`Shape`].
pub fn stand_behind(rows: &impl TierRows, lines: &[(usize, Range<u32>)]) -> bool {
    let seats: usize = lines.iter().map(|(_, columns)| columns.len()).sum();
    let count = u32::try_from(lines.len()).unwrap_or(u32::MAX);
    let Some(shape) =
        u32::try_from(seats).ok().filter(|_| count <= MOST_ROWS).and_then(|seats| Shape::of(seats, count))
    else {
        return false;
    };
    let is_chain = lines.windows(2).all(|two| two[0].0 + 1 == two[1].0 && rows.rows()[two[1].0].is_behind);
    let has_shape = |full: &[(usize, Range<u32>)], short: &Range<u32>| {
        let Some((_, columns)) = full.first() else { return false };
        columns.len() == shape.width as usize
            && full.iter().all(|(_, other)| other == columns)
            && columns.start <= short.start
            && short.end <= columns.end
    };
    let [(_, front), behind @ ..] = lines else { return false };
    let [in_front @ .., (_, back)] = lines else { return false };
    is_chain && (has_shape(behind, front) || has_shape(in_front, back))
}

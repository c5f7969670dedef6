//! Best available: which free seats of a tier are picked for a number of units, and how well these seats stand
//! together.
//!
//! Server and browser pick by the same rules, so the page can say before the press which seats the server will pick.
//! Pure.

use std::ops::Range;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How well picked seats stand together, the best first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rung {
    /// Side by side in one row, and no single free seat is left beside them.
    Together,
    /// Side by side in one row, and a single free seat is left beside them.
    Orphan,
    /// In adjacent rows, behind each other.
    Rows,
    /// Anywhere in the tier.
    Scattered,
}

impl Rung {
    const ALL: [Self; 4] = [Self::Together, Self::Orphan, Self::Rows, Self::Scattered];

    /// The name used in JSON and in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Together => "together",
            Self::Orphan => "orphan",
            Self::Rows => "rows",
            Self::Scattered => "scattered",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rung| rung.name() == name)
    }
}

/// The most rows for seats that are picked behind each other.
const MOST_ROWS: u32 = 4;
/// All runs of this length or longer count as equally long. It is larger than the units of one request plus two.
const LONGEST_RUN: u32 = u128::BITS - 1;

/// Free seats side by side.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Run {
    /// Position of the run's first seat in the sale.
    pub first: u32,
    pub seats: u32,
}

/// A set of lengths of runs.
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

    /// The lengths of runs from whose end `seats` can be taken without leaving a single free seat.
    const fn fitting(seats: u32) -> Self {
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
    fn count(&self) -> usize;

    /// Position in the sale of a row's first seat, whether it is free or not.
    fn first_seat(&self, row: usize) -> u32;

    /// Whether a row stands right behind the previous row, in the same section.
    fn is_behind(&self, row: usize) -> bool;

    /// The free seats of a row, in order.
    fn runs(&self, row: usize) -> impl Iterator<Item = Run>;

    /// The first row, starting at `from`, that has a run of one of these lengths.
    fn next_row(&self, from: usize, lengths: Lengths) -> Option<usize> {
        (from..self.count()).find(|&row| self.runs(row).any(|run| lengths.have(run.seats)))
    }
}

/// The picked seats.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Best {
    pub rung: Rung,
    /// Positions in the sale, in order.
    pub seats: Vec<u32>,
    /// How many rows the seats stand in, if they stand behind each other; otherwise 1.
    pub rows: u32,
}

/// The best free seats for `units`: on the best rung that can be reached, and on that rung in the first row that has
/// them. `None` if fewer seats are free.
pub fn best_available(rows: &impl TierRows, units: u32) -> Option<Best> {
    if units == 0 {
        return None;
    }
    in_one_row(rows, units, Lengths::fitting(units), Rung::Together)
        .or_else(|| in_one_row(rows, units, Lengths::exactly(units + 1), Rung::Orphan))
        .or_else(|| (2..=MOST_ROWS).filter_map(|rows| Shape::of(units, rows)).find_map(|shape| shape.find(rows)))
        .or_else(|| scattered(rows, units))
}

fn in_one_row(rows: &impl TierRows, units: u32, lengths: Lengths, rung: Rung) -> Option<Best> {
    let row = rows.next_row(0, lengths)?;
    let run = rows.runs(row).find(|run| lengths.have(run.seats) && run.seats >= units)?;
    Some(Best { rung, seats: (run.first..run.first + units).collect(), rows: 1 })
}

/// The first free seats in order.
fn scattered(rows: &impl TierRows, units: u32) -> Option<Best> {
    let wanted = units as usize;
    let mut seats = Vec::with_capacity(wanted);
    let mut next = 0;
    while let Some(row) = rows.next_row(next, Lengths::at_least(1)) {
        let free = rows.runs(row).flat_map(|run| run.first..run.first + run.seats);
        seats.extend(free.take(wanted - seats.len()));
        if seats.len() == wanted {
            return Some(Best { rung: Rung::Scattered, seats, rows: 1 });
        }
        next = row + 1;
    }
    None
}

/// How seats stand behind each other. The full rows have `width` seats each, in the same columns. A short row in front
/// of them or behind them has the rest.
///
/// With more than two rows the width is at least two. A single file is not a group, and the search for one would visit
/// every row when few seats are left.
#[derive(Clone, Copy)]
struct Shape {
    rows: u32,
    width: u32,
    /// Seats of the short row, at most `width`.
    rest: u32,
}

impl Shape {
    fn of(units: u32, rows: u32) -> Option<Self> {
        let width = units.div_ceil(rows);
        if rows > 2 && width < 2 {
            return None;
        }
        let rest = units.checked_sub(width * (rows - 1)).filter(|rest| *rest > 0)?;
        Some(Self { rows, width, rest })
    }

    fn find(self, rows: &impl TierRows) -> Option<Best> {
        let mut next = 0;
        while let Some(top) = rows.next_row(next, Lengths::at_least(self.width)) {
            if let Some(seats) = self.find_below(rows, top, top, 0..u32::MAX) {
                return Some(Best { rung: Rung::Rows, seats, rows: self.rows });
            }
            next = top + 1;
        }
        None
    }

    /// Searches the full rows of a block that begins at `top`, continuing at `row` and inside these columns. Returns
    /// the seats of the whole block.
    fn find_below(self, rows: &impl TierRows, top: usize, row: usize, columns: Range<u32>) -> Option<Vec<u32>> {
        if row + 1 == top + self.rows as usize {
            return self.add_short_row(rows, top, row, &columns);
        }
        if row > top && !is_right_behind(rows, row) {
            return None;
        }
        let mut free = free_columns(rows, row, &columns).filter(|free| free.end - free.start >= self.width);
        free.find_map(|free| self.find_below(rows, top, row + 1, free))
    }

    /// Completes the full rows `top..end` by a short row behind or in front of them, and returns all their seats.
    fn add_short_row(self, rows: &impl TierRows, top: usize, end: usize, columns: &Range<u32>) -> Option<Vec<u32>> {
        let behind = is_right_behind(rows, end).then_some(end);
        let in_front = is_right_behind(rows, top).then(|| top - 1);
        behind.into_iter().chain(in_front).find_map(|short| {
            let free = free_columns(rows, short, columns).find(|free| free.end - free.start >= self.rest)?;
            // The full rows are placed so that their columns contain the short row.
            let start = free.start.min(columns.end - self.width);
            let seats_of = |row: usize, start: u32, seats: u32| {
                let first = rows.first_seat(row) + start;
                first..first + seats
            };
            let full = (top..end).flat_map(|row| seats_of(row, start, self.width));
            let rest = seats_of(short, free.start, self.rest);
            let mut seats = Vec::with_capacity((self.width * self.rows) as usize);
            if short < top {
                seats.extend(rest.clone());
            }
            seats.extend(full);
            if short > top {
                seats.extend(rest);
            }
            Some(seats)
        })
    }
}

fn is_right_behind(rows: &impl TierRows, row: usize) -> bool {
    (1..rows.count()).contains(&row) && rows.is_behind(row)
}

/// The free columns of a row that lie within `columns`.
fn free_columns(rows: &impl TierRows, row: usize, columns: &Range<u32>) -> impl Iterator<Item = Range<u32>> {
    let (first, columns) = (rows.first_seat(row), columns.clone());
    rows.runs(row).filter_map(move |run| {
        let start = run.first - first;
        let cut = start.max(columns.start)..(start + run.seats).min(columns.end);
        (!cut.is_empty()).then_some(cut)
    })
}

/// How well seats stand together that were not picked by [`best_available`]. `seats` is sorted and not empty. It does
/// not matter whether `rows` still counts these seats as free.
pub fn rung_of(rows: &impl TierRows, seats: &[u32]) -> Rung {
    let places: Vec<(usize, u32)> = seats.iter().map(|seat| place_of(rows, *seat)).collect();
    let lines: Vec<(usize, Range<u32>)> = places
        .chunk_by(|one, other| one.0 == other.0 && one.1 + 1 == other.1)
        .map(|line| (line[0].0, line[0].1..line[line.len() - 1].1 + 1))
        .collect();
    match &lines[..] {
        [(row, columns)] => match leaves_one(rows, *row, columns) {
            true => Rung::Orphan,
            false => Rung::Together,
        },
        lines if stand_behind(rows, lines) => Rung::Rows,
        _ => Rung::Scattered,
    }
}

fn place_of(rows: &impl TierRows, seat: u32) -> (usize, u32) {
    let is_before = |row: &usize| rows.first_seat(*row) <= seat;
    // Rows are sorted by the positions of their seats.
    let (mut low, mut high) = (0, rows.count());
    while high - low > 1 {
        let middle = low.midpoint(high);
        if is_before(&middle) { low = middle } else { high = middle }
    }
    (low, seat - rows.first_seat(low))
}

/// Whether a single free seat would be left at either end of these columns.
fn leaves_one(rows: &impl TierRows, row: usize, columns: &Range<u32>) -> bool {
    let beyond = [0..columns.start, columns.end..u32::MAX];
    let touches = |free: &Range<u32>| free.end == columns.start || free.start == columns.end;
    beyond.iter().flat_map(|part| free_columns(rows, row, part)).any(|free| touches(&free) && free.len() == 1)
}

/// Whether seats in these rows and columns form a [`Shape`].
fn stand_behind(rows: &impl TierRows, lines: &[(usize, Range<u32>)]) -> bool {
    let seats: usize = lines.iter().map(|(_, columns)| columns.len()).sum();
    let count = u32::try_from(lines.len()).unwrap_or(u32::MAX);
    let Some(shape) =
        u32::try_from(seats).ok().filter(|_| count <= MOST_ROWS).and_then(|seats| Shape::of(seats, count))
    else {
        return false;
    };
    let is_chain = lines.windows(2).all(|two| two[0].0 + 1 == two[1].0 && rows.is_behind(two[1].0));
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

#[cfg(test)]
mod tests;

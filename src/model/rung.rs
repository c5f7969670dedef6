//! Best available: which free seats of a tier are picked for a number of units, and how well these seats stand
//! together.
//!
//! The pick is on the best [`Rung`] that can be reached, and there it is the nearest one to the middle of the front.
//! Distance is counted in half seats, so that the middle of a row with an even number of seats is a whole number too. A
//! row further back counts as much as two seats further aside. So seats side by side have this distance:
//!
//! - 4 for each row between theirs and the front of their section ([`TierRow::distance`])
//! - plus from the middle of their section to the middle of all sections of the tier, which stand side by side (also in
//!   [`TierRow::distance`])
//! - plus from their middle to the middle of their row, whatever is taken in it ([`TierRow::aside`]).
//!
//! Of picks with the same distance, the one whose seats come first in the seat list is taken. Seats behind each other
//! have the distance of the foremost of their full rows, and scattered seats each have their own.
//!
//! Server and browser pick by the same rules, so the page can say before the press which seats the server will pick.
//! Pure.

mod block; // seats in adjacent rows, behind each other
mod rows; // the rows of a tier, and how far each is from the middle of the front
mod search; // the free seats of a tier, and the search for the nearest of them

use std::ops::Range;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use self::search::{Key, NONE, first_seat, key, look_at};
pub use self::{
    rows::{TierRow, rows_of_tier},
    search::{Lengths, TierRows},
};

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

/// The picked seats.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Best {
    pub rung: Rung,
    /// Positions in the sale, in order.
    pub seats: Vec<u32>,
    /// How many rows the seats stand in, if they stand behind each other; otherwise 1.
    pub rows: u32,
}

/// The best free seats for `units`: on the best rung that can be reached, and there the nearest to the middle of the
/// front. `None` if fewer seats are free.
pub fn best_available(rows: &impl TierRows, units: u32) -> Option<Best> {
    if units == 0 {
        return None;
    }
    in_one_row(rows, units, Lengths::fitting(units), Rung::Together)
        .or_else(|| in_one_row(rows, units, Lengths::exactly(units + 1), Rung::Orphan))
        .or_else(|| {
            let (seats, rows) = block::behind_each_other(rows, units)?;
            Some(Best { rung: Rung::Rows, seats, rows })
        })
        .or_else(|| scattered(rows, units))
}

fn in_one_row(rows: &impl TierRows, units: u32, lengths: Lengths, rung: Rung) -> Option<Best> {
    let mut best = NONE;
    look_at(rows, lengths, |number| {
        let row = &rows.rows()[number];
        for run in rows.runs(number, 0..row.seats) {
            let length = run.end - run.start;
            if lengths.have(length) && length >= units {
                let start = row.start_in(&run, units);
                best = best.min(key(row.distance + row.aside(start, units), row.first_seat + start));
            }
        }
        best
    });
    let first = first_seat(best);
    (best < NONE).then(|| Best { rung, seats: (first..first + units).collect(), rows: 1 })
}

fn scattered(rows: &impl TierRows, units: u32) -> Option<Best> {
    let wanted = units as usize;
    let mut nearest: Vec<Key> = Vec::with_capacity(wanted + 1);
    look_at(rows, Lengths::at_least(1), |number| {
        let row = &rows.rows()[number];
        for run in rows.runs(number, 0..row.seats) {
            for column in run {
                insert(&mut nearest, key(row.distance + row.aside(column, 1), row.first_seat + column));
                nearest.truncate(wanted);
            }
        }
        if nearest.len() < wanted { NONE } else { nearest[wanted - 1] }
    });
    let mut seats = Vec::with_capacity(wanted);
    nearest.iter().for_each(|nearest| insert(&mut seats, key(0, first_seat(*nearest))));
    let seats = seats.into_iter().map(first_seat).collect();
    (nearest.len() == wanted).then_some(Best { rung: Rung::Scattered, seats, rows: 1 })
}

/// Inserts a key into a sorted list.
fn insert(sorted: &mut Vec<Key>, value: Key) {
    sorted.insert(sorted.partition_point(|other| *other < value), value);
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
        lines if block::stand_behind(rows, lines) => Rung::Rows,
        _ => Rung::Scattered,
    }
}

fn place_of(rows: &impl TierRows, seat: u32) -> (usize, u32) {
    let row = rows.rows().partition_point(|row| row.first_seat <= seat) - 1;
    (row, seat - rows.rows()[row].first_seat)
}

/// Whether a single free seat would be left at either end of these columns.
fn leaves_one(rows: &impl TierRows, row: usize, columns: &Range<u32>) -> bool {
    let beyond = [0..columns.start, columns.end..rows.rows()[row].seats];
    let touches = |free: &Range<u32>| free.end == columns.start || free.start == columns.end;
    beyond.into_iter().flat_map(|part| rows.runs(row, part)).any(|free| touches(&free) && free.len() == 1)
}

#[cfg(test)]
mod tests;

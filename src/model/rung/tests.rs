//! Picks on small seat maps that are drawn as text.

use proptest::prelude::*;

use super::*;

/// Rows of seats behind each other, `.` free and `x` taken. An empty line separates sections.
struct Drawn {
    rows: Vec<(u32, &'static str, bool)>,
}

impl Drawn {
    fn new(lines: &[&'static str]) -> Self {
        let (mut rows, mut first, mut is_behind) = (Vec::new(), 0, false);
        for line in lines {
            if !line.is_empty() {
                rows.push((first, *line, is_behind));
                first += u32::try_from(line.len()).unwrap();
            }
            is_behind = !line.is_empty();
        }
        Self { rows }
    }

    fn is_free(&self, seat: u32) -> bool {
        self.rows.iter().any(|(first, line, _)| {
            let column = seat.checked_sub(*first).map(|column| column as usize);
            column.and_then(|column| line.as_bytes().get(column)) == Some(&b'.')
        })
    }
}

impl TierRows for Drawn {
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
        let (first, line, _) = self.rows[row];
        let seats: Vec<u32> = (first..).zip(line.bytes()).filter(|(_, seat)| *seat == b'.').map(|(at, _)| at).collect();
        let runs: Vec<Run> = seats
            .chunk_by(|one, other| one + 1 == *other)
            .map(|run| Run { first: run[0], seats: u32::try_from(run.len()).unwrap() })
            .collect();
        runs.into_iter()
    }
}

fn pick(lines: &[&'static str], units: u32) -> Option<(Rung, Vec<u32>)> {
    let drawn = Drawn::new(lines);
    let best = best_available(&drawn, units)?;
    assert_eq!(best.seats.len(), units as usize);
    assert!(best.seats.iter().all(|seat| drawn.is_free(*seat)), "only free seats are picked");
    assert_eq!(rung_of(&drawn, &best.seats), best.rung, "{best:?}");
    Some((best.rung, best.seats))
}

#[test]
fn seats_side_by_side_are_picked_where_no_single_one_is_left() {
    assert_eq!(pick(&["....."], 3), Some((Rung::Together, vec![0, 1, 2])));
    assert_eq!(pick(&["....", "..."], 3), Some((Rung::Together, vec![4, 5, 6])), "the first row would leave one");
    assert_eq!(pick(&["..", "."], 1), Some((Rung::Together, vec![2])));
    assert_eq!(pick(&["....x..."], 3), Some((Rung::Together, vec![5, 6, 7])), "the second run of the row fits");
}

#[test]
fn a_single_seat_is_left_before_a_group_is_torn_apart() {
    assert_eq!(pick(&["x....", ".x.x."], 3), Some((Rung::Orphan, vec![1, 2, 3])));
    assert_eq!(pick(&[".."], 1), Some((Rung::Orphan, vec![0])));
}

#[test]
fn a_group_that_no_row_has_room_for_stands_behind_each_other() {
    assert_eq!(pick(&["..x", ".xx"], 3), Some((Rung::Rows, vec![0, 1, 3])));
    assert_eq!(pick(&["x.x", "x.."], 3), Some((Rung::Rows, vec![1, 4, 5])), "the short row is in front");
    assert_eq!(pick(&["..", "..", "x."], 5), Some((Rung::Rows, vec![0, 1, 2, 3, 5])), "in three rows");
    assert_eq!(pick(&["xx..", "xx.."], 4), Some((Rung::Rows, vec![2, 3, 6, 7])));
    assert_eq!(pick(&[".x", ".x"], 2), Some((Rung::Rows, vec![0, 2])));
    assert_eq!(pick(&[".x", ".x", ".x"], 3), Some((Rung::Scattered, vec![0, 2, 4])), "a single file is no group");
    assert_eq!(pick(&["x...", "..x."], 4), Some((Rung::Scattered, vec![1, 2, 3, 4])), "no two columns of two");
}

#[test]
fn rows_of_two_sections_are_not_behind_each_other() {
    assert_eq!(pick(&["..", "", ".."], 3), Some((Rung::Scattered, vec![0, 1, 2])));
    assert_eq!(pick(&["..", "xx", ".."], 3), Some((Rung::Scattered, vec![0, 1, 4])), "nor with a row in between");
}

#[test]
fn fewer_free_seats_than_wanted_are_none() {
    assert_eq!(pick(&["..x."], 4), None);
    assert_eq!(pick(&[], 1), None);
    assert_eq!(pick(&["...."], 0), None);
}

#[test]
fn names_are_read_as_they_are_written() {
    for rung in Rung::ALL {
        assert_eq!(Rung::from_name(rung.name()), Some(rung));
        assert_eq!(serde_json::to_value(rung).unwrap(), rung.name());
    }
    assert!(Rung::Together < Rung::Scattered);
}

/// Whether `units` seats could reach a rung, found by trying every place.
fn can_reach(drawn: &Drawn, units: u32, rung: Rung) -> bool {
    let is_row = |row: usize, column: u32, seats: u32| {
        let (first, line, _) = drawn.rows[row];
        let fits = column as usize + seats as usize <= line.len();
        fits && (0..seats).all(|seat| drawn.is_free(first + column + seat))
    };
    let columns = 0..8_u32;
    (0..drawn.rows.len()).any(|row| {
        columns.clone().any(|column| match rung {
            Rung::Together | Rung::Orphan => {
                let seats: Vec<u32> = (0..units).map(|seat| drawn.rows[row].0 + column + seat).collect();
                is_row(row, column, units) && rung_of(drawn, &seats) == rung
            }
            Rung::Rows => (2..=MOST_ROWS).filter_map(|rows| Shape::of(units, rows)).any(|shape| {
                let is_chain = |from: usize, rows: u32| {
                    (from..from + rows as usize).all(|row| row < drawn.rows.len() && (row == from || drawn.rows[row].2))
                };
                let is_block =
                    |from: usize| (from..from + shape.rows as usize - 1).all(|row| is_row(row, column, shape.width));
                let is_short =
                    |row: usize| (0..=shape.width - shape.rest).any(|shift| is_row(row, column + shift, shape.rest));
                is_chain(row, shape.rows)
                    && ((is_block(row) && is_short(row + shape.rows as usize - 1))
                        || (is_short(row) && is_block(row + 1)))
            }),
            Rung::Scattered => true,
        })
    })
}

proptest! {
    #[test]
    fn no_higher_rung_could_have_been_reached(
        rows in prop::collection::vec(prop::collection::vec(prop::bool::weighted(0.5), 1..8), 1..7),
        breaks in prop::collection::vec(any::<bool>(), 7),
        units in 1_u32..8,
    ) {
        let mut lines: Vec<&'static str> = Vec::new();
        for (row, is_break) in rows.iter().zip(breaks) {
            if is_break {
                lines.push("");
            }
            let line: String = row.iter().map(|free| if *free { '.' } else { 'x' }).collect();
            lines.push(Box::leak(line.into_boxed_str()));
        }
        let free = rows.iter().flatten().filter(|free| **free).count();
        let picked = pick(&lines, units);
        prop_assert_eq!(picked.is_some(), free >= units as usize);
        if let Some((rung, _)) = picked {
            let drawn = Drawn::new(&lines);
            for higher in Rung::ALL.into_iter().filter(|higher| *higher < rung) {
                prop_assert!(!can_reach(&drawn, units, higher), "{:?} could reach {:?}", lines, higher);
            }
        }
    }
}

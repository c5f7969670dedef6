//! Picks on small seat maps that are drawn as text.

use proptest::prelude::*;

use super::{
    block::{MOST_ROWS, Shape},
    *,
};
use crate::model::seat::SeatRow;

/// Rows of seats behind each other, `.` free and `x` taken. An empty line separates sections.
struct Drawn {
    lines: Vec<&'static str>,
    rows: Vec<TierRow>,
}

impl Drawn {
    fn new(lines: &[&'static str]) -> Self {
        let mut section = 0;
        let mut rows = Vec::new();
        for line in lines {
            section += u32::from(line.is_empty());
            if !line.is_empty() {
                let seats = u32::try_from(line.len()).unwrap();
                let (section, row) = (section.to_string(), rows.len().to_string());
                rows.push(SeatRow { tier_index: 0, section, row, seats, section_in_label: true });
            }
        }
        let lines = lines.iter().filter(|line| !line.is_empty()).copied().collect();
        Self { lines, rows: rows_of_tier(&rows, 0) }
    }

    fn is_free_at(&self, row: usize, column: u32) -> bool {
        self.lines[row].as_bytes().get(column as usize) == Some(&b'.')
    }

    fn is_free(&self, seat: u32) -> bool {
        (0..self.rows.len()).any(|row| {
            let column = seat.checked_sub(self.rows[row].first_seat);
            column.is_some_and(|column| self.is_free_at(row, column))
        })
    }
}

impl TierRows for Drawn {
    fn rows(&self) -> &[TierRow] {
        &self.rows
    }

    fn runs(&self, row: usize, columns: Range<u32>) -> impl Iterator<Item = Range<u32>> {
        let free: Vec<u32> = columns.filter(|column| self.is_free_at(row, *column)).collect();
        let run = |run: &[u32]| run[0]..run[run.len() - 1] + 1;
        free.chunk_by(|one, other| one + 1 == *other).map(run).collect::<Vec<_>>().into_iter()
    }
}

fn pick(lines: &[&'static str], units: u32) -> Option<(Rung, Vec<u32>)> {
    let drawn = Drawn::new(lines);
    let best = best_available(&drawn, units)?;
    assert_eq!(best.seats.len(), units as usize);
    assert!(best.seats.iter().all(|seat| drawn.is_free(*seat)), "only free seats are picked");
    assert!(best.seats.is_sorted());
    assert_eq!(rung_of(&drawn, &best.seats), best.rung, "{best:?}");
    Some((best.rung, best.seats))
}

#[test]
fn the_middle_of_the_front_row_comes_first() {
    assert_eq!(pick(&[".........", "........."], 3), Some((Rung::Together, vec![3, 4, 5])));
    assert_eq!(pick(&["........", "........"], 1), Some((Rung::Together, vec![3])), "of two as near: the first");
    assert_eq!(pick(&["........", "........"], 2), Some((Rung::Together, vec![3, 4])));
    assert_eq!(pick(&["xxxx.....", "........."], 1), Some((Rung::Together, vec![4])));
    assert_eq!(pick(&["....xx.....", "..........."], 2), Some((Rung::Together, vec![6, 7])), "the middle of all seats");
}

#[test]
fn a_row_further_back_counts_as_much_as_two_seats_further_aside() {
    // In the first row two seats are two seats from the middle, and in the second row they are in the middle.
    assert_eq!(pick(&["...xx....", "........."], 1), Some((Rung::Together, vec![5])), "one seat aside");
    assert_eq!(pick(&["..xxxxx..", "........."], 1), Some((Rung::Together, vec![13])), "three seats aside");
    assert_eq!(pick(&["...xxx...", "........."], 1), Some((Rung::Together, vec![2])), "the same: the first");
    assert_eq!(pick(&["...xxx...", "........."], 2), Some((Rung::Together, vec![12, 13])), "1 leaves one, 0 is far");
}

#[test]
fn the_middle_section_comes_first() {
    let three = ["......", "......", "", "......", "......", "", "......", "......"];
    assert_eq!(pick(&three, 2), Some((Rung::Together, vec![14, 15])));
    // The sections beside the middle one are six seats aside, which is as far as three rows back.
    let third_row = ["......", "......", "", "xxxxxx", "xxxxxx", "......", "", "......", "......"];
    assert_eq!(pick(&third_row, 2), Some((Rung::Together, vec![26, 27])));
    let fourth_row = ["......", "......", "", "xxxxxx", "xxxxxx", "xxxxxx", "......", "", "......", "......"];
    assert_eq!(pick(&fourth_row, 2), Some((Rung::Together, vec![2, 3])), "the same: the first");
    assert_eq!(pick(&["......", "", "......"], 2), Some((Rung::Together, vec![2, 3])), "two are as near: the first");
}

#[test]
fn seats_side_by_side_are_picked_where_no_single_one_is_left() {
    assert_eq!(pick(&["....."], 3), Some((Rung::Together, vec![0, 1, 2])), "the middle would leave two single ones");
    assert_eq!(pick(&["......"], 3), Some((Rung::Together, vec![0, 1, 2])));
    assert_eq!(pick(&["......."], 3), Some((Rung::Together, vec![2, 3, 4])));
    assert_eq!(pick(&["....", "..."], 3), Some((Rung::Together, vec![4, 5, 6])), "the first row would leave one");
    assert_eq!(pick(&["..", "."], 1), Some((Rung::Together, vec![2])));
    assert_eq!(pick(&["....x..."], 3), Some((Rung::Together, vec![5, 6, 7])), "the second run of the row fits");
}

#[test]
fn a_single_seat_is_left_before_a_group_is_torn_apart() {
    assert_eq!(pick(&["x....", ".x.x."], 3), Some((Rung::Orphan, vec![1, 2, 3])));
    assert_eq!(pick(&["....x", ".x.x."], 3), Some((Rung::Orphan, vec![1, 2, 3])));
    assert_eq!(pick(&[".."], 1), Some((Rung::Orphan, vec![0])));
}

#[test]
fn a_group_that_no_row_has_room_for_stands_behind_each_other() {
    assert_eq!(pick(&["..x", ".xx"], 3), Some((Rung::Rows, vec![0, 1, 3])));
    assert_eq!(pick(&["x.x", "x.."], 3), Some((Rung::Rows, vec![1, 4, 5])), "the short row is in front");
    assert_eq!(pick(&["..", "..", "x."], 5), Some((Rung::Rows, vec![0, 1, 2, 3, 5])), "in three rows");
    assert_eq!(pick(&["xx..", "xx.."], 4), Some((Rung::Rows, vec![2, 3, 6, 7])));
    assert_eq!(pick(&[".x", ".x"], 2), Some((Rung::Rows, vec![0, 2])));
    assert_eq!(pick(&["..x...x..", "..x...x.."], 4), Some((Rung::Rows, vec![3, 4, 12, 13])), "near the middle");
    assert_eq!(pick(&["..x....", "..x...."], 6), Some((Rung::Rows, vec![3, 4, 5, 10, 11, 12])));
    assert_eq!(pick(&[".x", ".x", ".x"], 3), Some((Rung::Scattered, vec![0, 2, 4])), "a single file is no group");
    assert_eq!(pick(&["x...", "..x."], 4), Some((Rung::Scattered, vec![1, 2, 3, 5])), "no two columns of two");
}

#[test]
fn scattered_seats_are_each_near_the_middle_of_the_front() {
    assert_eq!(pick(&[".x.x.x.x.", ".x.x.x.x."], 3), Some((Rung::Scattered, vec![2, 4, 6])));
    assert_eq!(pick(&[".xxxxxxx.", "", ".xxx.xxx.", "", ".xxxxxxx."], 1), Some((Rung::Together, vec![13])));
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
fn added_rows_stand_at_the_back_of_their_section() {
    let row = |tier_index, section: &str, seats| SeatRow {
        tier_index,
        section: section.into(),
        row: "A".into(),
        seats,
        section_in_label: true,
    };
    let all = [row(0, "101", 4), row(0, "102", 6), row(0, "102", 6), row(1, "103", 5), row(0, "102", 3)];
    let rows = rows_of_tier(&all, 0);
    let told = rows.iter().map(|row| (row.first_seat, row.section, row.depth, row.is_behind, row.distance));
    // The sections are 4 and 6 seats wide, and their middles 3 and 2 seats from the middle of these 10.
    let expected = [(0, 0, 0, false, 6), (4, 1, 0, false, 4), (10, 1, 1, true, 8), (21, 1, 2, false, 12)];
    assert_eq!(told.collect::<Vec<_>>(), expected);
    assert_eq!(rows_of_tier(&all, 1)[0].first_seat, 16);
    assert_eq!(rows_of_tier(&all, 2), []);
}

#[test]
fn names_are_read_as_they_are_written() {
    for rung in Rung::ALL {
        assert_eq!(Rung::from_name(rung.name()), Some(rung));
        assert_eq!(serde_json::to_value(rung).unwrap(), rung.name());
    }
    assert!(Rung::Together < Rung::Scattered);
}

/// All picks of `units` seats on a rung, found by trying every place, with their distances from the middle of the front.
/// Of the scattered ones only the nearest.
fn picks(drawn: &Drawn, units: u32, rung: Rung) -> Vec<(u32, Vec<u32>)> {
    let distance = |row: usize, column: u32, seats: u32| {
        let row = &drawn.rows[row];
        let middle = 2 * i64::from(column) + i64::from(seats);
        row.distance + u32::try_from((middle - i64::from(row.seats)).abs()).unwrap()
    };
    let line = |row: usize, column: u32, seats: u32| -> Option<Vec<u32>> {
        let first = drawn.rows.get(row)?.first_seat + column;
        (column..column + seats).all(|column| drawn.is_free_at(row, column)).then(|| (first..first + seats).collect())
    };
    let places = || (0..drawn.rows.len()).flat_map(|row| (0..8).map(move |column| (row, column)));
    match rung {
        Rung::Together | Rung::Orphan => places()
            .filter_map(|(row, column)| Some((distance(row, column, units), line(row, column, units)?)))
            .filter(|(_, seats)| rung_of(drawn, seats) == rung)
            .collect(),
        Rung::Rows => {
            let mut found = Vec::new();
            for shape in (2..=MOST_ROWS).filter_map(|rows| Shape::of(units, rows)) {
                let full = shape.rows as usize - 1;
                let is_chain = |rows: Range<usize>| rows.skip(1).all(|row| drawn.rows[row].is_behind);
                for ((top, column), shift) in places().flat_map(|place| (0..8).map(move |shift| (place, shift))) {
                    let in_front = top.checked_sub(1).map(|short| (short, short..top + full));
                    for (short, rows) in in_front.into_iter().chain([(top + full, top..top + full + 1)]) {
                        if rows.end > drawn.rows.len() || !is_chain(rows) || shift + shape.rest > shape.width {
                            continue;
                        }
                        let lines = (top..top + full).map(|row| line(row, column, shape.width));
                        let lines: Option<Vec<_>> = lines.chain([line(short, column + shift, shape.rest)]).collect();
                        if let Some(mut seats) = lines.map(|lines| lines.concat()) {
                            seats.sort_unstable();
                            found.push((distance(top, column, shape.width), seats));
                        }
                    }
                }
                if !found.is_empty() {
                    break;
                }
            }
            found
        }
        Rung::Scattered => {
            let free = places().filter(|(row, column)| drawn.is_free_at(*row, *column));
            let seat = |(row, column): (usize, u32)| (distance(row, column, 1), drawn.rows[row].first_seat + column);
            let mut free: Vec<(u32, u32)> = free.map(seat).collect();
            free.sort_unstable();
            let mut seats: Vec<u32> = free.iter().take(units as usize).map(|(_, seat)| *seat).collect();
            seats.sort_unstable();
            if seats.len() == units as usize { vec![(0, seats)] } else { Vec::new() }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn the_nearest_of_all_picks_on_the_highest_rung_is_taken(
        rows in prop::collection::vec(prop::collection::vec(prop::bool::weighted(0.5), 1..8), 1..7),
        breaks in prop::collection::vec(prop::bool::weighted(0.3), 7),
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
        let drawn = Drawn::new(&lines);
        let nearest = |rung| Some((rung, picks(&drawn, units, rung).into_iter().min()?.1));
        prop_assert_eq!(pick(&lines, units), Rung::ALL.into_iter().find_map(nearest), "{:?}", lines);
    }
}

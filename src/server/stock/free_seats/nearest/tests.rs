//! Nearest seats on small maps, and compared with a search of all seats.

use proptest::prelude::*;

use super::*;
use crate::model::seat::{SeatLayout, SeatRow, SeatStatus, seat_rows};

fn layout(sections: u32, rows: u32, per_row: u32) -> Option<SeatLayout> {
    Some(SeatLayout { sections, rows, per_row })
}

/// A sale of tiers with these layouts, all seats free, with the tier of each seat.
fn sale(layouts: &[Option<SeatLayout>]) -> (FreeSeats, Vec<usize>) {
    let rows = seat_rows(layouts);
    let tiers: Vec<usize> =
        rows.iter().flat_map(|row| std::iter::repeat_n(row.tier_index as usize, row.seats as usize)).collect();
    (FreeSeats::new(layouts.len(), &rows, &vec![SeatStatus::Available; tiers.len()]), tiers)
}

/// Takes the nearest seat to this one again and again, so often. Returns the seats in the order in which they were taken.
fn taken_around(layouts: &[Option<SeatLayout>], asked: u32, times: usize) -> Vec<u32> {
    let (mut free_seats, tiers) = sale(layouts);
    let nearest = |_| {
        let seat = free_seats.nearest(tiers[asked as usize], asked, |_| true)?;
        free_seats.set(tiers[seat as usize], &[seat], false);
        Some(seat)
    };
    (0..times).map_while(nearest).collect()
}

#[test]
fn a_row_counts_as_much_as_two_seats() {
    // Two rows of five: seats 0 to 4 and behind them 5 to 9.
    assert_eq!(taken_around(&[layout(1, 2, 5)], 2, 20), [2, 1, 3, 0, 4, 7, 6, 8, 5, 9]);
    // Three rows of two.
    assert_eq!(taken_around(&[layout(1, 3, 2)], 2, 20), [2, 3, 0, 4, 1, 5], "of seats as near, the first");
}

#[test]
fn the_next_section_comes_only_when_the_own_one_is_full() {
    // Three sections of two rows of two: 0 to 3, 4 to 7, 8 to 11.
    let beside = taken_around(&[layout(3, 2, 2)], 4, 20);
    assert_eq!(beside[..4], [4, 5, 6, 7]);
    assert_eq!(beside[4..], [1, 8, 0, 9, 3, 10, 2, 11], "each from the side that faces the asked seat");
    assert_eq!(taken_around(&[layout(3, 1, 2)], 0, 20), [0, 1, 2, 3, 4, 5]);
}

#[test]
fn other_tiers_come_last_and_only_where_they_may() {
    let layouts = [layout(1, 2, 2), None, layout(2, 2, 2)];
    // Two rows of two (0 to 3), and behind them two sections of two rows of two (4 to 7, 8 to 11).
    assert_eq!(taken_around(&layouts, 3, 20), [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11]);
    assert_eq!(taken_around(&layouts, 8, 20), [8, 9, 10, 11, 5, 4, 7, 6, 2, 3, 0, 1]);
    let (mut free_seats, _) = sale(&layouts);
    free_seats.set(0, &[0, 1, 2, 3], false);
    assert_eq!(free_seats.nearest(0, 0, |tier| tier != 2), None);
    assert_eq!(free_seats.nearest(0, 0, |tier| tier == 2), Some(4));
}

#[test]
fn bits_are_found_across_words() {
    let mut words = [0_u64; 3];
    assert_eq!(last_bit(&words, 192), None);
    for bit in [0_u32, 63, 64, 130] {
        words[(bit / 64) as usize] |= 1 << (bit % 64);
    }
    let before = [(0, None), (1, Some(0)), (63, Some(0)), (64, Some(63)), (65, Some(64)), (192, Some(130))];
    assert_eq!(before.map(|(end, _)| (end, last_bit(&words, end))), before);
}

/// The nearest seat, found among all seats by one comparison each.
fn nearest_of_all(rows: &[SeatRow], free: &[bool], asked: u32, may_be: impl Fn(usize) -> bool) -> Option<u32> {
    struct Place {
        position: u32,
        tier: usize,
        section: usize,
        depth: i64,
        column: i64,
        seats: i64,
    }
    let mut places: Vec<Place> = Vec::new();
    for row in rows {
        let tier = row.tier_index as usize;
        let sections = |until: &str| {
            let mut names: Vec<&str> = Vec::new();
            for other in rows.iter().filter(|other| other.tier_index == row.tier_index) {
                if !names.contains(&other.section.as_str()) {
                    names.push(&other.section);
                }
            }
            names.iter().position(|name| *name == until).unwrap()
        };
        let section = sections(&row.section);
        let of_section = |place: &&Place| place.tier == tier && place.section == section && place.column == 0;
        let depth = places.iter().filter(of_section).count() as i64;
        for column in 0..i64::from(row.seats) {
            let position = u32::try_from(places.len()).unwrap();
            places.push(Place { position, tier, section, depth, column, seats: row.seats.into() });
        }
    }
    let asked = &places[asked as usize];
    let last_section = |tier: usize| places.iter().filter(|place| place.tier == tier).map(|place| place.section).max();
    let distance = |place: &Place| {
        let own_section = asked.section.min(last_section(place.tier).unwrap());
        let sections = place.section.abs_diff(own_section);
        let rows = match place.tier.cmp(&asked.tier) {
            std::cmp::Ordering::Equal => (place.depth - asked.depth).abs(),
            std::cmp::Ordering::Greater => place.depth + 1,
            std::cmp::Ordering::Less => {
                let rows = places
                    .iter()
                    .filter(|other| other.tier == place.tier && other.section == place.section && other.column == 0);
                rows.count() as i64 - place.depth
            }
        };
        let seats = match place.section.cmp(&own_section) {
            std::cmp::Ordering::Equal => (place.column - asked.column).abs(),
            std::cmp::Ordering::Greater => place.column,
            std::cmp::Ordering::Less => place.seats - 1 - place.column,
        };
        (place.tier.abs_diff(asked.tier), sections, 2 * rows + seats, place.position)
    };
    let may_have = |place: &&Place| free[place.position as usize] && (place.tier == asked.tier || may_be(place.tier));
    places.iter().filter(may_have).map(distance).min().map(|(.., position)| position)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn the_search_finds_the_nearest_of_all_seats(
        layouts in prop::collection::vec(prop::option::of((1_u32..4, 1_u32..5, 1_u32..9)), 1..4),
        added in 0_u32..7,
        wide in 0_u32..2,
        share in 0.0..1.0_f64,
        draws in prop::collection::vec(0.0..1.0_f64, 400),
        asked in any::<u32>(),
        allowed in prop::collection::vec(any::<bool>(), 4),
    ) {
        let layouts: Vec<_> =
            layouts.into_iter().map(|layout| layout.map(|(s, r, p)| SeatLayout { sections: s, rows: r, per_row: p + 70 * wide })).collect();
        let mut rows = seat_rows(&layouts);
        prop_assume!(!rows.is_empty());
        if added > 0 {
            // Rows that were added later stand at the end of the list, in the last section of their tier.
            let last = rows.iter().rfind(|row| row.tier_index == rows[0].tier_index).unwrap();
            rows.push(SeatRow { seats: added, ..last.clone() });
        }
        let tiers: Vec<usize> =
            rows.iter().flat_map(|row| std::iter::repeat_n(row.tier_index as usize, row.seats as usize)).collect();
        let free: Vec<bool> = (0..tiers.len()).map(|seat| draws[seat % draws.len()] < share).collect();
        let statuses = free.iter().map(|free| if *free { SeatStatus::Available } else { SeatStatus::Sold });
        let mut free_seats = FreeSeats::new(layouts.len(), &rows, &statuses.collect::<Vec<_>>());
        let mut free = free;
        let asked = asked % tiers.len() as u32;
        let tier = tiers[asked as usize];
        for _ in 0..8 {
            let found = free_seats.nearest(tier, asked, |tier| allowed[tier]);
            prop_assert_eq!(found, nearest_of_all(&rows, &free, asked, |tier| allowed[tier]));
            let Some(seat) = found else { break };
            free_seats.set(tiers[seat as usize], &[seat], false);
            free[seat as usize] = false;
        }
    }
}

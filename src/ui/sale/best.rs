//! The best seats that are free now, so that the button can say before the press how they stand together. Pure.

use std::ops::Range;

use super::seating::Seating;
use crate::{
    live::reducer::{SeatFace, View},
    model::rung::{Best, TierRow, TierRows, best_available, rows_of_tier},
};

/// The best `units` seats of a tier that the page shows as free; `None` if fewer are free.
pub fn best_shown(seating: &Seating, view: &View, tier: usize, units: u32) -> Option<Best> {
    let tier_index = u32::try_from(tier).ok()?;
    best_available(&ShownRows { view, rows: rows_of_tier(seating.rows(), tier_index) }, units)
}

/// The rows of one tier.
struct ShownRows<'a> {
    view: &'a View,
    rows: Vec<TierRow>,
}

impl TierRows for ShownRows<'_> {
    fn rows(&self) -> &[TierRow] {
        &self.rows
    }

    fn runs(&self, row: usize, columns: Range<u32>) -> impl Iterator<Item = Range<u32>> {
        let first = self.rows[row].first_seat;
        let is_free = move |column: &u32| self.view.face(first + *column) == SeatFace::Available;
        let (mut next, end) = (columns.start, columns.end);
        std::iter::from_fn(move || {
            let start = (next..end).find(is_free)?;
            next = (start..end).find(|column| !is_free(column)).unwrap_or(end);
            Some(start..next)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        frame::Snapshot,
        rung::Rung,
        sale::SaleStatus,
        seat::{SeatLayout, seat_rows},
        time::Timestamp,
    };

    #[test]
    fn the_button_promises_what_the_map_shows() {
        let layout = |rows, per_row| Some(SeatLayout { sections: 1, rows, per_row });
        let seating = Seating::new(seat_rows(&[layout(2, 3), layout(1, 4)]));
        let promised = |seats: &str, tier, units| {
            let (at, epoch) = (Timestamp::from_milliseconds(0), String::new());
            let snapshot =
                Snapshot { seq: 1, epoch, at, status: SaleStatus::Open, seats: seats.to_owned(), tiers: Vec::new() };
            let best = best_shown(&seating, &View::new(snapshot, None, None, &[]), tier, units);
            best.map(|best| (best.rung, best.seats))
        };
        assert_eq!(promised("AAASSSAAAA", 0, 3), Some((Rung::Together, vec![0, 1, 2])));
        assert_eq!(promised("AASASHAAAA", 0, 3), Some((Rung::Rows, vec![0, 1, 3])));
        assert_eq!(promised("ASAASAAAAA", 0, 3), Some((Rung::Scattered, vec![0, 2, 3])));
        assert_eq!(
            promised("SSSAAAAAAA", 1, 3),
            Some((Rung::Orphan, vec![6, 7, 8])),
            "the other tier counts for nothing"
        );
        assert_eq!(promised("SSSSAAAAAA", 0, 3), None);
    }
}

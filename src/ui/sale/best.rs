//! The best seats that are free now, so that the button can say before the press how they stand together. Pure.

use super::seating::Seating;
use crate::{
    live::reducer::{SeatFace, View},
    model::rung::{Best, Run, TierRows, best_available},
};

/// The best `units` seats of a tier that the page shows as free; `None` if fewer are free.
pub fn best_shown(seating: &Seating, view: &View, tier: usize, units: u32) -> Option<Best> {
    let rows = seating.rows().filter(|row| seating.row(*row).tier_index as usize == tier).collect();
    best_available(&ShownRows { seating, view, rows }, units)
}

/// The rows of one tier.
struct ShownRows<'a> {
    seating: &'a Seating,
    view: &'a View,
    /// Positions of these rows in the list of all rows.
    rows: Vec<usize>,
}

impl TierRows for ShownRows<'_> {
    fn count(&self) -> usize {
        self.rows.len()
    }

    fn first_seat(&self, row: usize) -> u32 {
        self.seating.first_seat(self.rows[row])
    }

    fn is_behind(&self, row: usize) -> bool {
        let position = self.rows[row];
        position > 0 && self.seating.row(position).is_right_behind(self.seating.row(position - 1))
    }

    fn runs(&self, row: usize) -> impl Iterator<Item = Run> {
        let mut next = self.first_seat(row);
        let end = next + self.seating.row(self.rows[row]).seats;
        let is_free = |seat: &u32| self.view.face(*seat) == SeatFace::Available;
        std::iter::from_fn(move || {
            let first = (next..end).find(is_free)?;
            next = (first..end).find(|seat| !is_free(seat)).unwrap_or(end);
            Some(Run { first, seats: next - first })
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

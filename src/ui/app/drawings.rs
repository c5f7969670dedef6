//! Drawings of seat maps, kept for the next pages: drawing thousands of seats is most of the work of a page.
//!
//! A drawing is found again by everything that it was drawn from, so a kept one is the same as a new one.

use std::{
    collections::VecDeque,
    sync::{Arc, LazyLock, OnceLock},
};

use parking_lot::Mutex;

use crate::{
    live::reducer::{SeatFace, View},
    model::{limits::KEPT_DRAWINGS_BYTES, sale::Tier, seat::SeatRow},
    ui::sale::{map_markup::map_markup, seating::Seating},
};

/// The drawings of this process, the newest last.
static DRAWINGS: LazyLock<Drawings> = LazyLock::new(Drawings::default);

/// The content of the grid element: see [`map_markup`].
pub fn of(seating: &Seating, tiers: &[Tier], view: &View) -> Arc<str> {
    DRAWINGS.draw(seating, tiers, view)
}

#[derive(Default)]
struct Drawings {
    kept: Mutex<VecDeque<Arc<Drawing>>>,
}

struct Drawing {
    rows: Vec<SeatRow>,
    /// What the drawing tells of each tier.
    tiers: Vec<Price>,
    faces: Vec<SeatFace>,
    /// Whoever asks while it is being drawn waits for it.
    markup: OnceLock<Arc<str>>,
}

/// Name, price, currency and its digits.
type Price = (String, u64, String, u32);

impl Drawings {
    fn draw(&self, seating: &Seating, tiers: &[Tier], view: &View) -> Arc<str> {
        let draw = || map_markup(seating, tiers, view).into_string().into();
        let seats = 0..seating.seats();
        let faces: Vec<SeatFace> = seats.clone().map(|seat| view.face(seat)).collect();
        // A map with a visitor's own seats is hardly asked for again; on the server nothing is being bought tentatively.
        if faces.contains(&SeatFace::Mine) || seats.into_iter().any(|seat| view.is_tentative(seat)) {
            return draw();
        }
        let drawing = self.find_or_keep(Drawing {
            rows: seating.rows().to_vec(),
            tiers: tiers.iter().map(price).collect(),
            faces,
            markup: OnceLock::new(),
        });
        let markup = drawing.markup.get_or_init(draw).clone();
        self.make_room();
        markup
    }

    /// The drawing from the same things, or this one from now on. It takes the place of an older drawing of the same
    /// map.
    fn find_or_keep(&self, drawing: Drawing) -> Arc<Drawing> {
        let mut kept = self.kept.lock();
        if let Some(found) = kept.iter().find(|kept| kept.is_from_the_same(&drawing)) {
            return found.clone();
        }
        kept.retain(|kept| (&kept.rows, &kept.tiers) != (&drawing.rows, &drawing.tiers));
        let drawing = Arc::new(drawing);
        kept.push_back(drawing.clone());
        drawing
    }

    /// Forgets the oldest drawings until the others take no more than may be kept.
    fn make_room(&self) {
        let mut kept = self.kept.lock();
        let mut bytes: usize = kept.iter().map(|drawing| drawing.bytes()).sum();
        while bytes > KEPT_DRAWINGS_BYTES
            && let Some(oldest) = kept.pop_front()
        {
            bytes -= oldest.bytes();
        }
    }
}

impl Drawing {
    fn is_from_the_same(&self, other: &Self) -> bool {
        (&self.faces, &self.tiers, &self.rows) == (&other.faces, &other.tiers, &other.rows)
    }

    fn bytes(&self) -> usize {
        self.markup.get().map_or(0, |markup| markup.len()) + self.faces.len() + self.rows.len() * size_of::<SeatRow>()
    }
}

fn price(tier: &Tier) -> Price {
    (tier.name.clone(), tier.price, tier.currency.clone(), tier.currency_digits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        frame::Snapshot,
        sale::SaleStatus,
        seat::{SeatLayout, seat_rows},
        time::Timestamp,
    };

    fn tier(name: &str, available: u64) -> Tier {
        Tier {
            id: "floor".into(),
            name: name.into(),
            price: 1_000,
            price_steps: Vec::new(),
            currency: "USD".into(),
            currency_digits: 2,
            seated: true,
            capacity: 4,
            available,
            held: 0,
            sold: 4 - available,
        }
    }

    fn view(letters: &str, owned: &[u32]) -> View {
        let snapshot = Snapshot {
            seq: 1,
            epoch: "first".into(),
            at: Timestamp::from_milliseconds(0),
            status: SaleStatus::Open,
            seats: letters.into(),
            tiers: Vec::new(),
        };
        View::new(snapshot, None, None, owned)
    }

    #[test]
    fn a_map_is_drawn_again_only_if_it_would_look_different() {
        let drawings = Drawings::default();
        let seating = Seating::new(seat_rows(&[Some(SeatLayout { sections: 1, rows: 2, per_row: 2 })]));
        let draw = |name: &str, available, letters: &str, owned: &[u32]| {
            let (tiers, view) = ([tier(name, available)], view(letters, owned));
            let drawn = drawings.draw(&seating, &tiers, &view);
            assert_eq!(&*drawn, map_markup(&seating, &tiers, &view).as_str(), "as if it were drawn now");
            drawn
        };
        let first = draw("Floor", 4, "AAAA", &[]);
        assert!(Arc::ptr_eq(&first, &draw("Floor", 2, "AAAA", &[])), "counters are not on the map");
        assert!(!Arc::ptr_eq(&first, &draw("Floor", 4, "AAAA", &[1])), "somebody's own seats are theirs alone");
        assert!(Arc::ptr_eq(&first, &draw("Floor", 4, "AAAA", &[])));
        draw("Stalls", 4, "AAAA", &[]);
        assert!(Arc::ptr_eq(&first, &draw("Floor", 4, "AAAA", &[])));
        let sold = draw("Floor", 3, "ASAA", &[]);
        assert!(Arc::ptr_eq(&sold, &draw("Floor", 3, "ASAA", &[])));
        assert_eq!(drawings.kept.lock().len(), 2, "of each map the newest drawing");
    }

    #[test]
    fn no_more_is_kept_than_may_be() {
        let drawings = Drawings::default();
        let seating = Seating::new(seat_rows(&[Some(SeatLayout { sections: 10, rows: 100, per_row: 100 })]));
        let letters = "A".repeat(100_000);
        for number in 0..5 {
            drawings.draw(&seating, &[tier(&number.to_string(), 4)], &view(&letters, &[]));
        }
        let kept = drawings.kept.lock();
        let bytes: usize = kept.iter().map(|drawing| drawing.bytes()).sum();
        assert!(bytes <= KEPT_DRAWINGS_BYTES && kept.len() > 1, "{bytes} bytes in {} drawings", kept.len());
    }
}

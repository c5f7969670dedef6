//! The demo sales: what a visitor finds, and what the simulator may attack.

use super::desk::Catalogue;
use crate::{
    model::{
        body::{NewSale, NewTier},
        ids::{SaleId, slug},
        sale::{Checkout, ContactRule},
        seat::SeatLayout,
    },
    server::engine::error::EngineError,
};

/// The names of the demo sales; their slugs are their ids.
const NAMES: [&str; 4] = ["Golden Ticket", "Club Night", "Theatre", "Rehearsal"];

impl Catalogue {
    /// Makes the demo sales that are missing.
    pub async fn seed_demo(&self) -> Result<(), EngineError> {
        for sale in demo_sales() {
            let id = SaleId(slug(&sale.name).expect("demo sales have names"));
            if self.core.find(&id).await?.is_none() {
                let made = self.make_sale(sale, None, true).await?;
                assert!(made.is_ok(), "a demo sale is valid: {made:?}");
            }
        }
        Ok(())
    }

    /// Whether this is one of the demo sales' ids.
    pub fn is_demo_sale(sale: &SaleId) -> bool {
        Self::demo_position(sale).is_some()
    }

    /// Where a demo sale stands among the demo sales. `None` for any other sale.
    pub(super) fn demo_position(sale: &SaleId) -> Option<usize> {
        NAMES.iter().position(|name| slug(name).as_deref() == Some(sale.as_str()))
    }
}

fn demo_sales() -> [NewSale; 4] {
    let [golden_ticket, club_night, theatre, rehearsal] = NAMES;
    [
        sale(golden_ticket, false, vec![general_admission("GA", 2_500, 100)]),
        sale(club_night, false, vec![seated("Floor", 3_500, SeatLayout { sections: 1, rows: 10, per_row: 10 })]),
        paid(sale(
            theatre,
            false,
            vec![
                seated("VIP", 10_000, SeatLayout { sections: 3, rows: 3, per_row: 10 }),
                seated("Front Row", 5_000, SeatLayout { sections: 3, rows: 5, per_row: 12 }),
                seated("GA", 1_000, SeatLayout { sections: 3, rows: 8, per_row: 14 }),
            ],
        )),
        sale(
            rehearsal,
            true,
            vec![
                seated("Seats", 2_000, SeatLayout { sections: 1, rows: 10, per_row: 10 }),
                general_admission("GA", 1_000, 100),
            ],
        ),
    ]
}

fn sale(name: &str, rehearsal: bool, tiers: Vec<NewTier>) -> NewSale {
    // A payment provider, where one is configured, changes nothing about the demo.
    let checkout = Some(Checkout::Instant);
    NewSale { name: name.to_owned(), rehearsal: Some(rehearsal), checkout, tiers, ..NewSale::default() }
}

/// The same sale, whose units are held and then paid. Whoever tries it need not say how they can be reached.
fn paid(sale: NewSale) -> NewSale {
    NewSale { checkout: Some(Checkout::Paid), contact: Some(ContactRule::Optional), ..sale }
}

fn seated(name: &str, price: u64, layout: SeatLayout) -> NewTier {
    NewTier { name: name.to_owned(), price, seats: Some(layout), ..NewTier::default() }
}

fn general_admission(name: &str, price: u64, quantity: u64) -> NewTier {
    NewTier { name: name.to_owned(), price, quantity: Some(quantity), ..NewTier::default() }
}

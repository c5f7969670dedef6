//! Room for what one request would hold, under the operator's limit for its address.

use std::{net::IpAddr, sync::Arc};

use parking_lot::Mutex;

use crate::{
    model::{
        hold::Hold,
        ids::{HoldId, SaleId},
        outcome::{Code, HoldOutcome, Refusal},
    },
    server::{
        app::App,
        engine::{Decided, EngineError, Room},
        limits::{Asked, HeldUnits, Reservation, Standing, TooMuch},
    },
};

/// The room of one request. What it does not use is given back when it is dropped.
pub struct AddressRoom {
    app: App,
    held: Arc<HeldUnits>,
    address: IpAddr,
    /// The hold that is to be changed.
    change_of: Option<HoldId>,
    state: Mutex<State>,
}

enum State {
    /// Nobody has asked for room.
    Unasked,
    Reserved(Reservation),
    Refused,
}

impl AddressRoom {
    /// `None` where an address may hold as much as it likes, and for those who have no limits.
    pub fn new(app: &App, address: Option<IpAddr>, change_of: Option<HoldId>) -> Option<Self> {
        let (held, address) = app.limits.held_units.clone().zip(address)?;
        Some(Self { app: app.clone(), held, address, change_of, state: Mutex::new(State::Unasked) })
    }

    /// Counts what the request has become: a hold, or a place in line for one.
    pub fn settle(self, sale: &SaleId, outcome: &Result<HoldOutcome, EngineError>) {
        match outcome {
            Ok(HoldOutcome::Held { hold, .. }) => self.keep(sale, hold.id),
            // A request in line becomes the hold of the same id.
            Ok(HoldOutcome::Waiting { request }) => self.keep(sale, HoldId(request.0)),
            Ok(HoldOutcome::Refused(refusal)) => self.note(refusal),
            Err(_) => {}
        }
    }

    /// Counts what the hold has after the request to change it.
    pub fn settle_change(self, outcome: &Decided<Hold>) {
        match outcome {
            Ok(Ok(hold)) => self.keep(&hold.sale, hold.id),
            Ok(Err(refusal)) => self.note(refusal),
            Err(_) => {}
        }
    }

    fn keep(self, sale: &SaleId, hold: HoldId) {
        let standing = standing(&self.app, sale, hold);
        match self.state.into_inner() {
            State::Reserved(reservation) => reservation.keep(sale.clone(), hold, standing),
            // It was held before, with the same key.
            State::Unasked | State::Refused => self.held.note(self.address, sale.clone(), hold, standing),
        }
    }

    /// Tells the metrics of a refusal for want of room.
    fn note(&self, refusal: &Refusal) {
        if refusal.code == Code::LimitReached && matches!(*self.state.lock(), State::Refused) {
            self.held.refused();
        }
    }
}

impl Room for AddressRoom {
    fn make(&self, sale: &SaleId, units: u64) -> Result<(), Refusal> {
        let mut state = self.state.lock();
        if matches!(*state, State::Reserved(_)) {
            return Ok(());
        }
        let asked = Asked { sale, units, change_of: self.change_of };
        let reserved = self.held.reserve(self.address, asked, |sale, hold| standing(&self.app, sale, hold));
        let (next, answer) = match reserved {
            Ok(reservation) => (State::Reserved(reservation), Ok(())),
            Err(TooMuch { most }) => {
                let detail = format!("At most {most} units may be held from one network at once.");
                (State::Refused, Err(Refusal::new(Code::LimitReached, detail)))
            }
        };
        *state = next;
        answer
    }
}

/// How a hold stands, as this server knows it.
fn standing(app: &App, sale: &SaleId, hold: HoldId) -> Standing {
    let selling = &app.engine.selling;
    // Asked before the units, because what has left the line is among them by then.
    if selling.is_in_line(hold) {
        return Standing::Undecided;
    }
    let units = selling.units_held(sale, hold);
    if selling.has_neighbours() { Standing::Had(units) } else { Standing::Has(units) }
}

//! Limits on how much of a shared resource one client may use.

mod buckets; // token buckets in bounded memory
mod connections; // connections open at once
mod customer; // which part of an address identifies a customer
mod held_units; // units held at once
mod own_clients; // our own simulated buyers, who have no limits
mod places; // places that are counted by owner
mod rates; // how often a client may do something
mod streams; // live streams open at once

use std::sync::Arc;

pub use self::{
    connections::{ConnectionCaps, ConnectionPlace, Full},
    customer::customer,
    held_units::{Asked, HeldUnits, Reservation, Standing, TooMuch},
    own_clients::{OwnClient, OwnClients},
    rates::{Rates, TooOften},
    streams::{StreamCaps, StreamPermit},
};
use crate::server::config::Config;

/// All limits of this server.
pub struct Limits {
    pub rates: Rates,
    pub connections: Arc<ConnectionCaps>,
    pub streams: Arc<StreamCaps>,
    /// `None` where an address may hold as much as it likes.
    pub held_units: Option<Arc<HeldUnits>>,
    pub own_clients: Arc<OwnClients>,
}

impl Limits {
    pub fn new(config: &Config) -> Self {
        Self {
            rates: Rates::new(config),
            connections: ConnectionCaps::new(config),
            streams: StreamCaps::new(config),
            held_units: HeldUnits::new(config),
            own_clients: OwnClients::new(),
        }
    }
}

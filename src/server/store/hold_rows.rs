//! Holds as they go into a store and come out of it, whichever database it is.

use std::sync::Arc;

use crate::{
    model::{
        ids::{BuyerId, HoldId},
        rung::Rung,
        seat::SeatStatus,
        time::Timestamp,
    },
    server::ledger::Hash,
};

/// Units set aside for a buyer, as they are recorded.
#[derive(Clone)]
pub struct NewHold {
    pub hold: HoldId,
    pub buyer: BuyerId,
    pub currency: Arc<str>,
    pub seq: u64,
    /// The ledger line's units, as JSON.
    pub units: String,
    pub hash: Hash,
    pub items: Vec<NewHoldItem>,
    /// How well the seats stand together that were picked for the buyer.
    pub rung: Option<Rung>,
    /// How long it lasts from the moment at which it is recorded.
    pub life_milliseconds: i64,
    pub extensions: u32,
    /// The key that the buyer sent, the fingerprint of the request that it came with, and the answer as JSON.
    pub key: Option<(String, [u8; 16], String)>,
}

/// One seat, or units of a general-admission tier.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewHoldItem {
    pub tier_id: i64,
    pub seat_position: Option<u32>,
    pub quantity: u64,
    /// Of one unit.
    pub price: u64,
    /// The position of the seat that was asked for, if another one was given.
    pub substitute: Option<u32>,
}

/// A hold that is to end.
#[derive(Clone, Copy, Debug)]
pub struct Ending {
    pub hold: HoldId,
    /// With a `seq`, it ends only if it has not been changed since.
    pub as_of: Option<u64>,
    /// Whether it may be confirmed at any time, because the money for it has come.
    pub is_paid: bool,
}

/// Held units that are sold or given back.
#[derive(Clone, Debug)]
pub struct Settling {
    /// Positions, some of which may be in other tiers than others.
    pub seats: Vec<u32>,
    /// Ids of tiers, each with its units, seats among them.
    pub tiers: Vec<(i64, u64)>,
    /// How many holds they were in.
    pub decisions: u64,
    pub to: SeatStatus,
    /// Whether seats are locked before the rows of their tiers.
    pub are_seats_first: bool,
}

/// A hold that has just ended, with what was in it.
#[derive(Clone, Debug)]
pub struct EndedHold {
    pub hold: HoldId,
    pub buyer: BuyerId,
    pub currency: Arc<str>,
    pub rung: Option<Rung>,
    pub items: Vec<NewHoldItem>,
    /// Whether the provider may still say something of a payment for it.
    pub has_open_payments: bool,
}

/// A hold whose units are still set aside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LiveHoldRecord {
    pub hold: HoldId,
    pub buyer: BuyerId,
    pub units: u64,
    /// From when on others may release it.
    pub due_at: Timestamp,
}

//! What goes into a store and comes out of it, whichever database it is.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use uuid::Uuid;

use super::hold_rows::LiveHoldRecord;
use crate::{
    model::{
        hold::Hold,
        ids::{BuyerId, OrderId, TicketId},
        ledger::{ChangeKind, Units},
        order::Contact,
        outcome::Code,
        rung::Rung,
        sale::{Checkout, ContactRule, Counts, PriceStep, SaleSwitch},
        seat::SeatStatus,
        strategy::StrategyKind,
        time::Timestamp,
    },
    server::ledger::Hash,
};

/// A count as databases keep it. Every count of the product is far below 2^63.
pub fn integer(count: u64) -> i64 {
    i64::try_from(count).expect("counts are below 2^63")
}

/// A count as the rest of the program uses it. CHECK constraints keep all counts at zero or above.
pub fn count(integer: i64) -> u64 {
    u64::try_from(integer).expect("the schema keeps counts at zero or above")
}

/// A sale to be created: all units are available, and `seq` is 0.
pub struct NewSaleRecord<'a> {
    pub slug: &'a str,
    pub name: &'a str,
    pub strategy: StrategyKind,
    pub rehearsal: bool,
    pub opens_at: Option<Timestamp>,
    pub terms: SaleTerms,
    pub max_per_buyer: Option<u32>,
    pub tiers: Vec<NewTierRecord>,
    pub created_at: Timestamp,
}

/// How the units of a sale become a buyer's own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SaleTerms {
    pub checkout: Checkout,
    pub contact: ContactRule,
    pub hold_ttl_seconds: u32,
    pub hold_extension_seconds: u32,
    pub hold_extensions: u32,
    pub payment_grace_seconds: u32,
}

pub struct NewTierRecord {
    pub slug: String,
    pub name: String,
    pub price: u64,
    /// In ascending order of `sold_percent`.
    pub price_steps: Vec<PriceStep>,
    pub currency: String,
    pub seated: bool,
    pub capacity: u64,
}

/// One seat. Its position in the sale is its index in the list of seats.
#[derive(Clone, Debug)]
pub struct NewSeatRecord {
    pub tier_index: u32,
    pub section: String,
    pub row: String,
    pub number: u32,
    pub label: String,
    pub status: SeatStatus,
}

/// What an organiser changes about a sale. What is `None` stays; `Some(None)` takes away.
#[derive(Default)]
pub struct PatchRecord<'a> {
    pub name: Option<&'a str>,
    pub switch: Option<SaleSwitch>,
    pub opens_at: Option<Option<Timestamp>>,
    pub message: Option<Option<&'a str>>,
    pub max_per_buyer: Option<Option<u32>>,
    pub hold_ttl_seconds: Option<u32>,
    pub hold_extension_seconds: Option<u32>,
    pub hold_extensions: Option<u32>,
    pub payment_grace_seconds: Option<u32>,
    pub contact: Option<ContactRule>,
}

/// The id of a sale's row, and its strategy.
#[derive(sqlx::FromRow)]
pub struct SaleIdentity {
    pub sale_id: i64,
    pub strategy: StrategyKind,
}

/// A sale as it is stored, with its tiers and seats.
#[derive(Debug)]
pub struct SaleRecord {
    pub id: i64,
    pub slug: String,
    pub name: String,
    /// Increases whenever an organiser changes the sale.
    pub revision: u64,
    pub switch: SaleSwitch,
    pub strategy: StrategyKind,
    pub rehearsal: bool,
    pub opens_at: Option<Timestamp>,
    pub message: Option<String>,
    pub terms: SaleTerms,
    pub max_per_buyer: Option<u32>,
    pub seq: u64,
    pub head_hash: Hash,
    pub tiers: Vec<TierRecord>,
    /// In seat order.
    pub seats: Vec<NewSeatRecord>,
    /// Units that each buyer has, held or sold; empty if the sale has no limit per buyer.
    pub had: HashMap<BuyerId, u64>,
    pub live_holds: Vec<LiveHoldRecord>,
}

#[derive(Clone, Debug, sqlx::FromRow)]
pub struct TierRecord {
    pub id: i64,
    pub slug: String,
    pub name: String,
    #[sqlx(try_from = "i64")]
    pub price: u64,
    /// In ascending order of `sold_percent`.
    #[sqlx(try_from = "WrittenSteps")]
    pub price_steps: Vec<PriceStep>,
    pub currency: String,
    pub seated: bool,
    #[sqlx(flatten)]
    pub counts: Counts,
}

/// Price steps as they are stored: JSON, or nothing.
#[derive(sqlx::Type)]
#[sqlx(transparent)]
pub struct WrittenSteps(pub Option<String>);

impl TryFrom<WrittenSteps> for Vec<PriceStep> {
    type Error = serde_json::Error;

    fn try_from(WrittenSteps(text): WrittenSteps) -> Result<Self, Self::Error> {
        text.map_or(Ok(Self::new()), |text| serde_json::from_str(&text))
    }
}

/// What a batch takes from one sale, all of it or nothing.
pub struct Guard {
    pub sale_id: i64,
    /// What becomes of the units: held or sold.
    pub to: SeatStatus,
    /// The sale's `seq` and `revision` that the batch was decided on.
    pub seq: u64,
    pub revision: u64,
    /// Decisions in the batch: `seq` increases by this.
    pub decisions: u64,
    pub head_hash: Hash,
    /// Positions of the seats taken.
    pub seats: Vec<u32>,
    /// Ids of the tiers, with the units taken from each.
    pub tiers: Vec<(i64, u64)>,
}

/// The sale's row after units were taken from it.
#[derive(Clone, Copy, Debug)]
pub struct SaleTaken {
    /// The newest `seq` that was taken.
    pub seq: u64,
    /// The hash of the ledger line before the first that was taken.
    pub previous: Hash,
    pub revision: u64,
}

impl SaleTaken {
    /// Reads the row's `seq`, `head_hash` and `revision`.
    pub fn from_row((seq, hash, revision): (i64, Vec<u8>, i64)) -> Self {
        let previous = hash.try_into().expect("the schema keeps a hash at 32 bytes");
        Self { seq: count(seq), previous, revision: count(revision) }
    }
}

/// One purchase, as it is recorded.
#[derive(Clone)]
pub struct Purchase {
    pub order: OrderId,
    pub buyer: BuyerId,
    pub total: u64,
    pub currency: Arc<str>,
    pub seq: u64,
    /// The ledger line's units, as JSON.
    pub units: String,
    pub hash: Hash,
    pub tickets: Vec<NewTicket>,
    /// How well the seats stand together that were picked for the buyer.
    pub rung: Option<Rung>,
    /// The key that the buyer sent, and the fingerprint of the request that it came with.
    pub key: Option<(String, [u8; 16])>,
    pub contact: Option<Contact>,
}

/// One unit of a purchase.
#[derive(Clone)]
pub struct NewTicket {
    pub id: TicketId,
    pub tier_id: i64,
    pub seat_position: Option<u32>,
    pub code: [u8; 16],
}

/// A ledger line as it is stored. It does not repeat the hash of the line before.
#[derive(Clone, Debug)]
pub struct LedgerRecord {
    pub seq: u64,
    pub at: Timestamp,
    pub kind: ChangeKind,
    pub units: Vec<Units>,
    pub reference: Option<Uuid>,
    pub hash: Hash,
}

/// The answer that was kept for a request that changed something.
#[derive(Debug)]
pub struct StoredAnswer {
    /// Who was answered. This need not be who asks now: the heirs of a session share their keys.
    pub buyer: BuyerId,
    pub fingerprint: [u8; 16],
    pub body: StoredBody,
    pub created_at: Timestamp,
}

#[derive(Debug)]
pub enum StoredBody {
    /// The order that was made. It never changes, so the answer is read from it.
    Order(OrderId),
    /// The hold that was made, as it was when its request was answered.
    Hold(Box<Hold>),
    /// The HTTP status and the body, as they were sent.
    Sent { status: u16, body: String },
}

/// The outcome of a purchase that waited in the queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Decision {
    Confirmed(OrderId),
    Refused(Code),
}

/// A queued purchase that has been decided.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DecidedRequest {
    pub buyer: BuyerId,
    pub decision: Decision,
    pub at: Timestamp,
}

impl Decision {
    /// The columns for the order and for the refusal. Exactly one of them is null.
    pub const fn columns(self) -> (Option<OrderId>, Option<&'static str>) {
        match self {
            Self::Confirmed(order) => (Some(order), None),
            Self::Refused(code) => (None, Some(code.name())),
        }
    }

    /// Reads a decision from those two columns.
    pub fn from_columns(order: Option<OrderId>, refusal: Option<&str>) -> Result<Self, sqlx::Error> {
        let decision = order.map(Self::Confirmed).or_else(|| refusal.and_then(Code::from_name).map(Self::Refused));
        decision.ok_or_else(|| sqlx::Error::Decode("a request was decided in an unknown way".into()))
    }
}

/// What the rows of one sale add up to, all read as of one moment.
pub struct Recount {
    pub seq: u64,
    pub head_hash: Vec<u8>,
    /// The `seq` of the ledger's last line.
    pub last_line: u64,
    /// The sale's own counters, which the audit checks against the rows.
    pub counters: Counts,
    pub orders: u64,
    /// Valid tickets of the sale's orders that are not for this sale.
    pub misplaced_tickets: u64,
    pub tiers: Vec<TierRecount>,
    /// Valid tickets beyond the first one of each seat.
    pub doubly_sold: u64,
    /// Labels of the seats with a valid ticket.
    pub ticketed_seats: BTreeSet<String>,
    /// Labels of the seats whose row says held.
    pub held_seats: BTreeSet<String>,
    /// Labels of the seats in live holds.
    pub seats_of_holds: BTreeSet<String>,
    /// Labels of the seats whose row says sold.
    pub sold_seats: BTreeSet<String>,
}

pub struct TierRecount {
    pub slug: String,
    pub seated: bool,
    /// The tier's own counters, which the audit checks against the rows.
    pub counters: Counts,
    /// The number of the tier's seats, by status.
    pub seats: Counts,
    pub tickets: u64,
    /// The number of the tier's units in live holds.
    pub units_of_holds: u64,
}

/// How far a sale has come. A mirror with the same `seq` and `revision` is up to date.
#[derive(Clone, PartialEq, Eq, Debug, sqlx::FromRow)]
pub struct SaleHead {
    pub sale_id: i64,
    pub slug: String,
    #[sqlx(try_from = "i64")]
    pub seq: u64,
    /// Increases whenever an organiser changes the sale.
    #[sqlx(try_from = "i64")]
    pub revision: u64,
}

/// A line of the ledger, with the buyer of the order that it refers to.
#[derive(Clone, Debug)]
pub struct ChangeRecord {
    pub line: LedgerRecord,
    pub buyer: Option<BuyerId>,
}

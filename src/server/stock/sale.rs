//! One sale in memory: a mirror of its rows as of a commit.
//!
//! The mirror orders the work, answers reads, and refuses requests that certainly cannot win; it never decides who
//! wins. It changes only after a commit: a purchase of this process updates it before the writer's turn ends, and
//! commits of other processes follow from the ledger or the rows.

use std::{collections::HashMap, sync::Arc};

use super::{free_seats::FreeSeats, live_holds::LiveHolds};
use crate::{
    model::{
        frame::{Snapshot, StatusChange},
        ids::{BuyerId, SaleId, SeatLabel, TierId},
        ledger::Shift,
        outcome::{Code, Refusal},
        sale::{Counts, PriceStep, Sale, SaleStatus, SaleSwitch, Tier, TierCounts},
        seat::{Seat, SeatList, SeatRow, SeatStatus},
        strategy::StrategyKind,
        time::Timestamp,
    },
    server::{
        currency,
        ledger::Hash,
        store::{NewSeatRecord, SaleRecord, SaleTerms},
    },
};

/// A sale, its counters and its seats.
#[derive(Clone, Debug)]
pub struct Stock {
    /// The row of the sale.
    pub sale_id: i64,
    pub id: SaleId,
    pub name: String,
    /// Grows whenever an organiser changes the sale.
    pub revision: u64,
    pub switch: SaleSwitch,
    pub strategy: StrategyKind,
    pub rehearsal: bool,
    pub opens_at: Option<Timestamp>,
    pub message: Option<String>,
    pub max_per_buyer: Option<u32>,
    pub terms: SaleTerms,
    pub seq: u64,
    pub head_hash: Hash,
    pub tiers: Vec<TierStock>,
    pub seats: Vec<SeatStatus>,
    pub map: Arc<SeatMap>,
    pub free_seats: FreeSeats,
    /// Units that each buyer has, held or sold. Filled only where the sale has a limit per buyer.
    pub had: HashMap<BuyerId, u64>,
    pub live_holds: LiveHolds,
    /// How often units have come back. Where it has grown since a look, what was gone then may be had now.
    pub came_back: u64,
}

#[derive(Clone, Debug)]
pub struct TierStock {
    /// The row of the tier.
    pub tier_id: i64,
    pub id: TierId,
    pub name: String,
    /// What a unit costs before the first step.
    pub price: u64,
    /// In ascending order of `sold_percent`.
    pub price_steps: Arc<[PriceStep]>,
    pub currency: Arc<str>,
    pub currency_digits: u32,
    pub seated: bool,
    pub counts: Counts,
}

/// Where the seats are. Changes only when seats are added.
#[derive(Debug, Default)]
pub struct SeatMap {
    pub rows: Vec<SeatRow>,
    /// In seat order.
    pub labels: Vec<SeatLabel>,
    /// Each seat's tier and row, in seat order.
    pub places: Vec<(u32, u32)>,
    pub positions: HashMap<SeatLabel, u32>,
}

impl SeatMap {
    pub fn new(seats: &[NewSeatRecord]) -> Self {
        let mut map = Self::default();
        for (position, seat) in (0..).zip(seats) {
            let starts_row = map.rows.last().is_none_or(|row| {
                (row.tier_index, &row.section, &row.row) != (seat.tier_index, &seat.section, &seat.row)
            });
            if starts_row {
                map.rows.push(SeatRow {
                    tier_index: seat.tier_index,
                    section: seat.section.clone(),
                    row: seat.row.clone(),
                    seats: 0,
                    section_in_label: seat.label != format!("{}-{}", seat.row, seat.number),
                });
            }
            map.rows.last_mut().expect("a row was just made").seats += 1;
            let label = SeatLabel(seat.label.clone());
            map.places.push((seat.tier_index, u32::try_from(map.rows.len() - 1).expect("rows are few")));
            map.positions.insert(label.clone(), position);
            map.labels.push(label);
        }
        map
    }

    pub fn tier_of(&self, position: u32) -> usize {
        self.places[position as usize].0 as usize
    }

    /// Marks seats as free or as taken.
    pub fn set_free(&self, free_seats: &mut FreeSeats, positions: &[u32], is_free: bool) {
        for of_tier in positions.chunk_by(|one, other| self.tier_of(*one) == self.tier_of(*other)) {
            free_seats.set(self.tier_of(of_tier[0]), of_tier, is_free);
        }
    }

    /// A seat of the map. `tier_of` tells the id and the price of a tier.
    fn seat<'tier>(&self, position: u32, status: SeatStatus, tier_of: impl Fn(usize) -> (&'tier TierId, u64)) -> Seat {
        let (tier_index, row) = self.places[position as usize];
        let ((tier, price), row) = (tier_of(tier_index as usize), &self.rows[row as usize]);
        let label = self.labels[position as usize].clone();
        let number = label.0.rsplit('-').next().and_then(|number| number.parse().ok());
        Seat {
            seat: label,
            tier: tier.clone(),
            section: row.section.clone(),
            row: row.row.clone(),
            number: number.expect("a label ends in its number"),
            status,
            price,
        }
    }
}

/// The seats of a sale as of one commit.
pub struct SeatsNow {
    pub seq: u64,
    /// Id and price of each tier.
    tiers: Vec<(TierId, u64)>,
    statuses: Vec<SeatStatus>,
    map: Arc<SeatMap>,
}

impl SeatsNow {
    /// The seats in their order, optionally only those of one tier or status.
    pub fn list(&self, tier: Option<&str>, status: Option<SeatStatus>) -> SeatList {
        let tier_of = |tier_index: usize| (&self.tiers[tier_index].0, self.tiers[tier_index].1);
        let is_wanted = |(position, its_status): &(u32, SeatStatus)| {
            let tier_index = self.map.places[*position as usize].0 as usize;
            tier.is_none_or(|tier| self.tiers[tier_index].0.as_str() == tier)
                && status.is_none_or(|status| *its_status == status)
        };
        let all = (0..).zip(self.statuses.iter().copied());
        let seats = all.filter(is_wanted).map(|(position, status)| self.map.seat(position, status, tier_of));
        SeatList { seq: self.seq, seats: seats.collect() }
    }
}

impl Stock {
    pub fn new(record: SaleRecord) -> Self {
        let tiers = record.tiers.into_iter().map(|tier| TierStock {
            tier_id: tier.id,
            id: TierId(tier.slug),
            name: tier.name,
            price: tier.price,
            price_steps: tier.price_steps.into(),
            currency_digits: currency::digits(&tier.currency),
            currency: tier.currency.into(),
            seated: tier.seated,
            counts: tier.counts,
        });
        let tiers: Vec<_> = tiers.collect();
        let seats: Vec<_> = record.seats.iter().map(|seat| seat.status).collect();
        let map = SeatMap::new(&record.seats);
        Self {
            sale_id: record.id,
            id: SaleId(record.slug),
            name: record.name,
            revision: record.revision,
            switch: record.switch,
            strategy: record.strategy,
            rehearsal: record.rehearsal,
            opens_at: record.opens_at,
            message: record.message,
            max_per_buyer: record.max_per_buyer,
            terms: record.terms,
            seq: record.seq,
            head_hash: record.head_hash,
            free_seats: FreeSeats::new(tiers.len(), &map.rows, &seats),
            tiers,
            seats,
            map: Arc::new(map),
            had: record.had,
            live_holds: LiveHolds::new(&record.live_holds),
            came_back: 0,
        }
    }

    pub fn counts(&self) -> Counts {
        self.tiers.iter().map(|tier| tier.counts).sum()
    }

    pub fn status(&self, now: Timestamp) -> SaleStatus {
        let counts = self.counts();
        self.switch.status(self.opens_at, now, counts.available + counts.held)
    }

    /// # Errors
    /// The refusal where the sale does not sell at `now`.
    pub fn check_open(&self, now: Timestamp) -> Result<(), Refusal> {
        let detail = match self.status(now) {
            SaleStatus::Open | SaleStatus::SoldOut => return Ok(()),
            SaleStatus::Soon => "The sale has not opened yet.",
            SaleStatus::Paused => "The sale is paused.",
            SaleStatus::Closed => "The sale is closed.",
        };
        let mut refusal = Refusal::new(Code::SaleNotOpen, detail);
        refusal.opens_at = self.opens_at;
        Err(refusal)
    }

    pub fn tier_index(&self, tier: &TierId) -> Option<usize> {
        self.tiers.iter().position(|candidate| candidate.id == *tier)
    }

    /// The tier of a seat.
    pub fn tier_of(&self, position: u32) -> usize {
        self.map.tier_of(position)
    }

    pub fn label(&self, position: u32) -> &SeatLabel {
        &self.map.labels[position as usize]
    }

    /// The sale as every client sees it.
    pub fn sale(&self, now: Timestamp) -> Sale {
        let counts = self.counts();
        Sale {
            id: self.id.clone(),
            name: self.name.clone(),
            status: self.status(now),
            strategy: self.strategy,
            rehearsal: self.rehearsal,
            opens_at: self.opens_at,
            message: self.message.clone(),
            server_now: now,
            seq: self.seq,
            max_per_buyer: self.max_per_buyer,
            checkout: self.terms.checkout,
            contact: self.terms.contact,
            hold_ttl_seconds: self.terms.hold_ttl_seconds,
            hold_extension_seconds: self.terms.hold_extension_seconds,
            hold_extensions: self.terms.hold_extensions,
            payment_grace_seconds: self.terms.payment_grace_seconds,
            capacity: counts.capacity(),
            available: counts.available,
            held: counts.held,
            sold: counts.sold,
            tiers: self.tiers.iter().map(TierStock::tier).collect(),
        }
    }

    pub fn seat(&self, position: u32) -> Seat {
        self.map.seat(position, self.seats[position as usize], |tier_index| {
            let tier = &self.tiers[tier_index];
            (&tier.id, tier.price_now())
        })
    }

    /// All seats as of now. It is a small copy: whoever makes a long list of it holds up nobody who buys.
    pub fn seats_now(&self) -> SeatsNow {
        let tiers = self.tiers.iter().map(|tier| (tier.id.clone(), tier.price_now())).collect();
        SeatsNow { seq: self.seq, tiers, statuses: self.seats.clone(), map: self.map.clone() }
    }

    pub fn snapshot(&self, epoch: &str, now: Timestamp) -> Snapshot {
        Snapshot {
            seq: self.seq,
            epoch: epoch.to_owned(),
            at: now,
            status: self.status(now),
            seats: self.seats.iter().map(|status| char::from(status.letter())).collect(),
            tiers: self.tiers.iter().map(TierStock::tier_counts).collect(),
        }
    }

    pub fn status_change(&self, now: Timestamp) -> StatusChange {
        StatusChange { status: self.status(now), opens_at: self.opens_at, message: self.message.clone() }
    }

    /// Moves seats and units from one state to another, as a commit did. The units of `tiers` include those of `seats`.
    ///
    /// # Panics
    /// Where the mirror differs from the state that the commit was decided on. Such a mirror must not be used any more.
    pub fn shift(&mut self, Shift { from, to }: Shift, seats: &[u32], tiers: &[(usize, u64)]) {
        let capacity = self.counts().capacity();
        self.came_back += u64::from(to == SeatStatus::Available);
        for position in seats {
            let status = &mut self.seats[*position as usize];
            assert_eq!(*status, from, "a seat is moved from where it is");
            *status = to;
        }
        self.map.set_free(&mut self.free_seats, seats, to == SeatStatus::Available);
        for (tier_index, units) in tiers {
            let counts = &mut self.tiers[*tier_index].counts;
            let left = counts.of(from).checked_sub(*units);
            *counts.of(from) = left.expect("units are moved from where they are");
            *counts.of(to) += units;
        }
        assert_eq!(self.counts().capacity(), capacity, "available + held + sold = capacity");
    }
}

impl TierStock {
    pub fn tier(&self) -> Tier {
        Tier {
            id: self.id.clone(),
            name: self.name.clone(),
            price: self.price_now(),
            price_steps: self.price_steps.to_vec(),
            currency: self.currency.to_string(),
            currency_digits: self.currency_digits,
            seated: self.seated,
            capacity: self.counts.capacity(),
            available: self.counts.available,
            held: self.counts.held,
            sold: self.counts.sold,
        }
    }

    pub fn tier_counts(&self) -> TierCounts {
        let Counts { available, held, sold } = self.counts;
        let price = (!self.price_steps.is_empty()).then(|| self.price_now());
        TierCounts { id: self.id.clone(), available, held, sold, price }
    }

    /// What a unit costs now.
    pub fn price_now(&self) -> u64 {
        self.price_when(self.counts.held + self.counts.sold)
    }

    /// What a unit costs while this many units are held or sold.
    pub fn price_when(&self, gone: u64) -> u64 {
        let is_reached = |step: &&PriceStep| u64::from(step.sold_percent) * self.counts.capacity() <= 100 * gone;
        self.price_steps.iter().take_while(is_reached).last().map_or(self.price, |step| step.price)
    }
}

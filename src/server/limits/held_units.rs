//! How many units may be held from one address over all sales, so that one client cannot set everything aside.
//!
//! It is kept in memory, for the holds that are made or changed through this server: each server has a count of its
//! own, and a restart begins anew. How many units a hold has now is not kept here. Whoever asks for room says it. A hold
//! whose outcome the store did not tell counts from when its request is repeated.

use std::{
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use rustc_hash::FxHashMap;

use super::customer::customer;
use crate::{
    model::{
        ids::{HoldId, SaleId},
        limits::RATE_ENTRIES,
    },
    server::{config::Config, telemetry::metrics::RATE_LIMITED},
};

/// For how long a hold counts with the units that it was made with, where this server has not heard of them yet.
const PATIENCE: Duration = Duration::from_secs(2);

/// The units held from each address.
pub struct HeldUnits {
    most: u64,
    book: Mutex<Book>,
}

/// What a request would hold.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    pub sale: &'a SaleId,
    pub units: u64,
    /// The hold that is to have them instead of what it has; `None` for a new hold.
    pub change_of: Option<HoldId>,
}

/// How a hold stands, as this server knows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// It is in line, and nobody knows yet whether there will be a hold.
    Undecided,
    /// It has so many units; none where it has ended.
    Has(u64),
    /// It had so many units when this server last heard of it. Others decide too, so that may be a moment ago.
    Had(u64),
}

/// The address would hold more than this.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooMuch {
    pub most: u64,
}

/// Room for the units of a request that is under way. Dropping it gives the room back.
pub struct Reservation {
    held: Arc<HeldUnits>,
    customer: IpAddr,
    units: u64,
}

#[derive(Default)]
struct Book {
    by_customer: FxHashMap<IpAddr, Account>,
    /// With how many customers those who hold nothing any more are looked for the next time.
    tidy_at: usize,
}

/// What one customer holds.
#[derive(Default)]
struct Account {
    /// Units of requests that are under way.
    reserved: u64,
    holds: Vec<Counted>,
}

/// A hold that counts.
struct Counted {
    sale: SaleId,
    hold: HoldId,
    /// `None` once this server has heard of these units.
    expected: Option<Expected>,
}

/// The units that a hold was made with.
struct Expected {
    units: u64,
    /// When they were first missed.
    missed_at: Option<Instant>,
}

impl Standing {
    /// The units that are known of.
    const fn units(self) -> u64 {
        match self {
            Self::Undecided => 0,
            Self::Has(units) | Self::Had(units) => units,
        }
    }
}

impl HeldUnits {
    /// `None` where nothing is limited: in a demo, or where the operator says 0.
    pub fn new(config: &Config) -> Option<Arc<Self>> {
        let most = config.max_held_per_address;
        let is_limited = !config.demo && most > 0;
        is_limited.then(|| Arc::new(Self { most: most.into(), book: Mutex::default() }))
    }

    /// Makes room for a request. The check and the reservation are one step, so requests that come at the same time
    /// cannot pass together. A change that takes nothing more than this server knows of has room.
    ///
    /// # Errors
    /// If the address would hold too much.
    pub fn reserve(
        self: &Arc<Self>,
        address: IpAddr,
        asked: Asked<'_>,
        standing: impl Fn(&SaleId, HoldId) -> Standing,
    ) -> Result<Reservation, TooMuch> {
        let Asked { sale, units, change_of } = asked;
        let (customer, now) = (customer(address), Instant::now());
        let mut book = self.book.lock();
        book.tidy(&standing, now);
        let account = book.by_customer.entry(customer).or_default();
        let held = account.units(change_of, &standing, now);
        // Looked up now and not earlier: another change of the same hold may have come first.
        let is_more = change_of.is_none_or(|hold| units > standing(sale, hold).units());
        if is_more && held.saturating_add(units) > self.most {
            book.forget_empty(customer);
            return Err(TooMuch { most: self.most });
        }
        account.reserved = account.reserved.saturating_add(units);
        Ok(Reservation { held: self.clone(), customer, units })
    }

    /// Counts a hold that an earlier request made, because its answer is repeated. A hold counts once.
    pub fn note(&self, address: IpAddr, sale: SaleId, hold: HoldId, standing: Standing) {
        let customer = customer(address);
        let mut book = self.book.lock();
        book.by_customer.entry(customer).or_default().count(sale, hold, None, standing);
        book.forget_empty(customer);
    }

    /// Counts a request that was refused for want of room.
    pub fn refused(&self) {
        metrics::counter!(RATE_LIMITED, "rate" => "held_units").increment(1);
    }

    #[cfg(test)]
    fn customers(&self) -> usize {
        self.book.lock().by_customer.len()
    }
}

impl Reservation {
    /// The request has become this hold, or is in line to become it. The hold counts from now on, and the room is given
    /// back.
    pub fn keep(mut self, sale: SaleId, hold: HoldId, standing: Standing) {
        let units = std::mem::take(&mut self.units);
        let mut book = self.held.book.lock();
        let account = book.by_customer.entry(self.customer).or_default();
        account.reserved = account.reserved.saturating_sub(units);
        account.count(sale, hold, Some(units), standing);
        book.forget_empty(self.customer);
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if self.units == 0 {
            return;
        }
        let mut book = self.held.book.lock();
        if let Some(account) = book.by_customer.get_mut(&self.customer) {
            account.reserved = account.reserved.saturating_sub(self.units);
        }
        book.forget_empty(self.customer);
    }
}

impl Book {
    /// Forgets a customer who holds nothing and asks for nothing.
    fn forget_empty(&mut self, customer: IpAddr) {
        if self.by_customer.get(&customer).is_some_and(Account::is_empty) {
            self.by_customer.remove(&customer);
        }
    }

    /// Where there are many customers, forgets those whose holds have ended. Seldom enough that this costs nothing.
    fn tidy(&mut self, standing: &impl Fn(&SaleId, HoldId) -> Standing, now: Instant) {
        if self.by_customer.len() < self.tidy_at.max(RATE_ENTRIES) {
            return;
        }
        self.by_customer.retain(|_, account| {
            account.units(None, standing, now);
            !account.is_empty()
        });
        self.tidy_at = 2 * self.by_customer.len();
    }
}

impl Account {
    fn is_empty(&self) -> bool {
        self.reserved == 0 && self.holds.is_empty()
    }

    /// All units but those of one hold. Forgets the holds that have ended.
    fn units(&mut self, except: Option<HoldId>, standing: &impl Fn(&SaleId, HoldId) -> Standing, now: Instant) -> u64 {
        let mut sum = self.reserved;
        self.holds.retain_mut(|counted| {
            let units = counted.units(standing(&counted.sale, counted.hold), now);
            if except != Some(counted.hold) {
                sum = sum.saturating_add(units);
            }
            units > 0
        });
        sum
    }

    fn count(&mut self, sale: SaleId, hold: HoldId, units: Option<u64>, standing: Standing) {
        let expected = units.map(|units| Expected { units, missed_at: None });
        let known = self.holds.iter().position(|counted| counted.hold == hold);
        let mut counted = match known {
            Some(position) => self.holds.swap_remove(position),
            None => Counted { sale, hold, expected: None },
        };
        counted.expected = expected.or(counted.expected);
        if counted.units(standing, Instant::now()) > 0 {
            self.holds.push(counted);
        }
    }
}

impl Counted {
    /// With how many units it counts.
    fn units(&mut self, standing: Standing, now: Instant) -> u64 {
        let heard = match standing {
            Standing::Undecided => return self.expected.as_ref().map_or(0, |expected| expected.units),
            Standing::Has(units) => {
                self.expected = None;
                return units;
            }
            Standing::Had(units) => units,
        };
        if let Some(expected) = &mut self.expected
            && expected.units != heard
        {
            let missed_at = *expected.missed_at.get_or_insert(now);
            if now.saturating_duration_since(missed_at) < PATIENCE {
                return heard.max(expected.units);
            }
        }
        self.expected = None;
        heard
    }
}

#[cfg(test)]
mod tests;

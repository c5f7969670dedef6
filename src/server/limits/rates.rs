//! How often one client may do what costs something. Asked before the body of a request is read.
//!
//! What these rates cannot do: a buyer who has many addresses has many buckets.

use std::{
    hash::Hash,
    net::IpAddr,
    time::{Duration, Instant},
};

use super::{buckets::Buckets, customer::customer};
use crate::{
    model::{
        ids::BuyerId,
        limits::{RATE_ENTRIES, WRONG_TOKENS_PERIOD_SECONDS},
    },
    server::{config::Config, telemetry::metrics::RATE_LIMITED},
};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// The client has used up a rate. It may try again after this time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooOften {
    pub wait: Duration,
}

/// Whose purchases are counted.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Purchaser {
    Address(IpAddr),
    /// A session, or the guest of an idempotency key.
    Buyer(BuyerId),
}

/// All rates of this server. A demo has none.
pub struct Rates {
    requests: Option<Buckets<IpAddr>>,
    new_guests: Option<Buckets<IpAddr>>,
    purchases: Option<Buckets<Purchaser>>,
    wrong_tokens: Option<Buckets<IpAddr>>,
}

impl Rates {
    pub fn new(config: &Config) -> Self {
        let period = Duration::from_secs(WRONG_TOKENS_PERIOD_SECONDS);
        Self {
            requests: buckets(config, config.requests_per_second, SECOND),
            new_guests: buckets(config, config.new_guests_per_minute, MINUTE),
            purchases: buckets(config, config.purchases_per_minute, MINUTE),
            wrong_tokens: buckets(config, config.wrong_tokens, period),
        }
    }

    /// Counts a request of any kind.
    pub fn request(&self, address: IpAddr) -> Result<(), TooOften> {
        take(self.requests.as_ref(), customer(address), "requests")
    }

    /// Counts a new guest.
    pub fn new_guest(&self, address: IpAddr) -> Result<(), TooOften> {
        take(self.new_guests.as_ref(), customer(address), "new_guests")
    }

    /// Counts a request for stock, both by address and by buyer.
    pub fn purchase(&self, address: IpAddr, buyer: BuyerId) -> Result<(), TooOften> {
        let purchases = self.purchases.as_ref();
        take(purchases, Purchaser::Address(customer(address)), "purchases")?;
        take(purchases, Purchaser::Buyer(buyer), "purchases")
    }

    /// Whether so many wrong tokens came from this address that no token of it is looked at for a while.
    pub fn lock_out(&self, address: IpAddr) -> Result<(), TooOften> {
        let missing =
            self.wrong_tokens.as_ref().and_then(|failures| failures.missing(customer(address), Instant::now()));
        missing.map_or(Ok(()), |wait| Err(told("wrong_tokens", wait)))
    }

    /// Counts a wrong token.
    pub fn wrong_token(&self, address: IpAddr) {
        if let Some(failures) = &self.wrong_tokens {
            let _ = failures.take(customer(address), Instant::now());
        }
    }
}

/// The buckets of a rate; none in a demo, or where the operator has lifted the rate with 0.
fn buckets<Customer: Copy + Eq + Hash>(config: &Config, capacity: u32, period: Duration) -> Option<Buckets<Customer>> {
    (!config.demo && capacity > 0).then(|| Buckets::new(capacity, period, RATE_ENTRIES))
}

fn take<Customer: Copy + Eq + Hash>(
    buckets: Option<&Buckets<Customer>>,
    customer: Customer,
    rate: &'static str,
) -> Result<(), TooOften> {
    let Some(buckets) = buckets else { return Ok(()) };
    buckets.take(customer, Instant::now()).map_err(|wait| told(rate, wait))
}

fn told(rate: &'static str, wait: Duration) -> TooOften {
    metrics::counter!(RATE_LIMITED, "rate" => rate).increment(1);
    TooOften { wait }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{model::limits::MAX_WRONG_TOKENS, server::config::Flags};

    const FILE: &str = "[limits]\nrequests_per_second = 3\nnew_guests_per_minute = 2\npurchases_per_minute = 2";

    fn rates(demo: bool) -> Rates {
        Rates::new(&Config::from_sources(Flags { demo, ..Flags::default() }, |_| None, FILE).unwrap())
    }

    fn buyer(number: u128) -> BuyerId {
        BuyerId(uuid::Uuid::from_u128(number))
    }

    #[test]
    fn each_address_has_its_rates() {
        let (rates, address, other) = (rates(false), IpAddr::from([203, 0, 113, 7]), IpAddr::from([203, 0, 113, 8]));
        assert!((0..3).all(|_| rates.request(address).is_ok()));
        assert!(rates.request(address).is_err());
        assert!(rates.request(other).is_ok());
        assert!((0..2).all(|_| rates.new_guest(address).is_ok()));
        assert!(rates.new_guest(address).unwrap_err().wait > SECOND);
    }

    #[test]
    fn purchases_are_counted_by_address_and_by_buyer() {
        let (rates, address) = (rates(false), |last| IpAddr::from([203, 0, 113, last]));
        assert!(rates.purchase(address(1), buyer(1)).is_ok());
        assert!(rates.purchase(address(1), buyer(2)).is_ok());
        assert!(rates.purchase(address(1), buyer(3)).is_err(), "the address has had its two");
        assert!(rates.purchase(address(2), buyer(1)).is_ok());
        assert!(rates.purchase(address(3), buyer(1)).is_err(), "the buyer has had their two");
    }

    #[test]
    fn wrong_tokens_lock_an_address_out_for_a_while() {
        let (rates, address) = (rates(false), IpAddr::from([203, 0, 113, 7]));
        for _ in 0..MAX_WRONG_TOKENS {
            assert_eq!(rates.lock_out(address), Ok(()));
            rates.wrong_token(address);
        }
        let wait = rates.lock_out(address).unwrap_err().wait;
        assert!(wait > MINUTE && wait <= Duration::from_secs(WRONG_TOKENS_PERIOD_SECONDS), "{wait:?}");
        assert_eq!(rates.lock_out(IpAddr::from([203, 0, 113, 8])), Ok(()));
    }

    #[test]
    fn a_demo_has_no_rates() {
        let (rates, address) = (rates(true), IpAddr::from([127, 0, 0, 1]));
        assert!((0..1_000).all(|_| rates.request(address).is_ok() && rates.purchase(address, buyer(1)).is_ok()));
        (0..10).for_each(|_| rates.wrong_token(address));
        assert_eq!(rates.lock_out(address), Ok(()));
    }
}

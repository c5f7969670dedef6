//! Token buckets, one per customer, in bounded memory.
//!
//! A bucket is kept as one number: the moment at which it will be full again (the generic cell rate algorithm). A full
//! bucket needs no entry.

use std::{
    collections::HashMap,
    hash::Hash,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

/// Buckets that hold up to `capacity` tokens each and fill up within `period`.
pub struct Buckets<Customer> {
    /// The time in which one token is added.
    interval: Duration,
    /// The time in which an empty bucket becomes full.
    period: Duration,
    max_entries: usize,
    full_at: Mutex<HashMap<Customer, Instant>>,
}

impl<Customer: Copy + Eq + Hash> Buckets<Customer> {
    /// `capacity` tokens per `period`. At most `max_entries` customers are remembered.
    pub fn new(capacity: u32, period: Duration, max_entries: usize) -> Self {
        Self { interval: period / capacity, period, max_entries, full_at: Mutex::default() }
    }

    /// Takes a token.
    ///
    /// # Errors
    /// The time until the next token, if there is none now.
    pub fn take(&self, customer: Customer, now: Instant) -> Result<(), Duration> {
        let mut full_at = self.full_at.lock();
        let full = full_at.get(&customer).map_or(now, |&full| full.max(now)) + self.interval;
        let missing = full.saturating_duration_since(now + self.period);
        if !missing.is_zero() {
            return Err(missing);
        }
        if full_at.len() >= self.max_entries && !full_at.contains_key(&customer) {
            forget_some(&mut full_at, now);
        }
        full_at.insert(customer, full);
        Ok(())
    }

    /// The time until the next token, if there is none now. Takes nothing.
    pub fn missing(&self, customer: Customer, now: Instant) -> Option<Duration> {
        let full = *self.full_at.lock().get(&customer)?;
        let missing = (full + self.interval).saturating_duration_since(now + self.period);
        (!missing.is_zero()).then_some(missing)
    }

    #[cfg(test)]
    pub fn entries(&self) -> usize {
        self.full_at.lock().len()
    }
}

/// Makes room: first those whose buckets are full are forgotten, which changes nothing. If nearly all are in use, the
/// half whose buckets are fuller is forgotten. The busiest customers stay limited.
fn forget_some<Customer>(full_at: &mut HashMap<Customer, Instant>, now: Instant) {
    let before = full_at.len();
    full_at.retain(|_, full| *full > now);
    if full_at.len() > before / 2 {
        let mut moments: Vec<Instant> = full_at.values().copied().collect();
        let middle = moments.len() / 2;
        let median = *moments.select_nth_unstable(middle).1;
        full_at.retain(|_, full| *full > median);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_bucket_gives_its_tokens_and_fills_up_with_time() {
        let (buckets, start) = (Buckets::new(4, SECOND, 10), Instant::now());
        assert!((0..4).all(|_| buckets.take(1, start).is_ok()));
        assert_eq!(buckets.take(1, start), Err(SECOND / 4));
        assert_eq!(buckets.missing(1, start), Some(SECOND / 4));
        assert_eq!(buckets.take(2, start), Ok(()), "another customer has a bucket of its own");
        assert_eq!(buckets.take(1, start + SECOND / 4), Ok(()));
        assert_eq!(buckets.take(1, start + SECOND / 4), Err(SECOND / 4));
        assert!((0..4).all(|_| buckets.take(1, start + 9 * SECOND).is_ok()));
        assert!(buckets.take(1, start + 9 * SECOND).is_err(), "a rest does not save up more than a full bucket");
    }

    #[test]
    fn a_refused_request_takes_nothing() {
        let (buckets, start) = (Buckets::new(2, SECOND, 10), Instant::now());
        assert_eq!((buckets.take(1, start), buckets.take(1, start)), (Ok(()), Ok(())));
        assert!((0..100).all(|_| buckets.take(1, start).is_err()));
        assert_eq!(buckets.take(1, start + SECOND / 2), Ok(()));
        assert_eq!(buckets.missing(3, start), None);
    }

    #[test]
    fn memory_is_bounded_and_the_busiest_stay_limited() {
        let (buckets, start) = (Buckets::new(10, SECOND, 100), Instant::now());
        assert!((0..10).all(|_| buckets.take(0, start).is_ok()));
        for stranger in 1..10_000 {
            assert_eq!(buckets.take(stranger, start), Ok(()));
            assert!(buckets.entries() <= 100);
        }
        assert!(buckets.take(0, start).is_err());
        // Whoever was forgotten because its bucket is full again lost nothing.
        assert_eq!(buckets.take(10_000, start + 2 * SECOND), Ok(()));
    }
}

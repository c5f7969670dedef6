//! UUIDv7 in the order of creation, and ticket codes.

use parking_lot::Mutex;
use rand::{Rng, RngExt};
use uuid::Uuid;

use crate::model::time::Timestamp;

/// Hands out UUIDv7 that sort in the order in which they were made, so that rows with these ids are stored side by
/// side.
///
/// Layout after RFC 9562, section 6.2, method 1: 48 bits of milliseconds, then a counter of 32 bits split over `rand_a`
/// and the head of `rand_b`, then 42 random bits. The counter starts anew with each millisecond at a random number
/// below 2^31, so one millisecond has room for at least two thousand million ids.
#[derive(Default)]
pub struct Identifiers {
    last: Mutex<(i64, u32)>,
}

impl Identifiers {
    /// A new id. The order holds even when the clock stands still or goes back, because the counter goes on.
    pub fn next(&self, now: Timestamp) -> Uuid {
        let mut random = rand::rng();
        let (milliseconds, counter) = {
            let mut last = self.last.lock();
            *last = if now.milliseconds > last.0 {
                (now.milliseconds, random.random::<u32>() >> 1)
            } else {
                match last.1.checked_add(1) {
                    Some(counter) => (last.0, counter),
                    None => (last.0 + 1, 0),
                }
            };
            *last
        };
        let mut bytes = [0; 10];
        random.fill_bytes(&mut bytes);
        let counter = counter.to_be_bytes();
        // 12 bits of the counter go into rand_a, 20 into rand_b. The version takes the four bits in front of rand_a,
        // the variant the first two bits of rand_b.
        bytes[0] = counter[0] >> 4;
        bytes[1] = counter[0] << 4 | counter[1] >> 4;
        bytes[2] = (counter[1] & 0x0f) << 2 | counter[2] >> 6;
        bytes[3] = counter[2] << 2 | counter[3] >> 6;
        bytes[4] = counter[3] << 2 | bytes[4] & 0x03;
        uuid::Builder::from_unix_timestamp_millis(milliseconds.try_into().unwrap_or_default(), &bytes).into_uuid()
    }
}

/// 128 random bits from a generator made for secrets.
pub fn ticket_code() -> [u8; 16] {
    rand::rng().random()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_in_the_order_in_which_they_were_made_even_when_time_runs_back() {
        let identifiers = Identifiers::default();
        let times = [1_700_000_000_000, 1_700_000_000_000, 1_699_999_999_000, 1_700_000_000_001];
        let made: Vec<Uuid> = times
            .into_iter()
            .flat_map(|time| (0..5_000).map(move |_| time))
            .map(|time| identifiers.next(Timestamp::from_milliseconds(time)))
            .collect();
        assert!(made.is_sorted_by(|earlier, later| earlier < later), "ids are unique and in order");
        assert!(made.iter().all(|id| id.get_version_num() == 7 && id.get_variant() == uuid::Variant::RFC4122));
    }
}

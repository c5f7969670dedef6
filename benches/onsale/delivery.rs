//! How soon a change reaches all viewers, and how fast one frame is delivered.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use onsale::model::tally::Latencies;

use super::{
    report::{Goal, Sample, sample},
    settings::Failure,
    viewers::Arrival,
};

/// The viewers that the goals are for. If the limit of file descriptors allows fewer, fewer are used and the table says
/// so.
pub const VIEWERS: usize = 10_000;
/// How long the bench waits for the last frame to reach everybody.
pub const SETTLING: Duration = Duration::from_secs(2);

/// The time from sending a purchase until a viewer has read its change, which includes the commit and the tick. And the
/// deliveries per second while one frame goes to all viewers.
///
/// Changes of one tick travel in one frame, so a viewer has read a change when it has read a frame with the change's
/// number or a later one. Every viewer must have read every change.
pub fn delivery(
    who: &str,
    published: &BTreeMap<u64, Instant>,
    arrivals: &[Arrival],
    count: usize,
) -> Result<Vec<Sample>, Failure> {
    let mut latencies = Latencies::default();
    let mut bursts: BTreeMap<u64, Burst> = BTreeMap::new();
    let mut newest = vec![0; count];
    for Arrival { viewer, number, read } in arrivals {
        let before = newest[*viewer];
        if before >= *number {
            continue; // a heartbeat: nothing new
        }
        newest[*viewer] = *number;
        for sent in published.range(before + 1..=*number).map(|(_, sent)| sent) {
            latencies.record(u64::try_from(read.duration_since(*sent).as_micros())?);
        }
        bursts.entry(*number).or_insert_with(|| Burst::at(*read)).take(*read);
    }
    let expected = (published.len() * count) as u64;
    if latencies.count() != expected {
        return Err(format!("{} of {expected} changes were read", latencies.count()).into());
    }
    let seconds: f64 = bursts.values().map(|burst| burst.last.duration_since(burst.first).as_secs_f64()).sum();
    let deliveries: u64 = bursts.values().map(|burst| burst.deliveries).sum();
    let quantile = |quantile| latencies.quantile_milliseconds(quantile);
    #[allow(clippy::cast_precision_loss)] // far below 2⁵³
    Ok(vec![
        sample(format!("{who}: change sent to read, p50"), quantile(0.50), "ms", Goal::None),
        sample(format!("{who}: change sent to read, p99"), quantile(0.99), "ms", Goal::AtMost(75.0)),
        sample(format!("{who}: changes per frame"), published.len() as f64 / bursts.len() as f64, "", Goal::None),
        sample(format!("{who}: deliveries in a burst"), deliveries as f64 / seconds, "/s", Goal::AtLeast(100_000.0)),
    ])
}

/// The delivery of one frame to all viewers.
struct Burst {
    first: Instant,
    last: Instant,
    deliveries: u64,
}

impl Burst {
    const fn at(read: Instant) -> Self {
        Self { first: read, last: read, deliveries: 0 }
    }

    fn take(&mut self, read: Instant) {
        self.last = self.last.max(read);
        self.deliveries += 1;
    }
}

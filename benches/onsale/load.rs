//! Two loops of requests. In the closed loop each connection sends as soon as it has its answer, which measures
//! capacity. In the open loop requests are due at a fixed rate, whether earlier ones are answered or not, which
//! measures latency without coordinated omission.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    net::SocketAddr,
    rc::Rc,
    time::{Duration, Instant},
};

use onsale::model::tally::Latencies;
use tokio::task::LocalSet;

use super::{settings::Failure, wire::Wire};

/// Writes the bytes of a request, given the number of the connection and the number of the request on it. `false` if
/// there is nothing left to request.
pub type Compose = dyn Fn(usize, u64, &mut Vec<u8>) -> bool;

/// The result of a loop of requests.
pub struct Outcome {
    pub statuses: BTreeMap<u16, u64>,
    pub seconds: f64,
    latencies: Latencies,
}

/// How far the number of requests in flight, computed from rate and latency, may differ from the real number, as a
/// share.
const IN_FLIGHT_TOLERANCE: f64 = 0.15;

impl Outcome {
    /// Checks Little's law: in a closed loop, rate times mean latency is the number of connections. If it does not
    /// hold, the figures contradict each other, and the measurement is wrong.
    #[allow(clippy::cast_precision_loss)] // far below 2⁵³
    fn require_consistent(&self, connections: usize) -> Result<(), Failure> {
        let rate = self.latencies.count() as f64 / self.seconds;
        let in_flight = rate * self.latencies.mean_milliseconds() / 1000.0;
        if (in_flight / connections as f64 - 1.0).abs() <= IN_FLIGHT_TOLERANCE {
            return Ok(());
        }
        Err(format!("rate and latency make {in_flight:.1} requests in flight over {connections} connections").into())
    }

    pub fn count(&self, status: u16) -> u64 {
        self.statuses.get(&status).copied().unwrap_or(0)
    }

    /// Answers with this status per second. Fails if there was an answer with another status.
    #[allow(clippy::cast_precision_loss)] // far below 2⁵³
    pub fn rate(&self, status: u16) -> Result<f64, Failure> {
        let all: u64 = self.statuses.values().sum();
        if all == 0 || all != self.count(status) {
            return Err(format!("answers other than {status}: {:?}", self.statuses).into());
        }
        Ok(all as f64 / self.seconds)
    }

    pub fn quantile_ms(&self, quantile: f64) -> f64 {
        self.latencies.quantile_milliseconds(quantile)
    }
}

/// When requests are sent.
#[derive(Clone, Copy)]
pub enum Pace {
    Closed,
    /// Requests per second over all connections.
    Open(f64),
}

/// Sends requests over `connections` for `duration`, on this thread.
pub fn run(
    address: SocketAddr,
    connections: usize,
    duration: Duration,
    pace: Pace,
    compose: Rc<Compose>,
) -> Result<Outcome, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        let mut wires = Vec::with_capacity(connections);
        for _ in 0..connections {
            wires.push(Wire::open(address).await?);
        }
        let started = Instant::now();
        let shared = Rc::new(Shared {
            started,
            until: started + duration,
            pace,
            connections,
            compose,
            statuses: RefCell::default(),
            latencies: RefCell::default(),
        });
        let slots: Vec<_> = wires
            .into_iter()
            .enumerate()
            .map(|(number, wire)| tokio::task::spawn_local(Rc::clone(&shared).serve(number, wire)))
            .collect();
        for slot in slots {
            slot.await??;
        }
        let seconds = started.elapsed().as_secs_f64();
        let shared = Rc::into_inner(shared).ok_or("a connection is still in use")?;
        let outcome =
            Outcome { statuses: shared.statuses.into_inner(), seconds, latencies: shared.latencies.into_inner() };
        // Too few requests say nothing: the loop had nothing left to request.
        if matches!(pace, Pace::Closed) && outcome.latencies.count() > connections as u64 {
            outcome.require_consistent(connections)?;
        }
        Ok(outcome)
    })
}

struct Shared {
    started: Instant,
    until: Instant,
    pace: Pace,
    connections: usize,
    compose: Rc<Compose>,
    statuses: RefCell<BTreeMap<u16, u64>>,
    latencies: RefCell<Latencies>,
}

impl Shared {
    async fn serve(self: Rc<Self>, number: usize, mut wire: Wire) -> std::io::Result<()> {
        let mut request = Vec::with_capacity(1024);
        for count in 0.. {
            let Some(due) = self.due(number, count).await else { return Ok(()) };
            request.clear();
            if !(self.compose)(number, count, &mut request) {
                return Ok(());
            }
            let status = wire.exchange(&request).await?.status;
            let latency = u64::try_from(due.elapsed().as_micros()).unwrap_or(u64::MAX);
            *self.statuses.borrow_mut().entry(status).or_default() += 1;
            self.latencies.borrow_mut().record(latency);
        }
        Ok(())
    }

    /// Waits until the next request of this connection is due; `None` at the end. Latency is measured from that moment,
    /// so that it includes the time a request waits behind a slow answer.
    async fn due(&self, number: usize, count: u64) -> Option<Instant> {
        let due = match self.pace {
            Pace::Closed => Instant::now(),
            Pace::Open(rate) => {
                #[allow(clippy::cast_precision_loss)] // far below 2⁵³
                let place = number as f64 + count as f64 * self.connections as f64;
                let due = self.started + Duration::from_secs_f64(place / rate);
                tokio::time::sleep_until(due.into()).await;
                due
            }
        };
        (due < self.until).then_some(due)
    }
}

//! Many viewers hear of every change: how soon, how many deliveries, at what memory, and what it costs the buyers.

use std::{
    collections::BTreeMap,
    rc::Rc,
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use onsale::model::limits::MAX_GENERAL_ADMISSION_UNITS;

use super::{
    Failure, Measured, Settings,
    buying::{CONNECTIONS, guests, purchases},
    load::{Pace, run},
    report::{Goal, Sample, sample},
    server::Server,
    viewers::{Arrival, Fleet, last_number},
    wire::{self, Wire},
};

/// Viewers of the goal; fewer where the descriptor limit is lower, which the table then says.
pub const VIEWERS: usize = 10_000;
/// Changes per second while delivery is measured.
const CHANGES_PER_SECOND: u32 = 10;
/// Time that the last frame is given to reach everybody.
const SETTLING: Duration = Duration::from_millis(800);

pub fn measure(settings: &Settings) -> Measured {
    let server = Server::start()?;
    let sale = server.general_admission("Watched", MAX_GENERAL_ADMISSION_UNITS)?;
    let guests = guests(&server)?;
    // Buying alone first: it warms the server up, so that its memory afterwards grows by the viewers only.
    let alone = run(server.address, CONNECTIONS, settings.duration, Pace::Closed, purchases(&server, &sale, &guests))?;
    let mut won = alone.count(201);

    let count = Fleet::size(VIEWERS);
    let before_kib = server.resident_kib()?;
    let stream = wire::request("GET", &format!("/api/v1/sales/{sale}/stream"), server.address, "", b"");
    let fleet = Fleet::open(server.address, stream, count, |bytes| last_number(bytes, b"id: "))?;
    std::thread::sleep(SETTLING);
    #[allow(clippy::cast_precision_loss)] // thousands
    let per_viewer_kib = (server.resident_kib()? - before_kib) / count as f64;
    let mut samples = vec![
        #[allow(clippy::cast_precision_loss)] // thousands
        sample("viewers", count as f64, "", Goal::None),
        sample("memory per idle viewer", per_viewer_kib, "KiB", Goal::AtMost(14.0)),
    ];

    fleet.take_arrivals();
    let published = publish(settings, &server, &sale, &guests[0])?;
    won += published.len() as u64;
    std::thread::sleep(SETTLING);
    samples.extend(delivery("viewers", &published, &fleet.take_arrivals(), count)?);

    let begun = Instant::now();
    let watched =
        run(server.address, CONNECTIONS, settings.duration, Pace::Closed, purchases(&server, &sale, &guests))?;
    let seconds = begun.elapsed().as_secs_f64();
    won += watched.count(201);
    #[allow(clippy::cast_precision_loss)] // millions
    let deliveries = fleet.take_arrivals().len() as f64 / seconds;
    fleet.close()?;
    server.require_clean(&sale, won)?;
    samples.extend([
        sample("buying alone", alone.rate(201)?, "/s", Goal::None),
        sample("buying while viewers watch", watched.rate(201)?, "/s", Goal::None),
        sample(
            "buying while viewers watch, share of alone",
            watched.rate(201)? / alone.rate(201)?,
            "",
            Goal::AtLeast(0.5),
        ),
        sample("buying while viewers watch, p99", watched.quantile_ms(0.99), "ms", Goal::AtMost(20.0)),
        sample("deliveries while buying", deliveries, "/s", Goal::None),
    ]);
    Ok(samples)
}

/// Buys one unit ten times a second; each purchase's seq with the moment just before it was sent.
fn publish(settings: &Settings, server: &Server, sale: &str, guest: &str) -> Result<BTreeMap<u64, Instant>, Failure> {
    let compose = purchases(server, sale, &Rc::from([guest.to_owned()]));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut wire = Wire::open(server.address).await?;
        let mut published = BTreeMap::new();
        let mut ticks = tokio::time::interval(Duration::from_secs(1) / CHANGES_PER_SECOND);
        let begun = Instant::now();
        let mut request = Vec::new();
        while begun.elapsed() < settings.duration {
            ticks.tick().await;
            request.clear();
            compose(0, 0, &mut request);
            let sent = Instant::now();
            let reply = wire.exchange(&request).await?;
            if reply.status != 201 {
                return Err(format!("a purchase was answered {}", reply.status).into());
            }
            let order: onsale::model::order::Order = serde_json::from_slice(reply.body)?;
            published.insert(order.seq, sent);
        }
        Ok(published)
    })
}

/// How soon after a change was sent everybody had read it, the commit and the tick included, and how many deliveries a
/// second the burst of one frame comes to.
pub fn delivery(
    who: &str,
    published: &BTreeMap<u64, Instant>,
    arrivals: &[Arrival],
    count: usize,
) -> Result<Vec<Sample>, Failure> {
    let mut latencies: Histogram<u64> = Histogram::new(3)?;
    let mut bursts: BTreeMap<u64, (Instant, Instant, u64)> = BTreeMap::new();
    for (number, read) in arrivals {
        let Some(sent) = published.get(number) else { continue };
        latencies.saturating_record(u64::try_from(read.duration_since(*sent).as_micros())?);
        let burst = bursts.entry(*number).or_insert((*read, *read, 0));
        *burst = (burst.0.min(*read), burst.1.max(*read), burst.2 + 1);
    }
    let expected = (published.len() * count) as u64;
    if latencies.len() < expected * 99 / 100 {
        return Err(format!("{} of {expected} deliveries arrived", latencies.len()).into());
    }
    let (mut seconds, mut deliveries) = (0.0, 0);
    for (first, last, read) in bursts.into_values() {
        seconds += last.duration_since(first).as_secs_f64();
        deliveries += read;
    }
    #[allow(clippy::cast_precision_loss)] // far below 2⁵³
    Ok(vec![
        sample(
            format!("{who}: change sent to read, p50"),
            latencies.value_at_quantile(0.50) as f64 / 1000.0,
            "ms",
            Goal::None,
        ),
        sample(
            format!("{who}: change sent to read, p99"),
            latencies.value_at_quantile(0.99) as f64 / 1000.0,
            "ms",
            Goal::AtMost(75.0),
        ),
        sample(format!("{who}: deliveries in a burst"), deliveries as f64 / seconds, "/s", Goal::AtLeast(100_000.0)),
    ])
}

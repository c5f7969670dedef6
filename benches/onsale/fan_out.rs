//! Many viewers receive every change: how soon, how many deliveries per second, with how much memory, and how much this
//! slows the buyers.

use std::{
    collections::BTreeMap,
    rc::Rc,
    time::{Duration, Instant},
};

use onsale::model::limits::MAX_GENERAL_ADMISSION_UNITS;

use super::{
    buying::{CONNECTIONS, guests, p99, pings, purchases},
    delivery::{SETTLING, VIEWERS, delivery},
    load::{Pace, run},
    nchan,
    report::{Goal, Sample, sample},
    server::Server,
    settings::{Failure, Measured, Settings},
    viewers::{Fleet, last_number},
    wire::{self, Wire},
};

/// Viewers that come and go before memory is measured.
const WARMING_VIEWERS: usize = 50;
/// Changes per second while delivery is measured.
const CHANGES_PER_SECOND: u32 = 10;

pub fn measure(settings: &Settings) -> Measured {
    let count = Fleet::size(VIEWERS);
    let mut samples = vec![
        #[allow(clippy::cast_precision_loss)] // thousands
        sample("viewers", count as f64, "", Goal::None),
        sample("memory per idle viewer", idle_viewer_kib(count)?, "KiB", Goal::AtMost(14.0)),
    ];

    let server = Server::start()?;
    let sale = server.general_admission("Watched", MAX_GENERAL_ADMISSION_UNITS)?;
    let guests = guests(&server)?;
    let ping = run(server.address, CONNECTIONS, settings.duration, Pace::Closed, pings(&server, &guests))?;
    let alone = run(server.address, CONNECTIONS, settings.duration, Pace::Closed, purchases(&server, &sale, &guests))?;
    let mut won = alone.count(201);
    let fleet = watch(&server, &sale, count)?;
    std::thread::sleep(SETTLING);

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
    ]);
    samples.extend(p99("buying while viewers watch", &watched, &ping, 20.0));
    samples.push(sample("deliveries while buying", deliveries, "/s", Goal::None));
    drop(server);
    let yardstick = nchan::measure(settings)?;
    if let (Some(ours), Some(theirs)) = (slowest(&samples), slowest(&yardstick)) {
        samples.push(sample("viewers: p99, share of nginx with nchan", ours / theirs, "", Goal::AtMost(1.0)));
    }
    samples.extend(yardstick);
    Ok(samples)
}

/// The p99 of the delivery time, among the figures of [`delivery`].
fn slowest(samples: &[Sample]) -> Option<f64> {
    samples.iter().find(|sample| sample.name.ends_with("sent to read, p99")).map(|sample| sample.value)
}

/// The memory of one viewer, on a server that has done nothing else. A server that has worked before holds freed
/// memory, and viewers who use that memory would seem to cost nothing. A few viewers come first, so that code that is
/// read from disk is not counted.
fn idle_viewer_kib(count: usize) -> Result<f64, Failure> {
    let server = Server::start()?;
    let sale = server.general_admission("Idle", 1)?;
    watch(&server, &sale, WARMING_VIEWERS)?.close()?;
    std::thread::sleep(SETTLING);
    let before_kib = server.resident_kib()?;
    let fleet = watch(&server, &sale, count)?;
    std::thread::sleep(SETTLING);
    let after_kib = server.resident_kib()?;
    fleet.close()?;
    #[allow(clippy::cast_precision_loss)] // thousands
    Ok((after_kib - before_kib) / count as f64)
}

fn watch(server: &Server, sale: &str, count: usize) -> Result<Fleet, Failure> {
    let stream = wire::request("GET", &format!("/api/v1/sales/{sale}/stream"), server.address, "", b"");
    Fleet::open(server.address, stream, count, |bytes| last_number(bytes, b"id: "))
}

/// Buys one unit ten times a second. Returns the `seq` of each purchase, with the moment just before it was sent.
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

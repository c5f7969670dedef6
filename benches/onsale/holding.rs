//! Holds, compared with purchases in the same run: held and then confirmed, and many that end at the same time while others
//! buy.

use std::{
    cell::Cell,
    net::SocketAddr,
    rc::Rc,
    time::{Duration, Instant},
};

use onsale::model::limits::MAX_GENERAL_ADMISSION_UNITS;
use tokio::task::LocalSet;
use uuid::Uuid;

use super::{
    buying::{CONNECTIONS, guests, purchases},
    load::{Pace, run},
    report::{Goal, sample},
    server::Server,
    settings::{Failure, Measured, Settings},
    wire::{Wire, request},
};

/// Holds that end at about the same time.
const ENDING: u64 = 10_000;
/// How long each of these lasts: longer than it takes to make them all.
const ENDING_AFTER_SECONDS: u64 = 12;
const ONE_UNIT: &[u8] = br#"{"items":[{"tier":"ga","quantity":1}]}"#;

pub fn measure(settings: &Settings) -> Measured {
    let server = Server::start()?;
    let buyers = guests(&server)?;
    let bought = server.general_admission("Bought at once", MAX_GENERAL_ADMISSION_UNITS)?;
    let buying =
        run(server.address, CONNECTIONS, settings.duration, Pace::Closed, purchases(&server, &bought, &buyers))?;
    let buying_rate = buying.rate(201)?;
    let held = server.general_admission("Held and confirmed", MAX_GENERAL_ADMISSION_UNITS)?;
    let (pairs, seconds) = pairs(server.address, &held, &buyers, settings.duration)?;
    server.require_clean(&held, pairs)?;
    #[allow(clippy::cast_precision_loss)] // far below 2⁵³
    let pair_rate = pairs as f64 / seconds;

    let ending = server.general_admission("Ending", MAX_GENERAL_ADMISSION_UNITS)?;
    server.set_hold_seconds(&ending, ENDING_AFTER_SECONDS)?;
    let begun = Instant::now();
    let taking = hold_so_many(server.address, &ending, &buyers)?;
    let first_end = Duration::from_secs(ENDING_AFTER_SECONDS).saturating_sub(begun.elapsed());
    std::thread::sleep(first_end);
    let beside =
        run(server.address, CONNECTIONS, settings.duration, Pace::Closed, purchases(&server, &bought, &buyers))?;
    let beside_rate = beside.rate(201)?;
    server.require_clean(&bought, buying.count(201) + beside.count(201))?;
    server.require_clean(&ending, 0)?;
    Ok(vec![
        sample("purchases, for comparison with holds", buying_rate, "/s", Goal::None),
        sample("held, then confirmed", pair_rate, "pairs/s", Goal::None),
        sample("held, then confirmed, share of purchases", pair_rate / buying_rate, "", Goal::AtLeast(0.45)),
        sample("10,000 holds, all taken within", taking.as_secs_f64(), "s", Goal::None),
        sample("purchases while they end, share of purchases", beside_rate / buying_rate, "", Goal::AtLeast(0.8)),
    ])
}

/// The bytes of a POST as this guest.
fn post(address: SocketAddr, path: &str, guest: &str, body: &[u8]) -> Vec<u8> {
    let headers = format!("{guest}Idempotency-Key: {}\r\n", Uuid::now_v7());
    request("POST", path, address, &headers, body)
}

/// Holds one unit and returns the hold's path.
async fn hold(wire: &mut Wire, address: SocketAddr, sale: &str, guest: &str) -> std::io::Result<String> {
    let path = format!("/api/v1/sales/{sale}/holds");
    let reply = wire.exchange(&post(address, &path, guest, ONE_UNIT)).await?;
    let location = reply.header("location").filter(|_| reply.status == 201);
    location.map(str::to_owned).ok_or_else(|| refused(reply.status))
}

fn refused(status: u16) -> std::io::Error {
    std::io::Error::other(format!("the answer was {status}"))
}

/// Holds and confirms for so long over all connections, and returns how many pairs there were in how many seconds.
fn pairs(address: SocketAddr, sale: &str, guests: &Rc<[String]>, duration: Duration) -> Result<(u64, f64), Failure> {
    let (count, started) = (Rc::new(Cell::new(0)), Instant::now());
    on_all_connections(guests, async |guest| {
        let mut wire = Wire::open(address).await?;
        while started.elapsed() < duration {
            let hold = hold(&mut wire, address, sale, guest).await?;
            let status = wire.exchange(&post(address, &format!("{hold}/confirm"), guest, b"{}")).await?.status;
            if status != 201 {
                return Err(refused(status));
            }
            count.set(count.get() + 1);
        }
        Ok(())
    })?;
    Ok((count.get(), started.elapsed().as_secs_f64()))
}

/// Takes the holds that end together, and returns how long that took.
fn hold_so_many(address: SocketAddr, sale: &str, guests: &Rc<[String]>) -> Result<Duration, Failure> {
    let (left, started) = (Rc::new(Cell::new(ENDING)), Instant::now());
    on_all_connections(guests, async |guest| {
        let mut wire = Wire::open(address).await?;
        while left.get() > 0 {
            left.set(left.get() - 1);
            hold(&mut wire, address, sale, guest).await?;
        }
        Ok(())
    })?;
    Ok(started.elapsed())
}

/// Runs this once for each guest, all at the same time, on this thread.
fn on_all_connections(guests: &Rc<[String]>, work: impl AsyncFn(&str) -> std::io::Result<()>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        let all = futures_util::future::join_all(guests.iter().map(|guest| work(guest))).await;
        all.into_iter().collect::<Result<Vec<()>, _>>().map(drop).map_err(Failure::from)
    })
}

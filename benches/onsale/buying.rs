//! Purchases and refusals, each compared with a POST that does no work, on the same server in the same run.

use std::{cell::Cell, net::SocketAddr, process::Command, rc::Rc};

use onsale::model::{
    body::BuyBody,
    ids::TierId,
    limits::{MAX_GENERAL_ADMISSION_UNITS, MAX_SEATS_PER_SALE},
};
use rand::seq::SliceRandom;
use serde_json::json;
use uuid::Uuid;

use super::{
    load::{Compose, Outcome, Pace, run},
    report::{Goal, Sample, sample},
    server::Server,
    settings::{Failure, Measured, Settings},
    wire,
};

/// Connections that a loop of requests uses.
pub const CONNECTIONS: usize = 256;
/// The arrival rate of the open loop, as a share of the rate that the closed loop reached.
const OPEN_LOOP_SHARE: f64 = 0.5;

/// The p99 of the no-work POST on the machine where the goals in milliseconds were set. Another machine is slower or
/// faster at both, so every goal in milliseconds is also given as a ratio to this yardstick.
const YARDSTICK_P99_MS: f64 = 5.4;

/// The p99 of purchases, which should be at most `goal_ms`: in milliseconds, and as a multiple of the no-work POST's
/// p99.
pub fn p99(name: &str, measured: &Outcome, no_work: &Outcome, goal_ms: f64) -> [Sample; 2] {
    let (ours, yardstick) = (measured.quantile_ms(0.99), no_work.quantile_ms(0.99));
    [
        sample(format!("{name}, p99"), ours, "ms", Goal::AtMost(goal_ms)),
        sample(
            format!("{name}, p99, times that of the no-work POST"),
            ours / yardstick,
            "",
            Goal::AtMost(goal_ms / YARDSTICK_P99_MS),
        ),
    ]
}

/// Kinds of idempotency keys. The keys of our own clients are ordered by time; those of other clients may be random.
#[derive(Clone, Copy)]
enum Keys {
    Ordered,
    Random,
}

/// Durable purchases with everything that belongs to them: validation, session, key, ledger, order and ticket rows,
/// live events.
pub fn measure(settings: &Settings) -> Measured {
    let server = Server::start()?;
    let guests = guests(&server)?;
    let ping = run(server.address, CONNECTIONS, settings.duration, Pace::Closed, pings(&server, &guests))?;
    let ping_rate = ping.rate(200)?;
    let mut samples = vec![
        sample("no-work POST, 256 connections", ping_rate, "/s", Goal::None),
        sample("no-work POST, p99", ping.quantile_ms(0.99), "ms", Goal::None),
    ];
    samples.extend(wrk(&server, &guests[0])?.map(|rate| sample("no-work POST, by wrk", rate, "/s", Goal::None)));

    let sale = server.general_admission("Ordered keys", MAX_GENERAL_ADMISSION_UNITS)?;
    let buying = run(server.address, CONNECTIONS, settings.duration, Pace::Closed, purchases(&server, &sale, &guests))?;
    let buying_rate = buying.rate(201)?;
    let rate = buying_rate * OPEN_LOOP_SHARE;
    let open =
        run(server.address, CONNECTIONS, settings.duration, Pace::Open(rate), purchases(&server, &sale, &guests))?;
    open.rate(201)?;
    server.require_clean(&sale, buying.count(201) + open.count(201))?;
    samples.extend([
        sample("durable purchases, time-ordered keys", buying_rate, "/s", Goal::None),
        sample("durable purchases, share of the no-work POST", buying_rate / ping_rate, "", Goal::AtLeast(0.4)),
        sample("durable purchases, p50", buying.quantile_ms(0.50), "ms", Goal::None),
    ]);
    samples.extend(p99("durable purchases", &buying, &ping, 15.0));
    samples.extend([sample(
        "durable purchases, p99, open loop at half the rate",
        open.quantile_ms(0.99),
        "ms",
        Goal::None,
    )]);

    let random = random_seats(settings, &server, &guests)?;
    let random_rate = random.rate(201)?;
    samples.extend([
        sample("random keys and random seats", random_rate, "/s", Goal::None),
        sample("random keys and random seats, share", random_rate / ping_rate, "", Goal::AtLeast(0.18)),
        sample("random keys and random seats, p99", random.quantile_ms(0.99), "ms", Goal::None),
    ]);
    Ok(samples)
}

/// Refusals when everything is sold out, compared with the no-work POST.
pub fn measure_refusals(settings: &Settings) -> Measured {
    let server = Server::start()?;
    let guests = guests(&server)?;
    let ping = run(server.address, CONNECTIONS, settings.duration, Pace::Closed, pings(&server, &guests))?;
    let sale = server.general_admission("Gone", 1)?;
    let (last, once) = (purchases(&server, &sale, &guests), Cell::new(false));
    let only_one: Rc<Compose> = Rc::new(move |number, count, out| !once.replace(true) && last(number, count, out));
    let bought = run(server.address, 1, settings.duration, Pace::Closed, only_one)?;
    bought.rate(201)?;
    let refused =
        run(server.address, CONNECTIONS, settings.duration, Pace::Closed, purchases(&server, &sale, &guests))?;
    server.require_clean(&sale, 1)?;
    let (ping_rate, rate) = (ping.rate(200)?, refused.rate(409)?);
    Ok(vec![
        sample("refusals when sold out", rate, "/s", Goal::None),
        sample("refusals when sold out, share of the no-work POST", rate / ping_rate, "", Goal::AtLeast(0.9)),
        sample("refusals when sold out, p99", refused.quantile_ms(0.99), "ms", Goal::None),
    ])
}

/// A guest's session for each connection.
pub fn guests(server: &Server) -> Result<Rc<[String]>, Failure> {
    (0..CONNECTIONS).map(|_| server.guest()).collect()
}

/// The no-work POST, with the same headers as a purchase and a body of the same size.
pub fn pings(server: &Server, guests: &Rc<[String]>) -> Rc<Compose> {
    compose(server.address, "/api/v1/ping".to_owned(), Rc::clone(guests), Keys::Ordered, |_| Some(general_admission()))
}

/// One unit of general admission per request.
pub fn purchases(server: &Server, sale: &str, guests: &Rc<[String]>) -> Rc<Compose> {
    let path = format!("/api/v1/sales/{sale}/buy");
    compose(server.address, path, Rc::clone(guests), Keys::Ordered, |_| Some(general_admission()))
}

fn general_admission() -> Vec<u8> {
    serde_json::to_vec(&BuyBody::tier(TierId::from("ga"), 1)).expect("a wish is plain data")
}

/// The largest sale of seats, bought in random order with random keys, until the time is over or the seats are sold.
fn random_seats(settings: &Settings, server: &Server, guests: &Rc<[String]>) -> Result<Outcome, Failure> {
    const ROWS: u64 = 20;
    const PER_ROW: u64 = 50;
    let seats = json!({ "sections": MAX_SEATS_PER_SALE / ROWS / PER_ROW, "rows": ROWS, "per_row": PER_ROW });
    let sale = server.sale("Random seats", &json!({ "name": "Seated", "price": 1000, "seats": seats }))?;
    let mut labels = server.seats(&sale)?;
    labels.shuffle(&mut rand::rng());
    let next = Cell::new(0);
    let body = move |_: u64| {
        let label = labels.get(next.replace(next.get() + 1))?;
        Some(serde_json::to_vec(&BuyBody::seat(label.as_str().into())).expect("a wish is plain data"))
    };
    let path = format!("/api/v1/sales/{sale}/buy");
    let requests = compose(server.address, path, Rc::clone(guests), Keys::Random, body);
    let outcome = run(server.address, CONNECTIONS, settings.duration, Pace::Closed, requests)?;
    server.require_clean(&sale, outcome.count(201))?;
    Ok(outcome)
}

fn compose(
    address: SocketAddr,
    path: String,
    guests: Rc<[String]>,
    keys: Keys,
    body: impl Fn(u64) -> Option<Vec<u8>> + 'static,
) -> Rc<Compose> {
    Rc::new(move |number, count, out| {
        let Some(body) = body(count) else { return false };
        let key = match keys {
            Keys::Ordered => Uuid::now_v7(),
            Keys::Random => Uuid::from_u128(rand::random()),
        };
        let guest = &guests[number % guests.len()];
        let headers = format!("{guest}Idempotency-Key: {key}\r\n");
        out.extend_from_slice(&wire::request("POST", &path, address, &headers, &body));
        true
    })
}

/// The same no-work POST, measured by another load generator, `wrk`, to check ours. `None` if it is not installed.
fn wrk(server: &Server, guest: &str) -> Result<Option<f64>, Failure> {
    let token = guest.trim_start_matches("Authorization: ").trim_end();
    let body = String::from_utf8(general_admission())?.replace('"', "\\\"");
    let script = format!(
        "wrk.method = 'POST'\nwrk.body = \"{body}\"\nwrk.headers['Content-Type'] = 'application/json'\n\
         wrk.headers['Authorization'] = '{token}'\nwrk.headers['Idempotency-Key'] = '{}'\n",
        Uuid::now_v7()
    );
    let file = std::env::temp_dir().join(format!("onsale-bench-{}.lua", Uuid::now_v7()));
    std::fs::write(&file, script)?;
    let url = format!("http://{}/api/v1/ping", server.address);
    let output = Command::new("wrk").args(["-t1", "-c256", "-d2s", "-s"]).arg(&file).arg(url).output();
    std::fs::remove_file(&file)?;
    let Ok(output) = output else { return Ok(None) };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(text.lines().find_map(|line| line.strip_prefix("Requests/sec:")).and_then(|rate| rate.trim().parse().ok()))
}

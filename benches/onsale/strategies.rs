//! Every strategy on every store, with durable purchases, compared with plain updates of one row in the same database.

use std::{
    rc::Rc,
    time::{Duration, Instant},
};

use onsale::model::strategy::StrategyKind;
use sqlx::{Connection, PgConnection};

use super::{
    buying::{CONNECTIONS, guests, purchases},
    load::{Compose, Pace, run},
    report::{Goal, Sample, sample},
    server::{Server, administer, postgres},
    settings::{Failure, Measured, Settings},
};

/// Units of a measured sale: more than can be sold in the time. For `skip_locked` fewer, because each unit has a row.
const UNITS: u64 = 1_000_000;
const UNITS_WITH_ROWS: u64 = 100_000;
/// Connections that update the one row at the same time.
const HOT_ROW_CONNECTIONS: usize = 4;
/// Buyers who join the queue per second while the time to a receipt is measured.
const ARRIVALS_PER_SECOND: f64 = 200.0;
/// Purchases of each connection in a storm. All of them together are fewer than a server's queue can hold.
const IN_LINE_EACH: u64 = 16;
/// Goal: within how many milliseconds 95 of 100 buyers have their receipt.
const RECEIPT_GOAL_MS: f64 = 10.0;
/// Goal: complete purchases per second, as a multiple of plain updates of one row.
const HOT_ROW_GOAL: f64 = 5.0;

pub fn measure_sqlite(settings: &Settings) -> Measured {
    let server = Server::start()?;
    let kinds = [
        StrategyKind::GroupCommit,
        StrategyKind::AtomicUpdate,
        StrategyKind::InMemory,
        StrategyKind::Pessimistic,
        StrategyKind::Optimistic,
        StrategyKind::RedisLock,
        StrategyKind::RedisGate,
    ];
    let mut samples = Vec::new();
    for kind in kinds {
        samples.push(measure(settings, &server, "SQLite", kind)?);
    }
    samples.extend(measure_queue(settings, &server, "SQLite")?);
    Ok(samples)
}

pub fn measure_postgres(settings: &Settings) -> Measured {
    let hot_row = hot_row(settings.duration)?;
    let server = Server::start_on_postgres()?;
    // Measured right after its yardstick, in a database that is as new as the yardstick's.
    let group_commit = measure(settings, &server, "PostgreSQL", StrategyKind::GroupCommit)?;
    let multiple = group_commit.value / hot_row;
    let goal = Goal::AtLeast(HOT_ROW_GOAL);
    let mut samples = vec![
        sample("PostgreSQL, one hot row, bare", hot_row, "/s", Goal::None),
        group_commit,
        sample("PostgreSQL, group_commit as a multiple of the hot row", multiple, "", goal),
    ];
    let one_by_one = [
        StrategyKind::AtomicUpdate,
        StrategyKind::Pessimistic,
        StrategyKind::SkipLocked,
        StrategyKind::Optimistic,
        StrategyKind::RedisLock,
        StrategyKind::RedisGate,
    ];
    for kind in one_by_one {
        samples.push(measure(settings, &server, "PostgreSQL", kind)?);
    }
    samples.extend(measure_queue(settings, &server, "PostgreSQL")?);
    Ok(samples)
}

/// Purchases per second with one strategy. Refusals because of contention do not count as purchases, but take time.
#[allow(clippy::cast_precision_loss)] // far below 2⁵³
fn measure(settings: &Settings, server: &Server, store: &str, kind: StrategyKind) -> Result<Sample, Failure> {
    let units = if kind == StrategyKind::SkipLocked { UNITS_WITH_ROWS } else { UNITS };
    let sale = server.guarded_by(kind, units)?;
    let guests = guests(server)?;
    let requests = purchases(server, &sale, &guests);
    let outcome = run(server.address, CONNECTIONS, settings.duration, Pace::Closed, requests)?;
    let rate = outcome.count(201) as f64 / outcome.seconds;
    server.require_clean(&sale, outcome.count(201))?;
    Ok(sample(format!("{store}, {}", kind.name()), rate, "/s", Goal::None))
}

/// The figures of the queue: how soon a buyer has a receipt while buyers arrive no faster than they are decided, and
/// how many purchases are decided per second once all buyers have receipts.
#[allow(clippy::cast_precision_loss)] // far below 2⁵³
fn measure_queue(settings: &Settings, server: &Server, store: &str) -> Result<[Sample; 2], Failure> {
    let guests = guests(server)?;
    let sale = server.guarded_by(StrategyKind::Queued, UNITS)?;
    let pace = Pace::Open(ARRIVALS_PER_SECOND);
    let calm = run(server.address, CONNECTIONS, settings.duration, pace, purchases(server, &sale, &guests))?;
    calm.rate(202)?;
    server.wait_until_sold(&sale, calm.count(202))?;
    server.require_clean(&sale, calm.count(202))?;
    let sale = server.guarded_by(StrategyKind::Queued, UNITS)?;
    let began = Instant::now();
    let requests = purchases(server, &sale, &guests);
    let few: Rc<Compose> =
        Rc::new(move |connection, count, request| count < IN_LINE_EACH && requests(connection, count, request));
    let storm = run(server.address, CONNECTIONS, settings.duration, Pace::Closed, few)?;
    storm.rate(202)?;
    server.wait_until_sold(&sale, storm.count(202))?;
    let rate = storm.count(202) as f64 / began.elapsed().as_secs_f64();
    server.require_clean(&sale, storm.count(202))?;
    Ok([
        sample(format!("{store}, queued"), rate, "/s", Goal::None),
        sample(format!("{store}, queued: receipt p95"), calm.quantile_ms(0.95), "ms", Goal::AtMost(RECEIPT_GOAL_MS)),
    ])
}

/// Plain `UPDATE`s of one row per second, each in its own transaction, with the same driver.
#[allow(clippy::cast_precision_loss)] // far below 2⁵³
fn hot_row(duration: Duration) -> Result<f64, Failure> {
    let name = format!("onsale_bench_{}", uuid::Uuid::now_v7().simple());
    administer(&postgres(), "postgres", format!("CREATE DATABASE {name}"))?;
    let schema = "CREATE TABLE hot (id INT PRIMARY KEY, left_over BIGINT) WITH (fillfactor = 50);
                  INSERT INTO hot VALUES (1, 1000000000)";
    administer(&postgres(), &name, schema.to_owned())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let updates: Result<u64, sqlx::Error> = runtime.block_on(async {
        // The server also connects to a database on its own machine without encryption, which would slow the yardstick
        // down.
        let url = format!("{}/{name}?sslmode=disable", postgres());
        let mut loops = tokio::task::JoinSet::new();
        for _ in 0..HOT_ROW_CONNECTIONS {
            let mut connection = PgConnection::connect(&url).await?;
            loops.spawn(async move {
                let (began, mut updates) = (Instant::now(), 0);
                while began.elapsed() < duration {
                    let update = "UPDATE hot SET left_over = left_over - 1 WHERE id = 1 AND left_over > 0";
                    sqlx::query(update).execute(&mut connection).await?;
                    updates += 1;
                }
                Ok::<u64, sqlx::Error>(updates)
            });
        }
        loops.join_all().await.into_iter().sum()
    });
    administer(&postgres(), "postgres", format!("DROP DATABASE {name} WITH (FORCE)"))?;
    Ok(updates? as f64 / duration.as_secs_f64())
}

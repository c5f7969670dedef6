//! One thousand buyers at the same moment, sent by the server's own simulator and judged by its auditor.

use std::time::Duration;

use onsale::{
    model::{
        arrivals::Arrivals,
        ids::{SaleId, SimulationId},
        limits::SIMULATION_OVERTIME_SECONDS,
        simulation::{Target, Workload},
    },
    server::simulator::{
        client,
        runner::{self, Plan},
    },
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    report::{Goal, sample},
    server::Server,
    settings::{Measured, Settings},
};

const BUYERS: u32 = 1_000;

pub fn measure(_: &Settings) -> Measured {
    let server = Server::start()?;
    let sale = SaleId(server.general_admission("All at once", BUYERS.into())?);
    let plan = Plan {
        sale,
        target: Target::Any,
        workload: Workload::Buy,
        buyers: BUYERS,
        concurrency: BUYERS,
        arrivals: Arrivals::AtOnce,
        overtime: Duration::from_secs(SIMULATION_OVERTIME_SECONDS),
        seed: rand::random(),
    };
    let (progress, told) = watch::channel(plan.begun(SimulationId(Uuid::now_v7())));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let run = runner::run(client::Server::at(server.address), plan, None, &progress, CancellationToken::new());
    runtime.block_on(run).map_err(|error| error.to_string())?;
    let simulation = told.borrow().clone();
    if !simulation.is_clean() {
        return Err(serde_json::to_string(&simulation)?.into());
    }
    let lost = u64::from(BUYERS) - simulation.won;
    Ok(vec![
        #[allow(clippy::cast_precision_loss)] // at most a thousand
        sample("1,000 parallel buyers for 1,000 units, lost", lost as f64, "", Goal::AtMost(0.0)),
        sample("1,000 parallel buyers, p99", simulation.p99_ms, "ms", Goal::AtMost(60.0)),
    ])
}

//! One thousand buyers at the same moment, sent by the server's own simulator and judged by its auditor.

use onsale::{
    model::{
        ids::{SaleId, SimulationId},
        simulation::{Simulation, Target},
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
        sale: sale.clone(),
        target: Target::Any,
        buyers: BUYERS,
        concurrency: BUYERS,
        rate: None,
        seed: rand::random(),
    };
    let begun = Simulation::begun(SimulationId(Uuid::now_v7()), sale, BUYERS, BUYERS, plan.seed);
    let (progress, told) = watch::channel(begun);
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

//! Who may start a run, and what it may ask for. Both edges, REST and server functions, pass here.

use super::runner::Plan;
use crate::{
    model::{
        body::SimulationBody,
        ids::{SaleId, SimulationId},
        limits::{MAX_SIMULATED_BUYERS, MAX_SIMULATION_CONCURRENCY},
        outcome::{Code, Refusal},
        sale::Sale,
        simulation::{Simulation, Target},
    },
    server::{app::App, engine::Engine},
};

/// Buyers per second of an open-loop run, at most.
const MAX_RATE_PER_SECOND: f64 = 100_000.0;

/// Whether this sale may be attacked: a rehearsal, any sale of a demo, and all of them by an admin.
pub fn may_simulate(sale: &Sale, app: &App, is_admin: bool) -> bool {
    sale.rehearsal || app.config.demo || is_admin
}

/// The sale, if the asker may attack it.
pub async fn permit(app: &App, is_admin: bool, sale: &SaleId) -> Result<Sale, Refusal> {
    let sale = app.engine.sale(sale).await.ok_or_else(|| Refusal::new(Code::NotFound, "There is no such sale."))?;
    if may_simulate(&sale, app, is_admin) {
        return Ok(sale);
    }
    Err(Refusal::new(Code::Forbidden, "Only a rehearsal may be attacked; elsewhere an admin has to ask for it."))
}

/// Starts a run against a permitted sale.
pub fn begin(app: &App, sale: &Sale, body: SimulationBody) -> Result<Simulation, Refusal> {
    app.simulations.start(plan(&app.engine, sale, body)?, &app.shutdown)
}

/// Cancels a run and returns what became of it.
pub async fn cancel(app: &App, is_admin: bool, simulation: SimulationId) -> Result<Simulation, Refusal> {
    let unknown = || Refusal::new(Code::NotFound, "There is no such simulation.");
    let found = app.simulations.get(simulation).ok_or_else(unknown)?;
    permit(app, is_admin, &found.sale).await?;
    app.simulations.cancel(simulation).await.ok_or_else(unknown)
}

/// Checks a wish against its bounds and the sale. A seed is drawn where none is given.
fn plan(engine: &Engine, sale: &Sale, body: SimulationBody) -> Result<Plan, Refusal> {
    let target = body.target.unwrap_or_default();
    let is_known = match &target {
        Target::Any => true,
        Target::Seat(label) => engine.seat(&sale.id, label).is_some(),
        Target::Tier(wanted) => sale.tiers.iter().any(|tier| tier.id == *wanted),
    };
    if !is_known {
        return Err(Refusal::new(Code::NotFound, format!("The sale has no {target}.")));
    }
    if body.strategy.is_some_and(|strategy| strategy != sale.strategy) {
        let detail = format!("The sale runs with {}; a simulation cannot change that.", sale.strategy.name());
        return Err(Refusal::new(Code::StrategyUnsupported, detail));
    }
    if body.rate.is_some_and(|rate| !(rate > 0.0 && rate <= MAX_RATE_PER_SECOND)) {
        return Err(invalid(format!("rate is a number above 0, to {MAX_RATE_PER_SECOND} buyers per second.")));
    }
    Ok(Plan {
        sale: sale.id.clone(),
        target,
        buyers: within("buyers", body.buyers, MAX_SIMULATED_BUYERS)?,
        concurrency: within("concurrency", body.concurrency, MAX_SIMULATION_CONCURRENCY)?,
        rate: body.rate,
        seed: body.seed.unwrap_or_else(rand::random),
    })
}

fn within(name: &str, value: i64, most: u32) -> Result<u32, Refusal> {
    let bounded = u32::try_from(value).ok().filter(|value| (1..=most).contains(value));
    bounded.ok_or_else(|| invalid(format!("{name} is a whole number from 1 to {most}.")))
}

fn invalid(detail: String) -> Refusal {
    Refusal::new(Code::Invalid, detail)
}

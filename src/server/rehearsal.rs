//! Who may start a simulation, and with which parameters. Both edges, REST and server functions, use this.

use std::time::Duration;

use crate::{
    model::{
        arrivals::Arrivals,
        body::SimulationBody,
        ids::{SaleId, SimulationId},
        limits::{
            MAX_SEED, MAX_SIMULATED_BUYERS, MAX_SIMULATION_CONCURRENCY, MAX_SIMULATION_RATE_PER_SECOND,
            MIN_SIMULATION_RATE_PER_SECOND, SIMULATION_OVERTIME_SECONDS,
        },
        outcome::{Code, Refusal},
        sale::Sale,
        simulation::{Simulation, Target, seed_from},
        strategy::StrategyKind,
    },
    server::{
        app::App,
        engine::{Answer, Decided, Engine, Keyed},
        simulator::{Insight, runner::Plan},
    },
};

/// Whether a simulation of this asker may attack this sale: anybody's in a demo, an organiser's if it is a rehearsal. A
/// real sale is never attacked.
pub fn may_simulate(sale: &Sale, app: &App, is_admin: bool) -> bool {
    app.is_playground(sale) || sale.rehearsal && is_admin
}

/// The sale, if the asker may attack it.
pub async fn permit(app: &App, is_admin: bool, sale: &SaleId) -> Result<Sale, Refusal> {
    let sale =
        app.engine.catalogue.sale(sale).await.ok_or_else(|| Refusal::new(Code::NotFound, "There is no such sale."))?;
    if may_simulate(&sale, app, is_admin) {
        return Ok(sale);
    }
    Err(Refusal::new(Code::Forbidden, "Only a rehearsal may be attacked, and outside of a demo only by the organiser."))
}

/// Starts a run against a permitted sale. With a strategy, the sale is reset first and sold by that strategy. Runs of
/// organisers and of everybody else have places of their own, so that an organiser always finds one.
pub async fn begin(app: &App, is_admin: bool, sale: Sale, body: SimulationBody) -> Decided<Simulation> {
    let wanted = body.strategy;
    let plan = match plan(&app.engine, &sale, body) {
        Ok(plan) => plan,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let _turn = app.simulations.turn().await;
    let mut strategy = sale.strategy;
    if let Some(wanted) = wanted {
        if let Err(refusal) = app.simulations.check_room(is_admin) {
            return Ok(Err(refusal));
        }
        if let Err(refusal) = put_back(app, &sale.id, wanted, None).await? {
            return Ok(Err(refusal));
        }
        strategy = wanted;
    }
    let engine = app.engine.clone();
    let meter = Box::new(move || engine.selling.refused_by_database(&sale.id));
    Ok(app.simulations.start(plan, Insight { strategy, meter }, is_admin, &app.shutdown))
}

/// Resets a rehearsal, which this strategy sells from then on.
pub async fn rehearse_with(
    app: &App,
    sale: &SaleId,
    strategy: StrategyKind,
    keyed: Option<Keyed>,
) -> Decided<Answer<Sale>> {
    let _turn = app.simulations.turn().await;
    put_back(app, sale, strategy, keyed).await
}

/// As [`rehearse_with`], but the caller holds the turn already.
async fn put_back(app: &App, sale: &SaleId, strategy: StrategyKind, keyed: Option<Keyed>) -> Decided<Answer<Sale>> {
    if app.simulations.is_attacked(sale) {
        let detail = "A simulation of this sale is running: its strategy can be changed when that has ended.";
        return Ok(Err(Refusal::new(Code::StepNotAllowed, detail)));
    }
    app.engine.catalogue.rehearse_with(sale, strategy, keyed).await
}

/// Cancels a run and returns it as it ended.
pub async fn cancel(app: &App, is_admin: bool, simulation: SimulationId) -> Result<Simulation, Refusal> {
    let unknown = || Refusal::new(Code::NotFound, "There is no such simulation.");
    let found = app.simulations.get(simulation).ok_or_else(unknown)?;
    permit(app, is_admin, &found.sale).await?;
    app.simulations.cancel(simulation).await.ok_or_else(unknown)
}

/// Checks the parameters of a run. A seed is drawn where none is given.
fn plan(engine: &Engine, sale: &Sale, body: SimulationBody) -> Result<Plan, Refusal> {
    let target = body.target.unwrap_or_default();
    let is_known = match &target {
        Target::Any => true,
        Target::Seat(label) => engine.catalogue.seat(&sale.id, label).is_some(),
        Target::Tier(wanted) => sale.tiers.iter().any(|tier| tier.id == *wanted),
    };
    if !is_known {
        return Err(Refusal::new(Code::NotFound, format!("The sale has no {target}.")));
    }
    let arrivals = Arrivals::at_rate(body.rate).ok_or_else(|| {
        invalid(format!(
            "rate is a number of buyers per second from {MIN_SIMULATION_RATE_PER_SECOND} to \
             {MAX_SIMULATION_RATE_PER_SECOND}."
        ))
    })?;
    if body.seed.is_some_and(|seed| seed > MAX_SEED) {
        return Err(invalid(format!(
            "seed is a whole number to {MAX_SEED}: a larger one would be rounded by many readers."
        )));
    }
    Ok(Plan {
        sale: sale.id.clone(),
        target,
        workload: body.workload.unwrap_or_default(),
        buyers: within("buyers", body.buyers, MAX_SIMULATED_BUYERS)?,
        concurrency: within("concurrency", body.concurrency, MAX_SIMULATION_CONCURRENCY)?,
        arrivals,
        overtime: Duration::from_secs(SIMULATION_OVERTIME_SECONDS),
        seed: body.seed.unwrap_or_else(|| seed_from(rand::random())),
    })
}

fn within(name: &str, value: i64, most: u32) -> Result<u32, Refusal> {
    let bounded = u32::try_from(value).ok().filter(|value| (1..=most).contains(value));
    bounded.ok_or_else(|| invalid(format!("{name} is a whole number from 1 to {most}.")))
}

fn invalid(detail: String) -> Refusal {
    Refusal::new(Code::Invalid, detail)
}

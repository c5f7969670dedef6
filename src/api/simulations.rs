//! Load runs made by the server.

use leptos::prelude::*;

use crate::{
    model::{
        body::SimulationBody,
        ids::{SaleId, SimulationId},
        outcome::Refusal,
        sale::Sale,
        simulation::Simulation,
        strategy::StrategyList,
    },
    wire::Wire,
};

/// The sales that the asker may attack.
#[server(prefix = "/rpc", endpoint = "simulated_sales", input = Wire, output = Wire)]
pub async fn simulated_sales() -> Result<Vec<Sale>, ServerFnError> {
    use super::context;
    let mut sales = context::app()?.engine.catalogue.sales();
    sales.retain(|sale| context::may_simulate(sale).unwrap_or(false));
    Ok(sales)
}

/// All strategies, and which of them this server can run.
#[server(prefix = "/rpc", endpoint = "strategies", input = Wire, output = Wire)]
pub async fn strategies() -> Result<StrategyList, ServerFnError> {
    Ok(super::context::app()?.engine.catalogue.strategies())
}

/// Starts a load run against a sale.
#[server(prefix = "/rpc", endpoint = "simulate", input = Wire, output = Wire)]
pub async fn simulate(sale: SaleId, body: SimulationBody) -> Result<Result<Simulation, Refusal>, ServerFnError> {
    use super::context;
    use crate::server::rehearsal;
    let app = context::app()?;
    let is_admin = context::asker()?.is_admin;
    match rehearsal::permit(&app, is_admin, &sale).await {
        Ok(sale) => rehearsal::begin(&app, is_admin, sale, body).await.map_err(context::unavailable),
        Err(refusal) => Ok(Err(refusal)),
    }
}

/// A load run as it stands now; `None` for an unknown run, and for an old run that the server has forgotten.
#[server(prefix = "/rpc", endpoint = "simulation_progress", input = Wire, output = Wire)]
pub async fn simulation_progress(simulation: SimulationId) -> Result<Option<Simulation>, ServerFnError> {
    Ok(super::context::app()?.simulations.get(simulation))
}

/// Cancels a load run. What its buyers did until then is still audited.
#[server(prefix = "/rpc", endpoint = "cancel_simulation", input = Wire, output = Wire)]
pub async fn cancel_simulation(simulation: SimulationId) -> Result<Result<Simulation, Refusal>, ServerFnError> {
    use super::context;
    use crate::server::rehearsal;
    Ok(rehearsal::cancel(&context::app()?, context::asker()?.is_admin, simulation).await)
}

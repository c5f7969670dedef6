//! The server as the load generator: a server function starts the run, and another one is polled for its progress. An event
//! stream would occupy one of the browser's few connections to this origin.

use std::time::Duration;

use gloo_timers::future::sleep;

use super::asking::ask_once;
use crate::{
    api,
    model::{
        body::SimulationBody,
        simulation::{Simulation, SimulationStatus},
    },
    ui::simulator::session::{Request, Run, Session},
};

/// The polling interval.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(150);
/// Polls that may fail in a row before the run counts as lost.
const MAX_FAILED_QUESTIONS: u32 = 40;

pub async fn run(session: Session, request: Request) -> Result<Run, String> {
    let body = SimulationBody {
        buyers: request.buyers.into(),
        concurrency: request.concurrency.into(),
        target: Some(request.target.clone()),
        strategy: request.strategy,
        rate: request.rate,
        seed: request.seed,
        workload: None,
    };
    // This request is not repeated when its answer is lost: the run might start twice.
    let begun = ask_once(api::simulate(request.sale.clone(), body)).await.map_err(|trouble| {
        let unknown = if trouble.is_lost { " Whether the run has begun is not known." } else { "" };
        trouble.told + unknown
    })?;
    let mut run = Run::new(request, begun.map_err(|refusal| refusal.detail)?);
    let mut failed_questions = 0;
    let mut cancel_sent = false;
    while run.simulation.status == SimulationStatus::Running {
        session.show(&run);
        if session.is_cancelled() && !cancel_sent {
            // The answer is the run as it ended. When it is lost, the next round asks again.
            match ask_once(api::cancel_simulation(run.simulation.id)).await {
                Ok(Ok(ended)) => {
                    run.advance(ended);
                    continue;
                }
                Ok(Err(_)) => cancel_sent = true,
                Err(trouble) => cancel_sent = !trouble.is_lost,
            }
        }
        sleep(PROGRESS_INTERVAL).await;
        match ask(&run.simulation).await {
            Ok(simulation) => {
                failed_questions = 0;
                run.advance(simulation);
            }
            Err(trouble) if failed_questions == MAX_FAILED_QUESTIONS => return Err(trouble),
            Err(_) => failed_questions += 1,
        }
    }
    Ok(run)
}

async fn ask(simulation: &Simulation) -> Result<Simulation, String> {
    let answer = ask_once(api::simulation_progress(simulation.id)).await;
    let told = answer.map_err(|trouble| trouble.told)?;
    told.ok_or_else(|| "The server does not know this run any more.".to_owned())
}

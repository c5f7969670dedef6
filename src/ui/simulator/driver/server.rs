//! The server as the load generator: started by a server function, followed by asking how far it is. A stream of events
//! would take one of the few connections that a browser has for this origin.

use std::time::Duration;

use gloo_timers::future::sleep;

use crate::{
    api,
    model::{
        body::SimulationBody,
        simulation::{Simulation, SimulationStatus},
    },
    ui::simulator::session::{Request, Run, Session},
};

/// How often the server is asked.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(150);
/// Questions that may fail in a row before the run counts as lost.
const MAX_FAILED_QUESTIONS: u32 = 40;

pub async fn run(session: Session, request: Request) -> Result<Run, String> {
    let body = SimulationBody {
        buyers: request.buyers.into(),
        concurrency: request.concurrency.into(),
        target: Some(request.target.clone()),
        strategy: request.strategy,
        rate: None,
        seed: request.seed,
    };
    let begun = api::simulate(request.sale.clone(), body).await.map_err(|error| error.to_string())?;
    let mut run = Run::new(request, begun.map_err(|refusal| refusal.detail)?);
    let mut failed_questions = 0;
    let mut cancel_sent = false;
    while run.simulation.status == SimulationStatus::Running {
        session.show(&run);
        if session.is_cancelled() && !cancel_sent {
            cancel_sent = true;
            // The answer to this is the run as it ended; where it fails, the next question tells.
            if let Ok(Ok(ended)) = api::cancel_simulation(run.simulation.id).await {
                run.advance(ended);
                continue;
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
    let told = api::simulation_progress(simulation.id).await.map_err(|error| error.to_string())?;
    told.ok_or_else(|| "The server does not know this run any more.".to_owned())
}

//! The simulator: virtual buyers over real sockets, and the auditor that judges what they were told.
//!
//! This file keeps the runs of one server: it starts them, bounds how many go on at once, tells their progress and
//! forgets the oldest. A run lives on a thread with a runtime of its own, so that its buyers do not slow real ones down.

pub mod auditor; // an independent model that judges the answers
pub mod client; // a lean HTTP/1.1 client, one connection per virtual buyer in flight
pub mod run_error; // why a run could not be made
pub mod runner; // sends the buyers and tells the progress
pub mod workload; // reads the sale and draws who asks for what

use std::{collections::VecDeque, net::SocketAddr, sync::OnceLock};

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use self::{
    client::Server,
    runner::{Plan, RefusalMeter, run},
};
use super::shutdown::Shutdown;
use crate::model::{
    ids::{SaleId, SimulationId},
    limits::{KEPT_SIMULATIONS, MAX_RUNNING_SIMULATIONS},
    outcome::{Code, Refusal},
    simulation::{Simulation, SimulationStatus},
    strategy::StrategyKind,
};

/// The runs of this server, oldest first.
#[derive(Default)]
pub struct Simulations {
    /// Where this server listens; known once it does.
    address: OnceLock<SocketAddr>,
    runs: Mutex<VecDeque<Run>>,
    /// Held by whoever starts a run or changes a rehearsal's strategy, so that neither happens in the middle of the
    /// other.
    turn: tokio::sync::Mutex<()>,
}

/// What a server knows of a run on a sale of its own, beyond the answers.
pub struct Insight {
    /// The strategy that sells.
    pub strategy: StrategyKind,
    pub meter: Box<RefusalMeter>,
}

struct Run {
    progress: watch::Receiver<Simulation>,
    cancel: CancellationToken,
}

impl Run {
    fn id(&self) -> SimulationId {
        self.progress.borrow().id
    }

    /// Whether the run goes on: it says so, and its thread is there.
    fn is_running(&self) -> bool {
        self.progress.has_changed().is_ok() && self.progress.borrow().status == SimulationStatus::Running
    }
}

impl Simulations {
    pub fn new() -> Self {
        Self::default()
    }

    /// Tells where this server listens, so that virtual buyers find it. Called once, when the listener is bound.
    pub fn listening_at(&self, address: SocketAddr) {
        let _ = self.address.set(address);
    }

    /// Waits until nobody else starts a run or changes a strategy. Keep what comes back until that is done.
    pub async fn turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// Whether one more run may begin. It may not when too many go on already.
    pub fn check_room(&self) -> Result<(), Refusal> {
        if self.runs.lock().iter().filter(|run| run.is_running()).count() >= MAX_RUNNING_SIMULATIONS {
            return Err(overloaded("Too many simulations are running; try again when one has ended."));
        }
        Ok(())
    }

    /// Whether a run against this sale goes on.
    pub fn is_attacked(&self, sale: &SaleId) -> bool {
        self.runs.lock().iter().any(|run| run.is_running() && run.progress.borrow().sale == *sale)
    }

    /// Starts a run and returns it as it begins. Refused when too many go on already, or at shutdown.
    /// It ends with the server.
    pub fn start(&self, plan: Plan, insight: Insight, shutdown: &Shutdown) -> Result<Simulation, Refusal> {
        let address = *self.address.get().ok_or_else(|| overloaded("the server does not listen yet"))?;
        self.check_room()?;
        let mut runs = self.runs.lock();
        let id = SimulationId(Uuid::now_v7());
        let mut simulation = plan.begun(id);
        simulation.strategy = Some(insight.strategy);
        let (sender, progress) = watch::channel(simulation.clone());
        let cancel = CancellationToken::new();
        spawn(Server::at(address), plan, insight.meter, sender, cancel.clone(), shutdown.clone())
            .map_err(|error| overloaded(format!("the simulation could not be started: {error}")))?;
        runs.push_back(Run { progress, cancel });
        forget_oldest(&mut runs);
        Ok(simulation)
    }

    /// The run as it stands now.
    pub fn get(&self, id: SimulationId) -> Option<Simulation> {
        self.subscribe(id).map(|progress| progress.borrow().clone())
    }

    /// The run's progress. It says `running` for the last time before its sender goes.
    pub fn subscribe(&self, id: SimulationId) -> Option<watch::Receiver<Simulation>> {
        self.runs.lock().iter().find(|run| run.id() == id).map(|run| run.progress.clone())
    }

    /// Cancels the run and waits until it has ended: requests in flight finish, and what was done is audited.
    pub async fn cancel(&self, id: SimulationId) -> Option<Simulation> {
        let mut progress = {
            let runs = self.runs.lock();
            let run = runs.iter().find(|run| run.id() == id)?;
            run.cancel.cancel();
            run.progress.clone()
        };
        // An error means that the run's thread is gone; what it told last stands.
        let _ = progress.wait_for(|simulation| simulation.status != SimulationStatus::Running).await;
        let simulation = progress.borrow().clone();
        Some(simulation)
    }
}

fn overloaded(detail: impl Into<String>) -> Refusal {
    Refusal::new(Code::Overloaded, detail)
}

/// Drops the oldest ended runs beyond what is kept.
fn forget_oldest(runs: &mut VecDeque<Run>) {
    while runs.len() > KEPT_SIMULATIONS + MAX_RUNNING_SIMULATIONS {
        let Some(oldest) = runs.iter().position(|run| !run.is_running()) else { return };
        runs.remove(oldest);
    }
}

/// Logs the contradictions of a run. They are expected where the strategy does not promise to be exact.
fn tell_contradictions(simulation: &Simulation) {
    let Simulation { id, strategy, contradictions, .. } = simulation;
    if strategy.is_some_and(|strategy| !strategy.is_exact()) {
        tracing::info!(simulation = %id, contradictions = contradictions.len(), "a simulation by an inexact strategy");
        return;
    }
    for contradiction in contradictions {
        tracing::error!(simulation = %id, contradiction, "a simulation found the sale inexact");
    }
}

/// Makes the run on a thread of its own. However it ends, its status says so.
fn spawn(
    server: Server,
    plan: Plan,
    meter: Box<RefusalMeter>,
    progress: watch::Sender<Simulation>,
    cancel: CancellationToken,
    shutdown: Shutdown,
) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name("simulation".to_owned()).spawn(move || {
        let at_shutdown = cancel.clone();
        runtime.spawn(async move {
            shutdown.started().await;
            at_shutdown.cancel();
        });
        let result = runtime.block_on(run(server, plan, Some(&*meter), &progress, cancel));
        progress.send_if_modified(|simulation| {
            if let Err(error) = &result {
                tracing::warn!(simulation = %simulation.id, %error, "a simulation could not be finished");
                simulation.errors += u64::from(simulation.buyers) - simulation.answered();
                simulation.contradictions.push(format!("the run could not be finished: {error}"));
            }
            let still_running = simulation.status == SimulationStatus::Running;
            if still_running {
                simulation.status = SimulationStatus::Cancelled;
            }
            still_running
        });
        tell_contradictions(&progress.borrow());
    })?;
    Ok(())
}

//! The simulator: virtual buyers that buy over real sockets, and an auditor that judges the answers they got.
//!
//! This file manages the runs of one server: it starts them, limits how many run at once, reports their progress and
//! forgets the oldest. Each run has a thread and a runtime of its own, so that driving the virtual buyers takes no time
//! from the runtime that serves the real ones.

pub mod auditor; // an independent model that judges the answers
pub mod client; // a small HTTP/1.1 client with one connection per caller
pub mod journey; // buyers who hold before paying
pub mod run_error; // why a run failed
pub mod runner; // lets the buyers act and reports the progress
pub mod workload; // reads the sale and draws what each buyer asks for

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, OnceLock},
};

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use self::{
    client::Server,
    runner::{Plan, RefusalMeter, run},
};
use super::{limits::OwnClients, shutdown::Shutdown};
use crate::model::{
    ids::{SaleId, SimulationId},
    limits::{KEPT_SIMULATIONS, MAX_RUNNING_SIMULATIONS},
    outcome::{Code, Refusal},
    simulation::{Simulation, SimulationStatus},
    strategy::StrategyKind,
};

/// The runs of this server, oldest first.
pub struct Simulations {
    /// The address of this server, to which virtual buyers connect. It is set when the listener is bound.
    address: OnceLock<SocketAddr>,
    /// Where virtual buyers make their sockets known, because no limit per client applies to them.
    own_clients: Arc<OwnClients>,
    runs: Mutex<VecDeque<Run>>,
    /// Held while a run is started or a rehearsal's strategy is changed, so that the strategy cannot change under a run
    /// that is just starting.
    turn: tokio::sync::Mutex<()>,
}

/// What the server itself knows about a run, in addition to the answers that the buyers get.
pub struct Insight {
    /// The strategy that sells.
    pub strategy: StrategyKind,
    pub meter: Box<RefusalMeter>,
}

struct Run {
    of_organiser: bool,
    progress: watch::Receiver<Simulation>,
    cancel: CancellationToken,
}

impl Run {
    fn id(&self) -> SimulationId {
        self.progress.borrow().id
    }

    /// Whether the run is still going on. The status alone does not tell: it stays `running` if the thread panicked.
    fn is_running(&self) -> bool {
        self.progress.has_changed().is_ok() && self.progress.borrow().status == SimulationStatus::Running
    }
}

impl Simulations {
    pub fn new(own_clients: Arc<OwnClients>) -> Self {
        Self { address: OnceLock::new(), own_clients, runs: Mutex::default(), turn: tokio::sync::Mutex::default() }
    }

    /// Sets the address to which virtual buyers connect. Called once, when the listener is bound.
    pub fn listening_at(&self, address: SocketAddr) {
        let _ = self.address.set(address);
    }

    /// Waits until nobody else starts a run or changes a strategy. The caller keeps the guard until it has done so itself.
    pub async fn turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// Whether one more run may begin. It may not if too many of the same kind of asker are going on: organisers have
    /// places of their own, so that others cannot take them all.
    pub fn check_room(&self, of_organiser: bool) -> Result<(), Refusal> {
        let runs = self.runs.lock();
        let running = runs.iter().filter(|run| run.of_organiser == of_organiser && run.is_running());
        if running.count() >= MAX_RUNNING_SIMULATIONS {
            return Err(overloaded("Too many simulations are running; try again when one has ended."));
        }
        Ok(())
    }

    /// Whether a run against this sale is going on.
    pub fn is_attacked(&self, sale: &SaleId) -> bool {
        self.runs.lock().iter().any(|run| run.is_running() && run.progress.borrow().sale == *sale)
    }

    /// Starts a run and returns its first state. The run is cancelled when the server shuts down.
    ///
    /// Refused with `overloaded` if too many runs are going on, if the server does not listen yet, or if the thread
    /// cannot be started. The caller holds the [`turn`](Self::turn): otherwise two callers could both take the last
    /// free place, because the runs are counted before the new one is added.
    pub fn start(
        &self,
        plan: Plan,
        insight: Insight,
        of_organiser: bool,
        shutdown: &Shutdown,
    ) -> Result<Simulation, Refusal> {
        let address = *self.address.get().ok_or_else(|| overloaded("the server does not listen yet"))?;
        self.check_room(of_organiser)?;
        let mut runs = self.runs.lock();
        let id = SimulationId(Uuid::now_v7());
        let mut simulation = plan.begun(id);
        simulation.strategy = Some(insight.strategy);
        let (sender, progress) = watch::channel(simulation.clone());
        let cancel = CancellationToken::new();
        let server = Server::at(address).without_limits(self.own_clients.clone());
        spawn(server, plan, insight.meter, sender, cancel.clone(), shutdown.clone())
            .map_err(|error| overloaded(format!("the simulation could not be started: {error}")))?;
        runs.push_back(Run { of_organiser, progress, cancel });
        forget_oldest(&mut runs);
        Ok(simulation)
    }

    /// The current state of the run; `None` if this server does not know it.
    pub fn get(&self, id: SimulationId) -> Option<Simulation> {
        self.subscribe(id).map(|progress| progress.borrow().clone())
    }

    /// A receiver of the run's state, for a stream that follows the run; `None` if this server does not know the run.
    ///
    /// It holds the current state at once, and the newest one after each change. Unless the run's thread panics, the final
    /// state is sent before the channel closes. So a stream that ends when the channel closes has delivered the verdict.
    pub fn subscribe(&self, id: SimulationId) -> Option<watch::Receiver<Simulation>> {
        self.runs.lock().iter().find(|run| run.id() == id).map(|run| run.progress.clone())
    }

    /// Cancels the run, waits until it has ended and returns its final state; `None` if this server does not know it.
    /// Requests in flight finish, and the answers so far are judged.
    pub async fn cancel(&self, id: SimulationId) -> Option<Simulation> {
        let mut progress = {
            let runs = self.runs.lock();
            let run = runs.iter().find(|run| run.id() == id)?;
            run.cancel.cancel();
            run.progress.clone()
        };
        // An error means that the thread ended without a final state. The last state that it sent is returned then.
        let _ = progress.wait_for(|simulation| simulation.status != SimulationStatus::Running).await;
        let simulation = progress.borrow().clone();
        Some(simulation)
    }
}

fn overloaded(detail: impl Into<String>) -> Refusal {
    Refusal::new(Code::Overloaded, detail)
}

/// Removes the oldest ended runs when there are too many, so that memory stays bounded. Running ones stay.
fn forget_oldest(runs: &mut VecDeque<Run>) {
    while runs.len() > KEPT_SIMULATIONS + 2 * MAX_RUNNING_SIMULATIONS {
        let Some(oldest) = runs.iter().position(|run| !run.is_running()) else { return };
        runs.remove(oldest);
    }
}

/// Logs the contradictions of a run, each as an error. If the strategy does not promise to be exact, contradictions are
/// expected, and only their number is logged.
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

/// Makes the run on a thread of its own. If the run fails, its status becomes `cancelled`, the buyers without an answer
/// count as errors, and the reason is added to the contradictions. Fails if the thread or its runtime cannot be made.
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

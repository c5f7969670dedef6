//! Makes the runs of a comparison over the public API of a running server. The server sends the buyers.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use serde::Serialize;
use tokio::time::sleep;
use uuid::Uuid;

use crate::{
    model::{
        body::{ResetBody, SimulationBody},
        ids::SaleId,
        retry::{MAX_RETRIES, pause_before},
        sale::Sale,
        simulation::{Simulation, SimulationStatus, Workload},
        strategy::{StrategyKind, StrategyList},
    },
    server::{
        cli::attack::{bar, show},
        simulator::{
            client::{self, Connection},
            run_error::RunError,
            workload::{is_from_in_between, parse, read},
        },
    },
    ui::simulator::session::{Request, Run},
};

/// How often a run's progress is asked for.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(50);

/// A server whose strategies are compared, and what the buyers do there.
pub struct Server(Connection, Workload);

impl Server {
    pub async fn find(url: &str, workload: Workload) -> Result<Self, String> {
        let server = client::Server::find(url).await.map_err(told)?;
        Ok(Self(Connection::open(Arc::new(server)).await.map_err(told)?, workload))
    }

    /// The strategies that the server knows.
    pub async fn strategies(&mut self) -> Result<StrategyList, String> {
        read(&mut self.0, "/api/v1/strategies").await.map_err(told)
    }

    /// Makes a run by each strategy in turn, and gives the sale its own strategy back at the end. Control-C ends the
    /// current run, and no other run follows.
    pub async fn compare(&mut self, request: &Request, strategies: &[StrategyKind]) -> Result<Vec<Run>, String> {
        let path = format!("/api/v1/sales/{}", request.sale);
        let own = read::<Sale>(&mut self.0, &path).await.map_err(told)?.strategy;
        let mut runs = Vec::new();
        let compared = self.one_after_another(request, strategies, &mut runs).await;
        let is_other = read::<Sale>(&mut self.0, &path).await.map_err(told)?.strategy != own;
        if is_other || !runs.is_empty() {
            let put_back = self.put_back(&request.sale, own).await;
            compared?;
            put_back.map_err(|error| format!("the sale was not put back to {}: {error}", own.name()))?;
        } else {
            compared?;
        }
        Ok(runs)
    }

    async fn one_after_another(
        &mut self,
        request: &Request,
        strategies: &[StrategyKind],
        runs: &mut Vec<Run>,
    ) -> Result<(), String> {
        for strategy in strategies {
            let run = self.run(Request { strategy: Some(*strategy), ..request.clone() }).await.map_err(told)?;
            let is_last = run.simulation.status == SimulationStatus::Cancelled;
            runs.push(run);
            if is_last {
                break;
            }
        }
        Ok(())
    }

    /// Makes one run to its end.
    async fn run(&mut self, request: Request) -> Result<Run, RunError> {
        let body = SimulationBody {
            buyers: request.buyers.into(),
            concurrency: request.concurrency.into(),
            target: Some(request.target.clone()),
            strategy: request.strategy,
            rate: request.rate,
            seed: request.seed,
            workload: Some(self.1),
        };
        let begun = self.start(&request.sale, &body).await?;
        let path = format!("/api/v1/simulations/{}", begun.id);
        let bar = bar(request.buyers);
        let mut run = Run::new(request, begun);
        let mut control_c = std::pin::pin!(tokio::signal::ctrl_c());
        let mut is_cancelled = false;
        while run.simulation.status == SimulationStatus::Running {
            show(&bar, &run.simulation);
            tokio::select! {
                () = sleep(PROGRESS_INTERVAL) => run.advance(read(&mut self.0, &path).await?),
                Ok(()) = &mut control_c, if !is_cancelled => {
                    is_cancelled = true;
                    run.advance(parse(&path, &self.0.delete(&path).await.map_err(RunError::Unreachable)?)?);
                }
            }
        }
        bar.finish_and_clear();
        Ok(run)
    }

    /// Resets the sale. Repeats the request under the same key where the answer was lost.
    async fn put_back(&mut self, sale: &SaleId, strategy: StrategyKind) -> Result<Sale, RunError> {
        let (path, body) = (format!("/api/v1/sales/{sale}/reset"), written(&ResetBody { strategy: Some(strategy) }));
        let key = Uuid::now_v7().to_string();
        let mut retry = 0;
        loop {
            let answer = self.0.post(&path, Some(&key), body.clone()).await;
            if retry == MAX_RETRIES || !is_from_in_between(&answer) {
                return parse(&path, &answer.map_err(RunError::Unreachable)?);
            }
            retry += 1;
            sleep(pause_before(retry)).await;
        }
    }

    /// Starts a run. This request has no key, so it is not repeated when its answer is lost: the run might start twice.
    async fn start(&mut self, sale: &SaleId, body: &SimulationBody) -> Result<Simulation, RunError> {
        let path = format!("/api/v1/sales/{sale}/simulations");
        let reply = self.0.post(&path, None, written(body)).await;
        parse(&path, &reply.map_err(RunError::Unreachable)?)
    }
}

fn written(body: &impl Serialize) -> Bytes {
    Bytes::from(serde_json::to_vec(body).expect("a body is plain data"))
}

fn told(error: impl std::fmt::Display) -> String {
    format!("the comparison could not be made: {error}")
}

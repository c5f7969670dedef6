//! Makes the runs of a comparison over the public API of a running server: it sends the buyers itself.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use serde::Serialize;

use crate::{
    model::{
        body::{ResetBody, SimulationBody},
        ids::SaleId,
        sale::Sale,
        simulation::{Simulation, SimulationStatus},
        strategy::{StrategyKind, StrategyList},
    },
    server::{
        cli::attack::{bar, show},
        simulator::{
            client::{self, Connection, Fault, Reply},
            run_error::RunError,
            workload::{parse, read},
        },
    },
    ui::simulator::session::{Request, Run},
};

/// How often the server is asked how far it is.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(50);

/// A server whose strategies are compared.
pub struct Server(Connection);

impl Server {
    pub async fn find(url: &str) -> Result<Self, String> {
        let server = client::Server::find(url).await.map_err(told)?;
        Ok(Self(Connection::open(Arc::new(server)).await.map_err(told)?))
    }

    /// What it knows of strategies.
    pub async fn strategies(&mut self) -> Result<StrategyList, String> {
        read(&mut self.0, "/api/v1/strategies").await.map_err(told)
    }

    /// Makes a run by each strategy in turn, and puts the sale back to its own at the end. Control-C ends the run that
    /// goes on, and is the last one.
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

    /// One run, to its end.
    async fn run(&mut self, request: Request) -> Result<Run, RunError> {
        let body = SimulationBody {
            buyers: request.buyers.into(),
            concurrency: request.concurrency.into(),
            target: Some(request.target.clone()),
            strategy: request.strategy,
            rate: None,
            seed: request.seed,
        };
        let begun: Simulation = self.post(&format!("/api/v1/sales/{}/simulations", request.sale), &body).await?;
        let path = format!("/api/v1/simulations/{}", begun.id);
        let bar = bar(request.buyers);
        let mut run = Run::new(request, begun);
        let mut control_c = std::pin::pin!(tokio::signal::ctrl_c());
        let mut is_cancelled = false;
        while run.simulation.status == SimulationStatus::Running {
            show(&bar, &run.simulation);
            tokio::select! {
                () = tokio::time::sleep(PROGRESS_INTERVAL) => run.advance(read(&mut self.0, &path).await?),
                Ok(()) = &mut control_c, if !is_cancelled => {
                    is_cancelled = true;
                    run.advance(parse(&path, &self.0.delete(&path).await.map_err(RunError::Unreachable)?)?);
                }
            }
        }
        bar.finish_and_clear();
        Ok(run)
    }

    async fn put_back(&mut self, sale: &SaleId, strategy: StrategyKind) -> Result<Sale, RunError> {
        self.post(&format!("/api/v1/sales/{sale}/reset"), &ResetBody { strategy: Some(strategy) }).await
    }

    async fn post<T: serde::de::DeserializeOwned>(&mut self, path: &str, body: &impl Serialize) -> Result<T, RunError> {
        let body = Bytes::from(serde_json::to_vec(body).expect("a body is plain data"));
        let reply: Result<Reply, Fault> = self.0.post(path, None, body).await;
        parse(path, &reply.map_err(RunError::Unreachable)?)
    }
}

fn told(error: impl std::fmt::Display) -> String {
    format!("the comparison could not be made: {error}")
}

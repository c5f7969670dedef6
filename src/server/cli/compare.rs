//! `onsale compare`: sends the same buyers to one strategy after another, as simulations of a running server, and shows
//! the runs side by side.

use std::{fs::File, io::Write, path::PathBuf, process::ExitCode};

use clap::Args;

mod report; // the runs as a table for people
mod rounds; // makes the runs over the public API

use self::{report::Report, rounds::Server};
use super::{
    arrival::ArrivalArgs,
    attack::{number_of_buyers, requests_at_once},
    exit::{give_up, say},
    terminal::printable_json,
};
use crate::{
    model::{
        ids::SaleId,
        limits::{MAX_SEED, MAX_SIMULATED_BUYERS, MAX_SIMULATION_CONCURRENCY},
        simulation::{Target, Workload, seed_from},
        strategy::{StrategyKind, StrategyList},
    },
    ui::simulator::{
        document,
        session::{Engine, Request, Run},
        told::{Export, is_as_promised},
    },
};

/// The exit code when a strategy was less exact than it promises.
const NOT_EXACT: u8 = 1;

#[derive(Args)]
pub struct CompareArgs {
    /// Number of buyers of each run; 500 where it is missing or empty.
    #[arg(value_name = "N", allow_negative_numbers = true)]
    pub buyers: Option<String>,
    /// The server whose strategies are compared.
    #[arg(long, default_value = "http://127.0.0.1:3000")]
    pub url: String,
    /// The rehearsal to sell: it is reset before each run and at the end.
    #[arg(long, default_value = "rehearsal")]
    pub sale: String,
    /// The strategies, such as naive,optimistic; all that the server can run where it is missing.
    #[arg(long, value_delimiter = ',', value_parser = strategy)]
    pub strategies: Option<Vec<StrategyKind>>,
    /// Requests in flight at once; as many as there are buyers, to 1000, where it is missing.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_SIMULATION_CONCURRENCY)))]
    pub concurrency: Option<u32>,
    #[command(flatten)]
    pub arrival: ArrivalArgs,
    /// What each buyer does: buy, or journey (hold, then pay, be declined, give back or walk away).
    #[arg(long, default_value = "buy")]
    pub workload: Workload,
    /// Draws the same wishes again.
    #[arg(long, value_parser = clap::value_parser!(u64).range(..=MAX_SEED))]
    pub seed: Option<u64>,
    /// Print the runs as JSON.
    #[arg(long)]
    pub json: bool,
    /// Write the runs into this file, as a self-contained page.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

fn strategy(name: &str) -> Result<StrategyKind, String> {
    StrategyKind::from_name(name)
        .ok_or_else(|| format!("known are {}", StrategyKind::ALL.map(StrategyKind::name).join(", ")))
}

pub async fn run(arguments: CompareArgs) -> ExitCode {
    match compare(&arguments).await {
        Err(reason) => give_up(reason),
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(NOT_EXACT),
    }
}

/// Makes the runs and shows them. Returns whether every strategy kept its promise.
async fn compare(arguments: &CompareArgs) -> Result<bool, String> {
    let buyers = number_of_buyers(arguments.buyers.as_deref(), MAX_SIMULATED_BUYERS)?;
    let request = Request {
        sale: SaleId(arguments.sale.clone()),
        buyers,
        concurrency: requests_at_once(arguments.concurrency, buyers),
        rate: arguments.arrival.arrivals(buyers).rate(),
        target: Target::Any,
        engine: Engine::Server,
        strategy: None,
        seed: Some(arguments.seed.unwrap_or_else(|| seed_from(rand::random()))),
        round: 1,
        stage: None,
    };
    let mut server = Server::find(&arguments.url, arguments.workload).await?;
    let list = server.strategies().await?;
    let mut strategies = chosen(arguments.strategies.as_deref(), &list)?;
    if arguments.workload == Workload::Journey {
        // It holds nothing.
        strategies.retain(|strategy| *strategy != StrategyKind::Naive);
    }
    // The file is opened first, so that an unusable path is known before any run.
    let page = match &arguments.html {
        Some(path) => Some((path, File::create(path).map_err(|error| told(path, &error))?)),
        None => None,
    };
    let runs = server.compare(&request, &strategies).await?;
    if let Some((path, mut file)) = page {
        let text = document::draw(&document::frame(), &list.store, &runs);
        file.write_all(text.as_str().as_bytes()).map_err(|error| told(path, &error))?;
    }
    show(&list.store, &runs, arguments.json);
    Ok(runs.iter().all(|run| is_as_promised(&run.simulation)))
}

fn told(path: &std::path::Path, error: &std::io::Error) -> String {
    format!("{} cannot be written: {error}", path.display())
}

fn show(store: &str, runs: &[Run], as_json: bool) {
    if as_json {
        let text = serde_json::to_string_pretty(&Export::new(store, runs));
        say(printable_json(&text.expect("runs are plain data")));
    } else {
        say(Report { store, runs }.to_string().trim_end());
    }
}

/// The strategies to compare, each once: the requested ones if the server can run them, or else all that it can run.
fn chosen(asked: Option<&[StrategyKind]>, list: &StrategyList) -> Result<Vec<StrategyKind>, String> {
    let Some(asked) = asked else {
        return Ok(list.strategies.iter().filter(|known| known.supported).map(|known| known.kind).collect());
    };
    let mut chosen = Vec::new();
    for kind in asked {
        let known = list.strategies.iter().find(|known| known.kind == *kind);
        if !known.is_some_and(|known| known.supported) {
            let reason = known.and_then(|known| known.reason.as_deref()).unwrap_or("It does not know it.");
            return Err(format!("the server cannot run {}. {reason}", kind.name()));
        }
        if !chosen.contains(kind) {
            chosen.push(*kind);
        }
    }
    Ok(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::strategy::StrategySupport;

    #[test]
    fn what_the_server_can_run_is_compared_each_once() {
        let support = |kind: StrategyKind| StrategySupport {
            kind,
            supported: kind != StrategyKind::RedisGate,
            exact: kind.is_exact(),
            summary: kind.summary().to_owned(),
            reason: (kind == StrategyKind::RedisGate).then(|| kind.needs().to_owned()),
        };
        let kinds = [StrategyKind::Naive, StrategyKind::Optimistic, StrategyKind::RedisGate];
        let list = StrategyList { store: "SQLite".to_owned(), strategies: kinds.map(support).into() };
        assert_eq!(chosen(None, &list).unwrap(), kinds[..2]);
        let asked = [StrategyKind::Optimistic, StrategyKind::Naive, StrategyKind::Optimistic];
        assert_eq!(chosen(Some(&asked), &list).unwrap(), asked[..2]);
        assert_eq!(chosen(Some(&kinds), &list).unwrap_err(), "the server cannot run redis_gate. It needs Redis.");
        assert!(chosen(Some(&[StrategyKind::Queued]), &list).is_err());
    }
}

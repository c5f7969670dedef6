//! `onsale attack`: virtual buyers against a running server, each a session of its own over a real socket, and then the
//! audit of what they bought.

use std::{process::ExitCode, time::Duration};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

mod report; // the result, for people

use self::report::Report;
pub use self::report::Verdict;
use super::{
    arrival::ArrivalArgs,
    exit::{give_up, say},
    terminal::printable_json,
};
use crate::{
    model::{
        ids::{SaleId, SimulationId},
        limits::{ATTACK_OVERTIME_SECONDS, MAX_SEED},
        simulation::{Simulation, Target, Workload, seed_from},
    },
    server::simulator::{
        client::Server,
        run_error::RunError,
        runner::{Plan, run as run_plan},
    },
};

/// The number of buyers where the command line names none.
const DEFAULT_BUYERS: u32 = 500;
/// Buyers that one attack may send.
const MAX_BUYERS: u32 = 1_000_000;
/// The default for requests in flight at once; fewer where there are fewer buyers.
const DEFAULT_CONCURRENCY: u32 = 1_000;
/// Descriptors that this process needs besides its connections.
const SPARE_DESCRIPTORS: u64 = 64;
/// The exit code when the sale is not exact.
const NOT_CLEAN: u8 = 1;
const REDRAW_INTERVAL: Duration = Duration::from_millis(100);

#[derive(Args)]
pub struct AttackArgs {
    /// Number of buyers; 500 where it is missing or empty.
    #[arg(value_name = "N", allow_negative_numbers = true)]
    pub buyers: Option<String>,
    /// The server to attack.
    #[arg(long, default_value = "http://127.0.0.1:3000")]
    pub url: String,
    /// The sale to attack: a rehearsal, unless you mean it.
    #[arg(long, default_value = "rehearsal")]
    pub sale: String,
    /// What the buyers go for: any, seat:A-12 or tier:ga.
    #[arg(long, default_value = "any")]
    pub target: Target,
    /// Requests in flight at once; as many as there are buyers, to 1000, where it is missing.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub concurrency: Option<u32>,
    #[command(flatten)]
    pub arrival: ArrivalArgs,
    /// What each buyer does: buy, or journey (hold, then pay, be declined, give back or walk away). Journeys pay without money,
    /// which works in rehearsals and demos only.
    #[arg(long, default_value = "buy")]
    pub workload: Workload,
    /// Draws the same wishes again.
    #[arg(long, value_parser = clap::value_parser!(u64).range(..=MAX_SEED))]
    pub seed: Option<u64>,
    /// Print the result as JSON.
    #[arg(long)]
    pub json: bool,
}

pub async fn run(arguments: AttackArgs) -> ExitCode {
    let plan = match plan(&arguments) {
        Ok(plan) => plan,
        Err(reason) => return give_up(reason),
    };
    match attack(&arguments.url, plan.clone()).await {
        Err(error) => give_up(format_args!("the attack could not be made: {error}")),
        Ok(simulation) => {
            if arguments.json {
                let text = serde_json::to_string_pretty(&simulation).expect("a simulation is plain data");
                say(printable_json(&text));
            } else {
                say(Report { simulation: &simulation, target: &plan.target }.to_string().trim_end());
            }
            if simulation.is_clean() { ExitCode::SUCCESS } else { ExitCode::from(NOT_CLEAN) }
        }
    }
}

fn plan(arguments: &AttackArgs) -> Result<Plan, String> {
    let buyers = number_of_buyers(arguments.buyers.as_deref(), MAX_BUYERS)?;
    let concurrency = requests_at_once(arguments.concurrency, buyers);
    let descriptors = rlimit::increase_nofile_limit(u64::MAX).map_err(|error| error.to_string())?;
    if u64::from(concurrency) + SPARE_DESCRIPTORS > descriptors {
        return Err(format!(
            "{concurrency} requests at once need more than the {descriptors} descriptors allowed here"
        ));
    }
    Ok(Plan {
        sale: SaleId(arguments.sale.clone()),
        target: arguments.target.clone(),
        workload: arguments.workload,
        buyers,
        concurrency,
        arrivals: arguments.arrival.arrivals(buyers),
        overtime: Duration::from_secs(ATTACK_OVERTIME_SECONDS),
        seed: arguments.seed.unwrap_or_else(|| seed_from(rand::random())),
    })
}

/// Requests in flight at once: the wished number, or the default, but never more than there are buyers.
pub fn requests_at_once(wished: Option<u32>, buyers: u32) -> u32 {
    wished.unwrap_or(DEFAULT_CONCURRENCY).min(buyers)
}

/// Reads N: a whole number above 0 in decimal digits; 500 where it is missing or empty. Leading zeros mean nothing: 08
/// is eight, not an octal number.
pub fn number_of_buyers(text: Option<&str>, most: u32) -> Result<u32, String> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(DEFAULT_BUYERS) };
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let number: Option<u32> = if digits { text.parse().ok() } else { None };
    number
        .filter(|number| (1..=most).contains(number))
        .ok_or_else(|| format!("{text:?} is not a number of buyers: a whole number from 1 to {most}"))
}

/// Makes the run while a bar shows its progress. Control-C ends it early; the answers received so far are still judged.
async fn attack(url: &str, plan: Plan) -> Result<Simulation, RunError> {
    let server = Server::find(url).await.map_err(RunError::Unreachable)?;
    let id = SimulationId(Uuid::now_v7());
    let (progress, mut told) = watch::channel(plan.begun(id));
    let cancel = CancellationToken::new();
    let bar = bar(plan.buyers);
    let mut running = std::pin::pin!(run_plan(server, plan, None, &progress, cancel.clone()));
    loop {
        tokio::select! {
            result = &mut running => {
                bar.finish_and_clear();
                result?;
                break;
            }
            Ok(()) = told.changed() => show(&bar, &told.borrow_and_update()),
            Ok(()) = tokio::signal::ctrl_c(), if !cancel.is_cancelled() => cancel.cancel(),
        }
    }
    Ok(progress.borrow().clone())
}

/// A progress bar on standard error; nothing is drawn where standard error is no terminal.
pub fn bar(buyers: u32) -> ProgressBar {
    let style =
        ProgressStyle::with_template("{bar:32} {pos}/{len} answered  {msg}").expect("the template is a constant");
    let bar = ProgressBar::new(u64::from(buyers)).with_style(style);
    bar.enable_steady_tick(REDRAW_INTERVAL);
    bar
}

pub fn show(bar: &ProgressBar, simulation: &Simulation) {
    bar.set_position(simulation.answered());
    let (won, refused) = (simulation.won, simulation.refused_in_all());
    bar.set_message(format!("{won} won, {refused} refused, {:.0}/s", simulation.throughput));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn n_is_a_whole_number_above_0_or_500() {
        for (text, buyers) in [
            (None, Some(500)),
            (Some(""), Some(500)),
            (Some("1"), Some(1)),
            (Some("08"), Some(8)),
            (Some("1000000"), Some(1_000_000)),
            (Some("0"), None),
            (Some("000"), None),
            (Some("-5"), None),
            (Some("+5"), None),
            (Some("abc"), None),
            (Some("1.5"), None),
            (Some("1e3"), None),
            (Some(" 7"), None),
            (Some("٥"), None),
            (Some("1000001"), None),
            (Some("99999999999999999999"), None),
        ] {
            assert_eq!(number_of_buyers(text, MAX_BUYERS).ok(), buyers, "{text:?}");
        }
    }
}

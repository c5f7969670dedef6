//! The runs of a comparison, as a table for people.

use std::fmt;

use super::super::terminal::printable;
use crate::{
    model::audit::Audit,
    ui::simulator::{
        session::Run,
        told::{is_as_promised, latency_from, load, strategy_name, summary, verdict},
    },
};

pub struct Report<'a> {
    pub store: &'a str,
    pub runs: &'a [Run],
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(Run { request, simulation, .. }) = self.runs.first() else { return Ok(()) };
        writeln!(
            formatter,
            "{} buyers against {} ({}) on {}, {}, seed {}; latency {}\n",
            request.buyers,
            printable(&request.sale),
            printable(&request.target),
            printable(self.store),
            load(request.rate, request.concurrency),
            simulation.seed,
            latency_from(request.rate)
        )?;
        writeln!(
            formatter,
            "  strategy         sold  phantoms  leaks  requests/s  p50 ms  p99 ms  by database  verdict"
        )?;
        for Run { simulation: run, .. } in self.runs {
            let of_audit = |figure: fn(&Audit) -> u64| known(run.audit.as_ref().map(figure));
            writeln!(
                formatter,
                "  {:<13}  {:>6}  {:>8}  {:>5}  {:>10.0}  {:>6.1}  {:>6.1}  {:>11}  {}",
                strategy_name(run),
                of_audit(|audit| audit.sold),
                of_audit(|audit| audit.phantoms),
                of_audit(|audit| audit.leaks),
                run.throughput,
                run.p50_ms,
                run.p99_ms,
                known(run.refusals_by_database),
                verdict(run),
            )?;
        }
        writeln!(formatter, "\nBy database: refusals that touched the database; all others came from memory.")?;
        writeln!(formatter, "{}", summary(self.runs))?;
        for run in self.runs.iter().filter(|run| !is_as_promised(&run.simulation)) {
            for contradiction in &run.simulation.contradictions {
                writeln!(formatter, "  {}: {}", strategy_name(&run.simulation), printable(contradiction))?;
            }
        }
        Ok(())
    }
}

fn known(figure: Option<u64>) -> String {
    figure.map_or_else(|| "?".to_owned(), |figure| figure.to_string())
}

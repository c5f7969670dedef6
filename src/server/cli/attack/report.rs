//! The result of an attack, as a table for people.

use std::fmt;

use super::super::terminal::printable;
use crate::{
    model::{
        audit::Audit,
        simulation::{Simulation, SimulationStatus, Target},
    },
    ui::simulator::told::{latency_from, load},
};

pub struct Report<'a> {
    pub simulation: &'a Simulation,
    pub target: &'a Target,
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let run = self.simulation;
        let (target, cancelled) =
            (self.target, if run.status == SimulationStatus::Cancelled { ", cancelled" } else { "" });
        writeln!(
            formatter,
            "{} buyers against {} ({}), {}, seed {}{cancelled}\n",
            run.buyers,
            printable(&run.sale),
            printable(target),
            load(run.rate, run.concurrency),
            run.seed
        )?;
        writeln!(formatter, "  won         {:>9}", run.won)?;
        let reasons: Vec<String> =
            run.refused.iter().map(|(code, count)| format!("{} {count}", printable(code))).collect();
        writeln!(formatter, "  refused     {:>9}   {}", run.refused_in_all(), reasons.join(", "))?;
        if !run.outcomes.is_empty() {
            let ends: Vec<String> =
                run.outcomes.iter().map(|(name, count)| format!("{} {count}", printable(name))).collect();
            writeln!(formatter, "  journeys    {:>9}   {}", run.outcomes.values().sum::<u64>(), ends.join(", "))?;
        }
        let last_error = run.last_error.as_deref().map(|told| format!("   {}", printable(told))).unwrap_or_default();
        writeln!(formatter, "  errors      {:>9}{last_error}", run.errors)?;
        writeln!(formatter, "  duration    {:>9} ms", run.duration_ms)?;
        writeln!(formatter, "  throughput  {:>9.0} answers/s", run.throughput)?;
        writeln!(
            formatter,
            "  latency     p50 {:.1}  p90 {:.1}  p95 {:.1}  p99 {:.1}  max {:.1} ms, {}",
            run.p50_ms,
            run.p90_ms,
            run.p95_ms,
            run.p99_ms,
            run.max_ms,
            latency_from(run.rate)
        )?;
        if let Some(winner) = run.winner {
            writeln!(formatter, "  winner      {winner}")?;
        }
        if let Some(audit) = &run.audit {
            writeln!(formatter, "\n{}", Verdict(audit))?;
        }
        for contradiction in &run.contradictions {
            writeln!(formatter, "  {}", printable(contradiction))?;
        }
        Ok(())
    }
}

/// An audit in one line.
pub struct Verdict<'a>(pub &'a Audit);

impl fmt::Display for Verdict<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Audit { sale, capacity, available, held, sold, phantoms, leaks, ledger, clean, .. } = self.0;
        let verdict = if *clean { "clean" } else { "NOT CLEAN" };
        let chain = if ledger.verified { "verified" } else { "NOT verified" };
        write!(
            formatter,
            "{}: {verdict}. Capacity {capacity}: {sold} sold, {held} held, {available} available; {phantoms} phantoms, \
             {leaks} leaks; ledger of {} entries {chain}.",
            printable(sale),
            ledger.entries
        )
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_server_says_is_shown_and_not_obeyed() {
        let foreign = "a\u{1b}[2J\u{9b}31m\r\nclean\u{202e}";
        let audit = json!({
            "sale": foreign, "strategy": "naive", "capacity": 1, "available": 0, "held": 0, "sold": 1, "orders": 1, "tickets": 1,
            "phantoms": 0, "leaks": 0, "ledger": { "entries": 1, "head_hash": "", "verified": true }, "clean": true,
            "checked_at": "2026-11-20T20:00:00Z",
        });
        let simulation: Simulation = serde_json::from_value(json!({
            "id": "01a1fa8b-5e00-7508-bfe3-b3a85113d46a", "sale": foreign, "status": "done", "buyers": 1, "concurrency": 1,
            "seed": 1, "won": 1, "refused": {}, "errors": 1, "last_error": foreign, "duration_ms": 1, "throughput": 1.0,
            "p50_ms": 1.0, "p90_ms": 1.0, "p95_ms": 1.0, "p99_ms": 1.0, "max_ms": 1.0, "audit": audit,
            "contradictions": [foreign],
        }))
        .unwrap();
        let shown = Report { simulation: &simulation, target: &Target::Any }.to_string();
        assert_eq!(shown.matches("a\\u{1b}[2J\\u{9b}31m\\u{d}\\u{a}clean\\u{202e}").count(), 4, "{shown}");
        assert!(!shown.chars().any(|character| character.is_control() && character != '\n'), "{shown:?}");
        assert!(!shown.contains('\u{202e}'), "{shown:?}");
    }
}

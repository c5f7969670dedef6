//! Measures the release server as its clients see it: `cargo bench --features ssr`, or `make bench`.
//!
//! Every figure stands beside its yardstick from the same run, since machines differ and are noisy. Each row is measured
//! three times on a fresh database; medians are shown with the spread. After each run the audit must be clean: a fast
//! wrong answer counts as nothing, and ends the measuring with exit code 1.
//!
//! `ONSALE_BENCH_ROWS=buying,fan-out` measures only those groups; `ONSALE_BENCH_SECONDS` and
//! `ONSALE_BENCH_REPETITIONS` shorten or lengthen it. The table goes to standard output, the same as JSON to
//! `target/bench.json`.

mod buying; // purchases and refusals beside the no-work POST
mod delivery; // how soon all viewers have read a change
mod fan_out; // many viewers hear of every change
mod load; // the closed and the open loop of requests
mod nchan; // nginx with nchan, the yardstick for fan-out
mod page; // what a visitor waits for and downloads
mod parallel; // one thousand buyers in the same moment
mod picking; // what it costs to pick seats that stand together
mod report; // medians, goals, table, JSON
mod server; // a server process of its own, on a fresh database
mod settings; // how long and how often, and what measuring gives
mod strategies; // every strategy on every store
mod viewers; // ten thousand readers of a stream on one thread
mod wire; // one connection and the bytes on it

use std::process::ExitCode;

use report::Report;
use settings::{Measured, Settings};

type Measure = fn(&Settings) -> Measured;

/// What can be measured by itself.
const GROUPS: [(&str, Measure); 8] = [
    ("buying", buying::measure),
    ("picking", picking::measure),
    ("parallel", parallel::measure),
    ("refusals", buying::measure_refusals),
    ("sqlite", strategies::measure_sqlite),
    ("postgres", strategies::measure_postgres),
    ("fan-out", fan_out::measure),
    ("page", page::measure),
];

fn main() -> ExitCode {
    let settings = Settings::from_environment();
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        eprintln!("the descriptor limit cannot be raised: {error}");
    }
    let mut report = Report::new();
    let mut failed = false;
    for (group, measure) in GROUPS {
        if !settings.wants(group) {
            continue;
        }
        for repetition in 1..=settings.repetitions {
            eprintln!("{group}, {repetition} of {}", settings.repetitions);
            match measure(&settings) {
                Ok(samples) => report.take(samples),
                Err(failure) => {
                    eprintln!("{group} counts as nothing: {failure}");
                    failed = true;
                    break;
                }
            }
        }
    }
    print!("{report}");
    if let Err(error) = report.write_json() {
        eprintln!("the figures could not be written: {error}");
        failed = true;
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

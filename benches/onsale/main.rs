//! Measures the release server as its clients see it: `cargo bench --features ssr`, or `make bench`.
//!
//! Every figure is shown beside its yardstick from the same run, because machines differ and are noisy. Each row is
//! measured three times on a fresh database; the table shows medians with the spread. After each run the audit must be
//! clean. If it is not, the measurement ends with exit code 1, because fast wrong answers are worth nothing.
//!
//! `ONSALE_BENCH_ROWS=buying,fan-out` measures only those groups. `ONSALE_BENCH_SECONDS` and `ONSALE_BENCH_REPETITIONS`
//! make it shorter or longer. The table goes to standard output, and the same figures go to `target/bench.json` as
//! JSON.

mod attacks; // what strangers can do to others
mod buying; // purchases and refusals, compared with the no-work POST
mod delivery; // how soon all viewers have read a change
mod fan_out; // many viewers receive every change
mod holding; // holds, confirmed or ending, beside purchases
mod load; // the closed and the open loop of requests
mod nchan; // nginx with nchan, the yardstick for fan-out
mod page; // what a visitor waits for and downloads
mod parallel; // one thousand buyers at the same moment
mod picking; // the cost of picking adjacent seats
mod report; // medians, goals, table, JSON
mod server; // a server process on a fresh database
mod settings; // how long and how often to measure, and the type of a result
mod strategies; // every strategy on every store
mod viewers; // ten thousand readers of a stream on one thread
mod wire; // one connection and the bytes on it

use std::process::ExitCode;

use report::Report;
use settings::{Measured, Settings};

type Measure = fn(&Settings) -> Measured;

/// The groups that can be measured alone.
const GROUPS: [(&str, Measure); 11] = [
    ("buying", buying::measure),
    ("holding", holding::measure),
    ("picking", picking::measure),
    ("parallel", parallel::measure),
    ("refusals", buying::measure_refusals),
    ("sqlite", strategies::measure_sqlite),
    ("postgres", strategies::measure_postgres),
    ("fan-out", fan_out::measure),
    ("page", page::measure),
    ("attacks", attacks::measure_on_sqlite),
    ("attacks-postgres", attacks::measure_on_postgres),
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

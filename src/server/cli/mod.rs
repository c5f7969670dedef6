//! The command line: one binary, one subcommand per task, each in a file of its own.

use std::{ffi::OsString, process::ExitCode};

use clap::{Parser, Subcommand};

mod arrival; // flags that say when the buyers of a run arrive
mod attack; // virtual buyers against a running server
mod audit; // checks that what was sold matches the stock
mod compare; // one strategy after another under the same load
mod exit; // how a command ends: with its result, or with a reason
mod prepare; // `migrate` and `seed`
mod provider; // a stand-in for a payment provider
mod reconcile; // compares the payment provider's books with ours
mod serve; // the server itself
mod terminal; // makes foreign text safe for a terminal
mod verify; // checks an exported ledger offline

use self::exit::give_up;
use super::config::WATCHED_VARIABLE;

#[derive(Parser)]
#[command(name = "onsale", version, about, arg_required_else_help = true)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Open the box office: serve pages, the API and the live stream.
    Serve(serve::ServeArgs),
    /// Send many buyers to a running server, at once or at a rate, then audit what was sold.
    Attack(attack::AttackArgs),
    /// Send the same buyers at one strategy after another, and show the runs side by side. Exit 0: every strategy that
    /// promises to be exact was, 1: one was not, 2: could not look.
    Compare(compare::CompareArgs),
    /// Recount seats, tickets and ledger. Exit 0: clean, 1: not clean, 2: could not look.
    Audit(audit::AuditArgs),
    /// Check an exported ledger offline. Exit codes as for audit.
    Verify(verify::VerifyArgs),
    /// Stand in for a payment provider, for trying and testing: no money moves.
    Provider(provider::ProviderArgs),
    /// Compare the payment provider's books with ours. Prints nothing and exits 0 where every cent is explained; else lists what
    /// is not and exits 1. Exit 2: could not look.
    Reconcile(reconcile::ReconcileArgs),
    /// Make or upgrade the database, and leave.
    Migrate(prepare::DatabaseArgs),
    /// Make the demo sales where they are missing, and leave.
    Seed(prepare::DatabaseArgs),
}

/// Parses the command line and runs it. Wrong arguments are reported on standard error, with exit code 2.
pub fn run() -> ExitCode {
    match CommandLine::parse_from(typed()).command {
        Command::Serve(arguments) => serve::run(arguments),
        Command::Attack(arguments) => on_a_runtime(attack::run(arguments)),
        Command::Compare(arguments) => on_a_runtime(compare::run(arguments)),
        Command::Audit(arguments) => on_a_runtime(audit::run(arguments)),
        Command::Verify(arguments) => verify::run(arguments),
        Command::Provider(arguments) => on_a_runtime(provider::run(arguments)),
        Command::Reconcile(arguments) => on_a_runtime(reconcile::run(arguments)),
        Command::Migrate(arguments) => on_a_runtime(prepare::migrate(arguments)),
        Command::Seed(arguments) => on_a_runtime(prepare::seed(arguments)),
    }
}

/// The arguments. `cargo leptos watch` passes none, and then `serve --demo` is meant.
fn typed() -> Vec<OsString> {
    let mut typed: Vec<_> = std::env::args_os().collect();
    if typed.len() == 1 && std::env::var_os(WATCHED_VARIABLE).is_some() {
        typed.extend(["serve", "--demo"].map(OsString::from));
    }
    typed
}

fn on_a_runtime(task: impl Future<Output = ExitCode>) -> ExitCode {
    match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(task),
        Err(error) => give_up(format_args!("cannot start: {error}")),
    }
}

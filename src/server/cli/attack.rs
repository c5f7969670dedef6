//! `onsale attack`: virtual buyers against a running server.

use std::process::ExitCode;

use clap::Args;

use crate::model::simulation::Target;

#[derive(Args)]
pub struct AttackArgs {
    /// Number of buyers; 500 where it is missing or empty.
    #[arg(value_name = "N")]
    pub buyers: Option<String>,
    /// The server to attack.
    #[arg(long, default_value = "http://127.0.0.1:3000")]
    pub url: String,
    /// The sale to attack: a rehearsal, unless the server runs with --demo.
    #[arg(long, default_value = "rehearsal")]
    pub sale: String,
    /// What the buyers go for: any, seat:A-12 or tier:ga.
    #[arg(long, default_value = "any")]
    pub target: Target,
    /// Requests in flight at once; all of them where it is missing.
    #[arg(long)]
    pub concurrency: Option<u32>,
    /// Print the result as JSON.
    #[arg(long)]
    pub json: bool,
}

pub async fn run(_arguments: AttackArgs) -> ExitCode {
    unimplemented!()
}

//! `onsale audit`: is what was sold what there was?

use std::process::ExitCode;

use clap::Args;

#[derive(Args)]
pub struct AuditArgs {
    /// Ask a running server, such as http://127.0.0.1:3000.
    #[arg(long, conflicts_with = "database")]
    pub url: Option<String>,
    /// Look into a database, such as sqlite:onsale.db; for reading only, while a server runs or not.
    #[arg(long)]
    pub database: Option<String>,
    /// One sale; all of them where it is missing.
    #[arg(long)]
    pub sale: Option<String>,
    /// Print the result as JSON.
    #[arg(long)]
    pub json: bool,
}

pub async fn run(_arguments: AuditArgs) -> ExitCode {
    unimplemented!()
}

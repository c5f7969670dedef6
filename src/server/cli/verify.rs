//! `onsale verify`: an exported ledger, checked offline.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;

#[derive(Args)]
pub struct VerifyArgs {
    /// The file, as GET /api/v1/sales/{sale}/ledger gives it.
    #[arg(value_name = "LEDGER")]
    pub ledger: PathBuf,
}

pub fn run(_arguments: VerifyArgs) -> ExitCode {
    unimplemented!()
}

//! `onsale serve`: from the command line to an open box office, and back to a closed one.

use std::process::ExitCode;

use clap::Args;

#[derive(Args)]
pub struct ServeArgs {
    /// Where to listen. [env: ONSALE_ADDR] [default: 127.0.0.1:3000]
    #[arg(long)]
    addr: Option<String>,
    /// Where everything is kept. [env: DATABASE_URL] [default: sqlite:onsale.db]
    #[arg(long)]
    database: Option<String>,
    /// Make the demo sales, open the simulator to everyone, lift rate limits and stream caps.
    #[arg(long)]
    demo: bool,
}

pub fn run(_arguments: ServeArgs) -> ExitCode {
    unimplemented!()
}

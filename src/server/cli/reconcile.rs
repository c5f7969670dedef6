//! `onsale reconcile`: compares the payment provider's books with ours.

use std::process::ExitCode;

use clap::Args;

use super::{
    exit::{give_up, say},
    terminal::printable,
};
use crate::server::{
    config::{Config, Flags},
    payment::Provider,
    reconciliation::unexplained,
    store::Store,
};

/// The exit code when something is not explained.
const NOT_CLEAN: u8 = 1;

#[derive(Args)]
pub struct ReconcileArgs {
    /// The database, such as sqlite:onsale.db, whether a server runs on it or not; nothing is written.
    /// [default: server.database of Leptos.toml]
    #[arg(long)]
    database: Option<String>,
}

pub async fn run(arguments: ReconcileArgs) -> ExitCode {
    match reconcile(arguments).await {
        Err(reason) => give_up(reason),
        Ok(lines) if lines.is_empty() => ExitCode::SUCCESS,
        Ok(lines) => {
            lines.iter().for_each(|line| say(printable(line)));
            ExitCode::from(NOT_CLEAN)
        }
    }
}

async fn reconcile(arguments: ReconcileArgs) -> Result<Vec<String>, String> {
    let flags = Flags { database: arguments.database, ..Flags::default() };
    let config = Config::load(flags).map_err(|error| error.to_string())?;
    let Some(payment) = &config.payment else {
        return Err("no payment provider is configured: see payment.url in Leptos.toml".to_owned());
    };
    let provider = Provider::new(payment)?;
    let unusable = |error: &dyn std::fmt::Display| {
        format!("the database {} cannot be read: {}", config.database, config.database.hide_in(&error))
    };
    let store = Store::open_read_only(config.database.expose()).await.map_err(|error| unusable(&error))?;
    let lines = unexplained(&store, &provider).await.map_err(|reason| config.database.hide_in(&reason));
    store.close().await;
    lines
}

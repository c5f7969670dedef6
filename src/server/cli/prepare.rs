//! `onsale migrate` and `onsale seed`: prepare a database without starting a server.

use std::process::ExitCode;

use clap::Args;

use super::{
    exit::{give_up, say},
    terminal::printable,
};
use crate::server::{
    config::{Config, Flags, ServiceUrl},
    engine::{Engine, EngineError, EngineOptions},
    store::Store,
};

#[derive(Args)]
pub struct DatabaseArgs {
    /// The database, such as sqlite:onsale.db. [default: server.database of Leptos.toml]
    #[arg(long)]
    database: Option<String>,
}

pub async fn migrate(arguments: DatabaseArgs) -> ExitCode {
    match open(arguments).await {
        Ok((config, _store)) => {
            say(format_args!("{} is up to date", printable(&config.database)));
            ExitCode::SUCCESS
        }
        Err(reason) => give_up(reason),
    }
}

pub async fn seed(arguments: DatabaseArgs) -> ExitCode {
    match try_seed(arguments).await {
        Ok(database) => {
            say(format_args!("{} has the demo sales", printable(&database)));
            ExitCode::SUCCESS
        }
        Err(reason) => give_up(reason),
    }
}

async fn try_seed(arguments: DatabaseArgs) -> Result<String, String> {
    let (config, store) = open(arguments).await?;
    let unusable = |error: EngineError| unusable(&config.database, &error);
    let options =
        EngineOptions { request_queue: config.request_queue, ..EngineOptions::new(tokio::runtime::Handle::current()) };
    let engine = Engine::open(store, options).await.map_err(unusable)?;
    let seeded = engine.catalogue.seed_demo().await.map_err(unusable);
    engine.close().await;
    seeded?;
    Ok(config.database.to_string())
}

fn unusable(database: &ServiceUrl, error: &impl std::fmt::Display) -> String {
    format!("the database {database} cannot be used: {}", database.hide_in(error))
}

/// Opens the store, which migrates it.
async fn open(arguments: DatabaseArgs) -> Result<(Config, Store), String> {
    let flags = Flags { database: arguments.database, ..Flags::default() };
    let config = Config::load(flags).map_err(|error| error.to_string())?;
    let store = Store::open(config.database.expose()).await.map_err(|error| unusable(&config.database, &error))?;
    Ok((config, store))
}

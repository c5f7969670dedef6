//! `onsale migrate` and `onsale seed`: prepare a database without starting a server.

use std::process::ExitCode;

use clap::Args;

use super::exit::give_up;
use crate::server::{
    config::{Config, Flags},
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
            println!("{} is up to date", config.database);
            ExitCode::SUCCESS
        }
        Err(reason) => give_up(reason),
    }
}

pub async fn seed(arguments: DatabaseArgs) -> ExitCode {
    match try_seed(arguments).await {
        Ok(database) => {
            println!("{database} has the demo sales");
            ExitCode::SUCCESS
        }
        Err(reason) => give_up(reason),
    }
}

async fn try_seed(arguments: DatabaseArgs) -> Result<String, String> {
    let (config, store) = open(arguments).await?;
    let unusable = |error: EngineError| format!("the database {} cannot be used: {error}", config.database);
    let options =
        EngineOptions { request_queue: config.request_queue, ..EngineOptions::new(tokio::runtime::Handle::current()) };
    let engine = Engine::open(store, options).await.map_err(unusable)?;
    let seeded = engine.catalogue.seed_demo().await.map_err(unusable);
    engine.close().await;
    seeded?;
    Ok(config.database.to_string())
}

/// Opens the store, which migrates it.
async fn open(arguments: DatabaseArgs) -> Result<(Config, Store), String> {
    let flags = Flags { database: arguments.database, ..Flags::default() };
    let config = Config::load(flags).map_err(|error| error.to_string())?;
    let store = Store::open(config.database.expose())
        .await
        .map_err(|error| format!("the database {} cannot be used: {error}", config.database))?;
    Ok((config, store))
}

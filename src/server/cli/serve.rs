//! `onsale serve`: starts the server from the command line, and stops it cleanly.

use std::{net::SocketAddr, process::ExitCode, time::Duration};

use super::exit::give_up;
use crate::server::{
    app::App,
    config::{Config, Flags},
    http::{
        self,
        listener::{Listener, ListenerOptions},
    },
    shutdown::Shutdown,
    startup::{self, Handles, Threads},
    telemetry::{logs, metrics},
};
use clap::Args;

/// Time between two deletions of stored answers that have expired.
const TIDY_INTERVAL: Duration = Duration::from_secs(10 * 60);
/// Time between two foldings of the store's log: while its length changes, and while it does not.
const FOLD_INTERVAL: Duration = Duration::from_millis(50);
const QUIET_FOLD_INTERVAL: Duration = Duration::from_millis(500);
/// How long the very last tasks may still run before the process ends.
const LAST_WAIT: Duration = Duration::from_millis(500);

#[derive(Args)]
pub struct ServeArgs {
    /// Where to listen. [env: ONSALE_ADDR] [default: 127.0.0.1:3000]
    #[arg(long)]
    addr: Option<String>,
    /// Where everything is kept. [env: DATABASE_URL] [default: sqlite:onsale.db]
    #[arg(long)]
    database: Option<String>,
    /// Redis, for the strategies that need it, such as redis://127.0.0.1. [default: server.redis of Leptos.toml]
    #[arg(long)]
    redis: Option<String>,
    /// Make the demo sales, open the simulator to everyone, lift all limits per client.
    #[arg(long)]
    demo: bool,
}

pub fn run(arguments: ServeArgs) -> ExitCode {
    let ServeArgs { addr, database, redis, demo } = arguments;
    match serve(Flags { addr, database, redis, demo }) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => give_up(reason),
    }
}

fn serve(flags: Flags) -> Result<(), String> {
    let config = Config::load(flags).map_err(|error| error.to_string())?;
    logs::install(&config.log_filter, config.log_format)?;
    config.remarks.iter().for_each(|remark| tracing::warn!("{remark}"));
    metrics::install().map_err(|error| format!("counting cannot start: {error}"))?;
    let buyers = startup::buyers_runtime(&config)?;
    let threads = Threads::start()?;
    let served = buyers.block_on(open_and_serve(config, threads.handles()));
    buyers.shutdown_timeout(LAST_WAIT);
    served
}

async fn open_and_serve(config: Config, threads: Handles) -> Result<(), String> {
    let shutdown = Shutdown::new();
    shutdown.start_at_signal().map_err(|error| format!("cannot listen to signals: {error}"))?;
    let max_connections = startup::max_connections(&config);
    let taken = |error| format!("cannot listen at {}: {error}", config.addr);
    let listener = Listener::bind(config.addr).map_err(taken)?;
    let address = listener.address().map_err(taken)?;
    let app = startup::open(config, &threads, shutdown.clone()).await?;
    app.simulations.listening_at(address);
    let engine = app.engine.clone();
    welcome(&app, address);
    let background =
        [tokio::spawn(metrics::keep_tidy()), tokio::spawn(tidy(app.clone())), tokio::spawn(fold_log(app.clone()))];
    let closing = tokio::spawn(end_streams(app.clone()));
    let (per_address, own_clients) = (app.limits.connections.clone(), app.limits.own_clients.clone());
    let options = ListenerOptions { max_connections, per_address, own_clients, viewers: threads.viewers, shutdown };
    // Runs on a worker thread: waking this main thread would be paid for every connection.
    let served = tokio::spawn(listener.serve(http::router(app), options)).await;
    background.iter().for_each(tokio::task::JoinHandle::abort);
    let _ = closing.await;
    engine.close().await;
    tracing::info!("closed");
    served.map_err(|_| "stopped by a fault of its own; see the log".to_owned())
}

/// Prints where the server is open, once it would answer a first request.
fn welcome(app: &App, address: SocketAddr) {
    // A browser cannot open 0.0.0.0.
    let ip = if address.ip().is_unspecified() { [127, 0, 0, 1].into() } else { address.ip() };
    let url = format!("http://{}", SocketAddr::new(ip, address.port()));
    println!("Onsale is open at {url}");
    println!("  audit it:   onsale audit --url {url}");
    if app.config.demo {
        println!("  attack it:  onsale attack 500 --url {url}");
    }
    if app.config.admin_token.is_none() {
        println!("  organise:   set ONSALE_ADMIN_TOKEN, and send it as Bearer");
    }
}

/// Ends all live streams as soon as the server begins to stop; by themselves they would never end.
async fn end_streams(app: App) {
    app.shutdown.started().await;
    for sale in app.engine.catalogue.sales() {
        if let Some(hub) = app.engine.catalogue.hub(&sale.id) {
            hub.close();
        }
    }
}

/// Keeps the store's log short, without holding up those who write it.
async fn fold_log(app: App) {
    let mut last_length = None;
    loop {
        let length = app.engine.fold_log().await.inspect_err(|error| tracing::debug!(%error, "the log was not folded"));
        let interval = if length.as_ref().ok() == last_length.as_ref() { QUIET_FOLD_INTERVAL } else { FOLD_INTERVAL };
        last_length = length.ok();
        tokio::time::sleep(interval).await;
    }
}

/// Keeps the store small. Nothing depends on when this runs, or whether it does.
async fn tidy(app: App) {
    loop {
        tokio::time::sleep(TIDY_INTERVAL).await;
        if let Err(error) = app.engine.tidy().await {
            tracing::warn!(%error, "what is past its time could not be forgotten");
        }
    }
}

//! `onsale serve`: starts the server from the command line, and stops it cleanly.

use std::{net::SocketAddr, process::ExitCode, time::Duration};

use super::exit::{give_up, say};
use crate::server::{
    app::App,
    config::{Config, Flags},
    http::{
        self,
        listener::{Listener, ListenerOptions},
    },
    provider::{self, Options, Running},
    shutdown::Shutdown,
    startup::{self, Handles, Threads},
    store,
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

/// What is added to the name of the embedded database's file for the books of the payment provider's stand-in.
const STAND_IN_BOOKS: &str = "-provider";

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
    let stand_in = if config.demo && config.payment.is_none() { stand_in(&config, address).await } else { None };
    let provider = stand_in.as_ref().map(Running::settings);
    let app = startup::open(config, provider, &threads, shutdown.clone()).await?;
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
    if let Some(stand_in) = stand_in {
        stand_in.stop().await;
    }
    tracing::info!("closed");
    served.map_err(|_| "stopped by a fault of its own; see the log".to_owned())
}

/// Starts a payment provider's stand-in for a demo, on a free port of this machine. Its books lie beside the embedded
/// database. A demo works without it too.
async fn stand_in(config: &Config, address: SocketAddr) -> Option<Running> {
    let webhook = format!("http://{}/api/v1/payments/webhook", reachable(address));
    let state = store::file_of(config.database.expose()).map(|mut file| {
        file.as_mut_os_string().push(STAND_IN_BOOKS);
        file
    });
    match provider::start(Options { state, ..Options::on_loopback(&webhook) }).await {
        Ok(running) => Some(running),
        Err(reason) => {
            tracing::warn!(
                reason,
                "the payment provider's stand-in cannot start; payments can be simulated all the same"
            );
            None
        }
    }
}

/// The address under which this machine reaches the server: nobody can connect to 0.0.0.0.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = if address.ip().is_unspecified() { [127, 0, 0, 1].into() } else { address.ip() };
    SocketAddr::new(ip, address.port())
}

/// Prints where the server is open, once it would answer a first request.
fn welcome(app: &App, address: SocketAddr) {
    let url = format!("http://{}", reachable(address));
    say(format_args!("Onsale is open at {url}"));
    say(format_args!("  audit it:   onsale audit --url {url}"));
    if app.config.demo {
        say(format_args!("  attack it:  onsale attack 500 --url {url}"));
    }
    if app.config.admin_token.is_none() {
        say("  organise:   set ONSALE_ADMIN_TOKEN, and send it as Bearer");
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

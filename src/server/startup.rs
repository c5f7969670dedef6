//! Starts an application from a configuration: opens everything in order, and starts the threads that serve it. A
//! failure becomes one line for the operator.

use std::{path::Path, sync::Arc, thread::JoinHandle};

use tokio::runtime::{Builder, Handle, Runtime};

use super::{
    app::{App, Parts},
    auth::Sessions,
    config::{Config, Secret},
    engine::{Engine, EngineOptions},
    limits::Limits,
    shutdown::Shutdown,
    simulator::Simulations,
    site::Site,
    store::Store,
    strategy::QueueOptions,
};

/// File descriptors kept for other things than connections: the database, the log, the sockets of a simulation's
/// buyers.
const SPARE_DESCRIPTORS: usize = 512;

/// The runtime that serves buyers and pages, with a thread per core or as many as configured.
pub fn buyers_runtime(config: &Config) -> Result<Runtime, String> {
    let mut builder = Builder::new_multi_thread();
    if let Some(threads) = config.buyer_threads {
        builder.worker_threads(threads);
    }
    builder.thread_name("buyers").enable_all().build().map_err(|error| format!("cannot start threads: {error}"))
}

/// Niceness of the viewers' thread. When buyers need every core, they get them before the viewers.
#[cfg(target_os = "linux")]
const VIEWERS_NICENESS: i32 = 10;

/// The runtime of hubs and viewers. It is one thread of low priority, so that watching does not slow buying.
pub struct ViewersRuntime {
    handle: Handle,
    stop: Shutdown,
    thread: Option<JoinHandle<()>>,
}

impl ViewersRuntime {
    pub fn start() -> Result<Self, String> {
        let failed = |error| format!("cannot start threads: {error}");
        let runtime = Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let (handle, stop) = (runtime.handle().clone(), Shutdown::new());
        let stopping = stop.clone();
        let run = move || {
            give_way();
            runtime.block_on(stopping.started());
        };
        let thread = std::thread::Builder::new().name("viewers".to_owned()).spawn(run).map_err(failed)?;
        Ok(Self { handle, stop, thread: Some(thread) })
    }

    pub const fn handle(&self) -> &Handle {
        &self.handle
    }
}

impl Drop for ViewersRuntime {
    /// Drops all tasks that still run there.
    fn drop(&mut self) {
        self.stop.start();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Lowers the priority of this thread. Only on Linux, where each thread has its own; elsewhere this would lower the
/// whole process.
fn give_way() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, VIEWERS_NICENESS) {
        tracing::debug!(%error, "the viewers' thread keeps the priority of the buyers'");
    }
}

/// How many connections may be open: the configured number, or fewer if the system allows too few file descriptors.
pub fn max_connections(config: &Config) -> usize {
    let descriptors = rlimit::increase_nofile_limit(u64::MAX).unwrap_or_else(|error| {
        tracing::warn!(%error, "the limit of open files cannot be raised");
        rlimit::Resource::NOFILE.get_soft().unwrap_or(1_024)
    });
    let descriptors = usize::try_from(descriptors).unwrap_or(usize::MAX);
    let possible = descriptors.saturating_sub(SPARE_DESCRIPTORS).max(descriptors / 2);
    if possible < config.max_connections {
        tracing::debug!(possible, configured = config.max_connections, "the limit of open files bounds connections");
    }
    config.max_connections.min(possible)
}

/// Opens the store and everything on top of it. With `demo` it also makes the demo sales.
pub async fn open(config: Config, viewers: &Handle, shutdown: Shutdown) -> Result<App, String> {
    let _ = any_spawner::Executor::init_tokio(); // fails if it was done before, which is fine
    let unusable = |error: &dyn std::fmt::Display| {
        let told = config.redis.iter().fold(config.database.hide_in(&error), |told, redis| redis.hide_in(&told));
        format!("the database {} cannot be used: {told}", config.database)
    };
    let store = Store::open(config.database.expose()).await.map_err(|error| unusable(&error))?;
    let options = EngineOptions {
        request_queue: config.request_queue,
        // While a secret is being changed, the one before it still keeps keys and signs entries in Redis: a purchase that
        // is sent again finds its answer, and servers that have not been started again yet understand each other.
        secret: config.previous_secret.as_ref().or(config.secret.as_ref()).map(secret_bytes),
        redis_url: config.redis.as_ref().map(|url| url.expose().to_owned()),
        queue: QueueOptions { first_tiers: config.first_tiers.clone(), ..QueueOptions::default() },
        ..EngineOptions::new(viewers.clone())
    };
    let engine = Engine::open(store, options).await.map_err(|error| unusable(&error))?;
    if config.demo {
        engine.catalogue.seed_demo().await.map_err(|error| unusable(&error))?;
    }
    let site_root = Path::new(&*config.leptos.site_root);
    let site = match config.is_watched {
        true => Site::watch(site_root),
        false => Site::load(site_root).map_err(|error| format!("{} cannot be read: {error}", site_root.display()))?,
    };
    if site.client().is_none() {
        tracing::warn!("{} has no client: pages work as forms only; `make build` makes it", site_root.display());
    }
    let limits = Limits::new(&config);
    Ok(App::from(Parts {
        sessions: Arc::new(sessions(&config, &engine)),
        engine,
        shutdown,
        simulations: Arc::new(Simulations::new(limits.own_clients.clone())),
        limits,
        site: Arc::new(site),
        config: Arc::new(config),
    }))
}

fn sessions(config: &Config, engine: &Engine) -> Sessions {
    let admin_token = config.admin_token.as_ref().map(|token| token.expose().to_owned());
    let sessions = Sessions::new(&signing_secret(config.secret.as_ref(), engine), admin_token);
    match &config.previous_secret {
        Some(previous) => sessions.with_previous(previous.expose().as_bytes()),
        None => sessions,
    }
}

fn signing_secret(configured: Option<&Secret>, engine: &Engine) -> Vec<u8> {
    configured.map_or_else(|| engine.stored_secret().to_vec(), secret_bytes)
}

fn secret_bytes(secret: &Secret) -> Vec<u8> {
    secret.expose().as_bytes().to_vec()
}

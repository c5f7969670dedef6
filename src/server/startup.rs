//! Starts an application from a configuration: opens everything in order, and starts the threads that serve it. A
//! failure becomes one line for the operator.

use std::{num::NonZeroUsize, path::Path, sync::Arc, thread::JoinHandle};

use tokio::{
    runtime::{Builder, Handle, Runtime},
    sync::Semaphore,
};

use super::{
    app::{App, Parts},
    auth::Sessions,
    background::Background,
    config::{Config, PaymentSettings, Secret},
    engine::{Engine, EngineError, EngineOptions, Till},
    limits::Limits,
    payment::Provider,
    shutdown::Shutdown,
    simulator::Simulations,
    site::Site,
    store::Store,
    strategy::QueueOptions,
};
use crate::model::limits::{LEDGER_EXPORTS_AT_ONCE, LONG_ANSWERS_AT_ONCE, PAGES_AT_ONCE_PER_CORE};

const MILLISECONDS_OF_A_DAY: i64 = 24 * 60 * 60 * 1000;
/// A secret that is older should be changed.
const OLD_SECRET_DAYS: i64 = 365;
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

/// The runtime that renders pages and writes long answers. It has half of the cores, so that the buyers always have as
/// much.
pub fn pages_runtime() -> Result<Runtime, String> {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads((cores() / 2).max(1));
    builder.thread_name("pages").enable_all().build().map_err(|error| format!("cannot start threads: {error}"))
}

/// How many processor cores there are.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// Niceness of a quiet thread. When buyers need every core, they get them first.
#[cfg(target_os = "linux")]
const QUIET_NICENESS: i32 = 10;

/// A runtime of one thread with low priority, so that what it does slows no buyer: one serves the viewers, another one
/// makes audits.
pub struct QuietRuntime {
    handle: Handle,
    stop: Shutdown,
    thread: Option<JoinHandle<()>>,
}

impl QuietRuntime {
    pub fn start(name: &str) -> Result<Self, String> {
        let failed = |error| format!("cannot start threads: {error}");
        let runtime = Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let (handle, stop) = (runtime.handle().clone(), Shutdown::new());
        let stopping = stop.clone();
        let run = move || {
            give_way();
            runtime.block_on(stopping.started());
        };
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(run).map_err(failed)?;
        Ok(Self { handle, stop, thread: Some(thread) })
    }

    pub const fn handle(&self) -> &Handle {
        &self.handle
    }
}

impl Drop for QuietRuntime {
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
    if let Err(error) = rustix::process::setpriority_process(None, QUIET_NICENESS) {
        tracing::debug!(%error, "a quiet thread keeps the priority of the buyers' threads");
    }
}

/// The threads beside the buyers'. They must outlive everything that uses them.
pub struct Threads {
    viewers: QuietRuntime,
    recount: QuietRuntime,
    pages: Option<Runtime>,
}

impl Threads {
    pub fn start() -> Result<Self, String> {
        Ok(Self {
            viewers: QuietRuntime::start("viewers")?,
            recount: QuietRuntime::start("recount")?,
            pages: Some(pages_runtime()?),
        })
    }

    pub fn handles(&self) -> Handles {
        let pages = self.pages.as_ref().expect("it is there until this is dropped");
        Handles {
            viewers: self.viewers.handle().clone(),
            recount: self.recount.handle().clone(),
            pages: pages.handle().clone(),
        }
    }
}

impl Drop for Threads {
    /// Does not wait for what the pages' threads still do.
    fn drop(&mut self) {
        if let Some(pages) = self.pages.take() {
            pages.shutdown_background();
        }
    }
}

/// Where to run what the buyers' threads should not run.
#[derive(Clone)]
pub struct Handles {
    pub viewers: Handle,
    pub recount: Handle,
    pub pages: Handle,
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

/// Opens the store and everything on top of it. With `demo` it also makes the demo sales. `stand_in` is how the payment
/// provider's stand-in is reached, where no provider is configured.
pub async fn open(
    config: Config,
    stand_in: Option<&PaymentSettings>,
    threads: &Handles,
    shutdown: Shutdown,
) -> Result<App, String> {
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
        recount: threads.recount.clone(),
        till: Till { has_provider: config.payment.is_some(), is_demo: config.demo },
        provider: config.payment.as_ref().or(stand_in).map(Provider::new).transpose()?,
        ..EngineOptions::new(threads.viewers.clone())
    };
    let engine = Engine::open(store, options).await.map_err(|error| unusable(&error))?;
    if config.demo {
        engine.catalogue.seed_demo().await.map_err(|error| unusable(&error))?;
    }
    let secret = signing_secret(config.secret.as_ref(), &engine);
    tell_age(&engine, &secret).await.map_err(|error| unusable(&error))?;
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
        sessions: Arc::new(sessions(&config, &secret)),
        engine,
        shutdown,
        simulations: Arc::new(Simulations::new(limits.own_clients.clone())),
        limits,
        pages: Background::new(threads.pages.clone(), PAGES_AT_ONCE_PER_CORE * cores()),
        long_answers: Background::new(threads.pages.clone(), LONG_ANSWERS_AT_ONCE),
        exports: Arc::new(Semaphore::new(LEDGER_EXPORTS_AT_ONCE)),
        site: Arc::new(site),
        config: Arc::new(config),
    }))
}

/// Logs for how long the secret has been in use, so that an operator remembers to change it.
async fn tell_age(engine: &Engine, secret: &[u8]) -> Result<(), EngineError> {
    let age_milliseconds = engine.clock().now().milliseconds - engine.secret_used_since(secret).await?.milliseconds;
    let days = age_milliseconds / MILLISECONDS_OF_A_DAY;
    if days >= OLD_SECRET_DAYS {
        tracing::warn!(days, "the secret that signs sessions is old; ONSALE_PREVIOUS_SECRET lets it be changed");
    } else {
        tracing::info!(days, "the secret that signs sessions is in use since then");
    }
    Ok(())
}

fn sessions(config: &Config, secret: &[u8]) -> Sessions {
    let admin_token = config.admin_token.as_ref().map(|token| token.expose().to_owned());
    let sessions = Sessions::new(secret, admin_token);
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

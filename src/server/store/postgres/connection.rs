//! Opens the pools. Their settings keep commits durable, and keep a lost client from holding up others.

use std::{
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use sqlx::{
    ConnectOptions, Connection, PgConnection, PgPool, Postgres,
    migrate::Migrator,
    pool::PoolConnection,
    postgres::{PgConnectOptions, PgListener, PgPoolOptions, PgSslMode},
};
use tokio::{
    sync::{Mutex, OwnedMutexGuard},
    time::timeout,
};
use tracing::subscriber::NoSubscriber;
use url::Url;

use crate::{
    model::limits::AUDITS_AT_ONCE,
    server::store::{
        OpenError,
        home::{Home, answers},
        postgres::locks::begin_selling,
    },
};

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres");

/// Connections that write. A sale's row has one writer at a time, so more connections would only wait for it.
const WRITERS: u32 = 8;
/// Connections that only read, in addition to those that write.
const READERS: u32 = 4;
/// Connections for long pieces of work, in addition to the others.
const LONG_READERS: u32 = AUDITS_AT_ONCE;
/// How long a claim waits for a connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the connection kept for the sequencer may be idle before it is checked with a ping ahead of its next use.
const BELIEVED: Duration = Duration::from_secs(1);
/// PostgreSQL's own limits on each connection: for a statement, for the wait for a lock, and for a transaction that its
/// client forgot. Statements are not compiled (`jit`), because that costs the long statements of an audit more than it
/// saves.
const SETTINGS: [(&str, &str); 4] = [
    ("statement_timeout", "5s"),
    ("lock_timeout", "2s"),
    ("idle_in_transaction_session_timeout", "5s"),
    ("jit", "off"),
];
const STATEMENT_CACHE: usize = 256;
/// The parameters of an address that the driver knows.
const PARAMETERS: [&str; 18] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
];
/// For long pieces of work. A plan that suits a sale with most of all rows would read whole tables for a sale with ten,
/// so each is planned for its sale, by the statistics that PostgreSQL has by then.
const PLANNED_BY_SALE: (&str, &str) = ("plan_cache_mode", "force_custom_plan");
/// Hosts that are this machine. A connection to one of them is encrypted only if the address asks for it. An encrypted
/// batch is sent in several pieces, and each piece waits up to 40 milliseconds until the one before it is acknowledged.
const STAYS_HERE: [&str; 4] = ["localhost", "127.0.0.1", "::1", "[::1]"];

/// A database that several processes may share.
pub struct Database {
    options: PgConnectOptions,
    writers: PgPool,
    home: Home,
    readers: PgPool,
    /// The readers of long pieces of work.
    long_readers: PgPool,
    /// The one connection that is asked whether the database answers.
    watch: PgPool,
    kept: Arc<Mutex<Option<Kept>>>,
    /// Whether a transaction's outcome was lost and nobody has read everything anew since.
    doubted: Arc<AtomicBool>,
}

impl Database {
    /// Connects to `postgres://…`, migrates the database where needed, and reads the durable settings back.
    pub async fn open(url: &str) -> Result<Self, OpenError> {
        let options = options(url)?;
        // A migration may take longer than the limits for our own statements, and waits for other servers that migrate.
        let mut connection =
            options.clone().options([("statement_timeout", "0"), ("lock_timeout", "0")]).connect().await?;
        check_passed_on(&mut connection).await?;
        check_settings(&mut connection).await?;
        MIGRATIONS.run(&mut connection).await?;
        connection.close().await?;
        Ok(Self::connected(options))
    }

    /// Connects to an existing database for reading.
    pub async fn open_read_only(url: &str) -> Result<Self, OpenError> {
        let database = Self::connected(options(url)?);
        check_passed_on(&mut *database.reader().await?).await?;
        Ok(database)
    }

    fn connected(options: PgConnectOptions) -> Self {
        let reading = options.clone().options([("default_transaction_read_only", "on")]);
        Self {
            writers: pool(WRITERS).connect_lazy_with(options.clone()),
            home: Home::here(),
            readers: pool(READERS).connect_lazy_with(reading.clone()),
            long_readers: pool(LONG_READERS).connect_lazy_with(reading.clone().options([PLANNED_BY_SALE])),
            watch: pool(1).connect_lazy_with(reading),
            options,
            kept: Arc::default(),
            doubted: Arc::default(),
        }
    }

    pub async fn writer(&self) -> Result<Writer, sqlx::Error> {
        self.home.acquire(&self.writers).await.map(|connection| self.lend(Lent::Pooled(connection)))
    }

    /// The connection that is kept for a caller that writes again and again, the sequencer. It is opened on the
    /// caller's own runtime, so that no other thread stands between the caller and the database. A pool would check
    /// before and after each turn whether the connection is still there; this one is checked only after it was idle for
    /// `BELIEVED`.
    pub async fn steady_writer(&self) -> Result<Writer, sqlx::Error> {
        let mut kept = self.kept.clone().lock_owned().await;
        let there = async {
            if let Some(mut rested) = kept.take_if(|kept| kept.used.elapsed() >= BELIEVED)
                && rested.connection.ping().await.is_ok()
            {
                *kept = Some(rested);
            }
            if kept.is_none() {
                *kept = Some(Kept { connection: self.options.connect().await?, used: Instant::now() });
            }
            Ok::<(), sqlx::Error>(())
        };
        timeout(ACQUIRE_TIMEOUT, there).await.map_err(|_| sqlx::Error::PoolTimedOut)??;
        Ok(self.lend(Lent::Kept(kept)))
    }

    fn lend(&self, connection: Lent) -> Writer {
        let reopened = self.doubted.swap(false, Ordering::AcqRel);
        Writer { connection, reopened, in_doubt: false, doubted: self.doubted.clone() }
    }

    /// A connection that only reads.
    pub async fn reader(&self) -> Result<PoolConnection<Postgres>, sqlx::Error> {
        self.home.acquire(&self.readers).await
    }

    /// A connection for a long piece of work that only reads.
    pub async fn long_reader(&self) -> Result<PoolConnection<Postgres>, sqlx::Error> {
        self.home.acquire(&self.long_readers).await
    }

    /// A separate connection that receives the notifications on `channel`.
    pub async fn listen(&self, channel: &str) -> Result<PgListener, sqlx::Error> {
        let pool = pool(1).connect_lazy_with(self.options.clone());
        let mut listener = PgListener::connect_with(&pool).await?;
        listener.listen(channel).await?;
        Ok(listener)
    }

    /// Sends `message` as a notification on `channel`. This is not part of a purchase's transaction, because PostgreSQL
    /// lets only one transaction with a notification commit at a time.
    pub async fn tell(&self, channel: &str, message: &str) -> Result<(), sqlx::Error> {
        sqlx::query("SELECT pg_notify($1, $2)").bind(channel).bind(message).execute(&self.readers).await?;
        Ok(())
    }

    /// Whether a trivial read succeeds now.
    pub async fn is_ready(&self) -> bool {
        answers(&self.watch).await
    }

    pub async fn close(&self) {
        for pool in [&self.readers, &self.long_readers, &self.watch, &self.writers] {
            pool.close().await;
        }
        drop(self.kept.lock().await.take());
    }
}

/// A connection that is kept from turn to turn, and when it was last used.
struct Kept {
    connection: PgConnection,
    used: Instant,
}

/// A writer's connection, and where it returns to when the turn ends.
enum Lent {
    Pooled(PoolConnection<Postgres>),
    Kept(OwnedMutexGuard<Option<Kept>>),
}

/// A connection that writes.
///
/// From the start of a transaction until [`Writer::settle`] it is in doubt: if it is dropped in between, nobody knows
/// the transaction's outcome. The connection is then closed, and the next writer reads everything anew.
pub struct Writer {
    connection: Lent,
    /// Whether a transaction's outcome was lost since the last turn.
    pub reopened: bool,
    in_doubt: bool,
    doubted: Arc<AtomicBool>,
}

impl Writer {
    pub fn connection(&mut self) -> &mut PgConnection {
        match &mut self.connection {
            Lent::Pooled(connection) => connection,
            Lent::Kept(kept) => &mut kept.as_mut().expect("a turn has its connection until it ends").connection,
        }
    }

    pub async fn begin(&mut self) -> Result<sqlx::Transaction<'_, Postgres>, sqlx::Error> {
        self.in_doubt().begin().await
    }

    /// Starts the transaction of a purchase that is decided by itself.
    pub async fn begin_selling(&mut self, sale_id: i64) -> Result<sqlx::Transaction<'_, Postgres>, sqlx::Error> {
        begin_selling(self.in_doubt(), sale_id).await
    }

    /// The connection, for statements that are transactions by themselves. It is in doubt from here on.
    pub fn in_doubt(&mut self) -> &mut PgConnection {
        self.in_doubt = true;
        self.connection()
    }

    /// Says that the outcome is known.
    pub const fn settle(&mut self) {
        self.in_doubt = false;
    }

    /// Closes the connection after a fault.
    pub fn give_up(mut self) {
        self.in_doubt = true;
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if self.in_doubt || self.reopened {
            self.doubted.store(true, Ordering::Release);
        }
        match &mut self.connection {
            Lent::Pooled(connection) if self.in_doubt => connection.close_on_drop(),
            Lent::Pooled(_) => {}
            Lent::Kept(kept) if self.in_doubt => **kept = None,
            Lent::Kept(kept) => kept.as_mut().expect("a turn has its connection until it ends").used = Instant::now(),
        }
    }
}

/// Starts a transaction that reads everything as of one moment.
pub async fn begin_reading(connection: &mut PgConnection) -> Result<sqlx::Transaction<'_, Postgres>, sqlx::Error> {
    connection.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await
}

fn options(url: &str) -> Result<PgConnectOptions, OpenError> {
    // The library would log parameters that it does not know with their values, which may be secrets.
    let read = || PgConnectOptions::from_str(url);
    let options = tracing::subscriber::with_default(NoSubscriber::default(), read)?;
    let unknown = unknown_parameters(url);
    if !unknown.is_empty() {
        tracing::warn!(parameters = unknown.join(","), "the database's address has parameters that mean nothing");
    }
    let stays_here = STAYS_HERE.contains(&options.get_host());
    let options = match options.get_ssl_mode() {
        PgSslMode::Prefer if stays_here => options.ssl_mode(PgSslMode::Disable),
        _ => options,
    };
    Ok(options
        .application_name("onsale")
        .options(SETTINGS)
        .statement_cache_capacity(STATEMENT_CACHE)
        .disable_statement_logging())
}

/// The names of an address's parameters that the driver does not know.
fn unknown_parameters(url: &str) -> Vec<String> {
    let Ok(url) = Url::parse(url) else { return Vec::new() };
    let names = url.query_pairs().map(|(name, _)| name.into_owned());
    names.filter(|name| !PARAMETERS.contains(&name.as_str()) && !name.starts_with("options[")).collect()
}

fn pool(connections: u32) -> PgPoolOptions {
    PgPoolOptions::new().max_connections(connections).acquire_timeout(ACQUIRE_TIMEOUT)
}

/// Whether what we ask of a connection gets to PostgreSQL: a pooler may be told to leave it out.
async fn check_passed_on(connection: &mut PgConnection) -> Result<(), OpenError> {
    const ASKED: (&str, &str) = SETTINGS[2];
    let found: String = sqlx::query_scalar("SHOW idle_in_transaction_session_timeout").fetch_one(connection).await?;
    if found == ASKED.1 {
        return Ok(());
    }
    Err(OpenError::Pooler { sign: format!("{} is {found}, though each connection asks for {}", ASKED.0, ASKED.1) })
}

/// The settings that durability depends on. `synchronous_commit` may ask for more than `on`, never for less.
const DURABLE_SETTINGS: [(&str, &str, &[&str]); 3] = [
    ("fsync", "SHOW fsync", &["on"]),
    ("full_page_writes", "SHOW full_page_writes", &["on"]),
    ("synchronous_commit", "SHOW synchronous_commit", &["on", "remote_write", "remote_apply"]),
];

async fn check_settings(connection: &mut PgConnection) -> Result<(), OpenError> {
    for (name, show, wanted) in DURABLE_SETTINGS {
        let found: String = sqlx::query_scalar(show).fetch_one(&mut *connection).await?;
        if !wanted.contains(&found.as_str()) {
            return Err(OpenError::Setting { name, wanted: wanted[0], found });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_that_mean_nothing_are_told_by_name_and_never_with_their_values() {
        let url = "postgres://db/sales?sslmode=require&sslpassword=fish&options[jit]=off&pasword=fish";
        assert_eq!(unknown_parameters(url), ["sslpassword", "pasword"]);
        let logged = crate::server::telemetry::logs::recorded(|| drop(options(url)));
        assert!(logged.contains("sslpassword,pasword") && !logged.contains("fish"), "{logged}");
    }
}

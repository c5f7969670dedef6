//! Opens the database file with settings that survive a loss of power, and reads them back before the server answers
//! anybody.

use std::{path::PathBuf, str::FromStr, sync::Arc, time::Duration};

use sqlx::{
    ConnectOptions, Connection, Sqlite, SqliteConnection, SqlitePool,
    migrate::Migrator,
    pool::PoolConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::sync::{Mutex, OwnedMutexGuard, OwnedRwLockReadGuard};

use super::log::Log;
use crate::{
    model::limits::{AUDITS_AT_ONCE, LOG_ALARM_BYTES},
    server::store::{
        OpenError,
        home::{Home, answers},
    },
};

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

/// How many connections read while one writes.
const READERS: u32 = 4;
/// Connections for long pieces of work, in addition to the others.
const LONG_READERS: u32 = AUDITS_AT_ONCE;
/// How long a connection waits for a lock that another process holds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How many prepared statements each connection keeps: the batch sizes of [`super::record`] need some dozens.
const STATEMENT_CACHE: usize = 256;
/// Bytes of a page in a new database. A purchase changes a few bytes in several places, and SQLite writes each touched
/// page whole. Measured with purchases of random seats: half of SQLite's usual page size gave some 15 % more purchases,
/// a quarter of it gave fewer of other purchases.
const PAGE_BYTES: u32 = 2048;
/// At this many pages of the write-ahead log, 64 MiB, the writer itself folds the log into the database.
/// [`Database::fold_log`] keeps the log far shorter. Only after a folding does the log start anew from its beginning.
const CHECKPOINT_PAGES: &str = "32768";
/// Page cache of the writing connection, in KiB (negative by SQLite's convention). A commit that split a page out of
/// order walks through the whole cache; with a cache sixteen times as large, that walk took up to 40 % of the writer's
/// time. Pages that are not cached here come from the system's own cache.
const WRITER_CACHE_KIBIBYTES: &str = "-1024";

/// The database of one file.
pub struct Database {
    writing: SqliteConnectOptions,
    /// The one connection that writes. SQLite allows one writer at a time: waiting for this lock is fair, waiting
    /// inside SQLite is not. `None` after a fault, or where the store was opened for reading.
    writer: Arc<Mutex<Option<SqliteConnection>>>,
    log: Box<Log>,
    home: Home,
    readers: SqlitePool,
    /// The readers of long pieces of work.
    long_readers: SqlitePool,
    /// The one connection that is asked whether the database answers.
    watch: SqlitePool,
}

impl Database {
    /// Opens `sqlite:FILE`, creates and migrates it where needed, and reads the durable settings back.
    pub async fn open(url: &str) -> Result<Self, OpenError> {
        let writing = options(url)?
            .create_if_missing(true)
            .page_size(PAGE_BYTES)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
            .pragma("journal_size_limit", LOG_ALARM_BYTES.to_string())
            .pragma("cache_size", WRITER_CACHE_KIBIBYTES);
        #[cfg(unix)]
        if !is_in_memory(url) {
            super::private::keep_private(writing.get_filename());
        }
        let mut connection = writing.connect().await?;
        check_settings(&mut connection).await?;
        MIGRATIONS.run(&mut connection).await?;
        Self::connected(url, writing, Some(connection))
    }

    /// Opens an existing database for reading.
    pub async fn open_read_only(url: &str) -> Result<Self, OpenError> {
        let database = Self::connected(url, options(url)?.read_only(true), None)?;
        drop(database.readers.acquire().await?);
        Ok(database)
    }

    fn connected(
        url: &str,
        writing: SqliteConnectOptions,
        writer: Option<SqliteConnection>,
    ) -> Result<Self, OpenError> {
        let reading = options(url)?.read_only(true);
        let pool =
            |connections| SqlitePoolOptions::new().max_connections(connections).connect_lazy_with(reading.clone());
        Ok(Self {
            writer: Arc::new(Mutex::new(writer)),
            log: Box::new(Log::new(&writing)),
            writing,
            home: Home::here(),
            readers: pool(READERS),
            long_readers: pool(LONG_READERS),
            watch: pool(1),
        })
    }

    /// Waits for this caller's turn with the writing connection. After a fault the connection is a new one, and says
    /// so.
    pub async fn writer(&self) -> Result<Writer, sqlx::Error> {
        let mut turn = self.writer.clone().lock_owned().await;
        let reopened = turn.is_none();
        if reopened {
            *turn = Some(self.writing.connect().await?);
        }
        Ok(Writer { turn, reopened, in_doubt: false })
    }

    /// A connection that only reads.
    pub async fn reader(&self) -> Result<Reader, sqlx::Error> {
        let reading = self.log.read().await;
        Ok(Reader { connection: self.home.acquire(&self.readers).await?, _reading: reading })
    }

    /// A connection for a long piece of work that only reads.
    pub async fn long_reader(&self) -> Result<Reader, sqlx::Error> {
        let reading = self.log.read().await;
        Ok(Reader { connection: self.home.acquire(&self.long_readers).await?, _reading: reading })
    }

    /// Whether a trivial read succeeds now.
    pub async fn is_ready(&self) -> bool {
        answers(&self.watch).await
    }

    /// Keeps the write-ahead log short; returns how many pages it has.
    pub async fn fold_log(&self) -> Result<i64, sqlx::Error> {
        self.log.fold(&self.writer).await
    }

    /// Closes all connections; the write-ahead log is folded into the database.
    pub async fn close(&self) {
        for pool in [&self.readers, &self.long_readers, &self.watch] {
            pool.close().await;
        }
        self.log.close().await;
        if let Some(connection) = self.writer.lock().await.take()
            && let Err(error) = connection.close().await
        {
            tracing::warn!(%error, "the database did not close cleanly; the next start recovers it");
        }
    }
}

/// A connection that only reads. While one exists, the log is not cut.
pub struct Reader {
    connection: PoolConnection<Sqlite>,
    _reading: OwnedRwLockReadGuard<()>,
}

impl Reader {
    pub fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }
}

/// The writing connection, for one turn.
///
/// From the start of a transaction until [`Writer::settle`] the turn is in doubt. If it is dropped in this state, by an
/// error, a panic or a client that went away in the middle of a commit, nobody knows the outcome. Then the connection
/// is abandoned, and the next turn starts with a new one.
pub struct Writer {
    turn: OwnedMutexGuard<Option<SqliteConnection>>,
    /// Whether the connection is new since the last turn. Then nothing remembered of the database can be trusted.
    pub reopened: bool,
    in_doubt: bool,
}

impl Writer {
    pub fn connection(&mut self) -> &mut SqliteConnection {
        self.turn.as_mut().expect("a turn has its connection until it is given up")
    }

    /// Starts a transaction that holds the write lock from its first statement. A transaction that reads first and
    /// writes later could fail between the two, and no waiting would help.
    pub async fn begin(&mut self) -> Result<sqlx::Transaction<'_, sqlx::Sqlite>, sqlx::Error> {
        self.in_doubt().begin_with("BEGIN IMMEDIATE").await
    }

    /// The connection, for statements that start or end a transaction by themselves. The turn is in doubt from here on.
    pub fn in_doubt(&mut self) -> &mut SqliteConnection {
        self.in_doubt = true;
        self.connection()
    }

    /// Declares that the outcome is known, and that everything remembered of the database agrees with it.
    pub fn settle(&mut self) {
        self.in_doubt = false;
    }

    /// Abandons the connection after a fault.
    pub fn give_up(mut self) {
        self.in_doubt = true;
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if self.in_doubt {
            *self.turn = None;
        }
    }
}

fn options(url: &str) -> Result<SqliteConnectOptions, OpenError> {
    if !url.starts_with("sqlite:") {
        return Err(OpenError::UnknownKind);
    }
    Ok(SqliteConnectOptions::from_str(url)?
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        .statement_cache_capacity(STATEMENT_CACHE)
        .pragma("trusted_schema", "OFF")
        .pragma("cell_size_check", "ON")
        .pragma("mmap_size", "0")
        .disable_statement_logging())
}

/// The file of the database with this address; `None` where it has none.
pub fn file_of(url: &str) -> Option<PathBuf> {
    let is_file = !url.contains(":memory:") && !url.contains("mode=memory");
    options(url).ok().filter(|_| is_file).map(|options| options.get_filename().to_owned())
}

/// Whether the address names no file. Such a database does not last, and the check of its settings refuses it.
#[cfg(unix)]
fn is_in_memory(url: &str) -> bool {
    url.contains(":memory:") || url.contains("mode=memory")
}

/// The settings that durability rests on, as SQLite reports them.
const DURABLE_SETTINGS: [(&str, &str, &str); 4] = [
    ("journal_mode", "PRAGMA journal_mode", "wal"),
    ("synchronous", "PRAGMA synchronous", "2"),
    ("foreign_keys", "PRAGMA foreign_keys", "1"),
    ("cell_size_check", "PRAGMA cell_size_check", "1"),
];

async fn check_settings(connection: &mut SqliteConnection) -> Result<(), OpenError> {
    for (name, pragma, wanted) in DURABLE_SETTINGS {
        let row = sqlx::query(pragma).fetch_one(&mut *connection).await?;
        let found = sqlx::Row::try_get_unchecked::<String, _>(&row, 0)
            .or_else(|_| sqlx::Row::try_get_unchecked::<i64, _>(&row, 0).map(|number| number.to_string()))?;
        if found != wanted {
            return Err(OpenError::Setting { name, wanted, found });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_setting_that_did_not_take_stops_the_start() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("sale.db").display());
        let unsafe_options = options(&url).unwrap().create_if_missing(true).synchronous(SqliteSynchronous::Normal);
        let mut connection = unsafe_options.journal_mode(SqliteJournalMode::Wal).connect().await.unwrap();
        let refusal = check_settings(&mut connection).await.unwrap_err();
        assert!(matches!(refusal, OpenError::Setting { name: "synchronous", .. }), "{refusal}");
    }

    #[tokio::test]
    async fn another_kind_of_database_is_refused_by_name() {
        assert!(matches!(Database::open("mysql://localhost").await, Err(OpenError::UnknownKind)));
    }
}

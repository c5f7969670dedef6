//! Keeps the write-ahead log short. Its content is folded into the database while the writer goes on. A burst or a long
//! read makes the log's file long; the file is cut when nobody needs it.
//!
//! A commit looks for its pages in the whole log, so a long log slows purchases down. The log grows while somebody
//! reads, because it cannot start anew before all its readers have ended.

use std::{path::PathBuf, sync::Arc, time::Duration};

use sqlx::{ConnectOptions, SqliteConnection, sqlite::SqliteConnectOptions};
use tokio::sync::{Mutex, OwnedRwLockReadGuard, RwLock};

use crate::{
    model::limits::{LOG_ALARM_BYTES, LOG_KEPT_BYTES},
    server::telemetry::metrics::STORE_LOG_BYTES,
};

/// How long new readers wait for the present ones to end, so that a long log can be cut.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long the log's own connection waits for another connection that is about to end a read.
const BUSY_TIMEOUT: Duration = Duration::from_millis(20);
/// How many looks at a long log lie between two such waits for readers: some five seconds.
const LOOKS_BETWEEN_WAITS: u32 = 100;

/// The log of one database.
pub struct Log {
    file: PathBuf,
    /// These options hardly wait for other connections: what cannot be done now is done at a later look.
    options: SqliteConnectOptions,
    state: Mutex<State>,
    /// Every [`Reader`](super::connection::Reader) holds this lock, shared. Cutting the log needs it alone.
    reading: Arc<RwLock<()>>,
}

#[derive(Default)]
struct State {
    connection: Option<SqliteConnection>,
    /// Pages in the log at the last look.
    pages: i64,
    /// Whether the operator was told that the log is long.
    is_alarmed: bool,
    looks_since_wait: u32,
}

/// How many pages the log has, and how many of them the database has too.
#[derive(Clone, Copy, Default, sqlx::FromRow)]
struct Folded {
    /// 1 where another connection was in the way.
    busy: i64,
    #[sqlx(rename = "log")]
    pages: i64,
    #[sqlx(rename = "checkpointed")]
    folded: i64,
}

impl Log {
    /// The log of the database that `writing` opens.
    pub fn new(writing: &SqliteConnectOptions) -> Self {
        let mut file = writing.get_filename().to_owned().into_os_string();
        file.push("-wal");
        Self {
            file: file.into(),
            options: writing.clone().busy_timeout(BUSY_TIMEOUT),
            state: Mutex::default(),
            reading: Arc::default(),
        }
    }

    /// Registers a reader until the returned guard is dropped. Waits for a moment while the log is being cut.
    pub async fn read(&self) -> OwnedRwLockReadGuard<()> {
        self.reading.clone().read_owned().await
    }

    /// Folds the log's content into the database without holding up the writer. If the writer's own commits did this,
    /// some buyers would wait for the pages of thousands of others. Cuts the file if it has become long. Returns how
    /// many pages the log has: while that number changes, there will be more to fold.
    pub async fn fold(&self, writer: &Mutex<Option<SqliteConnection>>) -> Result<i64, sqlx::Error> {
        let mut state = self.state.lock().await;
        let mut connection = match state.connection.take() {
            Some(connection) => connection,
            None => self.options.connect().await?,
        };
        let found = checkpoint(&mut connection, "PRAGMA wal_checkpoint(PASSIVE)").await?;
        let bytes = self.bytes();
        metrics::gauge!(STORE_LOG_BYTES).set(as_figure(bytes));
        state.watch(bytes, found);
        if bytes > LOG_KEPT_BYTES {
            let is_idle = found.pages == state.pages && found.folded == found.pages;
            state.looks_since_wait += 1;
            if is_idle {
                self.cut_unused(&mut connection, writer).await?;
            } else if bytes > LOG_ALARM_BYTES && state.looks_since_wait >= LOOKS_BETWEEN_WAITS {
                state.looks_since_wait = 0;
                self.cut_after_readers(&mut connection, writer).await?;
            }
        }
        state.pages = found.pages;
        state.connection = Some(connection);
        Ok(found.pages)
    }

    /// Cuts the file if nobody writes or reads now.
    async fn cut_unused(
        &self,
        connection: &mut SqliteConnection,
        writer: &Mutex<Option<SqliteConnection>>,
    ) -> Result<(), sqlx::Error> {
        let (Ok(_no_readers), Ok(_turn)) = (self.reading.try_write(), writer.try_lock()) else { return Ok(()) };
        self.cut(connection).await
    }

    /// Makes new readers wait until the present ones have ended, and then cuts the file in a writer's turn. Without
    /// this, readers that overlap would keep the log for ever.
    async fn cut_after_readers(
        &self,
        connection: &mut SqliteConnection,
        writer: &Mutex<Option<SqliteConnection>>,
    ) -> Result<(), sqlx::Error> {
        let Ok(_no_readers) = tokio::time::timeout(PATIENCE, self.reading.write()).await else { return Ok(()) };
        // Most of the work is done here, while the writer goes on; what is committed meanwhile is little.
        checkpoint(connection, "PRAGMA wal_checkpoint(PASSIVE)").await?;
        // The writer may be waiting for a reader of its own, and so for this function. Hence the time limit.
        let Ok(_turn) = tokio::time::timeout(PATIENCE, writer.lock()).await else { return Ok(()) };
        self.cut(connection).await
    }

    async fn cut(&self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        let before = self.bytes();
        let found = checkpoint(connection, "PRAGMA wal_checkpoint(TRUNCATE)").await?;
        let after = self.bytes();
        metrics::gauge!(STORE_LOG_BYTES).set(as_figure(after));
        // Another process may be reading the database, which nobody here can see; then nothing was cut.
        if found.busy == 0 {
            tracing::info!(before_bytes = before, after_bytes = after, "the database's log was cut");
        }
        Ok(())
    }

    fn bytes(&self) -> u64 {
        std::fs::metadata(&self.file).map_or(0, |file| file.len())
    }

    /// Drops the log's connection.
    pub async fn close(&self) {
        drop(self.state.lock().await.connection.take());
    }
}

impl State {
    /// Tells the operator once when the log has become long, and once when it is short again.
    fn watch(&mut self, bytes: u64, Folded { pages, folded, .. }: Folded) {
        if bytes > LOG_ALARM_BYTES && !self.is_alarmed {
            self.is_alarmed = true;
            tracing::warn!(
                bytes,
                pages,
                folded,
                "the database's log is long, and purchases are slow until it is cut; somebody reads the database for long"
            );
        } else if bytes <= LOG_ALARM_BYTES / 2 && self.is_alarmed {
            self.is_alarmed = false;
            tracing::info!(bytes, "the database's log is short again");
        }
    }
}

async fn checkpoint(connection: &mut SqliteConnection, pragma: &'static str) -> Result<Folded, sqlx::Error> {
    sqlx::query_as(pragma).fetch_one(connection).await
}

#[allow(clippy::cast_precision_loss)] // far below 2⁵³
const fn as_figure(bytes: u64) -> f64 {
    bytes as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::store::sqlite::Database;

    const MEBIBYTE: u64 = 1024 * 1024;

    struct House {
        database: Database,
        log: PathBuf,
        _folder: tempfile::TempDir,
    }

    impl House {
        async fn open() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("sale.db");
            let database = Database::open(&format!("sqlite:{}", file.display())).await.unwrap();
            let house = Self { database, log: folder.path().join("sale.db-wal"), _folder: folder };
            house.run("CREATE TABLE ballast (bytes BLOB)").await;
            house
        }

        async fn run(&self, sql: &'static str) {
            let mut writer = self.database.writer().await.unwrap();
            sqlx::query(sql).execute(writer.connection()).await.unwrap();
        }

        /// Writes 16 MiB so many times.
        async fn write(&self, times: u32) {
            for _ in 0..times {
                self.run("INSERT INTO ballast VALUES (zeroblob(16777216))").await;
            }
        }

        fn bytes(&self) -> u64 {
            std::fs::metadata(&self.log).unwrap().len()
        }

        async fn look(&self, times: u32) {
            for _ in 0..times {
                self.database.fold_log().await.unwrap();
            }
        }
    }

    #[tokio::test]
    async fn a_log_that_readers_made_long_is_cut_when_they_have_ended() {
        let house = House::open().await;
        let mut reader = house.database.reader().await.unwrap();
        let mut reading = sqlx::Connection::begin(reader.connection()).await.unwrap();
        sqlx::query("SELECT COUNT(*) FROM ballast").execute(&mut *reading).await.unwrap();
        house.write(2).await;
        house.look(3).await;
        assert!(house.bytes() > 32 * MEBIBYTE, "a reader still needs it: {}", house.bytes());
        reading.rollback().await.unwrap();
        drop(reader);
        house.look(3).await;
        assert_eq!(house.bytes(), 0);
        // A short log is not cut: writing is faster to a file that has its length already.
        house.run("INSERT INTO ballast VALUES (zeroblob(100000))").await;
        house.look(3).await;
        assert!(house.bytes() > 100_000);
    }

    #[tokio::test]
    async fn readers_that_overlap_for_ever_do_not_keep_a_long_log() {
        let house = Arc::new(House::open().await);
        let read_for_ever = |house: Arc<House>| async move {
            loop {
                let mut reader = house.database.reader().await.unwrap();
                let mut reading = sqlx::Connection::begin(reader.connection()).await.unwrap();
                sqlx::query("SELECT COUNT(*) FROM ballast").execute(&mut *reading).await.unwrap();
                tokio::time::sleep(Duration::from_millis(20)).await;
                reading.rollback().await.unwrap();
            }
        };
        let readers: Vec<_> = (0..3).map(|_| tokio::spawn(read_for_ever(house.clone()))).collect();
        // On a busy machine no reader may be there for a moment, and the log begins anew.
        for _ in 0..40 {
            if house.bytes() <= LOG_ALARM_BYTES {
                house.write(1).await;
            }
        }
        let long = house.bytes();
        assert!(long > LOG_ALARM_BYTES, "{long}");
        for _ in 0..2 * LOOKS_BETWEEN_WAITS {
            house.run("INSERT INTO ballast VALUES (1)").await;
            house.look(1).await;
        }
        assert!(house.bytes() < MEBIBYTE, "{}", house.bytes());
        readers.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

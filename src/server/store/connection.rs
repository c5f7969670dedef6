//! The seam between the two databases. Callers use these types and never learn which database is behind them.

use std::path::PathBuf;

use sqlx::{PgConnection, Postgres, Sqlite, SqliteConnection, pool::PoolConnection, postgres::PgListener};

use super::{error::OpenError, postgres, sqlite};

/// The PostgreSQL channel on which processes that share a store tell each other of commits.
const CHANNEL: &str = "onsale";

/// The news of other processes' commits.
pub struct News {
    listener: Option<PgListener>,
    node: String,
}

impl News {
    /// Waits until another process has committed something, or until the connection was lost for a while, because news
    /// may have been lost with it.
    pub async fn next(&mut self) -> Result<(), sqlx::Error> {
        let Some(listener) = &mut self.listener else { return std::future::pending().await };
        loop {
            match listener.try_recv().await? {
                Some(told) if told.payload() == self.node => {}
                Some(_) | None => return Ok(()),
            }
        }
    }
}

/// The file of an embedded database with this address; `None` for any other database.
pub fn file_of(url: &str) -> Option<PathBuf> {
    let is_embedded = kind_of(url).is_ok_and(|kind| kind == StoreKind::Sqlite);
    is_embedded.then(|| sqlite::file_of(url)).flatten()
}

/// Which database a store is kept in.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum StoreKind {
    Sqlite,
    Postgres,
}

impl StoreKind {
    /// The database's usual name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }
}

/// An open database.
pub enum Store {
    Sqlite(sqlite::Database),
    Postgres(postgres::Database),
}

/// A connection, borrowed for one statement or transaction.
pub enum Connection<'c> {
    Sqlite(&'c mut SqliteConnection),
    Postgres(&'c mut PgConnection),
}

/// A connection that only reads.
pub enum Reader {
    Sqlite(sqlite::Reader),
    Postgres(PoolConnection<Postgres>),
}

/// A connection that writes. On SQLite it is the writer's turn: there is one at a time.
pub enum Writer {
    Sqlite(sqlite::Writer),
    Postgres(postgres::Writer),
}

/// An open transaction. It is rolled back when dropped.
pub enum Transaction<'c> {
    Sqlite(sqlx::Transaction<'c, Sqlite>),
    Postgres(sqlx::Transaction<'c, Postgres>),
}

impl Store {
    /// Opens `sqlite:FILE` or `postgres://…`, migrates it where needed, and reads back the settings that durability
    /// rests on.
    pub async fn open(url: &str) -> Result<Self, OpenError> {
        match kind_of(url)? {
            StoreKind::Sqlite => sqlite::Database::open(url).await.map(Self::Sqlite),
            StoreKind::Postgres => postgres::Database::open(url).await.map(Self::Postgres),
        }
    }

    /// Opens an existing database for reading.
    pub async fn open_read_only(url: &str) -> Result<Self, OpenError> {
        match kind_of(url)? {
            StoreKind::Sqlite => sqlite::Database::open_read_only(url).await.map(Self::Sqlite),
            StoreKind::Postgres => postgres::Database::open_read_only(url).await.map(Self::Postgres),
        }
    }

    pub const fn kind(&self) -> StoreKind {
        match self {
            Self::Sqlite(_) => StoreKind::Sqlite,
            Self::Postgres(_) => StoreKind::Postgres,
        }
    }

    /// Whether other processes may write to this database too.
    pub const fn is_shared(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    /// A connection for writing, as soon as one is free. After a fault the connection is a new one, and says so.
    ///
    /// The future is boxed (`Box::pin`), here and below. It may have to open a connection, which takes 14 KiB of state.
    /// Unboxed, that state would be part of every request that might need a connection, and be moved along with it.
    pub async fn writer(&self) -> Result<Writer, sqlx::Error> {
        match self {
            Self::Sqlite(database) => Box::pin(database.writer()).await.map(Writer::Sqlite),
            Self::Postgres(database) => Box::pin(database.writer()).await.map(Writer::Postgres),
        }
    }

    /// As [`Store::writer`], for a caller who writes again and again from one thread.
    pub async fn steady_writer(&self) -> Result<Writer, sqlx::Error> {
        match self {
            Self::Sqlite(database) => Box::pin(database.writer()).await.map(Writer::Sqlite),
            Self::Postgres(database) => Box::pin(database.steady_writer()).await.map(Writer::Postgres),
        }
    }

    /// A connection that only reads, as soon as one is free.
    pub async fn reader(&self) -> Result<Reader, sqlx::Error> {
        match self {
            Self::Sqlite(database) => Box::pin(database.reader()).await.map(Reader::Sqlite),
            Self::Postgres(database) => Box::pin(database.reader()).await.map(Reader::Postgres),
        }
    }

    /// A reader for a long piece of work, from a pool of its own, so that such work takes no connection from anybody
    /// else. There are `AUDITS_AT_ONCE` of them.
    pub async fn long_reader(&self) -> Result<Reader, sqlx::Error> {
        match self {
            Self::Sqlite(database) => Box::pin(database.long_reader()).await.map(Reader::Sqlite),
            Self::Postgres(database) => Box::pin(database.long_reader()).await.map(Reader::Postgres),
        }
    }

    /// Whether a trivial read succeeds now, within a time limit and on a connection of its own.
    pub async fn is_ready(&self) -> bool {
        match self {
            Self::Sqlite(database) => Box::pin(database.is_ready()).await,
            Self::Postgres(database) => Box::pin(database.is_ready()).await,
        }
    }

    /// Keeps the write-ahead log short where that is this server's task; returns the log's length in pages.
    pub async fn fold_log(&self) -> Result<i64, sqlx::Error> {
        match self {
            Self::Sqlite(database) => database.fold_log().await,
            Self::Postgres(_) => Ok(0),
        }
    }

    /// Listens to what other processes send with [`Store::tell`]. Where the store is not shared, no news ever comes.
    pub async fn listen(&self, node: &str) -> Result<News, sqlx::Error> {
        match self {
            Self::Sqlite(_) => Ok(News { listener: None, node: node.to_owned() }),
            Self::Postgres(database) => {
                Ok(News { listener: Some(database.listen(CHANNEL).await?), node: node.to_owned() })
            }
        }
    }

    /// Tells other processes that `node` committed something.
    pub async fn tell(&self, node: &str) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(database) => database.tell(CHANNEL, node).await,
        }
    }

    /// Runs statements without the engine's knowledge: for tests.
    pub async fn run(&self, sql: &'static str) -> Result<(), sqlx::Error> {
        match self.writer().await?.connection() {
            Connection::Sqlite(connection) => sqlx::raw_sql(sql).execute(connection).await.map(|_| ()),
            Connection::Postgres(connection) => sqlx::raw_sql(sql).execute(connection).await.map(|_| ()),
        }
    }

    /// Closes all connections.
    pub async fn close(&self) {
        match self {
            Self::Sqlite(database) => database.close().await,
            Self::Postgres(database) => database.close().await,
        }
    }
}

fn kind_of(url: &str) -> Result<StoreKind, OpenError> {
    match url.split_once(':') {
        Some(("sqlite", _)) => Ok(StoreKind::Sqlite),
        Some(("postgres" | "postgresql", _)) => Ok(StoreKind::Postgres),
        _ => Err(OpenError::UnknownKind),
    }
}

impl Reader {
    pub fn connection(&mut self) -> Connection<'_> {
        match self {
            Self::Sqlite(reader) => Connection::Sqlite(reader.connection()),
            Self::Postgres(reader) => Connection::Postgres(reader),
        }
    }

    /// Starts a transaction in which everything is read as of one moment.
    pub async fn begin(&mut self) -> Result<Transaction<'_>, sqlx::Error> {
        match self {
            Self::Sqlite(reader) => sqlx::Connection::begin(reader.connection()).await.map(Transaction::Sqlite),
            Self::Postgres(reader) => postgres::begin_reading(reader).await.map(Transaction::Postgres),
        }
    }
}

impl Writer {
    pub fn connection(&mut self) -> Connection<'_> {
        match self {
            Self::Sqlite(writer) => Connection::Sqlite(writer.connection()),
            Self::Postgres(writer) => Connection::Postgres(writer.connection()),
        }
    }

    /// The connection, for statements that start or end a transaction by themselves. From here on the outcome counts as
    /// unknown, until [`Writer::settle`].
    pub fn in_doubt(&mut self) -> Connection<'_> {
        match self {
            Self::Sqlite(writer) => Connection::Sqlite(writer.in_doubt()),
            Self::Postgres(writer) => Connection::Postgres(writer.in_doubt()),
        }
    }

    /// Starts a transaction. Its outcome counts as unknown until [`Writer::settle`].
    pub async fn begin(&mut self) -> Result<Transaction<'_>, sqlx::Error> {
        match self {
            Self::Sqlite(writer) => writer.begin().await.map(Transaction::Sqlite),
            Self::Postgres(writer) => writer.begin().await.map(Transaction::Postgres),
        }
    }

    /// As [`begin`](Self::begin), for a transaction that sells one claim of a sale: it waits while somebody has locked
    /// all of the sale's stock.
    pub async fn begin_selling(&mut self, sale_id: i64) -> Result<Transaction<'_>, sqlx::Error> {
        match self {
            Self::Sqlite(writer) => writer.begin().await.map(Transaction::Sqlite),
            Self::Postgres(writer) => writer.begin_selling(sale_id).await.map(Transaction::Postgres),
        }
    }

    /// Whether the outcome of a transaction was lost since the last turn. Then nothing remembered of the database can
    /// be trusted.
    pub const fn is_reopened(&self) -> bool {
        match self {
            Self::Sqlite(writer) => writer.reopened,
            Self::Postgres(writer) => writer.reopened,
        }
    }

    /// Declares that everything remembered was read anew.
    pub const fn trust(&mut self) {
        match self {
            Self::Sqlite(writer) => writer.reopened = false,
            Self::Postgres(writer) => writer.reopened = false,
        }
    }

    /// Declares that the outcome is known, and that everything remembered of the database agrees with it.
    pub fn settle(&mut self) {
        match self {
            Self::Sqlite(writer) => writer.settle(),
            Self::Postgres(writer) => writer.settle(),
        }
    }

    /// Abandons the connection after a fault.
    pub fn give_up(self) {
        match self {
            Self::Sqlite(writer) => writer.give_up(),
            Self::Postgres(writer) => writer.give_up(),
        }
    }
}

impl Transaction<'_> {
    pub fn connection(&mut self) -> Connection<'_> {
        match self {
            Self::Sqlite(transaction) => Connection::Sqlite(transaction),
            Self::Postgres(transaction) => Connection::Postgres(transaction),
        }
    }

    pub async fn commit(self) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(transaction) => transaction.commit().await,
            Self::Postgres(transaction) => transaction.commit().await,
        }
    }

    pub async fn rollback(self) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(transaction) => transaction.rollback().await,
            Self::Postgres(transaction) => transaction.rollback().await,
        }
    }
}

impl Connection<'_> {
    /// The same connection, borrowed again.
    pub fn again(&mut self) -> Connection<'_> {
        match self {
            Self::Sqlite(connection) => Connection::Sqlite(connection),
            Self::Postgres(connection) => Connection::Postgres(connection),
        }
    }
}

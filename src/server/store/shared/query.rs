//! A query that runs on either database: its text, the values bound to it, and the rows that come back.

use futures_util::{StreamExt, TryStreamExt};
use sqlx::{
    Encode, FromRow, PgConnection, Postgres, Sqlite, SqliteConnection, Type,
    postgres::{PgArguments, PgRow},
    sqlite::{SqliteArguments, SqliteRow},
};

use uuid::Uuid;

use crate::{model::time::Timestamp, server::store::Connection};

/// The text of a query. It is the same for both databases, or one for each if they find the same rows in different
/// ways.
#[derive(Clone, Copy)]
pub struct Text {
    pub sqlite: &'static str,
    pub postgres: &'static str,
}

impl From<&'static str> for Text {
    fn from(text: &'static str) -> Self {
        Self { sqlite: text, postgres: text }
    }
}

/// A type that can be bound to a query of either database.
pub trait Value<'q>: Encode<'q, Sqlite> + Type<Sqlite> + Encode<'q, Postgres> + Type<Postgres> {}

impl<'q, T: Encode<'q, Sqlite> + Type<Sqlite> + Encode<'q, Postgres> + Type<Postgres>> Value<'q> for T {}

/// A type that can be read from a row of either database.
pub trait Record: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}

impl<T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin> Record for T {}

/// A query and the connection that it runs on. Its methods have the names that sqlx uses.
pub enum Query<'c> {
    Sqlite(&'c mut SqliteConnection, sqlx::query::Query<'static, Sqlite, SqliteArguments>),
    Postgres(&'c mut PgConnection, sqlx::query::Query<'static, Postgres, PgArguments>),
}

/// A query with its parameters written `$1`, `$2`; the values are bound in that order.
pub fn query(connection: Connection<'_>, text: impl Into<Text>) -> Query<'_> {
    let text = text.into();
    match connection {
        Connection::Sqlite(connection) => Query::Sqlite(connection, sqlx::query(text.sqlite)),
        Connection::Postgres(connection) => Query::Postgres(connection, sqlx::query(text.postgres)),
    }
}

impl Query<'_> {
    pub fn bind<'q>(self, value: impl Value<'q>) -> Self {
        match self {
            Self::Sqlite(connection, query) => Self::Sqlite(connection, query.bind(value)),
            Self::Postgres(connection, query) => Self::Postgres(connection, query.bind(value)),
        }
    }

    /// Binds a list of ids. The text says `IN (SELECT unhex(value) FROM json_each($1))` for SQLite and `= ANY ($1)` for
    /// PostgreSQL.
    pub fn bind_ids(self, ids: &[Uuid]) -> Self {
        match self {
            Self::Sqlite(connection, query) => {
                let ids: Vec<_> = ids.iter().map(|id| id.simple().to_string()).collect();
                Self::Sqlite(connection, query.bind(serde_json::to_string(&ids).expect("text is plain data")))
            }
            Self::Postgres(connection, query) => Self::Postgres(connection, query.bind(ids.to_vec())),
        }
    }

    /// Binds a list of numbers. The text says `IN (SELECT value FROM json_each($1))` for SQLite and `= ANY ($1)` for
    /// PostgreSQL.
    pub fn bind_numbers(self, numbers: &[i64]) -> Self {
        match self {
            Self::Sqlite(connection, query) => {
                Self::Sqlite(connection, query.bind(serde_json::to_string(numbers).expect("numbers are plain data")))
            }
            Self::Postgres(connection, query) => Self::Postgres(connection, query.bind(numbers.to_vec())),
        }
    }

    /// Binds the time in SQLite, as the last value. PostgreSQL uses its own clock: its text says `store_now()`.
    pub fn bind_store_now(self, now: Timestamp) -> Self {
        match self {
            Self::Sqlite(connection, query) => Self::Sqlite(connection, query.bind(now)),
            Self::Postgres(connection, query) => Self::Postgres(connection, query),
        }
    }

    /// Runs the query and returns how many rows it changed.
    pub async fn execute(self) -> Result<u64, sqlx::Error> {
        match self {
            Self::Sqlite(connection, query) => query.execute(connection).await.map(|done| done.rows_affected()),
            Self::Postgres(connection, query) => query.execute(connection).await.map(|done| done.rows_affected()),
        }
    }

    pub async fn fetch_all<T: Record>(self) -> Result<Vec<T>, sqlx::Error> {
        match self {
            Self::Sqlite(connection, query) => query.fetch(connection).map(|row| read(row?)).try_collect().await,
            Self::Postgres(connection, query) => query.fetch(connection).map(|row| read(row?)).try_collect().await,
        }
    }

    pub async fn fetch_optional<T: Record>(self) -> Result<Option<T>, sqlx::Error> {
        match self {
            Self::Sqlite(connection, query) => query.fetch_optional(connection).await?.map(read).transpose(),
            Self::Postgres(connection, query) => query.fetch_optional(connection).await?.map(read).transpose(),
        }
    }

    pub async fn fetch_one<T: Record>(self) -> Result<T, sqlx::Error> {
        self.fetch_optional().await?.ok_or(sqlx::Error::RowNotFound)
    }
}

/// Reads a row. A column that cannot be read gives [`sqlx::Error::Decode`], the error that records also give for a
/// value that they cannot understand. Callers treat it as a row that was tampered with.
fn read<R: sqlx::Row, T: for<'r> FromRow<'r, R>>(row: R) -> Result<T, sqlx::Error> {
    T::from_row(&row).map_err(|error| match error {
        sqlx::Error::ColumnDecode { .. } => sqlx::Error::Decode(error.into()),
        error => error,
    })
}

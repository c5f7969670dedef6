//! Why a database cannot be used, and what its errors mean.

use sqlx::migrate::MigrateError;

/// Why a database cannot be used.
#[derive(Debug)]
pub enum OpenError {
    /// The address names a database that this build does not speak to. The address is not shown: it may hold a password.
    UnknownKind,
    /// A setting that durability depends on does not have the required value.
    Setting {
        name: &'static str,
        wanted: &'static str,
        found: String,
    },
    /// Between us and the database stands a program that lends connections out for a transaction, or does not pass on what
    /// we ask of them.
    Pooler {
        /// What it said, or what was seen.
        sign: String,
    },
    Sql(sqlx::Error),
    Migration(MigrateError),
}

impl std::fmt::Display for OpenError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::UnknownKind => formatter.write_str(
                "it is not a database this build can use; try sqlite:onsale.db or postgres://localhost/onsale",
            ),
            Self::Setting { name, wanted, found } => write!(formatter, "{name} is {found}, but must be {wanted}"),
            Self::Pooler { sign } => write!(
                formatter,
                "a connection pooler such as PgBouncer stands in front of it ({sign}), where Onsale keeps settings, prepared \
                 statements and LISTEN on its connections and pools them itself: give the address of PostgreSQL itself"
            ),
            Self::Sql(error) => write!(formatter, "{error}"),
            Self::Migration(error) => write!(formatter, "{error}"),
        }
    }
}

impl std::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Sql(error) => Some(error),
            Self::Migration(error) => Some(error),
            Self::UnknownKind | Self::Setting { .. } | Self::Pooler { .. } => None,
        }
    }
}

impl From<sqlx::Error> for OpenError {
    fn from(error: sqlx::Error) -> Self {
        match sign_of_pooler(&error) {
            Some(sign) => Self::Pooler { sign },
            None => Self::Sql(error),
        }
    }
}

impl From<MigrateError> for OpenError {
    fn from(error: MigrateError) -> Self {
        let sign = match &error {
            MigrateError::Execute(cause) | MigrateError::ExecuteMigration(cause, _) => sign_of_pooler(cause),
            _ => None,
        };
        sign.map_or(Self::Migration(error), |sign| Self::Pooler { sign })
    }
}

/// What an error says that only a pooler causes: it refuses what a connection is opened with, or hands a statement that
/// was prepared on one connection to another.
fn sign_of_pooler(error: &sqlx::Error) -> Option<String> {
    /// No such prepared statement; a prepared statement of this name exists.
    const OTHER_CONNECTION: [&str; 2] = ["26000", "42P05"];
    let error = error.as_database_error()?;
    let message = error.message();
    let is_refused = message.contains("unsupported startup parameter") || message.to_lowercase().contains("pgbouncer");
    let is_lent = error.code().is_some_and(|code| OTHER_CONNECTION.contains(&code.as_ref()));
    (is_refused || is_lent).then(|| format!("it says: {message}"))
}

/// Whether a write failed because the same buyer's key has an answer already: an order, a hold or a kept body; or because
/// that of another buyer who shares their keys has one.
pub fn is_key_taken(error: &sqlx::Error) -> bool {
    /// PostgreSQL names the violated index. SQLite names its columns, of which these are the first, or the index where
    /// that has an expression. An index of keys that buyers share has a name that begins with the other's.
    const INDEXES: [&str; 3] = ["one_order_per_key", "one_hold_per_key", "idempotency_keys_pkey"];
    const COLUMNS: [&str; 3] = ["orders.key", "holds.key", "idempotency_keys.key"];
    error.as_database_error().is_some_and(|error| {
        let names_index = error.constraint().is_some_and(|name| INDEXES.iter().any(|index| name.starts_with(index)));
        let message = error.message();
        let is_named = || COLUMNS.iter().chain(&INDEXES).any(|name| message.contains(name));
        error.is_unique_violation() && (names_index || is_named())
    })
}

/// Whether the database aborted a transaction in favour of another, so that the same transaction may succeed when it is
/// tried again.
pub fn is_conflict(error: &sqlx::Error) -> bool {
    /// Serialisation failure, deadlock, lock not available; SQLite's BUSY and BUSY_SNAPSHOT. A statement that took too
    /// long is missing here on purpose: it would take too long again.
    const CODES: [&str; 5] = ["40001", "40P01", "55P03", "5", "517"];
    error.as_database_error().and_then(|error| error.code()).is_some_and(|code| CODES.contains(&code.as_ref()))
}

//! Values kept for the database as a whole, such as its secret.

use super::query::query;
use crate::server::store::Connection;

/// A setting by its name. If it does not exist, it is set to `fresh`. If two processes start at once, both get the
/// value of the one that was first.
pub async fn setting(mut connection: Connection<'_>, name: &str, fresh: &[u8]) -> Result<Vec<u8>, sqlx::Error> {
    query(connection.again(), "INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING")
        .bind(name)
        .bind(fresh)
        .execute()
        .await?;
    let (value,) = query(connection, "SELECT value FROM settings WHERE name = $1").bind(name).fetch_one().await?;
    Ok(value)
}

//! What the database knows of itself.

use super::query::query;
use crate::server::store::Connection;

/// A setting by its name; where it is not there, `fresh` becomes it. Of two processes that start at once, one's value
/// stands for both.
pub async fn setting(mut connection: Connection<'_>, name: &str, fresh: &[u8]) -> Result<Vec<u8>, sqlx::Error> {
    query(connection.again(), "INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING")
        .bind(name)
        .bind(fresh)
        .execute()
        .await?;
    let (value,) = query(connection, "SELECT value FROM settings WHERE name = $1").bind(name).fetch_one().await?;
    Ok(value)
}

//! What the database knows of itself.

use sqlx::PgConnection;

/// A setting by its name; where it is not there, `fresh` becomes it. Of two processes that start at once, one's value
/// stands for both.
pub async fn setting(connection: &mut PgConnection, name: &str, fresh: &[u8]) -> Result<Vec<u8>, sqlx::Error> {
    sqlx::query("INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING")
        .bind(name)
        .bind(fresh)
        .execute(&mut *connection)
        .await?;
    sqlx::query_scalar("SELECT value FROM settings WHERE name = $1").bind(name).fetch_one(connection).await
}

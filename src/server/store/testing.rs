//! A new database for each test, deleted when it is dropped.

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use super::StoreKind;

/// Both kinds of database. A test runs on each.
pub const STORES: [StoreKind; 2] = [StoreKind::Sqlite, StoreKind::Postgres];

/// The PostgreSQL server of the tests, unless the environment names another.
const DEFAULT_POSTGRES: &str = "postgres://postgres@127.0.0.1:5432";

/// A new, empty database.
pub struct Database {
    pub url: String,
    /// The folder of an SQLite database's file.
    folder: Option<tempfile::TempDir>,
}

impl Database {
    pub async fn make(kind: StoreKind) -> Self {
        match kind {
            StoreKind::Sqlite => {
                let folder = tempfile::tempdir().unwrap();
                Self { url: format!("sqlite:{}", folder.path().join("onsale.db").display()), folder: Some(folder) }
            }
            StoreKind::Postgres => {
                let name = format!("onsale_test_{}", uuid::Uuid::now_v7().simple());
                administer(format!("CREATE DATABASE {name}")).await;
                Self { url: format!("{}/{name}", postgres()), folder: None }
            }
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if self.folder.is_some() {
            return;
        }
        let name = self.url.rsplit('/').next().unwrap_or_default().to_owned();
        let drop_it = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(administer(format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")));
        };
        let _ = std::thread::spawn(drop_it).join();
    }
}

/// The address of the tests' PostgreSQL server.
pub fn postgres() -> String {
    std::env::var("ONSALE_TEST_POSTGRES").unwrap_or_else(|_| DEFAULT_POSTGRES.to_owned())
}

/// Runs a statement as the server's administrator.
pub async fn administer(statement: String) {
    let mut connection = PgConnection::connect(&format!("{}/postgres", postgres())).await.expect("a PostgreSQL server");
    sqlx::query(AssertSqlSafe(statement)).execute(&mut connection).await.expect("an administrator");
}

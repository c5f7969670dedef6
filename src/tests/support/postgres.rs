//! A new PostgreSQL database for a test, and a connection to it that can be cut.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use sqlx::{Connection, PgConnection};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    time::sleep,
};

/// The PostgreSQL server, unless the environment names another.
const DEFAULT_SERVER: &str = "postgres://postgres@127.0.0.1:5432";

/// A new database. It is deleted when this is dropped.
pub struct Database {
    server: String,
    name: String,
}

impl Database {
    pub async fn make() -> Self {
        let server = std::env::var("ONSALE_TEST_POSTGRES").unwrap_or_else(|_| DEFAULT_SERVER.to_owned());
        let database = Self { server, name: format!("onsale_test_{}", uuid::Uuid::now_v7().simple()) };
        database.administer(format!("CREATE DATABASE {}", database.name)).await;
        database
    }

    pub fn url(&self) -> String {
        format!("{}/{}", self.server, self.name)
    }

    /// The address of the same database behind `wire`, which can be cut.
    pub async fn behind(&self, wire: &Wire) -> String {
        let (user, _) = self.server.split_once('@').expect("a user");
        format!("{user}@{}/{}", wire.address, self.name)
    }

    pub fn server_address(&self) -> String {
        self.server.rsplit_once('@').expect("an address").1.to_owned()
    }

    async fn administer(&self, statement: String) {
        let url = format!("{}/postgres", self.server);
        let mut connection = PgConnection::connect(&url).await.expect("a PostgreSQL server");
        sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&mut connection).await.expect("an administrator");
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
                runtime.block_on(self.administer(format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name)));
            });
        });
    }
}

/// A TCP proxy, which can be cut.
pub struct Wire {
    pub address: SocketAddr,
    is_cut: Arc<AtomicBool>,
}

impl Wire {
    pub async fn to(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let is_cut = Arc::new(AtomicBool::new(false));
        let cut = is_cut.clone();
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                if cut.load(Ordering::Acquire) {
                    continue;
                }
                let (server, cut) = (server.clone(), cut.clone());
                tokio::spawn(async move {
                    let Ok(mut database) = TcpStream::connect(server).await else { return };
                    tokio::select! {
                        _ = copy_bidirectional(&mut client, &mut database) => {}
                        () = until(&cut) => {}
                    }
                });
            }
        });
        Self { address, is_cut }
    }

    /// Ends all connections and lets no new one through.
    pub fn cut(&self) {
        self.is_cut.store(true, Ordering::Release);
    }

    pub fn mend(&self) {
        self.is_cut.store(false, Ordering::Release);
    }
}

async fn until(is_cut: &AtomicBool) {
    while !is_cut.load(Ordering::Acquire) {
        sleep(Duration::from_millis(5)).await;
    }
}

//! A server process on a fresh database, which is stopped when the run ends.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use onsale::model::{audit::Audit, order::Me, sale::Sale, strategy::StrategyKind};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{settings::Failure, wire::Wire};

/// The binary that this benchmark was built with: the release build.
const BINARY: &str = env!("CARGO_BIN_EXE_onsale");
const ADMIN_TOKEN: &str = "bench-admin-0123456789abcdef0123456789abcdef";
/// How long a server may take to answer, and to stop.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long it may take until a queue of purchases is decided.
const LONGEST_LINE: Duration = Duration::from_secs(120);

/// The file of the server's log, in its folder.
const LOG: &str = "server.log";

/// Starts the server's process.
fn launch(address: SocketAddr, database: &str, folder: &Path, demo: bool) -> Result<Child, Failure> {
    let binary = std::env::var("ONSALE_BENCH_BINARY").unwrap_or_else(|_| BINARY.to_owned());
    let log = std::fs::File::options().create(true).append(true).open(folder.join(LOG))?;
    let child = Command::new(binary)
        .args(["serve", "--addr", &address.to_string(), "--database", database])
        .args(demo.then_some("--demo"))
        .env("REDIS_URL", redis())
        .env("ONSALE_ADMIN_TOKEN", ADMIN_TOKEN)
        .env("ONSALE_LOG", "warn")
        .stdout(log.try_clone()?)
        .stderr(log)
        .stdin(Stdio::null())
        .spawn()?;
    Ok(child)
}

pub struct Server {
    pub address: SocketAddr,
    process: Child,
    folder: PathBuf,
    /// The address of its database.
    url: String,
    /// The PostgreSQL database to drop at the end.
    database: Option<(String, String)>,
}

/// The PostgreSQL server to measure with.
pub fn postgres() -> String {
    std::env::var("ONSALE_TEST_POSTGRES").unwrap_or_else(|_| "postgres://postgres@127.0.0.1:5432".to_owned())
}

fn redis() -> String {
    std::env::var("ONSALE_TEST_REDIS").unwrap_or_else(|_| "redis://127.0.0.1:6379".to_owned())
}

/// Runs one statement on a PostgreSQL server.
pub fn administer(server: &str, database: &str, statement: String) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut connection = <sqlx::PgConnection as sqlx::Connection>::connect(&format!("{server}/{database}")).await?;
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&mut connection).await?;
        Ok(())
    })
}

impl Server {
    /// Starts a server on an embedded database and waits until it is ready.
    pub fn start() -> Result<Self, Failure> {
        Self::start_on(None)
    }

    /// As [`Self::start`], but on a new PostgreSQL database.
    pub fn start_on_postgres() -> Result<Self, Failure> {
        let name = format!("onsale_bench_{}", uuid::Uuid::now_v7().simple());
        administer(&postgres(), "postgres", format!("CREATE DATABASE {name}"))?;
        Self::start_on(Some((postgres(), name)))
    }

    fn start_on(database: Option<(String, String)>) -> Result<Self, Failure> {
        // The port is free now. This assumes that no other process takes it before the server does.
        let address = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let folder = std::env::temp_dir().join(format!("onsale-bench-{}", uuid::Uuid::now_v7()));
        std::fs::create_dir_all(&folder)?;
        let url = match &database {
            Some((server, name)) => format!("{server}/{name}"),
            None => format!("sqlite:{}", folder.join("bench.db").display()),
        };
        let process = launch(address, &url, &folder, true)?;
        let mut server = Self { address, process, folder, url, database };
        server.wait_until_ready()?;
        Ok(server)
    }

    /// Starts the server again on the same database, with the limits that strangers have.
    pub fn restart_without_demo(&mut self) -> Result<(), Failure> {
        self.stop();
        self.process = launch(self.address, &self.url, &self.folder, false)?;
        self.wait_until_ready()
    }

    /// Bytes that the server has logged.
    pub fn log_bytes(&self) -> u64 {
        std::fs::metadata(self.folder.join(LOG)).map_or(0, |file| file.len())
    }

    /// Ends the process with SIGTERM, and kills it if that does not help.
    fn stop(&mut self) {
        let asked = Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status();
        let begun = Instant::now();
        while asked.is_ok() && begun.elapsed() < PATIENCE {
            if !matches!(self.process.try_wait(), Ok(None)) {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    fn wait_until_ready(&mut self) -> Result<(), Failure> {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait()? {
                return Err(format!("the server ended at once: {status}").into());
            }
            if self.ask("GET", "/readyz", None).is_ok_and(|(status, _)| status == 200) {
                return Ok(());
            }
            if begun.elapsed() > PATIENCE {
                return Err("the server does not become ready".into());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Sends one request as the organiser, and returns the status and the body.
    fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Result<(u16, Vec<u8>), Failure> {
        let headers = format!("Authorization: Bearer {ADMIN_TOKEN}\r\n");
        self.send(method, path, &headers, body)
    }

    fn send(&self, method: &str, path: &str, headers: &str, body: Option<&Value>) -> Result<(u16, Vec<u8>), Failure> {
        let body = body.map(Value::to_string).unwrap_or_default();
        let request = super::wire::request(method, path, self.address, headers, body.as_bytes());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let mut wire = Wire::open(self.address).await?;
            let reply = tokio::time::timeout(PATIENCE, wire.exchange(&request)).await??;
            Ok((reply.status, reply.body.to_vec()))
        })
    }

    fn read<T: DeserializeOwned>(&self, method: &str, path: &str, body: Option<&Value>) -> Result<T, Failure> {
        let (status, body) = self.ask(method, path, body)?;
        if !(200..300).contains(&status) {
            return Err(format!("{method} {path} answered {status}: {}", String::from_utf8_lossy(&body)).into());
        }
        Ok(serde_json::from_slice(&body)?)
    }

    /// Makes a rehearsal with one tier and returns its id.
    pub fn sale(&self, name: &str, tier: &Value) -> Result<String, Failure> {
        let body = json!({ "name": name, "rehearsal": true, "tiers": [tier] });
        let sale: Sale = self.read("POST", "/api/v1/sales", Some(&body))?;
        Ok(sale.id.0)
    }

    /// Makes a rehearsal of `units` general admission under the tier `ga`.
    pub fn general_admission(&self, name: &str, units: u64) -> Result<String, Failure> {
        self.sale(name, &json!({ "name": "GA", "price": 1000, "quantity": units }))
    }

    /// Makes a rehearsal of general admission that uses this strategy.
    pub fn guarded_by(&self, strategy: StrategyKind, units: u64) -> Result<String, Failure> {
        let tier = json!({ "name": "GA", "price": 1000, "quantity": units });
        let body = json!({ "name": strategy.name(), "rehearsal": true, "strategy": strategy, "tiers": [tier] });
        let sale: Sale = self.read("POST", "/api/v1/sales", Some(&body))?;
        Ok(sale.id.0)
    }

    /// Sets how long holds of a sale last from now on.
    pub fn set_hold_seconds(&self, sale: &str, seconds: u64) -> Result<(), Failure> {
        let body = json!({ "hold_ttl_seconds": seconds });
        let _: Sale = self.read("PATCH", &format!("/api/v1/sales/{sale}"), Some(&body))?;
        Ok(())
    }

    pub fn seats(&self, sale: &str) -> Result<Vec<String>, Failure> {
        let list: onsale::model::seat::SeatList = self.read("GET", &format!("/api/v1/sales/{sale}/seats"), None)?;
        Ok(list.seats.into_iter().map(|seat| seat.seat.0).collect())
    }

    /// Waits until so many units of the sale are sold.
    pub fn wait_until_sold(&self, sale: &str, units: u64) -> Result<(), Failure> {
        let began = Instant::now();
        loop {
            let seen: Sale = self.read("GET", &format!("/api/v1/sales/{sale}"), None)?;
            if seen.sold == units {
                return Ok(());
            }
            if began.elapsed() > LONGEST_LINE {
                return Err(format!("{} of {units} units are sold, and no more", seen.sold).into());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Fails unless the audit is clean and counts as sold exactly what was answered with 201.
    pub fn require_clean(&self, sale: &str, won: u64) -> Result<(), Failure> {
        let audit: Audit = self.read("GET", &format!("/api/v1/sales/{sale}/audit"), None)?;
        if audit.clean && audit.sold == won {
            return Ok(());
        }
        Err(format!("{won} purchases were acknowledged, and the audit says {}", serde_json::to_string(&audit)?).into())
    }

    /// The `Authorization` header of a new guest.
    pub fn guest(&self) -> Result<String, Failure> {
        let request = super::wire::request("GET", "/api/v1/me", self.address, "", b"");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let token = runtime.block_on(async {
            let mut wire = Wire::open(self.address).await?;
            let reply = wire.exchange(&request).await?;
            serde_json::from_slice::<Me>(reply.body)?;
            Ok::<_, Failure>(reply.header("x-onsale-session").map(str::to_owned))
        })?;
        Ok(format!("Authorization: Bearer {}\r\n", token.ok_or("a new guest was given no session")?))
    }

    /// The server's resident memory, in KiB.
    pub fn resident_kib(&self) -> Result<f64, Failure> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
        Ok(line.trim().trim_end_matches("kB").trim().parse()?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
        let _ = std::fs::remove_dir_all(&self.folder);
        if let Some((server, name)) = self.database.take() {
            let _ = administer(&server, "postgres", format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
        }
    }
}

//! Buyers, organisers and readers who use the server while its disk fails. A buyer or organiser without a certain
//! answer sends the request again with the same key, as the contract says.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use onsale::{
    model::{
        order::Order,
        outcome::{Code, Problem},
        sale::StockCreated,
    },
    server::simulator::client::{Connection, Fault, Reply, Server},
};
use rand::RngExt;
use tokio::time::timeout;
use uuid::Uuid;

/// How long any answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a server may take to sell again once its disk works again.
pub const RECOVERY_TIMEOUT: Duration = Duration::from_secs(10);
/// The pause before a request is sent again.
const PAUSE: Duration = Duration::from_millis(20);

/// The outcomes of requests whose first answer left the outcome open.
#[derive(Clone, Copy, Default, Debug)]
pub struct Outcomes {
    pub kept: usize,
    pub taken_back: usize,
}

impl Outcomes {
    pub fn count(&mut self, reply: &Reply) {
        match reply.headers.contains_key("idempotent-replayed") {
            true => self.kept += 1,
            false => self.taken_back += 1,
        }
    }

    pub fn add(&mut self, other: Self) {
        self.kept += other.kept;
        self.taken_back += other.taken_back;
    }
}

/// A request that can be sent again.
#[derive(Clone, Debug)]
pub struct Keyed {
    /// The server, with the credentials of the sender.
    server: Arc<Server>,
    path: String,
    key: String,
    body: Bytes,
}

impl Keyed {
    pub fn new(server: &Arc<Server>, path: String, body: String) -> Self {
        Self { server: server.clone(), path, key: Uuid::now_v7().to_string(), body: body.into() }
    }

    /// Opens a connection of the sender.
    pub async fn connect(&self) -> Result<Connection, Fault> {
        Connection::open(self.server.clone()).await
    }

    /// Sends the request once. The answer must come soon. There is none if the server is killed.
    async fn ask(&self, connection: &mut Connection) -> Result<Reply, Fault> {
        timeout(ANSWER_TIMEOUT, connection.post(&self.path, Some(&self.key), self.body.clone()))
            .await
            .expect("a quick answer")
    }

    /// Sends the request to a server whose disk works again, until the answer is certain. That must happen soon.
    pub async fn settle(&self, connection: &mut Connection) -> Reply {
        let started = Instant::now();
        loop {
            let reply = self.ask(connection).await.expect("an answer");
            if is_certain(&reply) {
                return reply;
            }
            assert!(started.elapsed() < RECOVERY_TIMEOUT, "{self:?} does not recover: {reply:?}");
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Sends the request until the answer is certain, or until the test is over. `was_open` says whether it was sent
    /// before and its outcome is open.
    async fn ask_until_certain(
        &self,
        connection: &mut Connection,
        over: &AtomicBool,
        outcomes: &mut Outcomes,
        mut was_open: bool,
    ) -> Option<Reply> {
        while !over.load(Ordering::SeqCst) {
            let reply = self.ask(connection).await;
            assert!(reply.is_ok() || over.load(Ordering::SeqCst), "nobody has killed the server yet: {reply:?}");
            let reply = reply.ok()?;
            if is_certain(&reply) {
                if was_open {
                    outcomes.count(&reply);
                }
                return Some(reply);
            }
            was_open = true;
            tokio::time::sleep(PAUSE).await;
        }
        None
    }
}

/// What one buyer knows, or one organiser.
#[derive(Default)]
pub struct Memory {
    pub orders: Vec<Order>,
    /// Units added to each sale.
    pub added: u64,
    /// A request that was sent and has no certain answer.
    pub unknown: Option<Keyed>,
    pub outcomes: Outcomes,
}

impl Memory {
    /// Takes over an answer that is certain.
    pub fn learn(&mut self, reply: &Reply) {
        match serde_json::from_slice(&reply.body) {
            Ok(order) => self.orders.push(order),
            Err(_) => {
                self.added += serde_json::from_slice::<StockCreated>(&reply.body).expect("order or stock").created
            }
        }
    }
}

/// Whether the answer is a 201. Otherwise it must be an answer that leaves the outcome open; no other answer is
/// allowed.
fn is_certain(reply: &Reply) -> bool {
    if reply.status.as_u16() == 201 {
        return true;
    }
    let code = read_problem(reply);
    let open = [Code::Overloaded, Code::IdempotencyInFlight, Code::Contended];
    assert!(open.contains(&code), "{code} while there is stock for all");
    false
}

/// The code of a problem document under its own status.
fn read_problem(reply: &Reply) -> Code {
    let problem: Problem = serde_json::from_slice(&reply.body)
        .unwrap_or_else(|error| panic!("{}: {error}: {}", reply.status, String::from_utf8_lossy(&reply.body)));
    assert_eq!(reply.headers["content-type"], "application/problem+json");
    assert_eq!((reply.status.as_u16(), problem.status), (problem.code.status(), problem.code.status()), "{problem:?}");
    problem.code
}

/// Buys until the test is over.
pub async fn buy_meanwhile(server: Arc<Server>, sale: String, over: Arc<AtomicBool>) -> Memory {
    let mut memory = Memory::default();
    let mut connection = Connection::open(server.clone()).await.expect("a connection");
    for tier in ["floor", "ga", "ga", "ga"].into_iter().cycle() {
        let path = format!("/api/v1/sales/{sale}/buy");
        let wish = Keyed::new(&server, path, format!("{{\"tier\":\"{tier}\"}}"));
        match wish.ask_until_certain(&mut connection, &over, &mut memory.outcomes, false).await {
            Some(reply) => memory.learn(&reply),
            None => {
                memory.unknown = Some(wish);
                break;
            }
        }
    }
    memory
}

/// Adds stock until the test is over, one unit at a time, and sometimes leaves before the answer comes.
pub async fn organise_meanwhile(server: Arc<Server>, sale: String, over: Arc<AtomicBool>) -> Memory {
    let mut memory = Memory::default();
    loop {
        let path = format!("/api/v1/sales/{sale}/stock");
        let wish = Keyed::new(&server, path, "{\"tier\":\"ga\",\"add\":1}".to_owned());
        let patience = Duration::from_micros(rand::rng().random_range(0..10_000));
        let hasty = async { wish.ask(&mut wish.connect().await?).await };
        let was_open = !matches!(timeout(patience, hasty).await, Ok(Ok(reply)) if is_certain(&reply));
        let answer = match wish.connect().await {
            Ok(mut connection) => wish.ask_until_certain(&mut connection, &over, &mut memory.outcomes, was_open).await,
            Err(_) => None,
        };
        let Some(reply) = answer else {
            memory.unknown = Some(wish);
            return memory;
        };
        memory.learn(&reply);
        tokio::time::sleep(PAUSE).await;
    }
}

/// Reads pages and documents until the test is over. If something cannot be read now, the answer must be a 503.
pub async fn read_meanwhile(server: Arc<Server>, sale: String, over: Arc<AtomicBool>) {
    let mut connection = Connection::open(server).await.expect("a connection");
    let of_sale = ["", "/seats", "/audit"].map(|part| format!("/api/v1/sales/{sale}{part}"));
    let paths: Vec<_> = ["/", "/readyz"].map(str::to_owned).into_iter().chain(of_sale).collect();
    for path in paths.iter().cycle() {
        if over.load(Ordering::SeqCst) {
            return;
        }
        let reply = timeout(ANSWER_TIMEOUT, connection.get(path)).await.expect("a quick answer");
        assert!(reply.is_ok() || over.load(Ordering::SeqCst), "nobody has killed the server yet: {path}: {reply:?}");
        let Ok(reply) = reply else { return };
        if !reply.status.is_success() {
            assert_eq!(read_problem(&reply), Code::Overloaded, "{path}");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

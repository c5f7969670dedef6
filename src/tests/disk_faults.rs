//! A disk that fails leaves the old state or the new one, never a part, and nobody is told what is not so.
//!
//! While buyers buy, strace lets single calls on the database's files fail, or all of them for a while. Whoever hears
//! nothing certain asks again with the same key, as the contract has it; in the end every order is known to somebody.

use std::{
    collections::BTreeMap,
    path::Path,
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
    },
    server::simulator::client::{Connection, Reply, Server},
};
use tokio::{task::JoinSet, time::timeout};
use uuid::Uuid;

use crate::support::{
    ADMIN_TOKEN, STRATEGIES, Setup, TestApp,
    faults::{self, Faults},
    general_admission, scale, seated,
};

const BUYERS: usize = 8;
/// How long any answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(8);
/// How long a server may take to sell again when its disk works again.
const RECOVERY_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a fault is waited for: so many calls may not be made at all.
const FAULT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long buyers go on after the first fault.
const AFTERWARDS: Duration = Duration::from_millis(100);
/// The pause before a buyer asks again.
const PAUSE: Duration = Duration::from_millis(20);

/// How calls fail: each of these on a server of its own.
const FAULTS: [&str; 6] = [
    "pwrite64:error=EIO",
    "pwrite64:error=ENOSPC",
    "fdatasync,fsync:error=EIO",
    "pread64:error=EIO",
    "ftruncate:error=EIO",
    "ftruncate:error=ENOSPC",
];

/// What one buyer knows.
#[derive(Default)]
struct Memory {
    acknowledged: Vec<Order>,
    /// Asked and not answered for certain: the path, the key and the body.
    unknown: Option<(String, String, Bytes)>,
    /// Answers that left the outcome open.
    unsure: usize,
}

/// The order, or `None` where the answer is one that a disk without faults might have kept back: ask again. No other answer
/// may be given.
fn read_answer(reply: &Reply) -> Option<Order> {
    if reply.status.as_u16() == 201 {
        return Some(serde_json::from_slice(&reply.body).expect("201 has an order"));
    }
    let code = read_problem(reply);
    let open = [Code::Overloaded, Code::IdempotencyInFlight, Code::Contended];
    assert!(open.contains(&code), "{code} while there is stock for all");
    None
}

/// The code of a problem document under its own status.
fn read_problem(reply: &Reply) -> Code {
    let problem: Problem = serde_json::from_slice(&reply.body)
        .unwrap_or_else(|error| panic!("{}: {error}: {}", reply.status, String::from_utf8_lossy(&reply.body)));
    assert_eq!(reply.headers["content-type"], "application/problem+json");
    assert_eq!((reply.status.as_u16(), problem.status), (problem.code.status(), problem.code.status()), "{problem:?}");
    problem.code
}

async fn ask(connection: &mut Connection, path: &str, key: &str, body: &Bytes) -> Option<Order> {
    let reply = timeout(ANSWER_TIMEOUT, connection.post(path, Some(key), body.clone())).await;
    read_answer(&reply.expect("a quick answer").expect("an answer"))
}

/// Buys until it is over; asks again with the same key until an answer is certain.
async fn buy_meanwhile(server: Server, sale: String, over: Arc<AtomicBool>) -> Memory {
    let mut memory = Memory::default();
    let mut connection = Connection::open(Arc::new(server)).await.expect("a connection");
    let path = format!("/api/v1/sales/{sale}/buy");
    for turn in 0_u32.. {
        let tier = if turn % 4 == 0 { "floor" } else { "ga" };
        let (key, body) = (Uuid::now_v7().to_string(), Bytes::from(format!("{{\"tier\":\"{tier}\"}}")));
        while !over.load(Ordering::SeqCst) {
            if let Some(order) = ask(&mut connection, &path, &key, &body).await {
                memory.acknowledged.push(order);
                memory.unknown = None;
                break;
            }
            memory.unknown = Some((path.clone(), key.clone(), body.clone()));
            memory.unsure += 1;
            tokio::time::sleep(PAUSE).await;
        }
        if over.load(Ordering::SeqCst) {
            break;
        }
    }
    memory
}

/// Reads pages and documents: what cannot be read now is a 503 too.
async fn read_meanwhile(server: Server, sale: String, over: Arc<AtomicBool>) {
    let mut connection = Connection::open(Arc::new(server)).await.expect("a connection");
    let of_sale = ["", "/seats", "/audit"].map(|part| format!("/api/v1/sales/{sale}{part}"));
    let paths: Vec<_> = ["/", "/readyz"].map(str::to_owned).into_iter().chain(of_sale).collect();
    for path in paths.iter().cycle() {
        if over.load(Ordering::SeqCst) {
            return;
        }
        let reply = timeout(ANSWER_TIMEOUT, connection.get(path)).await.expect("a quick answer").expect("an answer");
        if !reply.status.is_success() {
            assert_eq!(read_problem(&reply), Code::Overloaded, "{path}");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// A server whose disk is going to fail, and all orders that anybody knows of.
struct House {
    app: TestApp,
    sales: Vec<String>,
    orders: BTreeMap<Uuid, Order>,
}

impl House {
    async fn open() -> Self {
        let mut app = Setup::default().with_admin().prepare();
        app.wrap(faults::open_to_tracers());
        app.launch().await;
        let mut sales = Vec::new();
        for strategy in STRATEGIES {
            sales.push(app.sale(strategy, &[general_admission(1_000_000), seated(500, 40)]).await);
        }
        Self { app, sales, orders: BTreeMap::new() }
    }

    /// Lets buyers buy while calls fail. Returns how many calls did, and how many answers left something open.
    async fn sell_during(&mut self, fault: &str) -> (usize, usize) {
        let over = Arc::new(AtomicBool::new(false));
        let (mut buyers, mut readers) = (JoinSet::new(), JoinSet::new());
        let faults = Faults::begin(&self.app, fault).await;
        for buyer in 0..BUYERS {
            let sale = &self.sales[buyer % self.sales.len()];
            buyers.spawn(buy_meanwhile(self.app.server(), sale.clone(), over.clone()));
        }
        for sale in &self.sales {
            readers.spawn(read_meanwhile(self.app.server(), sale.clone(), over.clone()));
        }
        let began = Instant::now();
        while faults.injected() == 0 && began.elapsed() < FAULT_TIMEOUT {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::time::sleep(AFTERWARDS).await;
        let failed = faults.end().await;
        // From here on the disk works, and the buyers are still there.
        let mended = Instant::now();
        self.sells_within(RECOVERY_TIMEOUT).await;
        over.store(true, Ordering::SeqCst);
        readers.join_all().await;
        let memories = buyers.join_all().await;
        let unsure = memories.iter().map(|memory| memory.unsure).sum();
        for memory in memories {
            self.settle(memory).await;
        }
        assert!(mended.elapsed() < RECOVERY_TIMEOUT, "{fault}: {:?} until all was settled", mended.elapsed());
        (failed, unsure)
    }

    /// A new buyer of each sale has to get something before long.
    async fn sells_within(&mut self, patience: Duration) {
        let mut connection = Connection::open(Arc::new(self.app.server())).await.expect("a connection");
        let (started, body) = (Instant::now(), Bytes::from_static(b"{\"tier\":\"ga\"}"));
        for sale in self.sales.clone() {
            let (path, key) = (format!("/api/v1/sales/{sale}/buy"), Uuid::now_v7().to_string());
            let order = loop {
                if let Some(order) = ask(&mut connection, &path, &key, &body).await {
                    break order;
                }
                assert!(started.elapsed() < patience, "{sale} does not recover:\n{}", self.app.log());
                tokio::time::sleep(PAUSE).await;
            };
            self.know(order);
        }
    }

    fn know(&mut self, order: Order) {
        let known = self.orders.insert(order.id.0, order);
        assert_eq!(known, None, "an order belongs to one key");
    }

    /// Takes over what a buyer knows. What is open is settled by asking again, for good.
    async fn settle(&mut self, memory: Memory) {
        memory.acknowledged.into_iter().for_each(|order| self.know(order));
        let Some((path, key, body)) = memory.unknown else { return };
        let mut connection = Connection::open(Arc::new(self.app.server())).await.expect("a connection");
        let first = ask(&mut connection, &path, &key, &body).await.expect("the disk works again");
        let second = ask(&mut connection, &path, &key, &body).await.expect("the disk works again");
        assert_eq!(first, second, "the key settles it for good");
        self.know(first);
    }

    /// What is wrong, if anything: every known order is there as it was told, no other one is, and the audit is clean.
    async fn complaint(&self) -> Option<String> {
        let server = self.app.server().with_token(ADMIN_TOKEN).expect("a token is a header");
        let mut organiser = Connection::open(Arc::new(server)).await.expect("a connection");
        for order in self.orders.values() {
            let found = organiser.get(&format!("/api/v1/orders/{}", order.id)).await.expect("an answer");
            if serde_json::from_slice::<Order>(&found.body).ok().as_ref() != Some(order) {
                return Some(format!("{order:?} is lost"));
            }
        }
        for sale in &self.sales {
            let known = self.orders.values().filter(|order| order.sale.0 == *sale).count() as u64;
            let reply = self.app.get(&format!("/api/v1/sales/{sale}/audit")).await;
            if reply.status != 200 {
                return Some(reply.text());
            }
            let audit: onsale::model::audit::Audit = reply.read();
            if !audit.clean || (audit.orders, audit.sold) != (known, known) {
                return Some(format!("{known} orders are known, but {audit:?}"));
            }
        }
        let database = self.app.database_file().await;
        let integrity = sqlx::query_scalar::<_, String>("PRAGMA integrity_check").fetch_all(&database).await;
        match integrity {
            Ok(found) if found == ["ok"] => None,
            other => Some(format!("{other:?}")),
        }
    }

    async fn assert_is_whole(&self, after: &str) {
        assert_eq!(self.complaint().await, None, "after {after}");
        self.assert_has_not_panicked();
    }

    fn assert_has_not_panicked(&self) {
        assert!(!self.app.whole_log().contains("panicked"), "{}", self.app.whole_log());
    }
}

/// Which calls of a thread fail: each in turn on its own, and all for a while.
fn places() -> Vec<String> {
    let single = scale::rounds(0, 120);
    let mut places: Vec<_> = if single == 0 { vec![1, 2, 6, 25] } else { (1..=single).collect() }
        .into_iter()
        .map(|place| place.to_string())
        .collect();
    places.extend(["3..30", "2+"].map(str::to_owned));
    places
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_disk_takes_back_or_keeps_whole_and_never_makes_the_server_lie() {
    let mut houses = JoinSet::new();
    for fault in FAULTS {
        houses.spawn(async move {
            let mut house = House::open().await;
            let (mut failed, mut unsure) = (0, 0);
            for place in places() {
                let fault = format!("{fault}:when={place}");
                let (calls, answers) = house.sell_during(&fault).await;
                failed += calls;
                unsure += answers;
                house.assert_is_whole(&fault).await;
            }
            // What is on the disk is what was told, not only what the process remembers.
            house.app.kill();
            house.app.launch().await;
            house.assert_is_whole(&format!("{fault} and a new start")).await;
            (fault, failed, unsure, house.orders.len())
        });
    }
    let mut unsure_in_all = 0;
    for (fault, failed, unsure, orders) in houses.join_all().await {
        assert!(failed > 0, "{fault}: no call has failed");
        assert!(orders > BUYERS, "{fault}: {orders} orders");
        println!("{fault}: {failed} calls failed, {unsure} answers left open, {orders} orders");
        unsure_in_all += unsure;
    }
    assert!(unsure_in_all > 0, "no buyer has noticed anything");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_says_yes_and_writes_nothing_is_caught() {
    let mut house = House::open().await;
    // More bytes than were asked for, so that no part is written again.
    house.sell_during("pwrite64:retval=65536:when=1+").await;
    house.app.kill();
    let complaint = match house.app.try_launch().await {
        Ok(()) => house.complaint().await,
        Err(status) => Some(format!("left with {status}")),
    };
    assert!(complaint.is_some(), "orders were acknowledged that nobody has written");
}

/// One start on a new folder with a disk that fails, then one without. Returns how many calls failed.
async fn start_on_failing_disk(fault: &str) -> usize {
    let mut app = Setup::default().with_demo().prepare();
    let output = app.folder().join("faults");
    let strace = ["strace".to_owned(), "-D".to_owned()];
    app.wrap(strace.into_iter().chain(faults::arguments(app.folder(), fault, &output)).collect());
    match app.try_launch().await {
        Ok(()) => app.kill(),
        Err(status) => {
            assert_eq!(status.code(), Some(2), "{fault}: {status}:\n{}", app.log());
            let log = app.whole_log();
            let told: Vec<_> = log.lines().filter(|line| line.starts_with("onsale: ")).collect();
            assert!(told.len() == 1 && log.trim_end().ends_with(told[0]), "{fault}: one line, the last:\n{log}");
        }
    }
    assert!(!app.whole_log().contains("panicked"), "{fault}: {}", app.whole_log());
    app.wrap(Vec::new());
    app.launch().await;
    assert_database_sells(&app).await;
    faults::injected(&output)
}

async fn assert_database_sells(app: &TestApp) {
    let sales = app.get("/api/v1/sales").await.expect(200).json();
    let sales: Vec<_> = sales["sales"].as_array().expect("sales").iter().map(|sale| sale["id"].clone()).collect();
    assert_eq!(sales.len(), 4, "the demo sales, each once: {sales:?}");
    app.buy("club-night", serde_json::json!({ "tier": "ga" })).await.expect(201);
    for sale in sales {
        app.clean_audit(sale.as_str().expect("an id")).await;
    }
    assert_integrity(app.folder()).await;
}

async fn assert_integrity(folder: &Path) {
    let url = format!("sqlite:{}?mode=ro", folder.join("onsale.db").display());
    let database = sqlx::SqlitePool::connect(&url).await.expect("the database opens for reading");
    let integrity: Vec<String> =
        sqlx::query_scalar("PRAGMA integrity_check").fetch_all(&database).await.expect("a check");
    assert_eq!(integrity, ["ok"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_start_on_a_failing_disk_says_why_it_ends_and_the_next_one_is_whole() {
    let places: &[usize] = &[1, 3, 10, 40, 160];
    let (mut starts, mut failed) = (JoinSet::new(), 0);
    for fault in FAULTS {
        let many = scale::rounds(0, 400);
        let places = if many == 0 { places.to_vec() } else { (1..=many).collect() };
        for place in places {
            if starts.len() == 3 {
                failed += starts.join_next().await.expect("several").expect("a start");
            }
            starts.spawn(async move { start_on_failing_disk(&format!("{fault}:when={place}")).await });
        }
    }
    failed += starts.join_all().await.into_iter().sum::<usize>();
    assert!(failed > FAULTS.len(), "{failed} calls failed");
}

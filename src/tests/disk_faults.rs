//! A failing disk leaves the old state or the new one, never a part of a change, and nobody gets a false answer.
//!
//! While buyers buy, strace makes single calls on the database's files fail, or all of them for a while. In the end
//! every order is known to its buyer, and nothing else has changed.

mod people; // buyers, organisers and readers

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use onsale::{
    model::{audit::Audit, order::Order},
    server::simulator::client::{Connection, Server},
};
use tokio::task::JoinSet;
use uuid::Uuid;

use self::people::{Keyed, Memory, Outcomes, RECOVERY_TIMEOUT, buy_meanwhile, organise_meanwhile, read_meanwhile};
use crate::support::{
    ADMIN_TOKEN, STRATEGIES, Setup, TestApp,
    faults::{FAULTS, Faults, open_to_tracers},
    general_admission, scale, seated,
};

const BUYERS: usize = 6;
/// How many servers run at once, and at how many places the disk of each fails.
const AT_ONCE: usize = 3;
const PLACES_OF_HOUSE: usize = 6;
/// Units of general admission, and rows of seats, that each sale starts with.
const MADE_UNITS: u64 = 1_000_000;
const ROWS: u32 = 100;
const SEATS_OF_ROW: u32 = 40;
/// How long the test waits for a fault. The server may never make as many calls as the fault needs.
const FAULT_TIMEOUT: Duration = Duration::from_secs(1);
/// How long buyers go on after the first fault.
const AFTERWARDS: Duration = Duration::from_millis(150);

/// How a fault ends.
#[derive(Clone, Copy)]
enum End {
    /// The disk works again, and the server goes on.
    Mended,
    /// The server is killed while its disk fails, and started when it works again.
    Killed,
}

/// A server whose disk will fail, and all orders that any buyer knows of.
struct House {
    app: TestApp,
    sales: Vec<String>,
    orders: BTreeMap<Uuid, Order>,
    /// The orders that have not been looked up on the server yet.
    unchecked: Vec<Uuid>,
    /// Units that organisers have certainly added, to all sales.
    added: u64,
    outcomes: Outcomes,
}

impl House {
    async fn open() -> Self {
        let mut app = Setup::default().with_admin().prepare();
        app.wrap(open_to_tracers());
        app.launch().await;
        let mut sales = Vec::new();
        for strategy in STRATEGIES {
            sales.push(app.sale(strategy, &[general_admission(MADE_UNITS), seated(ROWS, SEATS_OF_ROW)]).await);
        }
        let (orders, unchecked, outcomes) = (BTreeMap::new(), Vec::new(), Outcomes::default());
        Self { app, sales, orders, unchecked, added: 0, outcomes }
    }

    fn guest(&self) -> Arc<Server> {
        Arc::new(self.app.server())
    }

    fn organiser(&self) -> Arc<Server> {
        Arc::new(self.app.server().with_token(ADMIN_TOKEN).expect("a token is a header"))
    }

    /// Lets buyers buy while calls fail, and then settles all open outcomes. Returns how many calls failed.
    async fn sell_during(&mut self, fault: &str, end: End) -> usize {
        let (failed, memories) = self.storm(fault, end).await;
        let mended = Instant::now();
        if let End::Killed = end {
            self.app.launch().await;
        }
        for memory in memories {
            self.settle(memory).await;
        }
        assert!(mended.elapsed() < RECOVERY_TIMEOUT, "{fault}: {:?} until all was settled", mended.elapsed());
        failed
    }

    /// Lets buyers buy while calls fail, until the fault is over. Returns how many calls failed, and what the buyers
    /// know.
    async fn storm(&mut self, fault: &str, end: End) -> (usize, Vec<Memory>) {
        let over = Arc::new(AtomicBool::new(false));
        let (mut buyers, mut readers) = (JoinSet::new(), JoinSet::new());
        let faults = Faults::begin(&self.app, fault).await;
        for buyer in 0..BUYERS {
            let sale = &self.sales[buyer % self.sales.len()];
            buyers.spawn(buy_meanwhile(self.guest(), sale.clone(), over.clone()));
        }
        for sale in &self.sales {
            buyers.spawn(organise_meanwhile(self.organiser(), sale.clone(), over.clone()));
            readers.spawn(read_meanwhile(self.guest(), sale.clone(), over.clone()));
        }
        let began = Instant::now();
        while faults.injected() == 0 && began.elapsed() < FAULT_TIMEOUT {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::time::sleep(AFTERWARDS).await;
        if let End::Killed = end {
            over.store(true, Ordering::SeqCst);
            self.app.kill();
        }
        let failed = faults.end().await;
        if let End::Mended = end {
            // The buyers of the storm are still at work.
            self.sells_again().await;
            over.store(true, Ordering::SeqCst);
        }
        readers.join_all().await;
        (failed, buyers.join_all().await)
    }

    /// Checks that a new buyer of each sale gets something before long.
    async fn sells_again(&mut self) {
        let (guest, mut memory) = (self.guest(), Memory::default());
        let mut connection = Connection::open(guest.clone()).await.expect("a connection");
        for sale in &self.sales {
            let wish = Keyed::new(&guest, format!("/api/v1/sales/{sale}/buy"), "{\"tier\":\"ga\"}".to_owned());
            memory.learn(&wish.settle(&mut connection).await);
        }
        self.know(memory);
    }

    /// Takes over what somebody knows for certain.
    fn know(&mut self, memory: Memory) {
        self.outcomes.add(memory.outcomes);
        self.added += memory.added;
        for order in memory.orders {
            self.unchecked.push(order.id.0);
            let known = self.orders.insert(order.id.0, order);
            assert_eq!(known, None, "an order belongs to one key");
        }
    }

    /// Takes over what somebody knows. An open outcome is settled by sending the request again with its key.
    async fn settle(&mut self, mut memory: Memory) {
        if let Some(wish) = memory.unknown.take() {
            let mut connection = wish.connect().await.expect("a connection");
            let first = wish.settle(&mut connection).await;
            let second = wish.settle(&mut connection).await;
            assert_eq!((first.status, &first.body), (second.status, &second.body), "the key settles it for good");
            memory.outcomes.count(&first);
            memory.learn(&first);
        }
        self.know(memory);
    }

    /// What is wrong, if anything. Every order must exist as its buyer was told, no other order may exist, and the
    /// audit must be clean.
    async fn complaint(&mut self) -> Option<String> {
        let mut organiser = Connection::open(self.organiser()).await.expect("a connection");
        for id in std::mem::take(&mut self.unchecked) {
            let order = &self.orders[&id];
            let found = organiser.get(&format!("/api/v1/orders/{}", order.id)).await.expect("an answer");
            if serde_json::from_slice::<Order>(&found.body).ok().as_ref() != Some(order) {
                return Some(format!("{order:?} is lost"));
            }
        }
        let mut capacity = 0;
        for sale in &self.sales {
            let known = self.orders.values().filter(|order| order.sale.0 == *sale).count() as u64;
            let reply = self.app.get(&format!("/api/v1/sales/{sale}/audit")).await;
            if reply.status != 200 {
                return Some(reply.text());
            }
            let audit: Audit = reply.read();
            capacity += audit.capacity;
            if !audit.clean || (audit.orders, audit.sold) != (known, known) {
                return Some(format!("{known} orders are known, but {audit:?}"));
            }
        }
        let made = (MADE_UNITS + u64::from(ROWS * SEATS_OF_ROW)) * self.sales.len() as u64;
        if capacity != made + self.added {
            return Some(format!("{} units are known to be added to {made}, but there are {capacity}", self.added));
        }
        let database = self.app.database_file().await;
        let integrity = sqlx::query_scalar::<_, String>("PRAGMA integrity_check").fetch_all(&database).await;
        match integrity {
            Ok(found) if found == ["ok"] => None,
            other => Some(format!("{other:?}")),
        }
    }

    async fn assert_is_whole(&mut self, after: &str) {
        assert_eq!(self.complaint().await, None, "after {after}");
        let log = self.app.whole_log();
        for never in ["panicked", "differs from the database"] {
            assert!(!log.contains(never), "after {after}: {log}");
        }
    }

    /// Checks after a restart, so that the disk is checked and not only the memory of the process.
    async fn assert_is_whole_after_restart(&mut self, after: &str) {
        self.app.kill();
        self.app.launch().await;
        self.unchecked = self.orders.keys().copied().collect();
        self.assert_is_whole(after).await;
    }
}

/// Which calls of each thread fail: single calls, several in a row, or all from some call on.
fn places(fault: &str) -> Vec<String> {
    let single = match scale::rounds(0, 120) {
        // A file is only cut when the log was folded to its end, which is rare.
        _ if fault.starts_with("ftruncate") => vec![1],
        0 => vec![1, 6, 25],
        last => (1..=last).collect(),
    };
    let single = single.into_iter().map(|place| place.to_string());
    single.chain(["3..30", "1+"].map(str::to_owned)).collect()
}

/// What happened during some faults.
#[derive(Default)]
struct Told {
    failed_calls: usize,
    orders: usize,
    outcomes: Outcomes,
}

/// Sells while a disk fails in one way, at one place after the other.
async fn go_through(fault: &'static str, places: Vec<String>) -> (&'static str, Told) {
    let (mut house, mut failed_calls) = (House::open().await, 0);
    for place in places {
        for end in [End::Mended, End::Killed] {
            let fault = format!("{fault}:when={place}");
            failed_calls += house.sell_during(&fault, end).await;
            house.assert_is_whole(&fault).await;
        }
    }
    house.assert_is_whole_after_restart(fault).await;
    (fault, Told { failed_calls, orders: house.orders.len(), outcomes: house.outcomes })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_disk_takes_back_or_keeps_whole_and_never_makes_the_server_lie() {
    let (mut houses, mut told) = (JoinSet::new(), BTreeMap::<&str, Told>::new());
    let mut add = |(fault, of_house): (&'static str, Told)| {
        let all = told.entry(fault).or_default();
        all.failed_calls += of_house.failed_calls;
        all.orders += of_house.orders;
        all.outcomes.add(of_house.outcomes);
    };
    for fault in FAULTS {
        for places in places(fault).chunks(PLACES_OF_HOUSE) {
            if houses.len() == AT_ONCE {
                add(houses.join_next().await.expect("several").expect("a house"));
            }
            houses.spawn(go_through(fault, places.to_vec()));
        }
    }
    houses.join_all().await.into_iter().for_each(&mut add);
    let mut outcomes = Outcomes::default();
    for (fault, told) in told {
        println!("{fault}: {} calls failed; {} orders, {:?}", told.failed_calls, told.orders, told.outcomes);
        assert!(told.failed_calls > 0, "{fault}: no call has failed");
        assert!(told.orders > BUYERS, "{fault}: {} orders", told.orders);
        outcomes.add(told.outcomes);
    }
    assert!(outcomes.kept > 0 && outcomes.taken_back > 0, "both must be seen: {outcomes:?}");
}

/// Sells on a disk that reports success but writes nothing, until somebody has an order. On a busy machine the lie may be
/// over before.
async fn sell_on_a_lying_disk() -> House {
    const MAX_TRIES: usize = 10;
    for _ in 0..MAX_TRIES {
        let mut house = House::open().await;
        // The calls report more bytes than were asked for, so that SQLite does not write a rest.
        let (_, memories) = house.storm("pwrite64:retval=65536:when=1+", End::Killed).await;
        memories.into_iter().for_each(|memory| house.know(memory));
        if !house.orders.is_empty() {
            return house;
        }
    }
    panic!("strace has not made the disk lie: such a disk is believed at first");
}

/// What is wrong after such sales.
async fn complaint_about_lying_disk() -> Option<String> {
    let mut house = sell_on_a_lying_disk().await;
    match house.app.try_launch().await {
        Ok(()) => house.complaint().await,
        Err(status) => Some(format!("left with {status}")),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_says_yes_and_writes_nothing_is_caught() {
    let complaint = match tokio::spawn(complaint_about_lying_disk()).await {
        Ok(complaint) => complaint,
        // A reader of such a disk may panic because of nonsense. Then the lie has been caught too.
        Err(error) => error.into_panic().downcast::<String>().ok().map(|message| *message),
    };
    let told = complaint.expect("orders were acknowledged that nobody has written");
    assert!(!told.contains("strace"), "{told}");
}

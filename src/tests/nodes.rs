//! Three servers on one PostgreSQL and one Redis, as behind a balancer. What one server says holds at all of them,
//! whatever happens to one of them.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use onsale::{
    model::{body::BuyBody, outcome::Code, tally::Answer},
    server::simulator::client::{Connection, Server},
};
use serde_json::{Value, json};
use tokio::{task::JoinSet, time::timeout};

use crate::support::{
    Ask, Database, ExportedLedger, Fold, Position, Setup, TestApp, Viewer, Wire, general_admission, seated,
};

const UNITS: u64 = 300;
const BUYERS: usize = 400;
/// Viewers per server.
const VIEWERS: usize = 5;
/// How long a buyer repeats a request, and how long a viewer may take to see the last change.
const PATIENCE: Duration = Duration::from_secs(60);

fn redis() -> String {
    std::env::var("ONSALE_TEST_REDIS").unwrap_or_else(|_| "redis://127.0.0.1:6379".to_owned())
}

async fn node(database: &str) -> TestApp {
    Setup::default().with_admin().with_demo().with_database(database).with_env("REDIS_URL", &redis()).start().await
}

/// Three servers, started at once on an empty database. The third one's connection to the database can be cut.
async fn three_nodes(database: &Database, wire: &Wire) -> [TestApp; 3] {
    let (direct, behind) = (database.url(), database.behind(wire).await);
    let (first, second, third) = tokio::join!(node(&direct), node(&direct), node(&behind));
    [first, second, third]
}

/// Buys as a client behind a balancer does: it asks one server after the other until one answers, always with the same
/// key.
async fn buy_somewhere(servers: Arc<[Server]>, first: usize, path: Arc<str>, key: String) -> Answer {
    let body = Bytes::from(serde_json::to_vec(&BuyBody::tier("ga".into(), 1)).expect("plain data"));
    let started = Instant::now();
    for tries in 0.. {
        assert!(started.elapsed() < PATIENCE, "no server has an answer for {key}");
        let server = servers[(first + tries) % servers.len()].clone();
        let asked = async {
            let mut connection = Connection::open(Arc::new(server)).await?;
            connection.post(&path, Some(&key), body.clone()).await
        };
        // After a while without an answer the next server is asked, as a balancer does.
        let Ok(Ok(reply)) = timeout(Duration::from_secs(5), asked).await else { continue };
        match Answer::read(reply.status.as_u16(), &reply.body) {
            Answer::Refused(Code::IdempotencyInFlight | Code::Contended | Code::Overloaded) | Answer::Failed(_) => {}
            answer => return answer,
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    unreachable!("somebody loses patience first")
}

/// Watches one server until the view has reached the last `seq`, and reconnects whenever the stream ends.
async fn watch(app: Arc<TestApp>, sale: String, last_seq: Arc<AtomicU64>) -> Fold {
    let mut fold: Option<Fold> = None;
    loop {
        let place = fold.as_ref().map_or_else(Position::new, |fold| Position::last_event_id(fold.seq));
        let mut viewer = Viewer::open(&app, &sale, place).await;
        loop {
            if let Some(view) = fold.as_ref().filter(|view| view.seq == last_seq.load(Ordering::SeqCst)) {
                return view.clone();
            }
            match timeout(Duration::from_millis(300), viewer.next()).await {
                Ok(Some(event)) => match &mut fold {
                    Some(fold) => fold.take(&event),
                    None => fold = Some(Fold::begin(&event)),
                },
                Ok(None) => break,
                Err(_) => {}
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_valid_at_every_server_and_the_demo_is_made_once() {
    let database = Database::make().await;
    let wire = Wire::to(database.server_address()).await;
    let nodes = three_nodes(&database, &wire).await;
    let reply = nodes[0].buy("golden-ticket", json!({ "tier": "ga" })).await.expect(201);
    let token = reply.headers["x-onsale-session"].to_str().expect("a token").to_owned();
    let order = reply.json();
    for node in &nodes {
        let me: Value = Ask::get("/api/v1/me").bearer(&token).send(node).await.expect(200).json();
        assert_eq!(me["buyer"], order["buyer"]);
        let orders: Value = Ask::get("/api/v1/orders").bearer(&token).send(node).await.expect(200).json();
        assert_eq!(orders["orders"][0]["id"], order["id"]);
        let sales = node.get("/api/v1/sales").await.expect(200).json();
        let names: Vec<_> = sales["sales"].as_array().expect("sales").iter().map(|sale| sale["id"].clone()).collect();
        assert_eq!(names, ["golden-ticket", "club-night", "theatre", "rehearsal"], "three starts at once, one demo");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_server_killed_and_one_cut_off_cost_time_and_nothing_else() {
    for strategy in ["group_commit", "atomic_update", "redis_gate"] {
        storm_over_three_nodes(strategy).await;
    }
}

async fn storm_over_three_nodes(strategy: &str) {
    let database = Database::make().await;
    let wire = Wire::to(database.server_address()).await;
    let [first, mut second, third] = three_nodes(&database, &wire).await;
    let sale = first.sale(strategy, &[seated(2, 5), general_admission(UNITS)]).await;
    let (first, third) = (Arc::new(first), Arc::new(third));

    let last_seq = Arc::new(AtomicU64::new(u64::MAX));
    let mut viewers = JoinSet::new();
    for app in [&first, &third] {
        for _ in 0..VIEWERS {
            viewers.spawn(watch(app.clone(), sale.clone(), last_seq.clone()));
        }
    }

    let servers: Arc<[Server]> = [first.server(), second.server(), third.server()].into();
    let path: Arc<str> = format!("/api/v1/sales/{sale}/buy").into();
    let mut buyers = JoinSet::new();
    for buyer in 0..BUYERS {
        let key = format!("the-secret-key-of-buyer-{buyer:06}");
        buyers.spawn(buy_somewhere(servers.clone(), buyer, path.clone(), key));
        if buyer == BUYERS / 4 {
            second.kill();
        }
        if buyer == BUYERS / 2 {
            wire.cut();
        }
        if buyer % 8 == 0 {
            tokio::time::sleep(Duration::from_millis(4)).await;
        }
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    wire.mend();
    let answers = timeout(PATIENCE, buyers.join_all()).await.expect("every buyer has an answer");

    let mut won = BTreeSet::new();
    for answer in &answers {
        match answer {
            Answer::Won(order) => assert!(won.insert(order.seq), "{strategy}: seq {} was given twice", order.seq),
            Answer::Refused(code) => assert_eq!(*code, Code::SoldOut, "{strategy}"),
            Answer::Left(how) => panic!("{how}, and nobody holds anything"),
            Answer::Failed(why) => panic!("{why}"),
        }
    }
    // A server that died has left claims in the gate. A little later the gate drops them.
    let mut bought_later = 0;
    while first.audit(&sale).await.sold < UNITS {
        let reply = first.buy(&sale, json!({ "tier": "ga" })).await;
        bought_later += u64::from(reply.status == 201);
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(bought_later == 0 || strategy == "redis_gate", "{strategy} stranded units that somebody wanted");
    }
    let audit = first.clean_audit(&sale).await;
    assert_eq!(audit.sold, UNITS, "{strategy}");
    assert!(won.len() as u64 + bought_later <= UNITS, "{strategy}: more winners than units");
    assert_eq!(audit.ledger.entries, UNITS + 1, "{strategy}: seq has no gap");

    second.launch().await;
    last_seq.store(audit.ledger.entries, Ordering::SeqCst);
    let views = timeout(PATIENCE, viewers.join_all()).await.expect("every viewer learns the last change");
    for view in &views {
        view.assert_equals_database(&third, &sale).await;
    }
    assert_eq!(second.read_sale(&sale).await.sold, UNITS, "{strategy}: the killed one is back and up to date");
    let (tiers, _) = ExportedLedger::read(&third, &sale).await.replay();
    assert_eq!(tiers["ga"].1, UNITS, "{strategy}: the ledger tells the same");
}

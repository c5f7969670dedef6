//! Acknowledged purchases survive a kill. The server is killed in the middle of a storm of buyers, again and again, on
//! the same database.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use onsale::{
    model::{order::Order, tally::Answer},
    server::simulator::client::Connection,
};
use rand::RngExt;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::support::{ExportedLedger, STRATEGIES, Setup, TestApp, general_admission, scale, seated};

/// Buyers who send requests without a pause until the server dies.
const BUYERS: usize = 24;
/// Kills per database. Then a new database is used, because each restart recounts everything.
const KILLS: usize = 15;

/// What one buyer knows when the server has died.
#[derive(Default)]
struct Memory {
    acknowledged: Vec<Order>,
    /// A request that was sent and not answered: its key and its body.
    unknown: Option<(String, Bytes)>,
}

/// Buys seats and general admission in turn, until the connection breaks.
async fn buy_until_the_end(
    app_server: onsale::server::simulator::client::Server,
    sale: String,
    over: Arc<AtomicBool>,
) -> Memory {
    let mut memory = Memory::default();
    let Ok(mut connection) = Connection::open(Arc::new(app_server)).await else { return memory };
    let path = format!("/api/v1/sales/{sale}/buy");
    for turn in 0_u32.. {
        let tier = if turn % 4 == 0 { "floor" } else { "ga" };
        let (key, body) = (Uuid::now_v7().to_string(), Bytes::from(format!("{{\"tier\":\"{tier}\"}}")));
        match connection.post(&path, Some(&key), body.clone()).await {
            Ok(reply) => match Answer::read(reply.status.as_u16(), &reply.body) {
                Answer::Won(order) => memory.acknowledged.push(order),
                other => panic!("there is stock for all: {other:?}"),
            },
            Err(fault) => {
                assert!(over.load(Ordering::SeqCst), "nobody has killed the server yet: {fault}");
                memory.unknown = Some((key, body));
                return memory;
            }
        }
    }
    memory
}

/// Lets buyers storm the sale and kills the server under them at a random moment.
async fn storm_and_kill(app: &mut TestApp, sale: &str) -> Vec<Memory> {
    let over = Arc::new(AtomicBool::new(false));
    let mut buyers = JoinSet::new();
    for _ in 0..BUYERS {
        buyers.spawn(buy_until_the_end(app.server(), sale.to_owned(), over.clone()));
    }
    let moment = Duration::from_millis(rand::rng().random_range(5..300));
    tokio::time::sleep(moment).await;
    over.store(true, Ordering::SeqCst);
    app.kill();
    buyers.join_all().await
}

/// Checks that every acknowledged order exists as its buyer was told, and settles every unknown outcome by sending the
/// request again with its key. Returns the number of orders that exist because of this round.
async fn settle(app: &TestApp, sale: &str, memories: Vec<Memory>) -> usize {
    let server = app.server().with_token(crate::support::ADMIN_TOKEN).expect("a token is a header");
    let mut organiser = Connection::open(Arc::new(server)).await.expect("a connection");
    let mut guest = Connection::open(Arc::new(app.server())).await.expect("a connection");
    let mut orders = BTreeMap::new();
    for memory in memories {
        for order in memory.acknowledged {
            let found = organiser.get(&format!("/api/v1/orders/{}", order.id)).await.expect("an answer");
            let found: Order = serde_json::from_slice(&found.body).unwrap_or_else(|_| panic!("{order:?} is lost"));
            assert_eq!(found, order, "an order never changes");
            assert!(orders.insert(order.id, order).is_none(), "an order is acknowledged once");
        }
        if let Some((key, body)) = memory.unknown {
            let mut settled = Vec::new();
            for _ in 0..2 {
                let path = format!("/api/v1/sales/{sale}/buy");
                let reply = guest.post(&path, Some(&key), body.clone()).await.expect("an answer");
                match Answer::read(reply.status.as_u16(), &reply.body) {
                    Answer::Won(order) => settled.push(order),
                    other => panic!("there is stock for all: {other:?}"),
                }
            }
            assert_eq!(settled[0], settled[1], "the key settles it for good");
            assert!(orders.insert(settled[0].id, settled.remove(0)).is_none());
        }
    }
    orders.len()
}

async fn assert_database_is_whole(app: &TestApp) {
    let database = app.database_file().await;
    let integrity: Vec<String> =
        sqlx::query_scalar("PRAGMA integrity_check").fetch_all(&database).await.expect("a check");
    assert_eq!(integrity, ["ok"]);
    let dangling = sqlx::query("PRAGMA foreign_key_check").fetch_all(&database).await.expect("a check");
    assert!(dangling.is_empty(), "{} rows refer to nothing", dangling.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledged_purchase_survives_kill_9() {
    let mut acknowledged_in_all = 0;
    for episode in 0..scale::rounds(2, 700) {
        let mut app = Setup::default().with_admin().start().await;
        let strategy = STRATEGIES[episode % STRATEGIES.len()];
        let sale = app.sale(strategy, &[general_admission(1_000_000), seated(500, 40)]).await;
        let mut orders = 0;
        for _ in 0..KILLS {
            let memories = storm_and_kill(&mut app, &sale).await;
            app.launch().await;
            orders += settle(&app, &sale, memories).await;
            let audit = app.clean_audit(&sale).await;
            assert_eq!((audit.orders, audit.sold), (orders as u64, orders as u64), "nothing more and nothing less");
        }
        assert_database_is_whole(&app).await;
        let ledger = ExportedLedger::read(&app, &sale).await;
        assert_eq!(ledger.references().len(), orders);
        acknowledged_in_all += orders;
    }
    assert!(acknowledged_in_all > KILLS * 10, "the storms were storms: {acknowledged_in_all}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_keeps_sales_orders_sessions_and_the_ledger() {
    let mut app = TestApp::open().await;
    let sale = app.sale("group_commit", &[seated(2, 5), general_admission(10)]).await;
    let bought = app.buy(&sale, serde_json::json!({ "seat": "B-2" })).await.expect(201);
    let token = bought.session().expect("a new guest").to_owned();
    let (order, told) = (bought.json(), app.read_sale(&sale).await);
    let ledger = ExportedLedger::read(&app, &sale).await;
    app.restart().await;
    let again = app.read_sale(&sale).await;
    assert_eq!((again.seq, again.tiers, again.available), (told.seq, told.tiers, told.available));
    assert_eq!(ExportedLedger::read(&app, &sale).await.text, ledger.text);
    let own = crate::support::Ask::get("/api/v1/orders").bearer(&token).send(&app).await.expect(200).json();
    assert_eq!(own["orders"], serde_json::json!([order]));
    app.clean_audit(&sale).await;
}

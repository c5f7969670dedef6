//! A server that dies in the middle of a purchase: between its gate and its database, inside the transaction, between
//! commit and answer. Each server that dies is a process of its own, killed at a named place of the code. The next
//! server takes over what it left behind.

use std::{
    collections::HashMap,
    os::unix::process::ExitStatusExt,
    process::Stdio,
    time::{Duration, Instant},
};

use futures_util::{StreamExt, future::join_all, stream};
use tokio::process::Command;

use super::*;
use crate::model::ids::OrderId;

/// The environment variable that tells a process that is to die its database, Redis and sale.
const VICTIM: &str = "ONSALE_TEST_VICTIM";
/// The test that this process runs.
const VICTIMS_TEST: &str = "server::engine::tests::crashes::a_server_dies_where_it_is_told_to";
const BUYERS: u128 = 40;
/// The units of each tier. Fewer than the buyers want.
const UNITS: [u64; 2] = [17, 8];
/// How many combinations of store and strategy are tested at the same time.
const AT_ONCE: usize = 4;

/// The places at which a purchase by this strategy can be cut off.
pub(super) fn places(strategy: StrategyKind) -> &'static [&'static str] {
    match strategy {
        // This strategy decides and writes in one step.
        StrategyKind::GroupCommit => &["admitted", "committed"],
        StrategyKind::Queued => &["joined", "admitted", "taken", "recorded", "committed", "decided"],
        _ => &["admitted", "taken", "recorded", "committed"],
    }
}

pub(super) fn queue() -> QueueOptions {
    QueueOptions { take_over_after: Duration::from_millis(300), ..QueueOptions::default() }
}

fn buyer(number: u128) -> BuyerId {
    BuyerId(uuid::Uuid::from_u128(number))
}

/// Asks once for a buyer, whose key is always the same. `None` where there is no answer yet.
async fn ask(engine: &Engine, sale: &SaleId, number: u128) -> Option<Result<OrderId, Code>> {
    let (tier, key) = (if number.is_multiple_of(3) { "floor" } else { "ga" }, format!("{sale}-{number}"));
    let key = Some(IdempotencyKey::parse(&key).unwrap());
    match engine.selling.buy_and_wait(sale, buyer(number), BuyBody::tier(tier.into(), 1), key, PATIENCE).await {
        Ok(BuyOutcome::Bought { order, .. }) => Some(Ok(order.id)),
        Ok(BuyOutcome::Refused(refusal)) if matches!(refusal.code, Code::Contended | Code::IdempotencyInFlight) => None,
        Ok(BuyOutcome::Refused(refusal)) => Some(Err(refusal.code)),
        Ok(BuyOutcome::Waiting { .. }) | Err(_) => None,
    }
}

/// Asks until there is an answer.
async fn insist(engine: &Engine, sale: &SaleId, number: u128) -> Result<OrderId, Code> {
    let started = Instant::now();
    loop {
        if let Some(answer) = ask(engine, sale, number).await {
            return answer;
        }
        assert!(started.elapsed() < PATIENCE, "buyer {number} has no answer");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Not a test of its own: the process that the other tests start, and that dies. It prints which buyer was told what.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "started by the tests beside it"]
async fn a_server_dies_where_it_is_told_to() {
    let (engine, sale) = die_by_panic().await;
    let asks = (1..=BUYERS).map(|number| {
        let (engine, sale) = (engine.clone(), sale.clone());
        tokio::spawn(async move {
            match insist(&engine, &sale, number).await {
                Ok(order) => println!("told {number} {order}"),
                Err(code) => println!("refused {number} {code}"),
            }
        })
    });
    join_all(asks.collect::<Vec<_>>()).await;
}

/// What every process that is to die begins with: the server and the sale that it was told, and that a panic kills it.
pub(super) async fn die_by_panic() -> (Arc<Engine>, SaleId) {
    let told = std::env::var(VICTIM).expect("who starts this says where");
    let [url, redis, sale] = *told.split(' ').collect::<Vec<_>>() else { panic!("three words: {told}") };
    // The task around a panic would catch it and give back what it holds. A process that dies gives nothing back, so a
    // panic kills the process.
    std::panic::set_hook(Box::new(|_| {
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    }));
    let engine = House::engine_with(url, redis, queue()).await;
    // The places stay set until the process dies.
    std::mem::forget(fail::FailScenario::setup());
    (engine, SaleId::from(sale))
}

/// Lets a server sell until it reaches `place` for the `time`th time and dies there. Returns the orders that buyers
/// were told of.
async fn die(database: &Database, sale: &SaleId, place: &str, time: usize) -> HashMap<u128, OrderId> {
    let said = victim_dies(VICTIMS_TEST, database, sale, place, time).await;
    let told = said.lines().filter_map(|line| line.split_once("told ")?.1.split_once(' '));
    told.filter_map(|(number, order)| Some((number.parse().ok()?, order.parse().ok()?))).collect()
}

/// Runs this test in a process of its own until it reaches `place` for the `time`th time and dies there. Returns what it
/// has said.
pub(super) async fn victim_dies(test: &str, database: &Database, sale: &SaleId, place: &str, time: usize) -> String {
    let died = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--ignored", "--nocapture"])
        .env(VICTIM, format!("{} {} {sale}", database.url, redis_url()))
        .env("FAILPOINTS", format!("{place}={}*off->panic", time - 1))
        .stderr(Stdio::inherit())
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&died.stdout).into_owned();
    assert_eq!(died.status.signal(), Some(9), "it did not die at {place}: {said}");
    said
}

/// Checks what the next server makes of what the dead one left: every buyer who was told of an order still has it,
/// every key leads to one order at most, and all units are sold in the end.
async fn succeed(database: &Database, sale: &SaleId, told: &HashMap<u128, OrderId>, way: &str) {
    let engine = House::engine_with(&database.url, &redis_url(), queue()).await;
    // Long enough for the notes of claims that were on their way through a gate in Redis to run out.
    engine.clock().advance(5_001);
    for (number, order) in told {
        assert!(
            engine.selling.order(Some(buyer(*number)), *order).await.unwrap().is_some(),
            "{way}: {number} had {order}"
        );
    }
    let mut owners = HashMap::new();
    for (number, answer) in
        join_all((1..=BUYERS).map(async |number| (number, insist(&engine, sale, number).await))).await
    {
        if let Some(order) = told.get(&number) {
            assert_eq!(answer, Ok(*order), "{way}: {number} was told of another order");
        }
        if let Ok(order) = answer {
            assert_eq!(owners.insert(order, number), None, "{way}: {order} is another's too");
        }
    }
    sell_out(&engine, sale, UNITS, way).await;
    engine.close().await;
}

/// Sells to others what is left of these units, to the last one, and audits the sale.
pub(super) async fn sell_out(engine: &Engine, sale: &SaleId, units: [u64; 2], way: &str) {
    // A gate may keep back the units of claims that died with the other server, but not for long.
    for (number, tier) in (1_000..).zip(["ga", "floor"].into_iter().cycle()) {
        let now = engine.catalogue.sale(sale).await.unwrap();
        if now.available + now.held == 0 {
            break;
        }
        assert!(number < 3_000, "{way}: units are stranded: {now:?}");
        let _ = engine.selling.buy_and_wait(sale, buyer(number), BuyBody::tier(tier.into(), 1), None, PATIENCE).await;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let audit = engine.recount.audit(sale).await.unwrap().unwrap();
    assert!(audit.clean && audit.sold == units.iter().sum::<u64>(), "{way}: {audit:?}");
}

async fn die_at_every_place(kind: StoreKind, strategy: StrategyKind) {
    let house = House::open(kind).await;
    let mut sales = Vec::new();
    for place in places(strategy) {
        sales.push((*place, house.sale(strategy, vec![general_admission(UNITS[0]), seated(2, 4)]).await));
    }
    house.engine.close().await;
    for (index, (place, sale)) in sales.into_iter().enumerate() {
        let time = if strategy == StrategyKind::GroupCommit { 1 } else { 1 + 4 * index };
        let way = format!("{} on {kind:?}, at {place}", strategy.name());
        let told = die(&house.database, &sale, place, time).await;
        eprintln!("{way}: {} were told", told.len());
        succeed(&house.database, &sale, &told, &way).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_purchase_was_at_when_its_server_died_nothing_is_lost_and_nothing_sold_twice() {
    in_every_way(die_at_every_place).await;
}

/// Does this with each exact strategy on each store, some of them at the same time.
pub(super) async fn in_every_way<Done: Future<Output = ()>>(test: impl Fn(StoreKind, StrategyKind) -> Done) {
    let mut ways = Vec::new();
    for kind in STORES {
        let house = House::open(kind).await;
        ways.extend(house.exact_strategies().into_iter().map(|strategy| test(kind, strategy)));
    }
    stream::iter(ways).buffer_unordered(AT_ONCE).collect::<()>().await;
}

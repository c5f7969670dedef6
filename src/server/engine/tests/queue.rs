//! Purchases in line: receipts and their outcome, who is served first, dead letters, and servers that die in between.

use std::{collections::HashSet, time::Duration};

use futures_util::future::join_all;
use redis::{FromRedisValue, ToRedisArgs, aio::MultiplexedConnection};
use serde_json::json;

use super::{lost_redis::Server, *};
use crate::model::{
    ids::{OrderId, RequestId, TierId},
    request::{RequestState, RequestStatus},
};

pub(super) fn options(workers: usize) -> QueueOptions {
    QueueOptions { workers, take_over_after: Duration::from_millis(300), ..QueueOptions::default() }
}

pub(super) fn buyer(number: u128) -> BuyerId {
    BuyerId(uuid::Uuid::from_u128(number))
}

pub(super) fn key(text: &str) -> Option<IdempotencyKey> {
    Some(IdempotencyKey::parse(text).unwrap())
}

/// Joins the line, and returns the request of the receipt.
pub(super) async fn join(
    engine: &Engine,
    sale: &SaleId,
    number: u128,
    tier: &str,
    with: Option<IdempotencyKey>,
) -> RequestId {
    match engine.selling.buy(sale, buyer(number), BuyBody::tier(TierId::from(tier), 1), with).await.unwrap() {
        BuyOutcome::Waiting { request } => request,
        outcome => panic!("no receipt: {outcome:?}"),
    }
}

pub(super) async fn status(engine: &Engine, number: u128, request: RequestId) -> Option<RequestStatus> {
    engine.selling.request(buyer(number), request).await.unwrap()
}

pub(super) async fn outcome(engine: &Engine, number: u128, request: RequestId) -> RequestStatus {
    let started = std::time::Instant::now();
    loop {
        if let Ok(Some(status)) = engine.selling.request(buyer(number), request).await
            && status.status != RequestState::Pending
        {
            return status;
        }
        assert!(started.elapsed() < PATIENCE, "still in line");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The order that an outcome is or becomes; `None` where it is refused in line.
pub(super) async fn outcome_of(engine: &Engine, buyer: BuyerId, outcome: BuyOutcome) -> Option<OrderId> {
    let owner = engine.selling.owner(&outcome).await.unwrap_or(buyer);
    let decided = match outcome {
        BuyOutcome::Waiting { request } => engine.selling.decision(owner, request).await.unwrap(),
        outcome => outcome,
    };
    match decided {
        BuyOutcome::Bought { order, .. } => Some(order.id),
        BuyOutcome::Refused(refusal) if refusal.code == Code::SoldOut => None,
        outcome => panic!("{outcome:?}"),
    }
}

pub(super) async fn redis() -> MultiplexedConnection {
    redis::Client::open(redis_url()).unwrap().get_multiplexed_async_connection().await.unwrap()
}

/// Runs one Redis command. `words` are the command and its arguments.
pub(super) async fn tell<T: FromRedisValue>(redis: &MultiplexedConnection, words: &[impl ToRedisArgs]) -> T {
    let mut command = redis::Cmd::new();
    for word in words {
        command.arg(word);
    }
    command.query_async(&mut redis.clone()).await.expect("Redis does as it is told")
}

pub(super) async fn length(redis: &MultiplexedConnection, stream: &str) -> usize {
    tell(redis, &["XLEN", stream]).await
}

pub(super) fn stream(engine: &Engine, name: &str) -> String {
    format!("onsale:{}:line:{name}", engine.core.epoch)
}

/// A purchase in line, in the form in which a server of ours writes it before it signs it. `again` says whether it was there
/// before.
pub(super) fn entry(request: RequestId, buyer: BuyerId, again: bool) -> String {
    let wish = json!({ "units": { "tier_index": 0, "quantity": 1 } });
    let entry = json!({
        "request": request, "sale_id": 1, "buyer": buyer, "wish": wish, "key": null, "is_first": false, "again": again,
    });
    entry.to_string()
}

/// What a server of ours writes at a key of Redis.
pub(super) fn signed(engine: &Engine, key: &str, text: &str) -> String {
    engine.core.redis.as_ref().expect("a server with Redis").sign(key, text)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_tells_its_buyer_and_nobody_else_what_became_of_it() {
    for kind in STORES {
        let database = Database::make(kind).await;
        let house = House { engine: House::engine_with(&database.url, &redis_url(), options(0)).await, database };
        let sale = house.sale(StrategyKind::Queued, vec![general_admission(1)]).await;
        let (first, second) =
            (join(&house.engine, &sale, 1, "ga", None).await, join(&house.engine, &sale, 2, "ga", None).await);
        let pending = status(&house.engine, 1, first).await.expect("it is known");
        assert_eq!((pending.status, pending.order, pending.code), (RequestState::Pending, None, None));
        assert_eq!(status(&house.engine, 2, first).await, None, "it is another buyer's");
        // This server has no workers. It starts again with one worker, which decides the waiting requests in their
        // order.
        house.engine.close().await;
        let house = House { engine: House::engine_with(&house.database.url, &redis_url(), options(1)).await, ..house };
        let (won, lost) = (outcome(&house.engine, 1, first).await, outcome(&house.engine, 2, second).await);
        let order = won.order.expect("a confirmed request has an order");
        assert_eq!(order.0, first.0, "the order has the id of its request");
        assert!(house.engine.selling.order(Some(buyer(1)), order).await.unwrap().is_some());
        assert_eq!((lost.status, lost.code), (RequestState::Refused, Some(Code::SoldOut)));
        assert_eq!(status(&house.engine, 3, first).await, None);
        let unknown = RequestId(uuid::Uuid::now_v7());
        assert_eq!(status(&house.engine, 1, unknown).await, None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_in_line_has_one_place_there_on_every_server() {
    let database = Database::make(StoreKind::Postgres).await;
    let redis = redis_url();
    let nodes = join_all((0..2).map(|_| House::engine_with(&database.url, &redis, options(0)))).await;
    let house = House { engine: nodes[0].clone(), database };
    let sale = house.sale(StrategyKind::Queued, vec![general_admission(1), seated(1, 1)]).await;
    let first = join(&nodes[0], &sale, 1, "ga", key("once")).await;
    for node in &nodes {
        assert_eq!(join(node, &sale, 1, "ga", key("once")).await, first);
        let other = node.selling.buy(&sale, buyer(1), BuyBody::tier("floor".into(), 1), key("once")).await.unwrap();
        assert_eq!(code(&other), Some(Code::IdempotencyKeyReused));
    }
    // Meanwhile another buyer buys the unit at a server without Redis, which decides at once. The buyer in line is
    // still not refused before their turn.
    let worker = House::engine_with(&house.database.url, "redis://127.0.0.1:1", options(0)).await;
    assert_eq!(code(&worker.selling.buy(&sale, buyer(2), BuyBody::tier("ga".into(), 1), None).await.unwrap()), None);
    nodes::wait_until(|| async { nodes[1].catalogue.sale(&sale).await.unwrap().available == 1 }).await;
    assert_eq!(join(&nodes[1], &sale, 1, "ga", key("once")).await, first);
    let served = House::engine_with(&house.database.url, &redis, options(1)).await;
    assert_eq!(outcome(&served, 1, first).await.code, Some(Code::SoldOut));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_was_refused_may_try_again() {
    for kind in STORES {
        let database = Database::make(kind).await;
        let house = House { engine: House::engine_with(&database.url, &redis_url(), options(0)).await, database };
        let sale = house.sale(StrategyKind::Queued, vec![general_admission(1)]).await;
        let mine = join(&house.engine, &sale, 1, "ga", key("mine")).await;
        house.engine.close().await;
        // Another buyer asks a server without Redis, which decides at once.
        let quick = House::engine_with(&house.database.url, "redis://127.0.0.1:1", options(0)).await;
        assert_eq!(code(&quick.selling.buy(&sale, buyer(2), BuyBody::tier("ga".into(), 1), None).await.unwrap()), None);
        quick.close().await;
        let engine = House::engine_with(&house.database.url, &redis_url(), options(1)).await;
        assert_eq!(outcome(&engine, 1, mine).await.code, Some(Code::SoldOut), "{kind:?}");
        engine.catalogue.add_stock(&sale, StockBody { tier: "ga".into(), add: 1 }, None).await.unwrap().unwrap();
        let again = join(&engine, &sale, 1, "ga", key("mine")).await;
        assert_ne!(again, mine);
        assert!(outcome(&engine, 1, again).await.order.is_some(), "{kind:?}");
        assert_eq!(outcome(&engine, 1, mine).await.code, Some(Code::SoldOut), "what was told stays told");
        assert!(engine.recount.audit(&sale).await.unwrap().unwrap().clean);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn some_tiers_are_served_first_and_by_any_server() {
    let database = Database::make(StoreKind::Postgres).await;
    let house = House { engine: House::engine_with(&database.url, &redis_url(), options(0)).await, database };
    let vip = NewTier { name: "VIP".into(), ..general_admission(100) };
    let sale = house.sale(StrategyKind::Queued, vec![general_admission(100), vip]).await;
    let mut requests = Vec::new();
    for number in 1..=30 {
        let tier = if number > 20 { "vip" } else { "ga" };
        requests.push((number, join(&house.engine, &sale, number, tier, None).await));
    }
    let other = House::engine_with(&house.database.url, &redis_url(), options(1)).await;
    let mut decided = Vec::new();
    for (number, request) in requests {
        let order = outcome(&house.engine, number, request).await.order.expect("there is enough for all");
        let order = other.selling.order(Some(buyer(number)), order).await.unwrap().unwrap();
        decided.push((order.seq, number));
    }
    decided.sort_unstable();
    let numbers: Vec<u128> = decided.into_iter().map(|(_, number)| number).collect();
    assert_eq!(numbers, (21..=30).chain(1..=20).collect::<Vec<u128>>());
    nodes::wait_until(|| async { house.engine.selling.queue_length() == 0 }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_decided_is_kept_and_counted_and_holds_nobody_up() {
    for kind in STORES {
        let house = House::open(kind).await;
        let sale = house.sale(StrategyKind::Queued, vec![general_admission(5)]).await;
        let redis = redis().await;
        let line = stream(&house.engine, "rest");
        let poison = RequestId(uuid::Uuid::now_v7());
        let elsewhere = format!(
            r#"{{"request":"{poison}","sale_id":999,"buyer":"{}",{}}}"#,
            buyer(7),
            r#""wish":{"seat":{"position":7}},"key":null,"is_first":false,"again":false"#
        );
        for payload in ["{}", &elsewhere] {
            let payload = signed(&house.engine, &line, payload);
            let _: String = tell(&redis, &["XADD", &line, "*", "payload", &payload]).await;
        }
        assert_eq!(house.storm(&sale, 10, &BuyBody::tier("ga".into(), 1)).await.0, 5);
        let given_up = outcome(&house.engine, 7, poison).await;
        assert_eq!((given_up.status, given_up.code), (RequestState::Refused, Some(Code::Contended)));
        let letters = length(&redis, &stream(&house.engine, "dead")).await;
        let left = length(&redis, &line).await;
        assert_eq!((letters, left), (2, 0), "{kind:?}");
        assert!(house.audit(&sale).await.clean);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_of_a_server_that_died_are_taken_over_and_decided_once() {
    for kind in STORES {
        let database = Database::make(kind).await;
        let house = House { engine: House::engine_with(&database.url, &redis_url(), options(0)).await, database };
        let sale = house.sale(StrategyKind::Queued, vec![general_admission(5)]).await;
        let mut requests = Vec::new();
        for number in 1..=8 {
            requests.push(join(&house.engine, &sale, number, "ga", None).await);
        }
        let line = stream(&house.engine, "rest");
        let redis = redis().await;
        // Three entries were handed to a server that has died, and two entries are in line twice.
        let () = tell(&redis, &["XGROUP", "CREATE", &line, "workers", "0"]).await;
        let read = ["XREADGROUP", "GROUP", "workers", "dead", "COUNT", "3", "STREAMS", &line, ">"];
        let _: redis::Value = tell(&redis, &read).await;
        let entries: Vec<(String, [String; 2])> = tell(&redis, &["XRANGE", &line, "-", "+"]).await;
        for (_, [name, payload]) in [&entries[0], &entries[5]] {
            let _: String = tell(&redis, &["XADD", &line, "*", name, payload]).await;
        }
        house.engine.close().await;
        let house = House { engine: House::engine_with(&house.database.url, &redis_url(), options(2)).await, ..house };
        let mut won = HashSet::new();
        for (number, request) in (1..).zip(requests) {
            won.extend(outcome(&house.engine, number, request).await.order);
        }
        assert_eq!(won.len(), 5, "{kind:?}");
        nodes::wait_until(|| async { length(&redis, &line).await == 0 }).await;
        let audit = house.audit(&sale).await;
        assert!(audit.clean && audit.sold == 5, "{audit:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_those_in_line_still_buy_and_new_ones_are_decided_at_once() {
    for kind in STORES {
        let mut server = Server::start().await;
        let database = Database::make(kind).await;
        let house = House { engine: House::engine_with(&database.url, &server.url(), options(0)).await, database };
        let sale = house.sale(StrategyKind::Queued, vec![general_admission(3), seated(1, 1)]).await;
        let requests = [
            join(&house.engine, &sale, 1, "ga", key("one")).await,
            join(&house.engine, &sale, 2, "ga", key("two")).await,
        ];
        let rivals = [
            join(&house.engine, &sale, 5, "floor", key("five")).await,
            join(&house.engine, &sale, 6, "floor", None).await,
        ];
        server.kill();
        for (number, request) in (1..).zip(requests) {
            assert!(outcome(&house.engine, number, request).await.order.is_some(), "{kind:?}");
        }
        // Buyers who are refused are told too.
        let (fifth, sixth) = (outcome(&house.engine, 5, rivals[0]).await, outcome(&house.engine, 6, rivals[1]).await);
        let told = [fifth.code, sixth.code];
        assert!(told.contains(&None) && told.contains(&Some(Code::SoldOut)), "{kind:?}: {told:?}");
        let at_once = nodes::until_some(|| async {
            match house.engine.selling.buy(&sale, buyer(3), BuyBody::tier("ga".into(), 1), key("three")).await.unwrap()
            {
                BuyOutcome::Waiting { .. } => None,
                outcome => Some(outcome),
            }
        })
        .await;
        assert_eq!(code(&at_once), None, "{kind:?}");
        let refused = house.engine.selling.buy(&sale, buyer(4), BuyBody::tier("ga".into(), 1), None).await.unwrap();
        assert_eq!(code(&refused), Some(Code::SoldOut));
        server.restart().await;
        for (number, request) in (1..).zip(requests) {
            assert!(outcome(&house.engine, number, request).await.order.is_some(), "{kind:?}");
        }
        assert_eq!(outcome(&house.engine, 5, rivals[0]).await, fifth, "{kind:?}");
        assert_eq!(outcome(&house.engine, 6, rivals[1]).await, sixth, "{kind:?}");
        let audit = house.audit(&sale).await;
        assert!(audit.clean && audit.sold == 4, "{audit:?}");
        nodes::wait_until(|| async { house.engine.selling.queue_length() == 0 }).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn purchases_that_redis_forgot_are_put_back_in_line() {
    let server = Server::start().await;
    for kind in STORES {
        let database = Database::make(kind).await;
        let house = House { engine: House::engine_with(&database.url, &server.url(), options(0)).await, database };
        let sale = house.sale(StrategyKind::Queued, vec![general_admission(10)]).await;
        let mut requests = Vec::new();
        for number in 1..=10 {
            requests.push(join(&house.engine, &sale, number, "ga", None).await);
        }
        let connection = server.connect().await.unwrap();
        let () = tell(&connection, &["FLUSHALL"]).await;
        let line = stream(&house.engine, "rest");
        nodes::wait_until(|| async { length(&connection, &line).await == 10 }).await;
        house.engine.close().await;
        let engine = House::engine_with(&house.database.url, &server.url(), options(4)).await;
        for (number, request) in (1..).zip(requests) {
            assert!(outcome(&engine, number, request).await.order.is_some(), "{kind:?}");
        }
        let audit = engine.recount.audit(&sale).await.unwrap().unwrap();
        assert!(audit.clean && audit.sold == 10, "{audit:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_lost_while_the_line_is_worked_on_is_tried_again() {
    let house = House::open(StoreKind::Postgres).await;
    let sale = house.sale(StrategyKind::Queued, vec![general_admission(60)]).await;
    let mut requests = Vec::new();
    for number in 1..=60 {
        requests.push(join(&house.engine, &sale, number, "ga", None).await);
        if number % 10 == 0 {
            let name = house.database.url.rsplit('/').next().unwrap();
            crate::server::store::testing::administer(format!(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}' AND pid <> pg_backend_pid()"
            ))
            .await;
        }
    }
    let mut won = HashSet::new();
    for (number, request) in (1..).zip(requests) {
        let status = outcome(&house.engine, number, request).await;
        won.insert(status.order.unwrap_or_else(|| panic!("there is enough for all: {status:?}")));
    }
    let audit = house.audit(&sale).await;
    assert!(audit.clean && audit.sold == 60 && won.len() == 60, "{audit:?}");
}

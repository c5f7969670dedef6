//! Purchases in line are decided once. A buyer who was refused is not granted later, and a buyer who was granted is not
//! refused later, even where the entry is handed out again.

use super::{
    lost_redis::Server,
    queue::{buyer, entry, join, key, length, options, outcome, redis, signed, status, stream, tell},
    *,
};
use crate::{
    model::{
        ids::RequestId,
        limits::{DECIDED_REQUEST_TTL_MILLISECONDS, MAX_MILLISECONDS_IN_LINE, REQUEST_TTL_MILLISECONDS},
    },
    server::store::{DecidedRequest, Decision},
};

#[tokio::test(flavor = "multi_thread")]
async fn who_was_refused_is_not_granted_by_a_server_that_did_not_hear_of_it() {
    let server = Server::start().await;
    for kind in STORES {
        let database = Database::make(kind).await;
        let house = House { engine: House::engine_with(&database.url, &server.url(), options(0)).await, database };
        let sale = house.sale(StrategyKind::Queued, vec![general_admission(1)]).await;
        let mine = join(&house.engine, &sale, 1, "ga", None).await;
        server.signal("STOP");
        // A worker of another server has refused the request and told its buyer. This server gave the receipt, and
        // cannot ask Redis any more.
        say(&house.engine, 1, mine, Code::LimitReached).await;
        nodes::wait_until(|| async { house.engine.selling.queue_length() == 0 }).await;
        assert_eq!(outcome(&house.engine, 1, mine).await.code, Some(Code::LimitReached), "{kind:?}");
        server.signal("CONT");
        house.engine.close().await;
        let engine = House::engine_with(&house.database.url, &server.url(), options(1)).await;
        let (connection, line) = (server.connect().await.unwrap(), stream(&engine, "rest"));
        nodes::wait_until(|| async { length(&connection, &line).await == 0 }).await;
        assert_eq!(
            outcome(&engine, 1, mine).await.code,
            Some(Code::LimitReached),
            "{kind:?}: what was told stays told"
        );
        let unit = BuyBody::tier("ga".into(), 1);
        let other = engine.selling.buy_and_wait(&sale, buyer(2), unit, None, PATIENCE).await.unwrap();
        assert_eq!(code(&other), None, "{kind:?}: the unit is for others");
    }
}

/// Writes what a worker that refuses writes before it tells the buyer.
async fn say(engine: &Engine, number: u128, request: RequestId, refusal: Code) {
    let refused =
        DecidedRequest { buyer: buyer(number), decision: Decision::Refused(refusal), at: engine.clock().now() };
    let mut writer = engine.core.desk.store.writer().await.unwrap();
    assert!(store::decide_request(writer.connection(), request, &refused).await.unwrap());
    assert!(!store::decide_request(writer.connection(), request, &refused).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_may_be_in_line_is_not_refused_while_redis_is_lost() {
    let mut server = Server::start().await;
    let database = Database::make(StoreKind::Postgres).await;
    let house = House { engine: House::engine_with(&database.url, &server.url(), options(0)).await, database };
    let sale = house.sale(StrategyKind::Queued, vec![general_admission(1)]).await;
    let mine = join(&house.engine, &sale, 1, "ga", key("mine")).await;
    house.engine.close().await;
    server.kill();
    // Another server knows nothing of that key, and sells the unit to a buyer without a key.
    let other = House::engine_with(&house.database.url, &server.url(), options(0)).await;
    let unit = BuyBody::tier("ga".into(), 1);
    assert_eq!(code(&other.selling.buy(&sale, buyer(2), unit.clone(), None).await.unwrap()), None);
    assert_eq!(code(&other.selling.buy(&sale, buyer(3), unit.clone(), None).await.unwrap()), Some(Code::SoldOut));
    for number in [1, 3] {
        let said = other.selling.buy(&sale, buyer(number), unit.clone(), key("mine")).await;
        assert!(
            matches!(said, Err(EngineError::Unanswerable)),
            "{said:?}: the receipt for {mine} may still be granted"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_said_first_stands() {
    for kind in STORES {
        let database = Database::make(kind).await;
        let house = House { engine: House::engine_with(&database.url, &redis_url(), options(0)).await, database };
        let sale = house.sale(StrategyKind::Queued, vec![general_admission(5)]).await;
        let (mine, other) =
            (join(&house.engine, &sale, 1, "ga", key("mine")).await, join(&house.engine, &sale, 2, "ga", None).await);
        // A worker refuses the first request, records that in the database, and dies.
        say(&house.engine, 1, mine, Code::SoldOut).await;
        assert!(house.tamper("UPDATE decided_requests SET refusal = 'contended'").await.is_err(), "{kind:?}");
        house.engine.close().await;
        let engine = House::engine_with(&house.database.url, &redis_url(), options(1)).await;
        assert!(outcome(&engine, 2, other).await.order.is_some(), "{kind:?}");
        assert_eq!(outcome(&engine, 1, mine).await.code, Some(Code::SoldOut), "{kind:?}: granted after a refusal");
        let audit = engine.recount.audit(&sale).await.unwrap().unwrap();
        assert!(audit.clean && audit.sold == 1, "{audit:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_became_of_requests_is_forgotten_when_none_of_them_can_be_in_line() {
    for kind in STORES {
        let database = Database::make(kind).await;
        let house = House { engine: House::engine_with(&database.url, &redis_url(), options(0)).await, database };
        let sale = house.sale(StrategyKind::Queued, vec![general_admission(5)]).await;
        let request = join(&house.engine, &sale, 1, "ga", None).await;
        house.engine.close().await;
        // All servers were down for more than a day. That is too long: the request must not be granted any more.
        let options = EngineOptions {
            clock: Clock::manual(house.engine.clock().now().plus_milliseconds(MAX_MILLISECONDS_IN_LINE + 1_000)),
            redis_url: Some(redis_url()),
            queue: options(1),
            ..EngineOptions::new(tokio::runtime::Handle::current())
        };
        let engine = Engine::open(Store::open(&house.database.url).await.unwrap(), options).await.unwrap();
        assert_eq!(outcome(&engine, 1, request).await.code, Some(Code::Contended), "{kind:?}");
        let kept = async || {
            let mut reader = engine.core.desk.store.reader().await.unwrap();
            store::find_decided(reader.connection(), request).await.unwrap().is_some()
        };
        engine.tidy().await.unwrap();
        assert!(kept().await, "{kind:?}");
        engine.clock().advance(DECIDED_REQUEST_TTL_MILLISECONDS - MAX_MILLISECONDS_IN_LINE);
        engine.tidy().await.unwrap();
        assert!(!kept().await, "{kind:?}");
        assert_eq!(engine.recount.audit(&sale).await.unwrap().unwrap().sold, 0, "{kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_whose_answer_was_lost_is_confirmed_and_not_refused() {
    for kind in STORES {
        let house = House::open(kind).await;
        let sale = house.sale(StrategyKind::Queued, vec![general_admission(1)]).await;
        let request = join(&house.engine, &sale, 1, "ga", key("the-last-one")).await;
        outcome(&house.engine, 1, request).await;
        // As if the worker had died between commit and answer: the status is still pending, and the entry is handed out
        // again.
        let redis = redis().await;
        let pending = format!("{} pending", buyer(1));
        let (place, line) = (stream(&house.engine, &format!("request:{request}")), stream(&house.engine, "rest"));
        let () = tell(&redis, &["SET", &place, &signed(&house.engine, &place, &pending)]).await;
        let entry = signed(&house.engine, &line, &entry(request, buyer(1), true));
        let _: String = tell(&redis, &["XADD", &line, "*", "payload", &entry]).await;
        assert_eq!(outcome(&house.engine, 1, request).await.order.map(|order| order.0), Some(request.0), "{kind:?}");
        assert!(house.audit(&sale).await.clean);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_bought_while_redis_did_not_answer_is_not_refused_afterwards() {
    let server = Server::start().await;
    for kind in STORES {
        let database = Database::make(kind).await;
        let house = House { engine: House::engine_with(&database.url, &server.url(), options(0)).await, database };
        let sale = house.sale(StrategyKind::Queued, vec![seated(1, 2)]).await;
        let mut requests = Vec::new();
        for (number, seat) in [(1, "A-1"), (2, "A-2")] {
            match house.engine.selling.buy(&sale, buyer(number), BuyBody::seat(seat.into()), None).await.unwrap() {
                BuyOutcome::Waiting { request } => requests.push((number, request)),
                outcome => panic!("no receipt: {outcome:?}"),
            }
        }
        server.signal("STOP");
        for (number, request) in &requests {
            assert!(outcome(&house.engine, *number, *request).await.order.is_some(), "{kind:?}");
        }
        server.signal("CONT");
        house.engine.close().await;
        // Both entries are still in line, and their seats are sold.
        let line = stream(&house.engine, "rest");
        assert_eq!(length(&server.connect().await.unwrap(), &line).await, 2);
        let engine = House::engine_with(&house.database.url, &server.url(), options(1)).await;
        let connection = server.connect().await.unwrap();
        nodes::wait_until(|| async { length(&connection, &line).await == 0 }).await;
        for (number, request) in requests {
            assert!(
                status(&engine, number, request).await.unwrap().order.is_some(),
                "{kind:?}: told refused, and sold"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_redis_tells_for_an_hour_what_became_of_a_request() {
    for kind in STORES {
        let database = Database::make(kind).await;
        let house = House { engine: House::engine_with(&database.url, &redis_url(), options(1)).await, database };
        let sale = house.sale(StrategyKind::Queued, vec![general_admission(1)]).await;
        let request = join(&house.engine, &sale, 1, "ga", None).await;
        let told = outcome(&house.engine, 1, request).await;
        house.engine.close().await;
        let options = EngineOptions {
            clock: Clock::manual(house.engine.clock().now().plus_milliseconds(REQUEST_TTL_MILLISECONDS)),
            ..EngineOptions::new(tokio::runtime::Handle::current())
        };
        let engine = Engine::open(Store::open(&house.database.url).await.unwrap(), options).await.unwrap();
        assert_eq!(status(&engine, 1, request).await, Some(told), "{kind:?}");
        assert_eq!(status(&engine, 2, request).await, None, "{kind:?}: it is another buyer's");
        engine.clock().advance(1);
        assert_eq!(status(&engine, 1, request).await, None, "{kind:?}");
    }
}

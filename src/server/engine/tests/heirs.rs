//! Purchases of sessions that somebody else may know are made for their heirs.

use super::{
    holds::{hold_and_wait, units},
    queue::{buyer, key, options, outcome_of},
    *,
};
use crate::model::{limits::IDEMPOTENCY_TTL_MILLISECONDS, order::Order, outcome::HoldOutcome};

/// The heir of a session for one of its clients.
fn heir(session: u8, client: u8) -> BuyerId {
    buyer(session.into()).heir([session; 4], [client; 6])
}

async fn inherits(engine: &Engine, asked: BuyerId, heir: BuyerId, with: &str) -> bool {
    engine.selling.inherits(asked, heir, key(with).as_ref()).await.unwrap()
}

async fn buy(engine: &Engine, sale: &SaleId, buyer: BuyerId, with: &str) -> BuyOutcome {
    engine.selling.buy(sale, buyer, BuyBody::tier("ga".into(), 1), key(with)).await.unwrap()
}

fn bought(outcome: BuyOutcome) -> Order {
    match outcome {
        BuyOutcome::Bought { order, replayed: false } => order,
        outcome => panic!("{outcome:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_has_an_heir_until_it_has_bought_and_a_repeated_purchase_goes_to_the_same_one() {
    for kind in STORES {
        let house = House::open(kind).await;
        let sale = house.sale(StrategyKind::GroupCommit, vec![general_admission(9)]).await;
        let engine = &house.engine;
        assert!(inherits(engine, buyer(1), heir(1, 1), "first").await);
        let order = bought(buy(engine, &sale, heir(1, 1), "first").await);
        assert!(!inherits(engine, heir(1, 1), heir(1, 1), "second").await, "{kind:?}: the heir has tickets");
        assert!(!inherits(engine, heir(1, 1), heir(1, 2), "second").await, "{kind:?}: wherever the heir goes");
        assert!(inherits(engine, buyer(1), heir(1, 2), "second").await, "{kind:?}: the session has none");
        // The session itself buys, as a Bearer. A retry of the heir's purchase is still the heir's.
        buy(engine, &sale, buyer(1), "own").await;
        assert!(!inherits(engine, buyer(1), heir(1, 2), "second").await, "{kind:?}");
        assert!(inherits(engine, buyer(1), heir(1, 2), "first").await, "{kind:?}");
        let again = buy(engine, &sale, heir(1, 2), "first").await;
        assert_eq!(again, BuyOutcome::Bought { order: order.clone(), replayed: true }, "{kind:?}");
        assert_eq!(engine.selling.owner(&again).await, Some(heir(1, 1)), "{kind:?}");
        let house = house.reopen().await;
        let again = buy(&house.engine, &sale, heir(1, 3), "first").await;
        let expected = BuyOutcome::Bought { order: order.clone(), replayed: true };
        assert_eq!(again, expected, "{kind:?}: after a restart");
        house.engine.clock().advance(IDEMPOTENCY_TTL_MILLISECONDS + 1);
        let later = bought(buy(&house.engine, &sale, heir(1, 2), "first").await);
        assert_ne!(later.id, order.id, "{kind:?}: the key may be used again when its answer has expired");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_heir_who_holds_something_keeps_their_identity_and_a_planted_session_does_not() {
    for kind in STORES {
        let house = House::open(kind).await;
        let sale = house.sale(StrategyKind::GroupCommit, vec![general_admission(9)]).await;
        let engine = &house.engine;
        let hold = async |who| match hold_and_wait(engine, &sale, who, units("ga", 1), None).await.unwrap() {
            HoldOutcome::Held { hold, .. } => hold.id,
            outcome => panic!("{outcome:?}"),
        };
        hold(buyer(1)).await;
        assert!(
            inherits(engine, buyer(1), heir(1, 1), "first").await,
            "{kind:?}: whoever planted it may hold something"
        );
        let held = hold(heir(1, 1)).await;
        assert!(!inherits(engine, heir(1, 1), heir(1, 2), "second").await, "{kind:?}: at another address");
        assert!(engine.selling.release(held, heir(1, 1)).await.unwrap());
        assert!(inherits(engine, heir(1, 1), heir(1, 2), "second").await, "{kind:?}: nothing can be lost any more");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_of_one_database_sell_once_to_the_heirs_of_one_session() {
    let house = House::open(StoreKind::Postgres).await;
    let other = House::engine(&house.database.url, &redis_url()).await;
    for strategy in [StrategyKind::GroupCommit, StrategyKind::AtomicUpdate, StrategyKind::Queued] {
        let sale = house.sale(strategy, vec![general_admission(100)]).await;
        for round in 0..10 {
            let with = format!("{sale} {round}");
            let (one, two) =
                tokio::join!(buy(&house.engine, &sale, heir(1, 1), &with), buy(&other, &sale, heir(1, 2), &with));
            let first = outcome_of(&house.engine, heir(1, 1), one).await;
            let second = outcome_of(&other, heir(1, 2), two).await;
            assert_eq!(first, second, "{strategy:?}: both are told of one order");
        }
        assert_eq!(house.audit(&sale).await.orders, 10, "{strategy:?}");
    }
    other.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_in_line_keeps_their_identity_and_who_was_refused_there_does_not() {
    for kind in STORES {
        let database = Database::make(kind).await;
        let idle = House::engine_with(&database.url, &redis_url(), options(0)).await;
        let house = House { engine: idle, database };
        let sale = house.sale(StrategyKind::Queued, vec![general_admission(1)]).await;
        let first = buy(&house.engine, &sale, heir(1, 1), "first").await;
        let second = buy(&house.engine, &sale, heir(2, 1), "second").await;
        let again = buy(&house.engine, &sale, heir(1, 2), "first").await;
        assert_eq!(again, first, "{kind:?}: the same receipt, from wherever it is asked for");
        assert_eq!(house.engine.selling.owner(&again).await, Some(heir(1, 1)), "{kind:?}");
        assert!(!inherits(&house.engine, heir(1, 1), heir(1, 2), "other").await, "{kind:?}");
        assert!(inherits(&house.engine, heir(1, 2), heir(1, 3), "other").await, "{kind:?}: that one is not in line");
        // Another server knows who is in line too.
        house.engine.close().await;
        let idle = House::engine_with(&house.database.url, &redis_url(), options(0)).await;
        for session in [1, 2] {
            assert!(!inherits(&idle, heir(session, 1), heir(session, 2), "other").await, "{kind:?}");
        }
        let waits = tokio::spawn({
            let (idle, sale, body) = (idle.clone(), sale.clone(), BuyBody::tier("ga".into(), 1));
            async move { idle.selling.buy_and_wait(&sale, heir(1, 2), body, key("first"), PATIENCE).await }
        });
        let working = House::engine_with(&house.database.url, &redis_url(), options(1)).await;
        let waited = waits.await.unwrap().unwrap();
        assert!(matches!(waited, BuyOutcome::Bought { .. }), "{kind:?}: {waited:?}");
        idle.close().await;
        assert!(outcome_of(&working, heir(1, 1), first).await.is_some(), "{kind:?}");
        assert_eq!(outcome_of(&working, heir(2, 1), second).await, None, "{kind:?}: sold out");
        assert!(!inherits(&working, heir(1, 1), heir(1, 2), "other").await, "{kind:?}");
        assert!(inherits(&working, heir(2, 1), heir(2, 2), "other").await, "{kind:?}: an ordinary guest");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_redis_is_lost_nobody_on_a_shared_store_loses_a_place_in_line() {
    for kind in STORES {
        let database = Database::make(kind).await;
        let engine = House::engine(&database.url, "redis://127.0.0.1:1").await;
        let house = House { engine, database };
        assert!(inherits(&house.engine, buyer(1), heir(1, 1), "first").await, "{kind:?}: there is no line");
        house.sale(StrategyKind::Queued, vec![general_admission(1)]).await;
        let said = house.engine.selling.inherits(buyer(1), heir(1, 1), None).await;
        match kind {
            StoreKind::Sqlite => assert!(said.unwrap(), "this server alone sells"),
            StoreKind::Postgres => assert!(matches!(said, Err(EngineError::Unanswerable)), "{said:?}"),
        }
    }
}

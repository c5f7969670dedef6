//! The database is lost during a commit. Nobody knows the outcome until the buyer asks again with the same key.

use std::{collections::HashMap, time::Duration};

use futures_util::future::join_all;

use super::*;

/// How long a buyer asks again before the test fails.
const PATIENCE: Duration = Duration::from_secs(60);

const UNITS: u64 = 300;
const BUYERS: u128 = 400;

/// Ends all connections to this database, except the one that this function uses.
async fn cut_connections(database: &Database) {
    let mut connection =
        <sqlx::PgConnection as sqlx::Connection>::connect(&database.url).await.expect("a PostgreSQL server");
    sqlx::query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )
    .execute(&mut connection)
    .await
    .expect("an administrator");
}

/// Asks with one key until there is an answer. Returns the order, if the buyer got one, and how often the outcome was
/// unknown.
async fn ask_until_answered(
    engine: Arc<Engine>,
    sale: SaleId,
    buyer: u128,
) -> (Option<crate::model::ids::OrderId>, usize) {
    let key = IdempotencyKey::parse(&format!("{sale}-{buyer}")).unwrap();
    let (started, mut unknown) = (std::time::Instant::now(), 0);
    loop {
        assert!(started.elapsed() < PATIENCE, "no answer for {buyer}");
        let body = BuyBody::tier("ga".into(), 1);
        match engine
            .selling
            .buy_and_wait(&sale, BuyerId(uuid::Uuid::from_u128(buyer)), body, Some(key.clone()), PATIENCE)
            .await
        {
            Ok(BuyOutcome::Bought { order, .. }) => return (Some(order.id), unknown),
            Ok(BuyOutcome::Refused(refusal)) => match refusal.code {
                Code::Contended | Code::IdempotencyInFlight => {}
                Code::SoldOut => return (None, unknown),
                code => panic!("{code}"),
            },
            Ok(BuyOutcome::Waiting { .. }) => panic!("still in line"),
            Err(EngineError::Store(_)) => unknown += 1,
            Err(error) => panic!("{error}"),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn sell_the_rest(house: &House, sale: &SaleId) {
    let started = std::time::Instant::now();
    while house.engine.catalogue.sale(sale).await.unwrap().available > 0 {
        house.buy(sale, 1_000_000, BuyBody::tier("ga".into(), 1)).await;
        assert!(started.elapsed() < PATIENCE, "units are stranded");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outcome_lost_with_its_connection_is_settled_by_its_key() {
    let house = House::open(StoreKind::Postgres).await;
    let mut lost = 0;
    for strategy in house.exact_strategies() {
        let sale = house.sale(strategy, vec![general_admission(UNITS)]).await;
        let mut asks = Vec::new();
        for buyer in 1..=BUYERS {
            asks.push(tokio::spawn(ask_until_answered(house.engine.clone(), sale.clone(), buyer)));
            if buyer % 40 == 0 {
                // Cuts the connections while these claims are on their way. Each pause is longer than the last, so that
                // each cut meets another state.
                tokio::time::sleep(Duration::from_micros(buyer as u64 * 20)).await;
                cut_connections(&house.database).await;
            }
        }
        let answers: Vec<_> = join_all(asks).await.into_iter().map(Result::unwrap).collect();
        lost += answers.iter().map(|(_, unknown)| unknown).sum::<usize>();
        let mut orders = HashMap::new();
        for (buyer, (order, _)) in answers.into_iter().enumerate() {
            if let Some(order) = order {
                assert_eq!(orders.insert(order, buyer), None, "{strategy:?} gave one order to two buyers");
            }
        }
        let audit = house.audit(&sale).await;
        assert!(audit.clean, "{strategy:?}: {audit:?}");
        assert_eq!(audit.sold, orders.len() as u64, "{strategy:?}: whoever was sold to was told so");
        if strategy == StrategyKind::RedisGate {
            // A claim whose outcome is unknown counts as on its way until its note runs out. Then its units can be sold
            // again.
            house.engine.clock().advance(5_001);
            sell_the_rest(&house, &sale).await;
        }
        assert_eq!(house.audit(&sale).await.sold, UNITS, "{strategy:?} left what somebody wanted");
    }
    assert!(lost > 0, "no outcome was lost: this test saw nothing");
}

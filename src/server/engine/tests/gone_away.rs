//! Organisers who go away before they are answered. What they asked for is done completely or not at all, and asking
//! again with the same key tells which.

use std::time::Duration;

use super::*;

/// How many requests are broken off, each a [`STEP`] later than the one before.
const REQUESTS: u32 = 80;
const STEP: Duration = Duration::from_micros(40);

fn keyed(request: u32) -> Keyed {
    let key = IdempotencyKey::parse(&format!("request-{request}")).unwrap();
    Keyed { buyer: BuyerId(uuid::Uuid::from_u128(9)), key }
}

/// Starts a request, and goes away after this time.
async fn break_off<T: Send + 'static>(request: impl Future<Output = Decided<T>> + Send + 'static, after: Duration) {
    let asking = tokio::spawn(request);
    tokio::time::sleep(after).await;
    asking.abort();
    let _ = asking.await;
}

/// Asks again until the first request is no longer in flight.
async fn settle<T>(mut ask: impl AsyncFnMut() -> Decided<T>) -> T {
    let started = std::time::Instant::now();
    loop {
        match ask().await.expect("the key settles it") {
            Ok(answer) => return answer,
            Err(refusal) => assert_eq!(refusal.code, Code::IdempotencyInFlight),
        }
        assert!(started.elapsed() < PATIENCE, "still in flight");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stock_added_for_somebody_who_has_gone_away_is_added_once() {
    for kind in STORES {
        let house = House::open(kind).await;
        let sale = house.sale(StrategyKind::GroupCommit, vec![general_admission(5)]).await;
        for request in 1..=REQUESTS {
            let (engine, of) = (house.engine.clone(), sale.clone());
            let body = || StockBody { tier: "ga".into(), add: 1 };
            let hasty = async move { engine.catalogue.add_stock(&of, body(), Some(keyed(request))).await };
            break_off(hasty, STEP * request).await;
            settle(async || house.engine.catalogue.add_stock(&sale, body(), Some(keyed(request))).await).await;
            assert_eq!(house.engine.catalogue.sale(&sale).await.unwrap().capacity, 5 + u64::from(request), "{kind:?}");
        }
        assert!(house.audit(&sale).await.clean);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sale_made_for_somebody_who_has_gone_away_is_made_once_and_listed() {
    for kind in STORES {
        let house = House::open(kind).await;
        for request in 1..=REQUESTS {
            let body = move || NewSale {
                name: format!("Sale {request}"),
                tiers: vec![general_admission(5)],
                ..NewSale::default()
            };
            let engine = house.engine.clone();
            let hasty = async move { engine.catalogue.create_sale(body(), Some(keyed(request))).await };
            break_off(hasty, STEP * request).await;
            settle(async || house.engine.catalogue.create_sale(body(), Some(keyed(request))).await).await;
            let slugs: Vec<_> = house.engine.catalogue.sales().into_iter().map(|sale| sale.id.0).collect();
            let expected: Vec<_> = (1..=request).map(|request| format!("sale-{request}")).collect();
            assert_eq!(slugs, expected, "{kind:?}");
        }
    }
}

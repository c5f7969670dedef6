//! Audits that are asked for at the same time: shared, never older than they were asked for, and in nobody's way.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use futures_util::future::join_all;

use super::*;
use crate::model::limits::AUDITS_AT_ONCE;

#[tokio::test(flavor = "multi_thread")]
async fn an_audit_never_lacks_what_was_answered_before_it_was_asked_for() {
    for kind in STORES {
        let house = Arc::new(House::open(kind).await);
        let sale = house.sale(StrategyKind::GroupCommit, vec![general_admission(400), seated(10, 10)]).await;
        let answered = Arc::new(AtomicU64::new(0));
        let buy_and_audit = |buyer: u128| {
            let (house, sale, answered) = (house.clone(), sale.clone(), answered.clone());
            tokio::spawn(async move {
                for _ in 0..8 {
                    house.buy(&sale, buyer, BuyBody::tier("ga".into(), 1)).await;
                    let before = answered.fetch_add(1, Ordering::SeqCst) + 1;
                    let audit = house.audit(&sale).await;
                    assert!(audit.clean, "{kind:?}: {audit:?}");
                    assert!(audit.orders >= before, "{kind:?}: {} of {before} orders", audit.orders);
                }
            })
        };
        for buyer in join_all((1..=20).map(buy_and_audit)).await {
            buyer.unwrap();
        }
        assert_eq!(house.audit(&sale).await.sold, 160);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn audits_that_wait_hold_nobody_up() {
    for kind in STORES {
        let house = Arc::new(House::open(kind).await);
        let sale = house.sale(StrategyKind::GroupCommit, vec![general_admission(10)]).await;
        let others = join_all((0..3).map(|_| house.sale(StrategyKind::GroupCommit, vec![general_admission(1)]))).await;
        // As if audits that never end had taken every connection that audits may have.
        let mut busy = Vec::new();
        for _ in 0..AUDITS_AT_ONCE {
            busy.push(house.engine.core.desk.store.long_reader().await.unwrap());
        }
        let asked = others.iter().chain([&sale]).cycle().take(40).cloned();
        let audits: Vec<_> = asked
            .map(|sale| {
                let house = house.clone();
                tokio::spawn(async move { house.audit(&sale).await })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(50)).await;
        let served = async {
            assert!(house.engine.ready().await, "{kind:?}");
            let bought = house.buy(&sale, 1, BuyBody::tier("ga".into(), 1)).await;
            assert_eq!(code(&bought), None, "{kind:?}");
            let buyer = BuyerId(uuid::Uuid::from_u128(1));
            assert_eq!(house.engine.selling.orders(buyer, None, None).await.unwrap().orders.len(), 1, "{kind:?}");
        };
        tokio::time::timeout(Duration::from_secs(5), served).await.expect("nobody waits for audits");
        assert!(audits.iter().all(|audit| !audit.is_finished()), "{kind:?}");
        drop(busy);
        for audit in audits {
            assert!(audit.await.unwrap().clean, "{kind:?}");
        }
    }
}

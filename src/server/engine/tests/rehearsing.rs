//! Rehearsals change their strategy, and refusals for which the database was asked are counted.

use super::*;

/// Sells the seat A-1 and all units of general admission behind the engine's back.
const SOLD_BEHIND_ITS_BACK: &str = "UPDATE seats SET status = 'sold', version = version + 1 WHERE label = 'A-1';
    UPDATE tiers SET available = available - 1, sold = sold + 1, version = version + 1 WHERE seated;
    UPDATE tiers SET available = 0, sold = capacity, version = version + 1 WHERE NOT seated";

async fn rehearsal(house: &House, tiers: Vec<NewTier>) -> SaleId {
    let body = NewSale { name: "Practice".into(), rehearsal: Some(true), tiers, ..NewSale::default() };
    house.engine.catalogue.create_sale(body, None).await.unwrap().unwrap().into_fresh().id
}

async fn rehearse(house: &House, sale: &SaleId, strategy: StrategyKind) {
    let reset = house.engine.catalogue.rehearse_with(sale, strategy, None).await.unwrap().unwrap().into_fresh();
    assert_eq!((reset.strategy, reset.sold), (strategy, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rehearsal_is_sold_by_one_strategy_after_the_other_and_what_the_naive_one_did_is_void() {
    for kind in STORES {
        let mut house = House::open(kind).await;
        let sale = rehearsal(&house, vec![general_admission(20), seated(1, 4)]).await;
        rehearse(&house, &sale, StrategyKind::Naive).await;
        house.storm(&sale, 200, &BuyBody::tier("ga".into(), 1)).await;
        house.storm(&sale, 100, &BuyBody::seat("A-1".into())).await;
        let audit = house.audit(&sale).await;
        assert!(audit.phantoms > 0 && audit.strategy == StrategyKind::Naive, "{kind:?}: {audit:?}");
        for strategy in house.exact_strategies() {
            rehearse(&house, &sale, strategy).await;
            house.storm(&sale, 100, &BuyBody::tier("ga".into(), 1)).await;
            house.storm(&sale, 100, &BuyBody::seat("A-1".into())).await;
            let audit = house.audit(&sale).await;
            assert!(audit.clean && audit.strategy == strategy && audit.sold > 0, "{strategy:?} on {kind:?}: {audit:?}");
        }
        rehearse(&house, &sale, StrategyKind::Pessimistic).await;
        house = house.reopen().await;
        assert_eq!(house.engine.catalogue.sale(&sale).await.unwrap().strategy, StrategyKind::Pessimistic, "{kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_rehearsal_changes_its_strategy_and_only_to_one_that_can_be_run() {
    for kind in STORES {
        let house = House::open(kind).await;
        let real = house.sale(StrategyKind::GroupCommit, vec![general_admission(5)]).await;
        house.buy(&real, 1, BuyBody::tier("ga".into(), 1)).await;
        let practice = rehearsal(&house, vec![general_admission(5)]).await;
        house.buy(&practice, 1, BuyBody::tier("ga".into(), 1)).await;
        let not_here = match kind {
            StoreKind::Sqlite => StrategyKind::SkipLocked,
            StoreKind::Postgres => StrategyKind::InMemory,
        };
        for (sale, strategy) in
            [(&real, StrategyKind::AtomicUpdate), (&real, StrategyKind::GroupCommit), (&practice, not_here)]
        {
            let refusal = house.engine.catalogue.rehearse_with(sale, strategy, None).await.unwrap().unwrap_err();
            assert_eq!(refusal.code, Code::StrategyUnsupported, "{sale} {strategy:?}");
            let kept = house.engine.catalogue.sale(sale).await.unwrap();
            assert_eq!((kept.sold, kept.strategy), (1, StrategyKind::GroupCommit), "{sale} {strategy:?}");
        }
        let missing =
            house.engine.catalogue.rehearse_with(&"no-such-sale".into(), StrategyKind::Naive, None).await.unwrap();
        assert_eq!(missing.unwrap_err().code, Code::NotFound);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_counts_for_the_database_when_it_was_asked_and_only_then() {
    for kind in STORES {
        for strategy in House::open(kind).await.engine.core.strategies.kinds() {
            for wish in [BuyBody::tier("ga".into(), 1), BuyBody::seat("A-1".into())] {
                // What the mirror knows to be gone is refused without asking the database, whatever the strategy.
                let house = House::open(kind).await;
                let sale = house.sale(strategy, vec![general_admission(1), seated(1, 2)]).await;
                assert_eq!(code(&house.buy(&sale, 1, wish.clone()).await), None, "{strategy:?}");
                for buyer in 2..5 {
                    assert!(code(&house.buy(&sale, buyer, wish.clone()).await).is_some(), "{strategy:?}");
                }
                assert_eq!(house.engine.selling.refused_by_database(&sale), 0, "{strategy:?} on {kind:?}: {wish:?}");

                // Where the mirror is wrong, the database refuses.
                let house = House::open(kind).await;
                let sale = house.sale(strategy, vec![general_admission(1), seated(1, 2)]).await;
                house.tamper(SOLD_BEHIND_ITS_BACK).await.unwrap();
                assert!(code(&house.buy(&sale, 1, wish.clone()).await).is_some(), "{strategy:?}");
                assert_eq!(house.engine.selling.refused_by_database(&sale), 1, "{strategy:?} on {kind:?}: {wish:?}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_with_a_key_asks_a_shared_database_once_more_and_what_a_key_answers_is_no_claim() {
    for kind in STORES {
        let house = House::open(kind).await;
        let sale = house.sale(StrategyKind::GroupCommit, vec![general_admission(1)]).await;
        let buy = async |number: u128, quantity: u32, key: &str| {
            let (buyer, body) = (BuyerId(uuid::Uuid::from_u128(number)), BuyBody::tier("ga".into(), quantity));
            house.engine.selling.buy(&sale, buyer, body, IdempotencyKey::parse(key)).await.unwrap()
        };
        let cost = || house.engine.selling.refused_by_database(&sale);
        assert_eq!((code(&buy(1, 1, "first").await), cost()), (None, 0), "{kind:?}");
        // On a shared store another server may have answered this key, so the database is asked once. Only a store of
        // one process is not asked.
        let one_look = u64::from(kind == StoreKind::Postgres);
        assert_eq!((code(&buy(2, 1, "second").await), cost()), (Some(Code::SoldOut), one_look), "{kind:?}");
        assert!(matches!(buy(1, 1, "first").await, BuyOutcome::Bought { replayed: true, .. }), "{kind:?}");
        let reused = code(&buy(1, 2, "first").await);
        assert_eq!((reused, cost()), (Some(Code::IdempotencyKeyReused), one_look), "{kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_is_refused_from_memory_by_those_who_keep_count_there() {
    for kind in STORES {
        let house = House::open(kind).await;
        for strategy in house.engine.core.strategies.kinds() {
            let sale = house.sale(strategy, vec![general_admission(20)]).await;
            let (won, _) = house.storm(&sale, 200, &BuyBody::tier("ga".into(), 1)).await;
            let by_database = house.engine.selling.refused_by_database(&sale);
            let refused = 200 - won as u64;
            match strategy {
                StrategyKind::GroupCommit | StrategyKind::InMemory => assert_eq!(by_database, 0, "{strategy:?}"),
                // Naive may give a unit to everybody who asks. A gate or a lease may keep every refused claim away from
                // the database.
                StrategyKind::Naive | StrategyKind::RedisGate | StrategyKind::RedisLock => {
                    assert!(by_database <= refused, "{strategy:?}: {by_database}, and {won} won");
                }
                _ => assert!((1..=refused).contains(&by_database), "{strategy:?}: {by_database}"),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_in_the_middle_of_a_storm_succeeds_and_leaves_nothing_half_done() {
    for kind in STORES {
        let house = House::open(kind).await;
        let sale = rehearsal(&house, vec![general_admission(20), seated(2, 10)]).await;
        for strategy in house.exact_strategies() {
            rehearse(&house, &sale, strategy).await;
            let claims = (1..=120_u128).map(|buyer| {
                let (engine, sale) = (house.engine.clone(), sale.clone());
                let tier = if buyer % 2 == 0 { "ga" } else { "floor" };
                let body = BuyBody::tier(tier.into(), 1 + u32::from(buyer % 3 == 0));
                let buyer = BuyerId(uuid::Uuid::from_u128(buyer));
                tokio::spawn(async move { engine.selling.buy_and_wait(&sale, buyer, body, None, PATIENCE).await })
            });
            let claims = claims.collect::<Vec<_>>();
            for _ in 0..3 {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
                house.engine.catalogue.reset_sale(&sale, None).await.unwrap().unwrap();
            }
            for claim in claims {
                claim.await.unwrap().unwrap();
            }
            let audit = house.audit(&sale).await;
            assert!(audit.clean, "{strategy:?} on {kind:?}: {audit:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_and_added_stock_get_through_however_long_buyers_come() {
    const BUYERS: u128 = 16;
    let house = House::open(StoreKind::Postgres).await;
    let sale = rehearsal(&house, vec![general_admission(2_000), seated(2, 50)]).await;
    for strategy in house.exact_strategies() {
        rehearse(&house, &sale, strategy).await;
        let over = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let buyers = (1..=BUYERS).map(|buyer| {
            let (engine, sale, over) = (house.engine.clone(), sale.clone(), over.clone());
            let tier = if buyer % 4 == 0 { "floor" } else { "ga" };
            tokio::spawn(async move {
                while !over.load(std::sync::atomic::Ordering::Relaxed) {
                    let (body, buyer) = (BuyBody::tier(tier.into(), 1), BuyerId(uuid::Uuid::from_u128(buyer)));
                    let _won_or_refused =
                        engine.selling.buy_and_wait(&sale, buyer, body, None, PATIENCE).await.unwrap();
                    tokio::time::sleep(std::time::Duration::from_millis(1)).await; // refusals need no other wait
                }
            })
        });
        let buyers = buyers.collect::<Vec<_>>();
        for _ in 0..2 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            house.engine.catalogue.reset_sale(&sale, None).await.unwrap().unwrap();
            let more = StockBody { tier: "ga".into(), add: 1 };
            house.engine.catalogue.add_stock(&sale, more, None).await.unwrap().unwrap();
        }
        over.store(true, std::sync::atomic::Ordering::Relaxed);
        for buyer in buyers {
            buyer.await.unwrap();
        }
        let audit = house.audit(&sale).await;
        assert!(audit.clean, "{strategy:?}: {audit:?}");
    }
}

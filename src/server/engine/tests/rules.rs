//! The sale's rules, on both stores.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_nul_reaches_no_store() {
    for kind in STORES {
        let house = House::open(kind).await;
        let sale = house.sale(StrategyKind::GroupCommit, vec![general_admission(1)]).await;
        let patch = SalePatch { message: Some(Some("a\0b".into())), ..SalePatch::default() };
        assert_eq!(house.engine.catalogue.patch_sale(&sale, patch).await.unwrap().unwrap_err().code, Code::Invalid);
        let nobody = SaleId("a\0b".to_owned());
        assert_eq!(code(&house.buy(&nobody, 1, BuyBody::tier("ga".into(), 1)).await), Some(Code::NotFound));
        assert!(house.engine.recount.audit(&nobody).await.unwrap().is_none());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_150_buyers_for_100_tickets_100_win() {
    for kind in STORES {
        let house = House::open(kind).await;
        for strategy in [StrategyKind::GroupCommit, StrategyKind::AtomicUpdate] {
            let sale = house.sale(strategy, vec![general_admission(100)]).await;
            let (won, codes) = house.storm(&sale, 150, &BuyBody::tier("ga".into(), 1)).await;
            assert_eq!((won, codes), (100, BTreeSet::from([Code::SoldOut])));
            let audit = house.audit(&sale).await;
            assert!(audit.clean && audit.sold == 100 && audit.available == 0, "{audit:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seat_has_one_winner() {
    for kind in STORES {
        let house = House::open(kind).await;
        for strategy in [StrategyKind::GroupCommit, StrategyKind::AtomicUpdate] {
            let sale = house.sale(strategy, vec![seated(1, 3)]).await;
            let (won, codes) = house.storm(&sale, 200, &BuyBody::seat("A-2".into())).await;
            assert_eq!((won, codes), (1, BTreeSet::from([Code::SeatTaken])));
            assert!(house.audit(&sale).await.clean);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn several_units_are_had_together_or_not_at_all() {
    for kind in STORES {
        let house = House::open(kind).await;
        for strategy in [StrategyKind::GroupCommit, StrategyKind::AtomicUpdate] {
            let sale = house.sale(strategy, vec![general_admission(10), seated(2, 5)]).await;
            let (won, _) = house.storm(&sale, 50, &BuyBody::tier("ga".into(), 3)).await;
            assert_eq!(won, 3, "three times three of ten");
            assert_eq!(code(&house.buy(&sale, 99, BuyBody::tier("ga".into(), 2)).await), Some(Code::SoldOut));
            assert_eq!(code(&house.buy(&sale, 99, BuyBody::tier("ga".into(), 1)).await), None);
            house.buy(&sale, 1, BuyBody::seat("A-3".into())).await;
            let BuyOutcome::Bought { order, .. } = house.buy(&sale, 2, BuyBody::tier("floor".into(), 5)).await else {
                panic!("five seats are left side by side or scattered")
            };
            assert_eq!(order.tickets.len(), 5);
            let audit = house.audit(&sale).await;
            assert!(audit.clean && audit.sold == 16, "{audit:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_buys_once_and_hears_the_same_answer_even_after_a_restart() {
    for kind in STORES {
        for strategy in [StrategyKind::GroupCommit, StrategyKind::AtomicUpdate] {
            let house = House::open(kind).await;
            let sale = house.sale(strategy, vec![general_admission(5)]).await;
            let (buyer, key) =
                (BuyerId(uuid::Uuid::from_u128(1)), IdempotencyKey::parse("the-only-key-there-is").unwrap());
            let body = BuyBody::tier("ga".into(), 1);
            let buy = async |house: &House, body: &BuyBody| {
                house
                    .engine
                    .selling
                    .buy_and_wait(&sale, buyer, body.clone(), Some(key.clone()), PATIENCE)
                    .await
                    .unwrap()
            };
            let BuyOutcome::Bought { order, replayed: false } = buy(&house, &body).await else {
                panic!("first comes first")
            };
            assert_eq!(buy(&house, &body).await, BuyOutcome::Bought { order: order.clone(), replayed: true });
            assert_eq!(code(&buy(&house, &BuyBody::tier("ga".into(), 2)).await), Some(Code::IdempotencyKeyReused));
            let house = house.reopen().await;
            assert_eq!(buy(&house, &body).await, BuyOutcome::Bought { order, replayed: true });
            assert_eq!(house.audit(&sale).await.sold, 1);
            house.engine.clock().advance(crate::model::limits::IDEMPOTENCY_TTL_MILLISECONDS + 1);
            let BuyOutcome::Bought { replayed: false, .. } = buy(&house, &body).await else {
                panic!("a day later it is new")
            };
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_not_stored_and_hides_no_stored_answer() {
    for kind in STORES {
        let house = House::open(kind).await;
        let sale = house.sale(StrategyKind::GroupCommit, vec![general_admission(1)]).await;
        let (first, second) = (IdempotencyKey::parse("first").unwrap(), IdempotencyKey::parse("second").unwrap());
        let buyer = BuyerId(uuid::Uuid::from_u128(1));
        let body = BuyBody::tier("ga".into(), 1);
        let won =
            house.engine.selling.buy_and_wait(&sale, buyer, body.clone(), Some(first.clone()), PATIENCE).await.unwrap();
        assert_eq!(code(&won), None);
        let refused = house
            .engine
            .selling
            .buy_and_wait(&sale, buyer, body.clone(), Some(second.clone()), PATIENCE)
            .await
            .unwrap();
        assert_eq!(code(&refused), Some(Code::SoldOut));
        let replay =
            house.engine.selling.buy_and_wait(&sale, buyer, body.clone(), Some(first), PATIENCE).await.unwrap();
        assert!(matches!(replay, BuyOutcome::Bought { replayed: true, .. }), "sold out, and still told of the order");
        house.engine.catalogue.add_stock(&sale, StockBody { tier: "ga".into(), add: 1 }, None).await.unwrap().unwrap();
        let won = house.engine.selling.buy_and_wait(&sale, buyer, body, Some(second), PATIENCE).await.unwrap();
        assert!(matches!(won, BuyOutcome::Bought { replayed: false, .. }), "the refused key tries again, and wins");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limit_counts_what_a_buyer_owns_and_what_is_in_the_same_batch() {
    for kind in STORES {
        let mut house = House::open(kind).await;
        for strategy in [StrategyKind::GroupCommit, StrategyKind::AtomicUpdate] {
            let sale = house.sale(strategy, vec![general_admission(100)]).await;
            let patch = SalePatch { max_per_buyer: Some(Some(3)), ..SalePatch::default() };
            house.engine.catalogue.patch_sale(&sale, patch).await.unwrap().unwrap();
            let claims: Vec<_> = (0..20)
                .map(|_| {
                    let (engine, sale) = (house.engine.clone(), sale.clone());
                    let buyer = BuyerId(uuid::Uuid::from_u128(5));
                    tokio::spawn(async move {
                        engine
                            .selling
                            .buy_and_wait(&sale, buyer, BuyBody::tier("ga".into(), 1), None, PATIENCE)
                            .await
                            .unwrap()
                    })
                })
                .collect();
            let mut won = 0;
            for claim in claims {
                match code(&claim.await.unwrap()) {
                    None => won += 1,
                    Some(code) => assert_eq!(code, Code::LimitReached),
                }
            }
            assert_eq!(won, 3);
            house = house.reopen().await;
            assert_eq!(code(&house.buy(&sale, 5, BuyBody::tier("ga".into(), 1)).await), Some(Code::LimitReached));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sale_sells_only_while_it_is_open_and_closed_is_final() {
    for kind in STORES {
        let house = House::open(kind).await;
        let sale = house.sale(StrategyKind::GroupCommit, vec![general_admission(10)]).await;
        let buy = async || code(&house.buy(&sale, 1, BuyBody::tier("ga".into(), 1)).await);
        let patch = async |status, opens_at| {
            house
                .engine
                .catalogue
                .patch_sale(&sale, SalePatch { status, opens_at, ..SalePatch::default() })
                .await
                .unwrap()
        };
        let opening = house.engine.clock().now().plus_milliseconds(60_000);
        assert_eq!(patch(None, Some(Some(opening))).await.unwrap().status, SaleStatus::Soon);
        assert_eq!(buy().await, Some(Code::SaleNotOpen));
        house.engine.clock().advance(60_000);
        assert_eq!(buy().await, None, "the clock opens the sale");
        assert_eq!(patch(Some(SaleSwitch::Paused), None).await.unwrap().status, SaleStatus::Paused);
        assert_eq!(buy().await, Some(Code::SaleNotOpen));
        patch(Some(SaleSwitch::Open), None).await.unwrap();
        assert_eq!(buy().await, None);
        patch(Some(SaleSwitch::Closed), None).await.unwrap();
        assert_eq!(buy().await, Some(Code::SaleNotOpen));
        assert_eq!(patch(Some(SaleSwitch::Open), None).await.unwrap_err().code, Code::StepNotAllowed);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_gives_all_stock_back_and_the_ledger_goes_on() {
    for kind in STORES {
        let house = House::open(kind).await;
        let sale = house.sale(StrategyKind::GroupCommit, vec![seated(2, 5), general_admission(5)]).await;
        house.storm(&sale, 20, &BuyBody::tier("floor".into(), 1)).await;
        let before = house.audit(&sale).await;
        let reset = house.engine.catalogue.reset_sale(&sale, None).await.unwrap().unwrap().into_fresh();
        assert_eq!((reset.available, reset.sold, reset.seq), (15, 0, before.ledger.entries + 1));
        assert!(
            house.engine.selling.orders(BuyerId(uuid::Uuid::from_u128(1)), None, None).await.unwrap().orders.is_empty(),
            "orders are void"
        );
        let (won, _) = house.storm(&sale, 20, &BuyBody::tier("floor".into(), 1)).await;
        assert_eq!(won, 10);
        assert!(house.audit(&sale).await.clean);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn added_seats_stand_behind_all_others() {
    for kind in STORES {
        let house = House::open(kind).await;
        let sale = house.sale(StrategyKind::GroupCommit, vec![seated(2, 5), general_admission(5)]).await;
        let created = house
            .engine
            .catalogue
            .add_stock(&sale, StockBody { tier: "floor".into(), add: 7 }, None)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(created.into_fresh().created, 7);
        let labels: Vec<_> = house
            .engine
            .catalogue
            .seats(&sale)
            .unwrap()
            .list(None, None)
            .seats
            .into_iter()
            .map(|seat| seat.seat.0)
            .collect();
        assert_eq!(labels[10..], ["C-1", "C-2", "C-3", "C-4", "C-5", "D-1", "D-2"]);
        for add in [0, -1, 1_000_000_000] {
            let refused =
                house.engine.catalogue.add_stock(&sale, StockBody { tier: "ga".into(), add }, None).await.unwrap();
            assert_eq!(refused.unwrap_err().code, Code::Invalid);
        }
        assert!(house.audit(&sale).await.clean);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organisers_key_is_answered_once() {
    for kind in STORES {
        let house = House::open(kind).await;
        let sale = house.sale(StrategyKind::GroupCommit, vec![general_admission(5)]).await;
        let keyed = Keyed { buyer: BuyerId(uuid::Uuid::from_u128(9)), key: IdempotencyKey::parse("add-ten").unwrap() };
        let add = async || {
            let body = StockBody { tier: "ga".into(), add: 10 };
            house.engine.catalogue.add_stock(&sale, body, Some(keyed.clone())).await.unwrap().unwrap()
        };
        let Answer::Fresh(fresh) = add().await else { panic!("the first is fresh") };
        let Answer::Replayed { status: 201, body } = add().await else { panic!("the second is a replay") };
        assert_eq!(body, serde_json::to_string(&fresh).unwrap());
        assert_eq!(house.engine.catalogue.sale(&sale).await.unwrap().capacity, 15);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_refuses_at_once() {
    for kind in STORES {
        let database = Database::make(kind).await;
        let store = Store::open(&database.url).await.unwrap();
        let options = EngineOptions { request_queue: 1, ..EngineOptions::new(tokio::runtime::Handle::current()) };
        let house = House { engine: Engine::open(store, options).await.unwrap(), database };
        let sale = house.sale(StrategyKind::GroupCommit, vec![general_admission(1_000)]).await;
        let claims: Vec<_> = (1..=100)
            .map(|buyer| {
                let (engine, sale) = (house.engine.clone(), sale.clone());
                let buyer = BuyerId(uuid::Uuid::from_u128(buyer));
                tokio::spawn(async move {
                    engine.selling.buy_and_wait(&sale, buyer, BuyBody::tier("ga".into(), 1), None, PATIENCE).await
                })
            })
            .collect();
        let (mut won, mut refused) = (0, 0);
        for claim in claims {
            match claim.await.unwrap() {
                Ok(BuyOutcome::Bought { .. }) => won += 1,
                Err(EngineError::Overloaded) => refused += 1,
                other => panic!("{other:?}"),
            }
        }
        assert!(won > 0 && refused > 0, "{won} won, {refused} refused");
        let audit = house.audit(&sale).await;
        assert!(audit.clean && audit.sold == won, "{audit:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_buyer_finds_all_orders_however_many_changes_lie_between() {
    for kind in STORES {
        let house = House::open(kind).await;
        let sale = house.sale(StrategyKind::GroupCommit, vec![general_admission(3_000)]).await;
        let unit = || BuyBody::tier("ga".into(), 1);
        house.buy(&sale, 1, unit()).await;
        assert_eq!(house.storm(&sale, 2_500, &unit()).await.0, 2_500);
        house.buy(&sale, 1, unit()).await;
        let orders = house.engine.selling.orders(BuyerId(uuid::Uuid::from_u128(1)), None, None).await.unwrap().orders;
        assert!(orders.is_sorted_by(|newer, older| newer.seq > older.seq), "{orders:?}");
        assert_eq!(orders.len(), 3);
    }
}

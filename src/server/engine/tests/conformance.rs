//! Every strategy on every store that can run it, judged by one suite. The control is at the end: the naive strategy,
//! which guards nothing, must fail the suite.

use std::{
    collections::HashSet,
    sync::atomic::{AtomicU64, Ordering},
};

use futures_util::future::join_all;

use super::*;

/// Runs a test for every strategy that promises to be exact, on every store that can run it.
pub(super) async fn for_every_way(test: impl AsyncFn(&House, StrategyKind)) {
    for kind in STORES {
        let house = House::open(kind).await;
        for strategy in house.exact_strategies() {
            eprintln!("{} on {kind:?}", strategy.name());
            test(&house, strategy).await;
        }
    }
}

/// Whether a strategy may refuse with `contended` while units are left.
fn may_give_up(strategy: StrategyKind) -> bool {
    matches!(strategy, StrategyKind::Optimistic | StrategyKind::RedisLock)
}

/// Buys units one after the other until nothing is left. Returns how many purchases won. A strategy that may give up is asked
/// again, because a lock that a storm has taken may still be on its way back.
async fn drain(house: &House, sale: &SaleId, body: &BuyBody) -> usize {
    let may_give_up = may_give_up(house.engine.catalogue.sale(sale).await.unwrap().strategy);
    let (mut bought, mut given_up) = (0, 0);
    while given_up < 100 {
        match house.buy(sale, 1_000_000 + bought as u128, body.clone()).await {
            BuyOutcome::Bought { .. } => bought += 1,
            BuyOutcome::Refused(refusal) if may_give_up && refusal.code == Code::Contended => given_up += 1,
            BuyOutcome::Refused(refusal) => {
                assert!(matches!(refusal.code, Code::SoldOut | Code::SeatTaken), "alone, and refused: {refusal:?}");
                return bought;
            }
            BuyOutcome::Waiting { .. } => panic!("still in line"),
        }
    }
    panic!("given up again and again by one buyer alone")
}

/// The codes with which a storm may be refused.
fn refusals(strategy: StrategyKind, expected: Code) -> BTreeSet<Code> {
    let mut codes = BTreeSet::from([expected]);
    codes.extend(may_give_up(strategy).then_some(Code::Contended));
    codes
}

async fn assert_clean(house: &House, sale: &SaleId, sold: u64) {
    let audit = house.audit(sale).await;
    assert!(audit.clean && audit.sold == sold, "{audit:?}");
    let mirror = house.engine.catalogue.sale(sale).await.unwrap();
    assert_eq!((mirror.sold, mirror.available), (audit.sold, audit.available), "the mirror is the database");
    assert_eq!(mirror.seq, audit.ledger.entries);
}

#[tokio::test(flavor = "multi_thread")]
async fn units_are_sold_to_the_last_and_none_twice() {
    for_every_way(async |house, strategy| {
        let sale = house.sale(strategy, vec![general_admission(100)]).await;
        let unit = BuyBody::tier("ga".into(), 1);
        let (won, codes) = house.storm(&sale, 150, &unit).await;
        assert!(codes.is_subset(&refusals(strategy, Code::SoldOut)), "{strategy:?}: {codes:?}");
        let rest = drain(house, &sale, &unit).await;
        assert_eq!(won + rest, 100, "{strategy:?}");
        assert!(rest == 0 || may_give_up(strategy), "{strategy:?} left {rest} that somebody wanted");
        assert_clean(house, &sale, 100).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seat_has_one_owner() {
    for_every_way(async |house, strategy| {
        let sale = house.sale(strategy, vec![seated(1, 3)]).await;
        let (won, codes) = house.storm(&sale, 200, &BuyBody::seat("A-2".into())).await;
        assert_eq!(won, 1, "{strategy:?}");
        assert!(codes.is_subset(&refusals(strategy, Code::SeatTaken)), "{strategy:?}: {codes:?}");
        assert_clean(house, &sale, 1).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_units_are_had_together_or_not_at_all() {
    for_every_way(async |house, strategy| {
        let sale = house.sale(strategy, vec![general_admission(10), seated(2, 5)]).await;
        for (tier, left) in [("ga", 10), ("floor", 10)] {
            let three = BuyBody::tier(tier.into(), 3);
            let (won, _) = house.storm(&sale, 30, &three).await;
            assert_eq!(won + drain(house, &sale, &three).await, 3, "{strategy:?}: three times three of {left}");
            assert_eq!(drain(house, &sale, &BuyBody::tier(tier.into(), 1)).await, 1, "{strategy:?}");
        }
        assert_clean(house, &sale, 20).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn named_seats_any_seats_and_counters_meet() {
    for_every_way(async |house, strategy| {
        let sale = house.sale(strategy, vec![seated(5, 8), general_admission(30)]).await;
        let claims = (0..160_u128).map(|buyer| {
            let body = match buyer % 4 {
                0 => BuyBody::tier("floor".into(), 1),
                1 => BuyBody::seat(crate::model::ids::SeatLabel(format!(
                    "{}-{}",
                    ["A", "B", "C", "D", "E"][buyer as usize % 5],
                    buyer % 8 + 1
                ))),
                2 => BuyBody::tier("floor".into(), 2),
                _ => BuyBody::tier("ga".into(), 1),
            };
            let (engine, sale) = (house.engine.clone(), sale.clone());
            let buyer = BuyerId(uuid::Uuid::from_u128(buyer + 1));
            tokio::spawn(async move { engine.selling.buy_and_wait(&sale, buyer, body, None, PATIENCE).await.unwrap() })
        });
        let outcomes = join_all(claims.collect::<Vec<_>>()).await;
        let mut seats = HashSet::new();
        for outcome in outcomes {
            if let BuyOutcome::Bought { order, .. } = outcome.unwrap() {
                for seat in order.tickets.into_iter().filter_map(|ticket| ticket.seat) {
                    assert!(seats.insert(seat.clone()), "{strategy:?} sold {seat} twice");
                }
            }
        }
        for tier in ["floor", "ga"] {
            drain(house, &sale, &BuyBody::tier(tier.into(), 1)).await;
        }
        assert_clean(house, &sale, 70).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_buys_once_however_often_it_comes() {
    for_every_way(async |house, strategy| {
        let sale = house.sale(strategy, vec![general_admission(100)]).await;
        let asks = (0..100_u128).map(|ask| {
            let (engine, sale) = (house.engine.clone(), sale.clone());
            let key = IdempotencyKey::parse(&format!("{}-{}", strategy.name(), ask % 10)).unwrap();
            let buyer = BuyerId(uuid::Uuid::from_u128(ask % 10 + 1));
            tokio::spawn(async move {
                // A buyer who is told to ask again does so.
                loop {
                    let body = BuyBody::tier("ga".into(), 1);
                    match engine.selling.buy_and_wait(&sale, buyer, body, Some(key.clone()), PATIENCE).await.unwrap() {
                        BuyOutcome::Bought { order, .. } => return order.id,
                        BuyOutcome::Refused(refusal) => {
                            assert!(matches!(refusal.code, Code::IdempotencyInFlight | Code::Contended), "{refusal:?}");
                            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
                        }
                        BuyOutcome::Waiting { .. } => panic!("still in line"),
                    }
                }
            })
        });
        let orders = join_all(asks.collect::<Vec<_>>()).await;
        let distinct: HashSet<_> = orders.into_iter().map(Result::unwrap).collect();
        assert_eq!(distinct.len(), 10, "{strategy:?}");
        assert_clean(house, &sale, 10).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_more_than_the_limit() {
    for_every_way(async |house, strategy| {
        let sale = house.sale(strategy, vec![general_admission(100)]).await;
        let patch = SalePatch { max_per_buyer: Some(Some(3)), ..SalePatch::default() };
        house.engine.catalogue.patch_sale(&sale, patch).await.unwrap().unwrap();
        let claims = (0..40_u128).map(|claim| {
            let (engine, sale) = (house.engine.clone(), sale.clone());
            let buyer = BuyerId(uuid::Uuid::from_u128(claim % 2 + 1));
            tokio::spawn(async move {
                engine.selling.buy_and_wait(&sale, buyer, BuyBody::tier("ga".into(), 1), None, PATIENCE).await.unwrap()
            })
        });
        let outcomes = join_all(claims.collect::<Vec<_>>()).await;
        let won = outcomes.iter().filter(|outcome| code(outcome.as_ref().unwrap()).is_none()).count();
        assert!(won == 6 || (may_give_up(strategy) && won < 6), "{strategy:?}: {won}");
        assert_clean(house, &sale, won as u64).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_order_of_commits_is_the_order_of_time() {
    for_every_way(async |house, strategy| {
        let sale = house.sale(strategy, vec![general_admission(120)]).await;
        let clock = Arc::new(AtomicU64::new(0));
        let buyers = (0..12_u128).map(|buyer| {
            let (engine, sale, clock) = (house.engine.clone(), sale.clone(), clock.clone());
            tokio::spawn(async move {
                let mut bought = Vec::new();
                for _ in 0..10 {
                    let asked = clock.fetch_add(1, Ordering::SeqCst);
                    let buyer = BuyerId(uuid::Uuid::from_u128(buyer + 1));
                    let outcome = engine
                        .selling
                        .buy_and_wait(&sale, buyer, BuyBody::tier("ga".into(), 1), None, PATIENCE)
                        .await
                        .unwrap();
                    let answered = clock.fetch_add(1, Ordering::SeqCst);
                    if let BuyOutcome::Bought { order, .. } = outcome {
                        bought.push((asked, answered, order.seq));
                    }
                }
                bought
            })
        });
        let history: Vec<(u64, u64, u64)> =
            join_all(buyers.collect::<Vec<_>>()).await.into_iter().flat_map(Result::unwrap).collect();
        for (_, answered, earlier) in &history {
            for (asked, _, later) in &history {
                assert!(
                    answered >= asked || earlier < later,
                    "{strategy:?}: {earlier} was answered before {later} was asked"
                );
            }
        }
        let seqs: BTreeSet<u64> = history.iter().map(|(.., seq)| *seq).collect();
        assert_eq!(seqs.len(), history.len(), "{strategy:?}: each has its own seq");
        assert_clean(house, &sale, history.len() as u64).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn units_of_buyers_who_went_away_are_sold_to_others() {
    for_every_way(async |house, strategy| {
        let sale = house.sale(strategy, vec![general_admission(40), seated(2, 5)]).await;
        let claims = (0..200_u128).map(|buyer| {
            let (engine, sale) = (house.engine.clone(), sale.clone());
            let body = if buyer % 2 == 0 { BuyBody::tier("ga".into(), 1) } else { BuyBody::seat("B-3".into()) };
            let buyer = BuyerId(uuid::Uuid::from_u128(buyer + 1));
            tokio::spawn(async move { engine.selling.buy_and_wait(&sale, buyer, body, None, PATIENCE).await })
        });
        // Each claim is dropped wherever it happens to be: before its gate, behind the gate, inside its transaction.
        for (place, claim) in claims.collect::<Vec<_>>().into_iter().enumerate() {
            if place % 16 == 0 {
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            }
            claim.abort();
        }
        // Claims that went on after their client left need some time to end, on a busy machine more.
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        nodes::wait_until(|| async { house.engine.selling.queue_length() == 0 }).await;
        drain(house, &sale, &BuyBody::tier("ga".into(), 1)).await;
        drain(house, &sale, &BuyBody::tier("floor".into(), 1)).await;
        assert_clean(house, &sale, 50).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn added_and_returned_stock_is_sold_too() {
    for_every_way(async |house, strategy| {
        let sale = house.sale(strategy, vec![general_admission(5), seated(1, 4)]).await;
        let (unit, seat) = (BuyBody::tier("ga".into(), 1), BuyBody::tier("floor".into(), 1));
        assert_eq!((drain(house, &sale, &unit).await, drain(house, &sale, &seat).await), (5, 4), "{strategy:?}");
        house.engine.catalogue.add_stock(&sale, StockBody { tier: "ga".into(), add: 3 }, None).await.unwrap().unwrap();
        assert_eq!(drain(house, &sale, &unit).await, 3, "{strategy:?}");
        house.engine.catalogue.reset_sale(&sale, None).await.unwrap().unwrap();
        assert_eq!((drain(house, &sale, &unit).await, drain(house, &sale, &seat).await), (8, 4), "{strategy:?}");
        assert_clean(house, &sale, 12).await;
    })
    .await;
}

/// How many sales of one seat the naive strategy gets until it sells a seat twice. It needs several, because two buyers
/// must read at the same moment.
const NAIVE_RACES: usize = 20;

/// The control: if the suite did not see this strategy oversell, its other results would mean nothing.
#[tokio::test(flavor = "multi_thread")]
async fn the_naive_strategy_oversells_and_the_audit_says_so() {
    for kind in STORES {
        let house = House::open(kind).await;
        let counter = house.sale(StrategyKind::Naive, vec![general_admission(20)]).await;
        let (won, _) = house.storm(&counter, 200, &BuyBody::tier("ga".into(), 1)).await;
        let audit = house.audit(&counter).await;
        assert!(won > 20 && audit.phantoms > 0 && !audit.clean, "{kind:?}: {won} of 20 sold, {audit:?}");
        let mut is_oversold = false;
        for _ in 0..NAIVE_RACES {
            let seat = house.sale(StrategyKind::Naive, vec![seated(1, 1)]).await;
            let (won, _) = house.storm(&seat, 200, &BuyBody::seat("A-1".into())).await;
            let audit = house.audit(&seat).await;
            assert_eq!(won > 1, audit.phantoms > 0 && !audit.clean, "{kind:?}: one seat sold {won} times, {audit:?}");
            is_oversold = won > 1;
            if is_oversold {
                break;
            }
        }
        assert!(is_oversold, "{kind:?}: {NAIVE_RACES} seats, and none sold twice");
    }
}

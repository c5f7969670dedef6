//! Several engines on one shared store, as several processes would be.

use std::{collections::HashSet, time::Duration};

use futures_util::future::join_all;

use super::*;

/// How long a node may take to learn of another node's commits, on a busy machine.
const CONVERGENCE: Duration = Duration::from_secs(10);

/// Waits until all nodes see the sale as it is in the database.
async fn converge(nodes: &[Arc<Engine>], sale: &SaleId) -> Audit {
    let audit = nodes[0].recount.audit(sale).await.unwrap().unwrap();
    let started = std::time::Instant::now();
    for node in nodes {
        loop {
            let seen = node.catalogue.sale(sale).await.expect("every node knows every sale");
            if (seen.seq, seen.sold, seen.available) == (audit.ledger.entries, audit.sold, audit.available) {
                break;
            }
            assert!(started.elapsed() < CONVERGENCE, "{seen:?} is not {audit:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    audit
}

/// Waits until `ask` returns `true`. Fails the test if that takes longer than [`CONVERGENCE`].
pub(super) async fn wait_until<Asked: Future<Output = bool>>(ask: impl Fn() -> Asked) {
    until_some(|| async { ask().await.then_some(()) }).await;
}

pub(super) async fn until_some<T, Asked: Future<Output = Option<T>>>(ask: impl Fn() -> Asked) -> T {
    let started = std::time::Instant::now();
    loop {
        if let Some(told) = ask().await {
            return told;
        }
        assert!(started.elapsed() < CONVERGENCE, "it does not come");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn three_nodes(database: &Database) -> Vec<Arc<Engine>> {
    let redis = redis_url();
    join_all((0..3).map(|_| House::engine(&database.url, &redis))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn three_nodes_sell_one_stock() {
    let database = Database::make(StoreKind::Postgres).await;
    let nodes = three_nodes(&database).await;
    let house = House { engine: nodes[0].clone(), database };
    for strategy in house.exact_strategies() {
        let sale = house.sale(strategy, vec![general_admission(150), seated(3, 10)]).await;
        let claims = (0..300_usize).map(|claim| {
            let (node, sale) = (nodes[claim % 3].clone(), sale.clone());
            let body = if claim % 4 == 0 { BuyBody::tier("floor".into(), 1) } else { BuyBody::tier("ga".into(), 1) };
            let buyer = BuyerId(uuid::Uuid::from_u128(claim as u128 + 1));
            tokio::spawn(async move { node.selling.buy_and_wait(&sale, buyer, body, None, PATIENCE).await.unwrap() })
        });
        let outcomes = join_all(claims.collect::<Vec<_>>()).await;
        let won: Vec<_> = outcomes
            .into_iter()
            .filter_map(|outcome| match outcome.unwrap() {
                BuyOutcome::Bought { order, .. } => Some(order.seq),
                BuyOutcome::Refused(_) => None,
                BuyOutcome::Waiting { .. } => panic!("still in line"),
            })
            .collect();
        let audit = converge(&nodes, &sale).await;
        assert!(audit.clean && audit.sold == won.len() as u64, "{strategy:?}: {} won, {audit:?}", won.len());
        let seqs: HashSet<u64> = won.iter().copied().collect();
        assert!(
            (2..=audit.ledger.entries).all(|seq| seqs.contains(&seq)),
            "{strategy:?}: seq is gapless over all nodes"
        );
        if !matches!(strategy, StrategyKind::Optimistic | StrategyKind::RedisLock) {
            assert_eq!(audit.sold, 180, "{strategy:?} left what somebody wanted");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_answered_once_over_all_nodes() {
    let database = Database::make(StoreKind::Postgres).await;
    let nodes = three_nodes(&database).await;
    let house = House { engine: nodes[0].clone(), database };
    for strategy in [StrategyKind::GroupCommit, StrategyKind::AtomicUpdate] {
        let sale = house.sale(strategy, vec![general_admission(12)]).await;
        let asks = (0..90_u128).map(|ask| {
            let (node, sale) = (nodes[ask as usize % 3].clone(), sale.clone());
            let key = IdempotencyKey::parse(&format!("{}-{}", strategy.name(), ask / 9)).unwrap();
            let buyer = BuyerId(uuid::Uuid::from_u128(ask / 9 + 1));
            tokio::spawn(async move {
                loop {
                    let body = BuyBody::tier("ga".into(), 1);
                    match node.selling.buy_and_wait(&sale, buyer, body, Some(key.clone()), PATIENCE).await.unwrap() {
                        BuyOutcome::Bought { order, .. } => return order.id,
                        BuyOutcome::Refused(refusal) if refusal.code == Code::IdempotencyInFlight => {
                            tokio::time::sleep(Duration::from_millis(5)).await;
                        }
                        outcome => panic!("{outcome:?}"),
                    }
                }
            })
        });
        let orders: HashSet<_> = join_all(asks.collect::<Vec<_>>()).await.into_iter().map(Result::unwrap).collect();
        assert_eq!(orders.len(), 10, "{strategy:?}");
        // Now the sale is sold out, and a node that never saw the key is asked with it.
        house.storm(&sale, 5, &BuyBody::tier("ga".into(), 1)).await;
        for node in &nodes {
            let key = IdempotencyKey::parse(&format!("{}-3", strategy.name())).unwrap();
            let buyer = BuyerId(uuid::Uuid::from_u128(4));
            let again = node
                .selling
                .buy_and_wait(&sale, buyer, BuyBody::tier("ga".into(), 1), Some(key), PATIENCE)
                .await
                .unwrap();
            assert!(matches!(again, BuyOutcome::Bought { replayed: true, .. }), "{strategy:?}: {again:?}");
        }
        assert!(converge(&nodes, &sale).await.clean);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_organiser_does_at_one_node_holds_at_all() {
    let database = Database::make(StoreKind::Postgres).await;
    let nodes = three_nodes(&database).await;
    let house = House { engine: nodes[0].clone(), database };
    let sale = house.sale(StrategyKind::GroupCommit, vec![general_admission(5)]).await;
    let unit = || BuyBody::tier("ga".into(), 1);
    let buy = async |node: &Engine| {
        code(
            &node.selling.buy_and_wait(&sale, BuyerId(uuid::Uuid::from_u128(1)), unit(), None, PATIENCE).await.unwrap(),
        )
    };
    assert_eq!(buy(&nodes[1]).await, None, "a sale made elsewhere is known here");
    nodes[2]
        .catalogue
        .patch_sale(&sale, SalePatch { status: Some(SaleSwitch::Paused), ..SalePatch::default() })
        .await
        .unwrap()
        .unwrap();
    for node in &nodes {
        assert_eq!(buy(node).await, Some(Code::SaleNotOpen), "paused at one node, paused at all");
    }
    nodes[1]
        .catalogue
        .patch_sale(&sale, SalePatch { status: Some(SaleSwitch::Open), ..SalePatch::default() })
        .await
        .unwrap()
        .unwrap();
    nodes[1].catalogue.add_stock(&sale, StockBody { tier: "ga".into(), add: 2 }, None).await.unwrap().unwrap();
    converge(&nodes, &sale).await;
    let mut bought = 0;
    while buy(&nodes[bought % 3]).await.is_none() {
        bought += 1;
        assert!(bought <= 6, "more than there is");
    }
    nodes[2].catalogue.reset_sale(&sale, None).await.unwrap().unwrap();
    let audit = converge(&nodes, &sale).await;
    assert!(audit.clean && audit.available == 7, "{audit:?}");
    assert_eq!(bought, 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_organiser_changes_at_one_node_holds_at_once_on_all() {
    let database = Database::make(StoreKind::Postgres).await;
    let nodes = three_nodes(&database).await;
    let house = House { engine: nodes[0].clone(), database };
    let one = BuyBody::tier("ga".into(), 1);
    for strategy in house.exact_strategies() {
        let sale = house.sale(strategy, vec![general_admission(100)]).await;
        wait_until(|| async { nodes[1].catalogue.sale(&sale).await.is_some() }).await;
        let buy = async |node: &Arc<Engine>, buyer: u128| {
            code(
                &node
                    .selling
                    .buy_and_wait(&sale, BuyerId(uuid::Uuid::from_u128(buyer)), one.clone(), None, PATIENCE)
                    .await
                    .unwrap(),
            )
        };
        assert_eq!(buy(&nodes[1], 1).await, None, "{strategy:?}");
        let limit = SalePatch { max_per_buyer: Some(Some(1)), ..SalePatch::default() };
        nodes[0].catalogue.patch_sale(&sale, limit).await.unwrap().unwrap();
        assert_eq!(buy(&nodes[1], 1).await, Some(Code::LimitReached), "{strategy:?}");
        let later =
            SalePatch { opens_at: Some(Some(nodes[0].clock().now().plus_milliseconds(1_000))), ..SalePatch::default() };
        nodes[1].catalogue.patch_sale(&sale, later).await.unwrap().unwrap();
        assert_eq!(buy(&nodes[0], 2).await, Some(Code::SaleNotOpen), "{strategy:?}");
        let paused = SalePatch { status: Some(SaleSwitch::Paused), ..SalePatch::default() };
        nodes[0].catalogue.patch_sale(&sale, paused).await.unwrap().unwrap();
        assert_eq!(buy(&nodes[1], 3).await, Some(Code::SaleNotOpen), "{strategy:?}");
        assert!(converge(&nodes, &sale).await.clean);
    }
}

//! Holds on several engines that share one store, as several processes would.

use std::collections::HashMap;

use futures_util::future::join_all;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use sqlx::{Connection as _, PgConnection};

use super::{
    holds::{buyer, hold_and_wait, seats, units},
    nodes::wait_until,
    *,
};
use crate::model::{
    body::{ConfirmBody, HoldBody, Quantity},
    hold::{Hold, HoldStatus},
    limits::MAX_ACTIVE_HOLDS,
    outcome::{ConfirmOutcome, HoldOutcome},
};

const BUYERS: u128 = 24;
const LIMIT: u64 = 6;

/// Two engines on one new database.
async fn two_nodes() -> (House, Arc<Engine>) {
    let house = House::open(StoreKind::Postgres).await;
    let other = House::engine(&house.database.url, &redis_url()).await;
    (house, other)
}

/// One buyer's story: holds, changes, extends, buys and gives back at random, at one server or the other. Returns the seats
/// and the number of units that were bought, and the steps that were refused as contended.
async fn live(
    nodes: [Arc<Engine>; 2],
    sale: SaleId,
    who: u128,
    steps: usize,
) -> (Vec<crate::model::order::Order>, usize) {
    let mut random = StdRng::seed_from_u64(u64::try_from(who).unwrap());
    let (mut holds, mut orders, mut contended): (Vec<Hold>, _, _) = (Vec::new(), Vec::new(), 0);
    for _ in 0..steps {
        let node = &nodes[random.random_range(0..2)];
        let selling = &node.selling;
        let body = wish(&mut random);
        let place = (!holds.is_empty()).then(|| random.random_range(0..holds.len()));
        match (random.random_range(0..10), place) {
            (0..5, _) | (_, None) => match hold_and_wait(node, &sale, buyer(who), body, None).await.unwrap() {
                HoldOutcome::Held { hold, .. } => holds.push(hold),
                HoldOutcome::Refused(refusal) => contended += usize::from(expected(refusal.code)),
                HoldOutcome::Waiting { .. } => panic!("still in line"),
            },
            (5..7, Some(place)) => match selling.change_hold(holds[place].id, buyer(who), body, None).await.unwrap() {
                Ok(changed) => {
                    assert_eq!(changed.expires_at, holds[place].expires_at, "a change never moves the clock");
                    holds[place] = changed;
                }
                Err(refusal) => contended += usize::from(expected(refusal.code)),
            },
            (7, Some(place)) => {
                holds[place] = selling.extend(holds[place].id, buyer(who), None).await.unwrap().unwrap().into_fresh();
            }
            (8, Some(place)) => {
                assert!(selling.release(holds.swap_remove(place).id, buyer(who)).await.unwrap());
            }
            (_, Some(place)) => {
                let hold = holds.swap_remove(place);
                let body = ConfirmBody::default();
                match selling.confirm(hold.id, buyer(who), body, None, false).await.unwrap() {
                    ConfirmOutcome::Confirmed { order, .. } => {
                        assert_eq!(order.total, hold.total, "bought as held");
                        orders.push(order);
                    }
                    other => panic!("a live hold is confirmed: {other:?}"),
                }
            }
        }
        assert!(holds.len() <= MAX_ACTIVE_HOLDS as usize, "{who} has {} holds", holds.len());
    }
    (orders, contended)
}

/// Whether a refusal says that the strategy gave up. Fails for one that no step of the story may get.
fn expected(code: Code) -> bool {
    let is_expected =
        matches!(code, Code::SoldOut | Code::SeatTaken | Code::LimitReached | Code::RateLimited | Code::Contended);
    assert!(is_expected, "{code}");
    code == Code::Contended
}

fn wish(random: &mut StdRng) -> HoldBody {
    let label = |row: usize, number: usize| format!("{}-{number}", ["A", "B", "C"][row]);
    let mut seat = || label(random.random_range(0..3), random.random_range(1..=8));
    let (one, other) = (seat(), seat());
    match random.random_range(0..4) {
        0 if one != other => seats(&[&one, &other]),
        0 | 1 => HoldBody { items: units("ga", random.random_range(1..3)).items, ..seats(&[&one]) },
        2 => units("floor", random.random_range(1..4)),
        _ => HoldBody { best: Some(Quantity { tier: "floor".into(), quantity: 1 }), ..units("ga", 1) },
    }
}

/// How many deadlocks the database has had to end.
async fn deadlocks(database: &Database) -> i64 {
    let mut connection = PgConnection::connect(&database.url).await.unwrap();
    let count = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    sqlx::query_scalar(count).fetch_one(&mut connection).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_hold_change_and_sell_one_stock() {
    let (house, other) = two_nodes().await;
    let nodes = [house.engine.clone(), other];
    let mut known_deadlocks = 0;
    for strategy in house.exact_strategies() {
        let sale = house.sale(strategy, vec![seated(3, 8), general_admission(30)]).await;
        let patch = SalePatch { max_per_buyer: Some(Some(u32::try_from(LIMIT).unwrap())), ..SalePatch::default() };
        house.engine.catalogue.patch_sale(&sale, patch).await.unwrap().unwrap();
        let revision = house.engine.core.known(&sale).unwrap().stock.read().revision;
        wait_until(|| async { nodes[1].core.known(&sale).is_some_and(|desk| desk.stock.read().revision == revision) })
            .await;
        let steps = scale::rounds(12, 400);
        let lives = (1..=BUYERS).map(|who| tokio::spawn(live(nodes.clone(), sale.clone(), who, steps)));
        let lived = join_all(lives.collect::<Vec<_>>()).await.into_iter().map(Result::unwrap).collect::<Vec<_>>();
        let contended: usize = lived.iter().map(|(_, contended)| contended).sum();
        let mut owners = HashMap::new();
        let mut sold = 0;
        for order in lived.iter().flat_map(|(orders, _)| orders) {
            sold += order.tickets.len() as u64;
            for seat in order.tickets.iter().filter_map(|ticket| ticket.seat.clone()) {
                assert_eq!(owners.insert(seat.clone(), order.buyer), None, "{strategy:?} sold {seat} twice");
            }
        }
        let audit = house.audit(&sale).await;
        assert!(audit.clean && audit.sold == sold, "{strategy:?}: {sold} were told of, {audit:?}");
        same_mirrors(&nodes, &sale, audit.ledger.entries).await;
        // The database tells of its deadlocks a moment later.
        tokio::time::sleep(std::time::Duration::from_millis(1_200)).await;
        let ended = deadlocks(&house.database).await - known_deadlocks;
        known_deadlocks += ended;
        eprintln!("{}: {} lines, {contended} contended, {ended} deadlocks", strategy.name(), audit.ledger.entries);
        assert!(sold > 0 && audit.held > 0, "{strategy:?}: {audit:?}");
    }
    assert_eq!(known_deadlocks, 0, "locks are taken in one order");
}

/// Waits until both mirrors have seen everything, and compares them, and what they know of each buyer, with each other.
async fn same_mirrors(nodes: &[Arc<Engine>; 2], sale: &SaleId, seq: u64) {
    wait_until(|| async { nodes.iter().all(|node| node.core.known(sale).unwrap().stock.read().seq == seq) }).await;
    let [one, other] = nodes.each_ref().map(|node| node.core.known(sale).unwrap().stock.read().clone());
    assert_eq!((one.counts(), &one.seats, one.head_hash), (other.counts(), &other.seats, other.head_hash));
    for who in (1..=BUYERS).map(buyer) {
        let had = |stock: &crate::server::stock::Stock| stock.had.get(&who).copied().unwrap_or_default();
        assert_eq!((had(&one), one.live_holds.of_buyer(who)), (had(&other), other.live_holds.of_buyer(who)));
        assert!(had(&one) <= LIMIT && one.live_holds.of_buyer(who) <= MAX_ACTIVE_HOLDS);
        let held: u64 = nodes[0].selling.holds(who, Some(sale)).await.unwrap().unwrap().holds.len() as u64;
        assert_eq!(held, u64::from(one.live_holds.of_buyer(who)));
    }
}

/// One buyer asks at both servers at once.
#[tokio::test(flavor = "multi_thread")]
async fn the_limits_of_a_buyer_hold_over_all_nodes() {
    let (house, other) = two_nodes().await;
    let nodes = [house.engine.clone(), other];
    for strategy in [StrategyKind::GroupCommit, StrategyKind::AtomicUpdate, StrategyKind::SkipLocked] {
        for limit in [None, Some(2)] {
            let sale = house.sale(strategy, vec![general_admission(100)]).await;
            let patch = SalePatch { max_per_buyer: Some(limit), ..SalePatch::default() };
            house.engine.catalogue.patch_sale(&sale, patch).await.unwrap().unwrap();
            wait_until(|| async { nodes[1].catalogue.sale(&sale).await.is_some() }).await;
            let asks = (0..24).map(|ask| {
                let (node, sale) = (nodes[ask % 2].clone(), sale.clone());
                tokio::spawn(async move {
                    let asked = hold_and_wait(&node, &sale, buyer(1), units("ga", 1), None).await;
                    matches!(asked.unwrap(), HoldOutcome::Held { .. })
                })
            });
            let held =
                join_all(asks.collect::<Vec<_>>()).await.into_iter().filter(|held| *held.as_ref().unwrap()).count();
            assert_eq!(held, limit.unwrap_or(MAX_ACTIVE_HOLDS) as usize, "{strategy:?}, at most {limit:?} units");
            assert!(house.audit(&sale).await.clean);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_holds_extends_and_confirms_once_over_all_nodes() {
    let (house, other) = two_nodes().await;
    let nodes = [house.engine.clone(), other];
    for strategy in [StrategyKind::GroupCommit, StrategyKind::AtomicUpdate] {
        let sale = house.sale(strategy, vec![general_admission(400)]).await;
        wait_until(|| async { nodes[1].catalogue.sale(&sale).await.is_some() }).await;
        for who in 1..=scale::rounds(20, 400) as u128 {
            let key = |step: &str| Some(IdempotencyKey::parse(&format!("{}-{step}-{who}", strategy.name())).unwrap());
            let held = join_all(nodes.iter().map(async |node| {
                insist(async || {
                    match hold_and_wait(node, &sale, buyer(who), units("ga", 2), key("hold")).await.unwrap() {
                        HoldOutcome::Held { hold, .. } => Ok(hold),
                        HoldOutcome::Refused(refusal) => Err(refusal.code),
                        HoldOutcome::Waiting { .. } => panic!("still in line"),
                    }
                })
                .await
            }))
            .await;
            assert_eq!(held[0], held[1], "{strategy:?}: one hold, and one answer");
            let hold = held[0].id;
            let extend = join_all(nodes.iter().map(async |node| {
                insist(async || match node.selling.extend(hold, buyer(who), key("extend")).await.unwrap() {
                    Ok(Answer::Fresh(hold)) => Ok(hold),
                    Ok(Answer::Replayed { body, .. }) => Ok(serde_json::from_str(&body).unwrap()),
                    Err(refusal) => Err(refusal.code),
                })
                .await
            }))
            .await;
            assert_eq!(extend[0], extend[1], "{strategy:?}: one extension, and one answer");
            assert_eq!(extend[0].extensions_left, 9);
            let confirmed = join_all(nodes.iter().map(async |node| {
                insist(async || {
                    let body = ConfirmBody::default();
                    match node.selling.confirm(hold, buyer(who), body, key("confirm"), false).await.unwrap() {
                        ConfirmOutcome::Confirmed { order, .. } => Ok(order),
                        ConfirmOutcome::Refused(refusal) => Err(refusal.code),
                        ConfirmOutcome::Declined { .. } => panic!("nobody declines"),
                    }
                })
                .await
            }))
            .await;
            assert_eq!(confirmed[0], confirmed[1], "{strategy:?}: one order, and one answer");
        }
        let audit = house.audit(&sale).await;
        assert!(audit.clean && audit.held == 0 && audit.orders * 2 == audit.sold, "{strategy:?}: {audit:?}");
    }
}

/// Asks until the key is not in flight any more.
async fn insist<T>(ask: impl AsyncFn() -> Result<T, Code>) -> T {
    loop {
        match ask().await {
            Ok(answer) => return answer,
            Err(Code::IdempotencyInFlight) => tokio::time::sleep(std::time::Duration::from_millis(2)).await,
            Err(code) => panic!("{code}"),
        }
    }
}

/// What one server holds, another changes, extends and sells; and a hold ends once, however many servers are asked.
#[tokio::test(flavor = "multi_thread")]
async fn a_hold_belongs_to_its_buyer_at_every_node() {
    let (house, other) = two_nodes().await;
    let nodes = [house.engine.clone(), other];
    for strategy in [StrategyKind::GroupCommit, StrategyKind::AtomicUpdate] {
        let sale = house.sale(strategy, vec![seated(2, 5), general_admission(30)]).await;
        wait_until(|| async { nodes[1].catalogue.sale(&sale).await.is_some() }).await;
        for who in 1..=scale::rounds(6, 100) as u128 {
            let hold = house.hold(&sale, who, seats(&["A-1", "A-2"])).await.unwrap();
            // The other server's mirror may not know of this hold yet.
            let changed =
                nodes[1].selling.change_hold(hold.id, buyer(who), seats(&["A-2", "B-3"]), None).await.unwrap();
            assert_eq!(changed.unwrap().items.len(), 2, "{strategy:?}");
            let extended = nodes[0].selling.extend(hold.id, buyer(who), None).await.unwrap().unwrap().into_fresh();
            assert_eq!(extended.expires_at.milliseconds - hold.expires_at.milliseconds, 60_000);
            let ends = join_all((0..6).map(|end| {
                let node = nodes[end % 2].clone();
                tokio::spawn(async move {
                    if end < 3 {
                        let body = ConfirmBody::default();
                        let end = node.selling.confirm(hold.id, buyer(who), body, None, false).await.unwrap();
                        return matches!(end, ConfirmOutcome::Confirmed { .. });
                    }
                    node.selling.release(hold.id, buyer(who)).await.unwrap();
                    false
                })
            }))
            .await;
            let confirmed = ends.into_iter().filter(|end| *end.as_ref().unwrap()).count();
            let told =
                join_all(nodes.iter().map(async |node| {
                    node.selling.find_hold(Some(buyer(who)), hold.id).await.unwrap().unwrap().status
                }))
                .await;
            let status = if confirmed == 1 { HoldStatus::Confirmed } else { HoldStatus::Released };
            assert!(confirmed <= 1 && told == [status; 2], "{strategy:?}: {confirmed} times, {told:?}");
            house.engine.catalogue.reset_sale(&sale, None).await.unwrap().unwrap();
            let audit = house.audit(&sale).await;
            assert!(audit.clean && audit.available == 40, "{strategy:?}: {audit:?}");
            let desk = nodes[1].core.known(&sale).unwrap();
            wait_until(|| async { desk.stock.read().seq == audit.ledger.entries }).await;
        }
    }
}

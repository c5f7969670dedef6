//! A server that dies in the middle of a hold, or while holds are confirmed and given back. As in [`super::crashes`], each
//! is a process of its own, killed at a named place of the code, and the next server takes over.

use std::{collections::HashMap, time::Duration};

use futures_util::future::join_all;

use super::{
    crashes::{self, die_by_panic, queue, victim_dies},
    holds::{buyer, hold_and_wait, units},
    *,
};
use crate::model::{
    body::ConfirmBody,
    hold::{Hold, HoldStatus},
    ids::{HoldId, OrderId},
    outcome::{ConfirmOutcome, HoldOutcome},
};

/// The test that the process runs that is to die.
const VICTIMS_TEST: &str = "server::engine::tests::hold_crashes::a_server_dies_while_it_holds";
const BUYERS: u128 = 36;
/// The units of each tier. Fewer than the buyers want.
const UNITS: [u64; 2] = [19, 8];

/// The places at which holds can be cut off, and how often a place is passed before.
fn places(strategy: StrategyKind) -> Vec<(&'static str, usize)> {
    let time = if strategy == StrategyKind::GroupCommit { 1 } else { 4 };
    let of_claims = crashes::places(strategy).iter().map(|place| (*place, time));
    of_claims.chain([("ended", 2), ("settled", 2), ("answered", 2)]).collect()
}

fn key(sale: &SaleId, step: &str, number: u128) -> Option<IdempotencyKey> {
    Some(IdempotencyKey::parse(&format!("{sale}-{step}-{number}")).unwrap())
}

/// How often a buyer asks until there is an answer, and the pause between two tries.
const TRIES: usize = 1_000;
const PAUSE: Duration = Duration::from_millis(20);

async fn hold(engine: &Engine, sale: &SaleId, number: u128) -> Result<HoldId, Code> {
    let tier = if number.is_multiple_of(3) { "floor" } else { "ga" };
    for _ in 0..TRIES {
        let key = key(sale, "hold", number);
        match hold_and_wait(engine, sale, buyer(number), units(tier, 1), key).await {
            Ok(HoldOutcome::Held { hold, .. }) => return Ok(hold.id),
            Ok(HoldOutcome::Refused(refusal)) if !is_undecided(refusal.code) => return Err(refusal.code),
            _ => tokio::time::sleep(PAUSE).await,
        }
    }
    panic!("buyer {number} has no answer");
}

async fn confirm(engine: &Engine, sale: &SaleId, hold: HoldId, number: u128) -> Result<OrderId, Code> {
    for _ in 0..TRIES {
        let (body, key) = (ConfirmBody::default(), key(sale, "confirm", number));
        match engine.selling.confirm(hold, buyer(number), body, key, false).await {
            Ok(ConfirmOutcome::Confirmed { order, .. }) => return Ok(order.id),
            Ok(ConfirmOutcome::Refused(refusal)) if !is_undecided(refusal.code) => return Err(refusal.code),
            _ => tokio::time::sleep(PAUSE).await,
        }
    }
    panic!("buyer {number} has no answer");
}

async fn release(engine: &Engine, hold: HoldId, number: u128) {
    for _ in 0..TRIES {
        match engine.selling.release(hold, buyer(number)).await {
            Ok(_) => return,
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
    panic!("buyer {number} has no answer");
}

/// Whether the same request may be answered differently in a moment.
fn is_undecided(code: Code) -> bool {
    matches!(code, Code::Contended | Code::IdempotencyInFlight)
}

/// Not a test of its own: the process that the other test starts, and that dies. Every fourth buyer gives back what was held,
/// every fourth only holds, and the others buy it.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "started by the test beside it"]
async fn a_server_dies_while_it_holds() {
    let (engine, sale) = die_by_panic().await;
    let stories = (1..=BUYERS).map(|number| {
        let (engine, sale) = (engine.clone(), sale.clone());
        tokio::spawn(async move {
            let Ok(held) = hold(&engine, &sale, number).await else { return };
            println!("held {number} {held}");
            match number % 4 {
                0 => release(&engine, held, number).await,
                1 => {}
                _ => {
                    if let Ok(order) = confirm(&engine, &sale, held, number).await {
                        println!("bought {number} {order}");
                    }
                }
            }
        })
    });
    join_all(stories.collect::<Vec<_>>()).await;
}

/// What buyers were told before a server died.
struct Told {
    held: HashMap<u128, HoldId>,
    bought: HashMap<u128, OrderId>,
}

impl Told {
    fn read(said: &str) -> Self {
        let of = |word: &str| -> Vec<(u128, uuid::Uuid)> {
            let lines = said.lines().filter_map(|line| line.split_once(word)?.1.split_once(' '));
            lines.filter_map(|(number, id)| Some((number.parse().ok()?, id.trim().parse().ok()?))).collect()
        };
        Self {
            held: of("held ").into_iter().map(|(number, id)| (number, HoldId(id))).collect(),
            bought: of("bought ").into_iter().map(|(number, id)| (number, OrderId(id))).collect(),
        }
    }
}

async fn find(engine: &Engine, hold: HoldId, number: u128) -> Option<Hold> {
    engine.selling.find_hold(Some(buyer(number)), hold).await.unwrap()
}

/// Checks what the next server makes of it: what was told is true, each key leads to one hold and one order, and all units
/// are had in the end.
async fn succeed(house: &House, sale: &SaleId, told: &Told, way: &str) {
    let engine = &house.engine;
    // Long enough for the notes of claims that were on their way through a gate in Redis to run out.
    engine.clock().advance(5_001);
    for (number, hold) in &told.held {
        let found = find(engine, *hold, *number).await;
        let found = found.unwrap_or_else(|| panic!("{way}: {number} was told of a hold that is lost"));
        let is_right = match number % 4 {
            0 => matches!(found.status, HoldStatus::Active | HoldStatus::Released),
            1 => found.status == HoldStatus::Active,
            _ => matches!(found.status, HoldStatus::Active | HoldStatus::Confirmed),
        };
        assert!(is_right, "{way}: {number} has {found:?}");
    }
    for (number, order) in &told.bought {
        let found = engine.selling.order(Some(buyer(*number)), *order).await.unwrap();
        assert!(found.is_some(), "{way}: {number} had {order}");
    }
    let mut holders = HashMap::new();
    for number in 1..=BUYERS {
        let Ok(held) = hold(engine, sale, number).await else {
            assert!(!told.held.contains_key(&number), "{way}: {number} was told of a hold");
            continue;
        };
        assert!(told.held.get(&number).is_none_or(|hold| *hold == held), "{way}: {number} has another hold");
        assert_eq!(holders.insert(held, number), None, "{way}: {held} is another's too");
        if number % 4 > 1 {
            let order = confirm(engine, sale, held, number).await;
            assert_eq!(order, Ok(OrderId(held.0)), "{way}: {number} pays for what was held");
        }
    }
    let audit = house.audit(sale).await;
    assert!(audit.clean, "{way}: {audit:?}");
    // What is over in the end can be had by others.
    house.end_all_holds().await;
    crashes::sell_out(engine, sale, UNITS, way).await;
}

async fn die_at_every_place(kind: StoreKind, strategy: StrategyKind) {
    let house = House::open(kind).await;
    let mut sales = Vec::new();
    for place in places(strategy) {
        sales.push((place, house.sale(strategy, vec![general_admission(UNITS[0]), seated(2, 4)]).await));
    }
    house.engine.close().await;
    let mut database = house.database;
    for ((place, time), sale) in sales {
        let way = format!("{} on {kind:?}, at {place}", strategy.name());
        let told = Told::read(&victim_dies(VICTIMS_TEST, &database, &sale, place, time).await);
        eprintln!("{way}: {} were told of a hold, {} of an order", told.held.len(), told.bought.len());
        let engine = House::engine_with(&database.url, &redis_url(), queue()).await;
        let house = House { engine, database };
        succeed(&house, &sale, &told, &way).await;
        house.engine.close().await;
        database = house.database;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_hold_was_at_when_its_server_died_nothing_is_lost_sold_twice_or_stranded() {
    crashes::in_every_way(die_at_every_place).await;
}

//! Units of claims that a gate let in and the database refused are sold to others. The control is a gate that never
//! takes such units back.

use std::{
    collections::HashMap,
    sync::OnceLock,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use parking_lot::Mutex;

use super::{conformance::for_every_way, *};
use crate::server::{
    stock::sold_out,
    strategy::{Claim, Deciding, Verdict},
};

const UNITS: u64 = 10;
/// Longer than any gate may be wrong about how many units are left.
const ENOUGH: Duration = Duration::from_secs(3);

/// A gate that counts down for each claim, and never takes units of refused claims back.
#[derive(Default)]
struct LeakingGate {
    left: Mutex<HashMap<i64, u64>>,
    behind: OnceLock<Arc<dyn Strategy>>,
}

impl Strategy for LeakingGate {
    fn kind(&self) -> StrategyKind {
        StrategyKind::RedisGate
    }

    fn claim(&self, claim: Claim) -> Deciding<'_> {
        let is_let_in = {
            let mut left = self.left.lock();
            let left = left.entry(claim.sale.sale_id).or_insert(UNITS);
            *left = left.saturating_sub(1);
            *left > 0
        };
        if is_let_in {
            return self.behind.get().expect("set when the engine is open").claim(claim);
        }
        let refusal = sold_out(&claim.sale.stock.read().id);
        Box::pin(async move { claim.settle(Verdict::Refused(refusal)) })
    }
}

/// One buyer, who may have one unit, asks for all units at once, and is refused behind the gate for all but one.
/// Returns how many units are left after all other buyers have asked for them.
async fn stranded(house: &House, strategy: StrategyKind) -> u64 {
    let sale = house.sale(strategy, vec![general_admission(UNITS)]).await;
    let limit = SalePatch { max_per_buyer: Some(Some(1)), ..SalePatch::default() };
    house.engine.catalogue.patch_sale(&sale, limit).await.unwrap().unwrap();
    let unit = BuyBody::tier("ga".into(), 1);
    join_all((0..UNITS).map(|_| house.buy(&sale, 1, unit.clone()))).await;
    let started = Instant::now();
    while house.engine.catalogue.sale(&sale).await.unwrap().available > 0 && started.elapsed() < ENOUGH {
        for buyer in 2..=u128::from(UNITS) {
            house.buy(&sale, buyer, unit.clone()).await;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let audit = house.audit(&sale).await;
    assert!(audit.clean && audit.sold + audit.available == UNITS, "{audit:?}");
    audit.available
}

#[tokio::test(flavor = "multi_thread")]
async fn units_that_were_let_in_and_refused_are_sold_to_others() {
    for_every_way(async |house, strategy| {
        assert_eq!(stranded(house, strategy).await, 0, "{strategy:?} strands units that somebody wants");
    })
    .await;
}

/// The control: the suite must notice a gate that leaks.
#[tokio::test(flavor = "multi_thread")]
async fn a_gate_that_takes_nothing_back_strands_units() {
    for kind in STORES {
        let gate = Arc::new(LeakingGate::default());
        let house = House::open_with(kind, gate.clone()).await;
        assert!(gate.behind.set(house.strategy(StrategyKind::AtomicUpdate)).is_ok());
        assert!(stranded(&house, StrategyKind::RedisGate).await > 0, "{kind:?}: the leak was not seen");
    }
}

//! Tests of the engine's rules, under load and on real stores.

mod conformance; // every strategy on every store that can run it
mod crashes; // servers that die in the middle of a purchase
mod decided_once; // purchases in line that are handed out twice
mod forged; // what somebody else writes into Redis, and what can be read there
mod gone_away; // organisers who do not wait for their answer
mod heirs; // purchases of sessions that somebody else may know
mod hold_crashes; // servers that die in the middle of a hold, or of what becomes of it
mod hold_looks; // what was looked at, and what it is when the database decides
mod hold_machine; // random steps with holds, against a pure model
mod hold_nodes; // holds on several engines on one shared store
mod hold_time; // the end of holds: races around it, wrong clocks, no sweeper
mod holds; // held, confirmed, given back, expired: every strategy on every store
mod leaking_gate; // units of claims that a gate let in and the database refused
mod lost_database; // the database is lost during a commit
mod lost_redis; // Redis is killed, flushed, or wrong about the sale
mod movements; // every kind of change, in ledgers written by hand
mod nearest; // the nearest free seats instead of those that are gone
mod nodes; // several engines on one shared store
mod queue; // purchases in line: receipts, priority, dead letters, servers that die
mod rehearsing; // rehearsals that change their strategy, and refusals that the database is asked about
mod rules; // the sale's rules, on both stores
#[path = "../../../tests/support/scale.rs"]
mod scale; // how long the loops are
mod shared_audits; // audits that several ask for at the same time
mod tampering; // changes of the database behind the engine's back
mod truth; // refusals say only what is true

use std::{collections::BTreeSet, sync::Arc};

use super::*;
use crate::{
    model::{
        audit::Audit,
        body::{BuyBody, NewSale, NewTier, SalePatch, StockBody},
        ids::{BuyerId, SaleId},
        outcome::{BuyOutcome, Code},
        sale::{SaleStatus, SaleSwitch},
        seat::SeatLayout,
        strategy::StrategyKind,
        time::Timestamp,
    },
    server::{
        clock::Clock,
        store::{
            self, Store, StoreKind,
            testing::{Database, STORES},
        },
        strategy::{QueueOptions, Strategy},
    },
};

/// The Redis server of the tests, if the environment does not name another.
const DEFAULT_REDIS: &str = "redis://127.0.0.1:6379";

/// How long a purchase in line may take before a test fails.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(20);

fn redis_url() -> String {
    std::env::var("ONSALE_TEST_REDIS").unwrap_or_else(|_| DEFAULT_REDIS.to_owned())
}

/// An engine on a database of its own.
struct House {
    engine: Arc<Engine>,
    database: Database,
}

impl House {
    async fn open(kind: StoreKind) -> Self {
        Self::open_in(Database::make(kind).await).await
    }

    async fn open_in(database: Database) -> Self {
        let engine = Self::engine(&database.url, &redis_url()).await;
        Self { engine, database }
    }

    /// Opens an engine with one more strategy, which replaces the strategy of the same kind.
    async fn open_with(kind: StoreKind, strategy: Arc<dyn Strategy>) -> Self {
        let database = Database::make(kind).await;
        let options =
            EngineOptions { strategies: vec![strategy], ..EngineOptions::new(tokio::runtime::Handle::current()) };
        let engine = Engine::open(Store::open(&database.url).await.unwrap(), options).await.unwrap();
        Self { engine, database }
    }

    fn strategy(&self, kind: StrategyKind) -> Arc<dyn Strategy> {
        self.engine.core.strategies.get(kind).expect("a strategy that this store can run").clone()
    }

    /// The strategies of this store that never sell a unit twice.
    fn exact_strategies(&self) -> Vec<StrategyKind> {
        self.engine.core.strategies.kinds().into_iter().filter(|strategy| strategy.is_exact()).collect()
    }

    /// Opens one more engine on a database, with a clock that stands still.
    async fn engine(url: &str, redis: &str) -> Arc<Engine> {
        Self::engine_with(url, redis, QueueOptions::default()).await
    }

    async fn engine_with(url: &str, redis: &str, queue: QueueOptions) -> Arc<Engine> {
        let options = EngineOptions {
            clock: Clock::manual(Timestamp::parse("2026-11-20T20:00:00Z").unwrap()),
            redis_url: Some(redis.to_owned()),
            queue,
            ..EngineOptions::new(tokio::runtime::Handle::current())
        };
        Engine::open(Store::open(url).await.unwrap(), options).await.unwrap()
    }

    /// Changes the database behind the engine's back.
    async fn tamper(&self, sql: &'static str) -> Result<(), sqlx::Error> {
        Store::open(&self.database.url).await.unwrap().run(sql).await
    }

    async fn reopen(self) -> Self {
        self.engine.close().await;
        Self::open_in(self.database).await
    }

    async fn sale(&self, strategy: StrategyKind, tiers: Vec<NewTier>) -> SaleId {
        let body = NewSale {
            name: "Test".into(),
            strategy: Some(strategy),
            rehearsal: (strategy == StrategyKind::Naive).then_some(true),
            tiers,
            ..NewSale::default()
        };
        self.engine.catalogue.create_sale(body, None).await.unwrap().unwrap().into_fresh().id
    }

    async fn buy(&self, sale: &SaleId, buyer: u128, body: BuyBody) -> BuyOutcome {
        self.engine
            .selling
            .buy_and_wait(sale, BuyerId(uuid::Uuid::from_u128(buyer)), body, None, PATIENCE)
            .await
            .unwrap()
    }

    async fn audit(&self, sale: &SaleId) -> Audit {
        self.engine.recount.audit(sale).await.unwrap().unwrap()
    }

    /// Lets this many buyers ask for the same thing at once. Returns how many won, and the codes of all refusals.
    async fn storm(&self, sale: &SaleId, buyers: u128, body: &BuyBody) -> (usize, BTreeSet<Code>) {
        let claims = (1..=buyers).map(|buyer| {
            let (engine, sale, body) = (self.engine.clone(), sale.clone(), body.clone());
            tokio::spawn(async move {
                engine
                    .selling
                    .buy_and_wait(&sale, BuyerId(uuid::Uuid::from_u128(buyer)), body, None, PATIENCE)
                    .await
                    .unwrap()
            })
        });
        let (mut won, mut codes) = (0, BTreeSet::new());
        for claim in claims.collect::<Vec<_>>() {
            match claim.await.unwrap() {
                BuyOutcome::Bought { .. } => won += 1,
                BuyOutcome::Refused(refusal) => {
                    codes.insert(refusal.code);
                }
                BuyOutcome::Waiting { .. } => panic!("still in line"),
            }
        }
        (won, codes)
    }
}

fn general_admission(quantity: u64) -> NewTier {
    NewTier { name: "GA".into(), price: 1_000, quantity: Some(quantity), ..NewTier::default() }
}

fn seated(rows: u32, per_row: u32) -> NewTier {
    let seats = Some(SeatLayout { sections: 1, rows, per_row });
    NewTier { name: "Floor".into(), price: 2_000, seats, ..NewTier::default() }
}

fn code(outcome: &BuyOutcome) -> Option<Code> {
    match outcome {
        BuyOutcome::Bought { .. } => None,
        BuyOutcome::Refused(refusal) => Some(refusal.code),
        BuyOutcome::Waiting { .. } => panic!("still in line"),
    }
}

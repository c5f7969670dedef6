//! The rules, kept under load on real stores.

mod conformance; // every strategy on every store that can run it
mod crashes; // servers that die in the middle of a purchase
mod decided_once; // purchases in line that are handed out twice
mod gone_away; // organisers who do not wait for their answer
mod leaking_gate; // units that were let in and refused
mod lost_database; // the database lost in mid-commit
mod lost_redis; // Redis lost, flushed and left behind
mod movements; // every kind of change, in ledgers written by hand
mod nodes; // several engines on one shared store
mod queue; // purchases in line: receipts, priority, dead letters, servers lost
mod rehearsing; // rehearsals change their strategy, and what refusals cost
mod rules; // the sale's rules, on both stores
mod tampering;
mod truth; // what is refused is gone // what happens behind the engine's back

use std::{collections::BTreeSet, sync::Arc};

use sqlx::{Connection as _, PgConnection};

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
        store::{self, Store, StoreKind},
        strategy::{QueueOptions, Strategy},
    },
};

const STORES: [StoreKind; 2] = [StoreKind::Sqlite, StoreKind::Postgres];

/// The PostgreSQL server of the tests, if the environment does not name another.
const DEFAULT_POSTGRES: &str = "postgres://postgres@127.0.0.1:5432";

/// The Redis server of the tests, likewise.
const DEFAULT_REDIS: &str = "redis://127.0.0.1:6379";

/// How long a purchase in line may take.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(20);

fn redis_url() -> String {
    std::env::var("ONSALE_TEST_REDIS").unwrap_or_else(|_| DEFAULT_REDIS.to_owned())
}

/// A database of its own, gone when dropped.
struct Database {
    url: String,
    /// Holds the file of an embedded one.
    _folder: Option<tempfile::TempDir>,
}

impl Database {
    async fn make(kind: StoreKind) -> Self {
        match kind {
            StoreKind::Sqlite => {
                let folder = tempfile::tempdir().unwrap();
                Self { url: format!("sqlite:{}", folder.path().join("onsale.db").display()), _folder: Some(folder) }
            }
            StoreKind::Postgres => {
                let name = format!("onsale_test_{}", uuid::Uuid::now_v7().simple());
                administer(format!("CREATE DATABASE {name}")).await;
                Self { url: format!("{}/{name}", postgres()), _folder: None }
            }
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if self._folder.is_some() {
            return;
        }
        let name = self.url.rsplit('/').next().unwrap_or_default().to_owned();
        let drop_it = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(administer(format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")));
        };
        let _ = std::thread::spawn(drop_it).join();
    }
}

fn postgres() -> String {
    std::env::var("ONSALE_TEST_POSTGRES").unwrap_or_else(|_| DEFAULT_POSTGRES.to_owned())
}

async fn administer(statement: String) {
    let mut connection = PgConnection::connect(&format!("{}/postgres", postgres())).await.expect("a PostgreSQL server");
    sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&mut connection).await.expect("an administrator");
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

    /// One more engine on a database, with a clock that stands still.
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
            opens_at: None,
            hold_ttl_seconds: None,
            max_per_buyer: None,
            tiers,
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

    /// Lets so many buyers go for the same thing at once, and counts the orders and the refusals by code.
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
    NewTier { name: "GA".into(), price: 1_000, currency: None, seats: None, quantity: Some(quantity) }
}

fn seated(rows: u32, per_row: u32) -> NewTier {
    let seats = Some(SeatLayout { sections: 1, rows, per_row });
    NewTier { name: "Floor".into(), price: 2_000, currency: None, seats, quantity: None }
}

fn code(outcome: &BuyOutcome) -> Option<Code> {
    match outcome {
        BuyOutcome::Bought { .. } => None,
        BuyOutcome::Refused(refusal) => Some(refusal.code),
        BuyOutcome::Waiting { .. } => panic!("still in line"),
    }
}

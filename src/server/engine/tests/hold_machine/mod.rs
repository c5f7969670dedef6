//! Holds and payments as a state machine: random steps of several buyers, an organiser, the payment provider and the clock,
//! on an engine and on a small pure model. After each step both must agree on the answer and on everything that can be seen:
//! counters, prices, seats, the rows, the ledger's replay, each buyer's holds and their times, payments and refunds.
//!
//! The sweeper is stopped, so that time alone releases nothing. Whoever would be refused must find what is over. The provider
//! is never called; what it says comes by webhook, in any order, twice, and sometimes long after the hold has ended.

mod bench; // the engine: takes the steps, and is compared with the model
mod choosing; // the model's part about what a wish gets
mod comparing; // the engine's answers and what it shows, compared with the model
mod cooling; // the model's part about unpaid holds
mod holding; // the model's part about holds
mod model; // what each step must do
mod paying; // the model's part about payments
mod planted; // bugs that the machine must catch
mod steps; // the steps, and how they are drawn

use std::sync::atomic::Ordering;

use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};
use proptest_state_machine::ReferenceStateMachine;

use self::{
    bench::Bench,
    model::{
        EXTENSION_MILLISECONDS, EXTENSIONS, GRACE_MILLISECONDS, Model, ROWS, SEAT_PRICE, SEAT_STEPS, SEATS_PER_ROW,
        TTL_MILLISECONDS, Terms, UNIT_PRICE, UNIT_STEPS, UNITS,
    },
    planted::Bug,
    steps::Machine,
};
use super::*;
use crate::{
    model::sale::{Checkout, PriceStep},
    server::{
        config::{PaymentSettings, Secret, ServiceUrl},
        engine::options::Till,
        payment::Provider,
    },
};

/// The most steps of one case.
const STEPS: usize = 40;
/// The cases in which a planted bug must be found.
const CASES_WITH_BUG: u32 = 3_000;

/// The currency of all tiers, as the provider writes it.
const CURRENCY: &str = "usd";

/// What the provider signs its webhooks with.
fn webhook_secret() -> Secret {
    Secret::new("a secret of this test")
}

async fn open(kind: StoreKind, bug: Option<Bug>) -> House {
    let settings = PaymentSettings {
        url: ServiceUrl::new("http://127.0.0.1:1"),
        key: Secret::new("a key of this test"),
        webhook_secret: webhook_secret(),
    };
    let options = EngineOptions {
        clock: Clock::manual(Timestamp::parse("2026-11-20T20:00:00Z").unwrap()),
        redis_url: Some(redis_url()),
        till: Till { has_provider: true, is_demo: false },
        provider: Some(Provider::new(&settings).unwrap()),
        ..EngineOptions::new(tokio::runtime::Handle::current())
    };
    let database = Database::make(kind).await;
    let engine = Engine::open(Store::open(&database.url).await.unwrap(), options).await.unwrap();
    engine.sweeper.abort();
    engine.watcher.abort();
    // With no place left for calls to the provider, none is made.
    let cashier = engine.selling.cashier.as_ref().unwrap();
    while let Some(place) = cashier.place() {
        place.forget();
    }
    let house = House { engine, database };
    if let Some(sql) = bug.and_then(Bug::triggers) {
        house.tamper(sql).await.unwrap();
    }
    house
}

/// A sale with few seats and units, and short holds.
async fn new_sale(house: &House, strategy: StrategyKind, terms: &Terms) -> SaleId {
    let steps = |steps: &[(u64, u64)]| {
        let step = |(percent, price): &(u64, u64)| PriceStep { sold_percent: *percent as u32, price: *price };
        terms.has_steps.then(|| steps.iter().map(step).collect())
    };
    let seconds = |milliseconds: i64| Some(u32::try_from(milliseconds / 1_000).unwrap());
    // Where time cannot be moved, it passes by itself, and nothing may end meanwhile.
    let has_time = !house.engine.core.desk.store.is_shared();
    let ttl_milliseconds = if has_time { TTL_MILLISECONDS } else { 600_000 };
    let body = NewSale {
        name: "Test".into(),
        strategy: Some(strategy),
        checkout: Some(if terms.is_paid { Checkout::Paid } else { Checkout::Instant }),
        contact: Some(terms.contact),
        hold_ttl_seconds: seconds(ttl_milliseconds),
        hold_extension_seconds: seconds(EXTENSION_MILLISECONDS),
        hold_extensions: Some(EXTENSIONS),
        payment_grace_seconds: seconds(GRACE_MILLISECONDS),
        tiers: vec![
            NewTier { price: SEAT_PRICE, price_steps: steps(&SEAT_STEPS), ..seated(ROWS, SEATS_PER_ROW) },
            NewTier { price: UNIT_PRICE, price_steps: steps(&UNIT_STEPS), ..general_admission(UNITS) },
        ],
        ..NewSale::default()
    };
    house.engine.catalogue.create_sale(body, None).await.unwrap().unwrap().into_fresh().id
}

/// Runs the machine so often; the first failure, if there is one.
fn run(kind: StoreKind, strategy: StrategyKind, cases: u32, bug: Option<Bug>) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let house = runtime.block_on(open(kind, bug));
    // A planted bug is to be found, not to be understood; and each run looks for it in the same cases.
    let max_shrink_iters = if bug.is_some() { 0 } else { 200 };
    let config = Config { cases, failure_persistence: None, max_shrink_iters, ..Config::default() };
    let mut runner = match bug {
        Some(_) => TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha)),
        None => TestRunner::new(config),
    };
    let has_time = kind == StoreKind::Sqlite;
    let drawn = Machine::sequential_strategy(1..=STEPS);
    let result = runner.run(&drawn, |(drawn, steps, seen)| {
        runtime.block_on(async {
            let mut model = Model::new(has_time, drawn.terms);
            let mut bench = Bench::open(&house, strategy, &model, bug).await;
            for step in steps {
                // The counter tells the first step of shrinking which steps were not reached.
                if let (Some(seen), None) = (&seen, bug) {
                    seen.fetch_add(1, Ordering::SeqCst);
                }
                if !Machine::preconditions(&model, &step) {
                    continue;
                }
                model.take(&step);
                bench.take(&step, &model).await;
            }
        });
        Ok(())
    });
    runtime.block_on(house.engine.close());
    match result {
        Ok(()) => Ok(()),
        Err(TestError::Fail(reason, (drawn, steps, _))) => {
            Err(format!("{reason} with {:?} after {steps:#?}", drawn.terms))
        }
        Err(TestError::Abort(reason)) => panic!("{reason}"),
    }
}

fn check(kind: StoreKind, strategy: StrategyKind, cases: usize) {
    if let Err(failure) = run(kind, strategy, u32::try_from(cases).unwrap(), None) {
        panic!("{strategy:?} on {kind:?}: {failure}");
    }
}

#[test]
fn holds_in_batches_do_what_the_model_says() {
    check(StoreKind::Sqlite, StrategyKind::GroupCommit, scale::rounds(100, 20_000));
}

#[test]
fn holds_one_by_one_do_what_the_model_says() {
    check(StoreKind::Sqlite, StrategyKind::AtomicUpdate, scale::rounds(60, 5_000));
}

#[test]
fn holds_behind_a_gate_do_what_the_model_says() {
    check(StoreKind::Sqlite, StrategyKind::InMemory, scale::rounds(30, 2_000));
}

#[test]
fn holds_on_a_shared_store_do_what_the_model_says() {
    check(StoreKind::Postgres, StrategyKind::GroupCommit, scale::rounds(12, 2_000));
    check(StoreKind::Postgres, StrategyKind::Pessimistic, scale::rounds(6, 1_000));
}

/// The control: a machine that did not find these bugs would show nothing.
#[test]
fn the_machine_finds_every_planted_bug() {
    for bug in Bug::ALL {
        let found = run(StoreKind::Sqlite, StrategyKind::GroupCommit, CASES_WITH_BUG, Some(bug));
        let difference = found.expect_err(&format!("{bug:?} was not found in {CASES_WITH_BUG} cases"));
        // The bug must be seen, and not the trigger that plants it fail.
        let is_failure = ["Store(", "Database(", "constraint"].iter().any(|word| difference.contains(word));
        assert!(!is_failure, "{bug:?} cannot be planted: {difference}");
    }
}

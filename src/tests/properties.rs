//! Random operations against a simple model. Whatever the operations and their order, engine and model must agree.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use onsale::{
    model::{
        body::{BuyBody, NewSale, NewTier, SalePatch, StockBody},
        ids::{BuyerId, SaleId},
        order::Order,
        outcome::{BuyOutcome, Code},
        sale::SaleSwitch,
        seat::SeatLayout,
        strategy::StrategyKind,
    },
    server::{
        engine::{Engine, EngineOptions},
        store::Store,
    },
};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use uuid::Uuid;

use crate::support::scale;

/// Seats of the sale at its start: one row, with the labels `A-1` and so on.
const SEATS: u32 = 6;
const UNITS: u64 = 8;
const BUYERS: u128 = 3;
/// The most operations of one case.
const OPERATIONS: usize = 40;

#[derive(Clone, Debug)]
enum Operation {
    BuySeat {
        buyer: u128,
        label: String,
    },
    /// Buys any seats of the seated tier, or units of general admission.
    Buy {
        buyer: u128,
        seated: bool,
        quantity: u32,
    },
    Add {
        seated: bool,
        units: i64,
    },
    Reset,
    Switch(SaleSwitch),
    Limit(u32),
    Restart,
}

fn operation() -> impl Strategy<Value = Operation> {
    let buy = (1..=BUYERS, any::<bool>(), 0_u32..5);
    let switch = prop_oneof![2 => Just(SaleSwitch::Open), 1 => Just(SaleSwitch::Paused)];
    prop_oneof![
        // The last two of these labels name no seat.
        6 => (1..=BUYERS, 1..=SEATS + 2).prop_map(|(buyer, number)| Operation::BuySeat { buyer, label: format!("A-{number}") }),
        8 => buy.prop_map(|(buyer, seated, quantity)| Operation::Buy { buyer, seated, quantity }),
        2 => (any::<bool>(), -1_i64..4).prop_map(|(seated, units)| Operation::Add { seated, units }),
        1 => Just(Operation::Reset),
        3 => switch.prop_map(Operation::Switch),
        1 => (1_u32..6).prop_map(Operation::Limit),
        1 => Just(Operation::Restart),
    ]
}

/// The state that the engine should have.
struct Model {
    seats: u64,
    sold_seats: BTreeSet<String>,
    units: u64,
    sold_units: u64,
    owned: BTreeMap<u128, u64>,
    is_open: bool,
    limit: Option<u64>,
    seq: u64,
}

impl Model {
    fn new() -> Self {
        Self {
            seats: u64::from(SEATS),
            sold_seats: BTreeSet::new(),
            units: UNITS,
            sold_units: 0,
            owned: BTreeMap::new(),
            is_open: true,
            limit: None,
            seq: 1,
        }
    }

    fn left(&self, seated: bool) -> u64 {
        if seated { self.seats - self.sold_seats.len() as u64 } else { self.units - self.sold_units }
    }

    /// The code with which a request has to be refused, checked in the contract's order; `None` if it has to be
    /// granted.
    fn refusal(&self, operation: &Operation) -> Option<Code> {
        let (buyer, quantity, gone) = match operation {
            Operation::BuySeat { buyer, label } => {
                let number: u32 = label[2..].parse().expect("a number");
                if number > SEATS {
                    return Some(Code::NotFound);
                }
                (buyer, 1, self.sold_seats.contains(label).then_some(Code::SeatTaken))
            }
            Operation::Buy { quantity: 0, .. } => return Some(Code::Invalid),
            Operation::Buy { buyer, seated, quantity } => {
                let quantity = u64::from(*quantity);
                (buyer, quantity, (quantity > self.left(*seated)).then_some(Code::SoldOut))
            }
            _ => return None,
        };
        let owned = self.owned.get(buyer).copied().unwrap_or_default();
        let is_beyond_limit = self.limit.is_some_and(|limit| owned + quantity > limit);
        let closed = (!self.is_open).then_some(Code::SaleNotOpen);
        closed.or(gone).or(is_beyond_limit.then_some(Code::LimitReached))
    }

    /// Applies a purchase to the model, and checks that its units were available.
    fn sell(&mut self, buyer: u128, order: &Order) {
        self.seq += 1;
        assert_eq!(order.seq, self.seq);
        for ticket in &order.tickets {
            *self.owned.entry(buyer).or_default() += 1;
            match &ticket.seat {
                Some(label) => assert!(self.sold_seats.insert(label.0.clone()), "{label} is sold twice"),
                None => self.sold_units += 1,
            }
        }
    }
}

/// The engine under test, its database, and the model that it is compared with.
struct Bench {
    folder: tempfile::TempDir,
    engine: Arc<Engine>,
    sale: SaleId,
    model: Model,
}

async fn engine(folder: &tempfile::TempDir) -> Arc<Engine> {
    let url = format!("sqlite:{}", folder.path().join("onsale.db").display());
    let store = Store::open(&url).await.expect("a database");
    Engine::open(store, EngineOptions::new(tokio::runtime::Handle::current())).await.expect("an engine")
}

impl Bench {
    async fn open(strategy: StrategyKind) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let engine = engine(&folder).await;
        let seats = Some(SeatLayout { sections: 1, rows: 1, per_row: SEATS });
        let body = NewSale {
            name: "Property".into(),
            strategy: Some(strategy),
            tiers: vec![
                NewTier { name: "Floor".into(), price: 500, seats, ..NewTier::default() },
                NewTier { name: "GA".into(), price: 100, quantity: Some(UNITS), ..NewTier::default() },
            ],
            ..NewSale::default()
        };
        let made = engine.catalogue.create_sale(body, None).await.expect("a store").expect("a valid sale");
        Self { folder, engine, sale: made.into_fresh().id, model: Model::new() }
    }

    async fn apply(&mut self, operation: &Operation) {
        match operation {
            Operation::BuySeat { buyer, label } => {
                self.buy(operation, *buyer, BuyBody::seat(label.as_str().into())).await;
            }
            Operation::Buy { buyer, seated, quantity } => {
                let tier = if *seated { "floor" } else { "ga" };
                self.buy(operation, *buyer, BuyBody::tier(tier.into(), *quantity)).await;
            }
            Operation::Add { seated, units } => self.add(*seated, *units).await,
            Operation::Reset => {
                self.engine.catalogue.reset_sale(&self.sale, None).await.expect("a store").expect("a reset");
                let Model { seats, units, is_open, limit, seq, .. } = self.model;
                let is_touched = self.model.left(true) + self.model.left(false) < seats + units;
                self.model = Model { seats, units, is_open, limit, seq: seq + u64::from(is_touched), ..Model::new() };
            }
            Operation::Switch(switch) => {
                self.patch(SalePatch { status: Some(*switch), ..SalePatch::default() }).await;
                self.model.is_open = *switch == SaleSwitch::Open;
            }
            Operation::Limit(limit) => {
                self.patch(SalePatch { max_per_buyer: Some(Some(*limit)), ..SalePatch::default() }).await;
                self.model.limit = Some(u64::from(*limit));
            }
            Operation::Restart => {
                self.engine.close().await;
                self.engine = engine(&self.folder).await;
            }
        }
    }

    async fn patch(&self, body: SalePatch) {
        self.engine.catalogue.patch_sale(&self.sale, body).await.expect("a store").expect("a change");
    }

    async fn add(&mut self, seated: bool, units: i64) {
        let tier = if seated { "floor" } else { "ga" };
        let body = StockBody { tier: tier.into(), add: units };
        match self.engine.catalogue.add_stock(&self.sale, body, None).await.expect("a store") {
            Ok(_) => {
                let added = u64::try_from(units).expect("only stock above 0 is added");
                *(if seated { &mut self.model.seats } else { &mut self.model.units }) += added;
                self.model.seq += 1;
            }
            Err(refusal) => assert!(refusal.code == Code::Invalid && units < 1, "{refusal:?}"),
        }
    }

    async fn buy(&mut self, operation: &Operation, buyer: u128, body: BuyBody) {
        let expected = self.model.refusal(operation);
        let buyer_id = BuyerId(Uuid::from_u128(buyer));
        match self.engine.selling.buy(&self.sale, buyer_id, body, None).await.expect("a verdict") {
            BuyOutcome::Bought { order, .. } => {
                assert_eq!(expected, None, "{operation:?} should have been refused");
                self.model.sell(buyer, &order);
            }
            BuyOutcome::Refused(refusal) => assert_eq!(Some(refusal.code), expected, "{operation:?}"),
            BuyOutcome::Waiting { .. } => panic!("this strategy decides at once"),
        }
    }

    /// Compares the engine's counters and the recount with the model.
    async fn compare(&self) {
        let sale = self.engine.catalogue.sale(&self.sale).await.expect("a sale");
        let model = &self.model;
        let sold = model.sold_units + model.sold_seats.len() as u64;
        let left = model.left(true) + model.left(false);
        assert_eq!((sale.available, sale.held, sale.sold, sale.seq), (left, 0, sold, model.seq));
        let seats = self.engine.catalogue.seats(&self.sale).expect("a sale").list(None, None).seats;
        assert_eq!(seats.len() as u64, model.seats);
        for seat in seats {
            assert_eq!(seat.status.name() == "sold", model.sold_seats.contains(&seat.seat.0), "{}", seat.seat);
        }
    }

    async fn assert_clean(&self) {
        let audit = self.engine.recount.audit(&self.sale).await.expect("a recount").expect("a sale");
        assert!(audit.clean, "{audit:?}");
        assert_eq!(audit.available + audit.held + audit.sold, audit.capacity);
        assert_eq!(audit.ledger.entries, self.model.seq);
    }
}

fn check(strategy: StrategyKind) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let cases = u32::try_from(scale::rounds(60, 20_000)).expect("a small number");
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let operations = prop::collection::vec(operation(), 1..=OPERATIONS);
    let result = runner.run(&operations, |operations| {
        runtime.block_on(async {
            let mut bench = Bench::open(strategy).await;
            for operation in &operations {
                bench.apply(operation).await;
                bench.compare().await;
            }
            bench.assert_clean().await;
            bench.engine.close().await;
        });
        Ok(())
    });
    if let Err(failure) = result {
        panic!("{failure}");
    }
}

#[test]
fn group_commit_does_what_the_model_says() {
    check(StrategyKind::GroupCommit);
}

#[test]
fn atomic_update_does_what_the_model_says() {
    check(StrategyKind::AtomicUpdate);
}

//! The rules, kept under load on a real store.

use std::{collections::BTreeSet, sync::Arc};

use super::*;
use crate::model::{
    audit::Audit,
    body::{BuyBody, NewSale, NewTier, SalePatch, StockBody},
    outcome::{BuyOutcome, Code},
    sale::{SaleStatus, SaleSwitch},
    seat::SeatLayout,
    strategy::StrategyKind,
};

const BOTH: [StrategyKind; 2] = [StrategyKind::GroupCommit, StrategyKind::AtomicUpdate];

/// An engine on a database of its own.
struct House {
    engine: Arc<Engine>,
    folder: tempfile::TempDir,
}

impl House {
    async fn open() -> Self {
        Self::open_in(tempfile::tempdir().unwrap()).await
    }

    async fn open_in(folder: tempfile::TempDir) -> Self {
        let store = Store::open(&url(&folder)).await.unwrap();
        let options = EngineOptions {
            clock: Clock::manual(Timestamp::parse("2026-11-20T20:00:00Z").unwrap()),
            ..EngineOptions::new(tokio::runtime::Handle::current())
        };
        Self { engine: Engine::open(store, options).await.unwrap(), folder }
    }

    async fn reopen(self) -> Self {
        self.engine.close().await;
        Self::open_in(self.folder).await
    }

    async fn sale(&self, strategy: StrategyKind, tiers: Vec<NewTier>) -> SaleId {
        let body = NewSale {
            name: "Test".into(),
            strategy: Some(strategy),
            rehearsal: None,
            opens_at: None,
            hold_ttl_seconds: None,
            max_per_buyer: None,
            tiers,
        };
        self.engine.create_sale(body, None).await.unwrap().unwrap().into_fresh().id
    }

    async fn buy(&self, sale: &SaleId, buyer: u128, body: BuyBody) -> BuyOutcome {
        self.engine.buy(sale, BuyerId(uuid::Uuid::from_u128(buyer)), body, None).await.unwrap()
    }

    async fn audit(&self, sale: &SaleId) -> Audit {
        self.engine.audit(sale).await.unwrap().unwrap()
    }

    /// Lets so many buyers go for the same thing at once, and counts the orders and the refusals by code.
    async fn storm(&self, sale: &SaleId, buyers: u128, body: &BuyBody) -> (usize, BTreeSet<Code>) {
        let claims = (1..=buyers).map(|buyer| {
            let (engine, sale, body) = (self.engine.clone(), sale.clone(), body.clone());
            tokio::spawn(
                async move { engine.buy(&sale, BuyerId(uuid::Uuid::from_u128(buyer)), body, None).await.unwrap() },
            )
        });
        let (mut won, mut codes) = (0, BTreeSet::new());
        for claim in claims.collect::<Vec<_>>() {
            match claim.await.unwrap() {
                BuyOutcome::Bought { .. } => won += 1,
                BuyOutcome::Refused(refusal) => {
                    codes.insert(refusal.code);
                }
            }
        }
        (won, codes)
    }
}

fn url(folder: &tempfile::TempDir) -> String {
    format!("sqlite:{}", folder.path().join("onsale.db").display())
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
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_150_buyers_for_100_tickets_100_win() {
    let house = House::open().await;
    for strategy in BOTH {
        let sale = house.sale(strategy, vec![general_admission(100)]).await;
        let (won, codes) = house.storm(&sale, 150, &BuyBody::tier("ga".into(), 1)).await;
        assert_eq!((won, codes), (100, BTreeSet::from([Code::SoldOut])));
        let audit = house.audit(&sale).await;
        assert!(audit.clean && audit.sold == 100 && audit.available == 0, "{audit:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seat_has_one_winner() {
    let house = House::open().await;
    for strategy in BOTH {
        let sale = house.sale(strategy, vec![seated(1, 3)]).await;
        let (won, codes) = house.storm(&sale, 200, &BuyBody::seat("A-2".into())).await;
        assert_eq!((won, codes), (1, BTreeSet::from([Code::SeatTaken])));
        assert!(house.audit(&sale).await.clean);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn several_units_are_had_together_or_not_at_all() {
    let house = House::open().await;
    for strategy in BOTH {
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

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_buys_once_and_hears_the_same_answer_even_after_a_restart() {
    for strategy in BOTH {
        let house = House::open().await;
        let sale = house.sale(strategy, vec![general_admission(5)]).await;
        let (buyer, key) = (BuyerId(uuid::Uuid::from_u128(1)), IdempotencyKey::parse("the-only-key-there-is").unwrap());
        let body = BuyBody::tier("ga".into(), 1);
        let buy = async |house: &House, body: &BuyBody| {
            house.engine.buy(&sale, buyer, body.clone(), Some(key.clone())).await.unwrap()
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

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_not_stored_and_hides_no_stored_answer() {
    let house = House::open().await;
    let sale = house.sale(StrategyKind::GroupCommit, vec![general_admission(1)]).await;
    let (first, second) = (IdempotencyKey::parse("first").unwrap(), IdempotencyKey::parse("second").unwrap());
    let buyer = BuyerId(uuid::Uuid::from_u128(1));
    let body = BuyBody::tier("ga".into(), 1);
    let won = house.engine.buy(&sale, buyer, body.clone(), Some(first.clone())).await.unwrap();
    assert_eq!(code(&won), None);
    let refused = house.engine.buy(&sale, buyer, body.clone(), Some(second.clone())).await.unwrap();
    assert_eq!(code(&refused), Some(Code::SoldOut));
    let replay = house.engine.buy(&sale, buyer, body.clone(), Some(first)).await.unwrap();
    assert!(matches!(replay, BuyOutcome::Bought { replayed: true, .. }), "sold out, and still told of the order");
    house.engine.add_stock(&sale, StockBody { tier: "ga".into(), add: 1 }, None).await.unwrap().unwrap();
    let won = house.engine.buy(&sale, buyer, body, Some(second)).await.unwrap();
    assert!(matches!(won, BuyOutcome::Bought { replayed: false, .. }), "the refused key tries again, and wins");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limit_counts_what_a_buyer_owns_and_what_is_in_the_same_batch() {
    let mut house = House::open().await;
    for strategy in BOTH {
        let sale = house.sale(strategy, vec![general_admission(100)]).await;
        let patch = SalePatch { max_per_buyer: Some(3), ..SalePatch::default() };
        house.engine.patch_sale(&sale, patch).await.unwrap().unwrap();
        let claims: Vec<_> = (0..20)
            .map(|_| {
                let (engine, sale) = (house.engine.clone(), sale.clone());
                let buyer = BuyerId(uuid::Uuid::from_u128(5));
                tokio::spawn(
                    async move { engine.buy(&sale, buyer, BuyBody::tier("ga".into(), 1), None).await.unwrap() },
                )
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

#[tokio::test(flavor = "multi_thread")]
async fn a_sale_sells_only_while_it_is_open_and_closed_is_final() {
    let house = House::open().await;
    let sale = house.sale(StrategyKind::GroupCommit, vec![general_admission(10)]).await;
    let buy = async || code(&house.buy(&sale, 1, BuyBody::tier("ga".into(), 1)).await);
    let patch = async |status, opens_at| {
        house.engine.patch_sale(&sale, SalePatch { status, opens_at, ..SalePatch::default() }).await.unwrap()
    };
    let opening = house.engine.clock().now().plus_milliseconds(60_000);
    assert_eq!(patch(None, Some(opening)).await.unwrap().status, SaleStatus::Soon);
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

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_gives_all_stock_back_and_the_ledger_goes_on() {
    let house = House::open().await;
    let sale = house.sale(StrategyKind::GroupCommit, vec![seated(2, 5), general_admission(5)]).await;
    house.storm(&sale, 20, &BuyBody::tier("floor".into(), 1)).await;
    let before = house.audit(&sale).await;
    let reset = house.engine.reset_sale(&sale, None).await.unwrap().unwrap().into_fresh();
    assert_eq!((reset.available, reset.sold, reset.seq), (15, 0, before.ledger.entries + 1));
    assert!(house.engine.orders(BuyerId(uuid::Uuid::from_u128(1))).await.unwrap().is_empty(), "orders are void");
    let (won, _) = house.storm(&sale, 20, &BuyBody::tier("floor".into(), 1)).await;
    assert_eq!(won, 10);
    assert!(house.audit(&sale).await.clean);
}

#[tokio::test(flavor = "multi_thread")]
async fn added_seats_stand_behind_all_others() {
    let house = House::open().await;
    let sale = house.sale(StrategyKind::GroupCommit, vec![seated(2, 5), general_admission(5)]).await;
    let created =
        house.engine.add_stock(&sale, StockBody { tier: "floor".into(), add: 7 }, None).await.unwrap().unwrap();
    assert_eq!(created.into_fresh().created, 7);
    let labels: Vec<_> =
        house.engine.seats(&sale, None, None).unwrap().seats.into_iter().map(|seat| seat.seat.0).collect();
    assert_eq!(labels[10..], ["C-1", "C-2", "C-3", "C-4", "C-5", "D-1", "D-2"]);
    for add in [0, -1, 1_000_000_000] {
        let refused = house.engine.add_stock(&sale, StockBody { tier: "ga".into(), add }, None).await.unwrap();
        assert_eq!(refused.unwrap_err().code, Code::Invalid);
    }
    assert!(house.audit(&sale).await.clean);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organisers_key_is_answered_once() {
    let house = House::open().await;
    let sale = house.sale(StrategyKind::GroupCommit, vec![general_admission(5)]).await;
    let keyed = Keyed { buyer: BuyerId(uuid::Uuid::from_u128(9)), key: IdempotencyKey::parse("add-ten").unwrap() };
    let add = async || {
        let body = StockBody { tier: "ga".into(), add: 10 };
        house.engine.add_stock(&sale, body, Some(keyed.clone())).await.unwrap().unwrap()
    };
    let Answer::Fresh(fresh) = add().await else { panic!("the first is fresh") };
    let Answer::Replayed { status: 201, body } = add().await else { panic!("the second is a replay") };
    assert_eq!(body, serde_json::to_string(&fresh).unwrap());
    assert_eq!(house.engine.sale(&sale).await.unwrap().capacity, 15);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_mirror_never_decides_whichever_row_is_not_as_it_expects() {
    let unit = || BuyBody::tier("ga".into(), 1);
    for (behind_its_back, wish, expected) in [
        // Another process sells the seat behind the engine's back, whole or with a row left out.
        (
            "UPDATE seats SET status = 'sold' WHERE label = 'A-1';
             UPDATE tiers SET available = available - 1, sold = sold + 1 WHERE seated = 1;
             UPDATE sales SET available = available - 1, sold = sold + 1, seq = seq + 1",
            BuyBody::seat("A-1".into()),
            Some(Code::SeatTaken),
        ),
        ("UPDATE seats SET status = 'sold' WHERE label = 'A-1'", BuyBody::seat("A-1".into()), Some(Code::SeatTaken)),
        ("UPDATE tiers SET available = 0, sold = capacity WHERE seated = 0", unit(), Some(Code::SoldOut)),
        ("UPDATE sales SET seq = seq + 1", unit(), None),
    ] {
        let house = House::open().await;
        let sale = house.sale(StrategyKind::GroupCommit, vec![general_admission(5), seated(1, 4)]).await;
        let other = Store::open(&url(&house.folder)).await.unwrap();
        sqlx::query(behind_its_back).execute(other.writer().await.unwrap().connection()).await.unwrap();
        let outcome = house.buy(&sale, 1, wish).await;
        assert_eq!(code(&outcome), expected, "{behind_its_back}");
        assert_eq!(house.audit(&sale).await.orders, u64::from(expected.is_none()), "{behind_its_back}");
        if let BuyOutcome::Bought { order, .. } = outcome {
            assert_eq!(order.seq, 3, "behind the stock and what happened behind the engine's back");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_buyer_finds_all_orders_however_many_changes_lie_between() {
    let house = House::open().await;
    let sale = house.sale(StrategyKind::GroupCommit, vec![general_admission(3_000)]).await;
    let unit = || BuyBody::tier("ga".into(), 1);
    house.buy(&sale, 1, unit()).await;
    assert_eq!(house.storm(&sale, 2_500, &unit()).await.0, 2_500);
    house.buy(&sale, 1, unit()).await;
    let orders = house.engine.orders(BuyerId(uuid::Uuid::from_u128(1))).await.unwrap();
    assert!(orders.is_sorted_by(|newer, older| newer.seq > older.seq), "{orders:?}");
    assert_eq!(orders.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_names_what_is_wrong() {
    type IsCaught = fn(&Audit) -> bool;
    let tampering: [(&str, IsCaught); 5] = [
        ("UPDATE seats SET status = 'sold' WHERE label = 'A-4'", |audit| audit.leaks == 1),
        ("UPDATE seats SET status = 'available' WHERE label = 'A-1'", |audit| audit.phantoms == 1),
        (
            "DROP INDEX one_owner_per_seat;
             INSERT INTO tickets SELECT randomblob(16), order_id, sale_id, tier_id, seat_position, code, 0
             FROM tickets WHERE seat_position IS NOT NULL LIMIT 1",
            |audit| audit.phantoms >= 1,
        ),
        ("UPDATE tiers SET available = available - 1, sold = sold + 1 WHERE slug = 'ga'", |audit| {
            audit.leaks == 1 && audit.phantoms == 0
        }),
        (
            "DROP TRIGGER ledger_lines_never_change;
             UPDATE ledger SET units = replace(units, 'A-1', 'A-3') WHERE seq = 2",
            |audit| !audit.ledger.verified,
        ),
    ];
    for (sql, is_caught) in tampering {
        let house = House::open().await;
        let sale = house.sale(StrategyKind::GroupCommit, vec![seated(1, 4), general_admission(4)]).await;
        house.buy(&sale, 1, BuyBody::seat("A-1".into())).await;
        house.buy(&sale, 2, BuyBody::tier("ga".into(), 1)).await;
        assert!(house.audit(&sale).await.clean);
        let store = Store::open(&url(&house.folder)).await.unwrap();
        sqlx::raw_sql(sql).execute(store.writer().await.unwrap().connection()).await.unwrap();
        let audit = house.audit(&sale).await;
        assert!(!audit.clean && is_caught(&audit), "{sql}: {audit:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ledger_cannot_be_rewritten() {
    let house = House::open().await;
    house.sale(StrategyKind::GroupCommit, vec![general_admission(4)]).await;
    let store = Store::open(&url(&house.folder)).await.unwrap();
    for sql in ["UPDATE ledger SET at = 0", "DELETE FROM ledger"] {
        let refused = sqlx::raw_sql(sql).execute(store.writer().await.unwrap().connection()).await.unwrap_err();
        assert!(refused.to_string().contains("append-only"), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_refuses_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&url(&folder)).await.unwrap();
    let options = EngineOptions { request_queue: 1, ..EngineOptions::new(tokio::runtime::Handle::current()) };
    let house = House { engine: Engine::open(store, options).await.unwrap(), folder };
    let sale = house.sale(StrategyKind::GroupCommit, vec![general_admission(1_000)]).await;
    let claims: Vec<_> = (1..=100)
        .map(|buyer| {
            let (engine, sale) = (house.engine.clone(), sale.clone());
            let buyer = BuyerId(uuid::Uuid::from_u128(buyer));
            tokio::spawn(async move { engine.buy(&sale, buyer, BuyBody::tier("ga".into(), 1), None).await })
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

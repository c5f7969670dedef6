//! What a hold or its sale was when somebody looked at it, and what it is when the database decides.

use std::time::Duration;

use super::{
    holds::{buyer, units},
    *,
};
use crate::{
    model::{
        body::{ConfirmBody, HoldBody},
        hold::{Hold, HoldStatus},
        limits::IDEMPOTENCY_TTL_MILLISECONDS,
        order::Order,
        outcome::{ConfirmOutcome, Refusal},
        sale::{ContactRule, PriceStep},
    },
    server::settlement::release_due,
};

/// Long enough for a request to get as far as it can.
const A_MOMENT: Duration = Duration::from_millis(100);

fn key(text: &str) -> Option<IdempotencyKey> {
    Some(IdempotencyKey::parse(text).unwrap())
}

fn free_tier() -> NewTier {
    NewTier { name: "Free".into(), price: 0, ..general_admission(5) }
}

async fn confirm(house: &House, hold: &Hold, with: &str) -> Result<Box<Order>, Code> {
    match house.engine.selling.confirm(hold.id, buyer(1), ConfirmBody::default(), key(with), false).await.unwrap() {
        ConfirmOutcome::Confirmed { order, .. } => Ok(Box::new(order)),
        ConfirmOutcome::Refused(refusal) => Err(refusal.code),
        ConfirmOutcome::Declined { .. } => panic!("nobody declines"),
    }
}

async fn change(house: &House, hold: &Hold, body: HoldBody) -> Result<Hold, Refusal> {
    house.engine.selling.change_hold(hold.id, buyer(1), body, None).await.unwrap()
}

/// A buyer holds what costs nothing, changes it to what does, and confirms at the same time without paying. The confirmation
/// looked at the hold while it cost nothing.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_confirmed_but_what_was_looked_at() {
    for kind in STORES {
        let house = House::open(kind).await;
        let sale = house.sale(StrategyKind::GroupCommit, vec![free_tier(), general_admission(5)]).await;
        house.tamper("UPDATE sales SET checkout = 'paid'").await.unwrap();
        let house = Arc::new(house.reopen().await);
        let hold = house.hold(&sale, 1, units("free", 1)).await.unwrap();
        // The embedded database has one writer: the change waits for it first, then the confirmation.
        let writer = house.engine.core.desk.writer().await.unwrap();
        let changing = tokio::spawn({
            let (house, hold) = (house.clone(), hold.clone());
            async move { change(&house, &hold, units("ga", 5)).await }
        });
        tokio::time::sleep(A_MOMENT).await;
        let confirming = tokio::spawn({
            let (house, hold) = (house.clone(), hold.clone());
            async move { confirm(&house, &hold, "confirm").await }
        });
        tokio::time::sleep(A_MOMENT).await;
        drop(writer);
        assert_eq!(changing.await.unwrap().unwrap().total, 5_000, "{kind:?}");
        assert_eq!(confirming.await.unwrap(), Err(Code::PaymentRequired), "{kind:?}");
        house.assert_counts(&sale, (5, 5, 0)).await;
        // What costs nothing is confirmed without a payment, and so is what was changed back to that.
        change(&house, &hold, units("free", 2)).await.unwrap();
        assert_eq!(confirm(&house, &hold, "again").await.unwrap().total, 0, "{kind:?}");
        house.assert_counts(&sale, (8, 0, 2)).await;
    }
}

/// The database knows a limit and a price that this server's memory does not know yet.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_decided_by_the_settings_and_prices_of_the_database() {
    for kind in STORES {
        let house = House::open(kind).await;
        let step = PriceStep { sold_percent: 50, price: 3_000 };
        let rising = NewTier { price_steps: Some(vec![step]), ..general_admission(10) };
        let sale = house.sale(StrategyKind::AtomicUpdate, vec![rising]).await;
        let hold = house.hold(&sale, 1, units("ga", 1)).await.unwrap();
        for sql in [
            "UPDATE tiers SET available = available - 6, held = held + 6",
            "UPDATE sales SET available = available - 6, held = held + 6",
        ] {
            house.tamper(sql).await.unwrap();
        }
        let body = HoldBody { max_total: Some(2_000), ..units("ga", 2) };
        let refusal = change(&house, &hold, body).await.unwrap_err();
        assert_eq!(refusal.code, Code::PriceChanged, "{kind:?}");
        assert_eq!(change(&house, &hold, units("ga", 2)).await.unwrap().total, 4_000, "{kind:?}: the second is dearer");
        house.tamper("UPDATE sales SET max_per_buyer = 2, revision = revision + 1").await.unwrap();
        let refusal = change(&house, &hold, units("ga", 3)).await.unwrap_err();
        assert_eq!(refusal.code, Code::LimitReached, "{kind:?}");
    }
}

/// The time of a hold ends while an extension waits for the database.
#[tokio::test(flavor = "multi_thread")]
async fn an_extension_that_waited_past_the_end_comes_too_late() {
    let house = Arc::new(House::open(StoreKind::Sqlite).await);
    let sale = house.sale(StrategyKind::GroupCommit, vec![general_admission(5)]).await;
    let hold = house.hold(&sale, 1, units("ga", 1)).await.unwrap();
    let writer = house.engine.core.desk.writer().await.unwrap();
    let extending = tokio::spawn({
        let (house, hold) = (house.clone(), hold.id);
        async move { house.engine.selling.extend(hold, buyer(1), None).await.unwrap() }
    });
    tokio::time::sleep(A_MOMENT).await;
    house.engine.clock().advance(hold.expires_at.milliseconds - hold.server_now.milliseconds);
    drop(writer);
    let refusal = extending.await.unwrap().expect_err("its time is over");
    assert_eq!(refusal.code, Code::HoldExpired);
}

/// A hold keeps the terms under which it was made.
#[tokio::test(flavor = "multi_thread")]
async fn new_terms_are_for_new_holds() {
    for kind in STORES {
        let house = House::open(kind).await;
        let sale = house.sale(StrategyKind::GroupCommit, vec![general_admission(5)]).await;
        let old = house.hold(&sale, 1, units("ga", 1)).await.unwrap();
        let patch =
            SalePatch { hold_extension_seconds: Some(5), contact: Some(ContactRule::Required), ..SalePatch::default() };
        house.engine.catalogue.patch_sale(&sale, patch).await.unwrap().unwrap();
        let new = house.hold(&sale, 1, units("ga", 1)).await.unwrap();
        for (hold, seconds) in [(&old, 60), (&new, 5)] {
            let extended = house.engine.selling.extend(hold.id, buyer(1), None).await.unwrap().unwrap().into_fresh();
            let moved = extended.expires_at.milliseconds - hold.expires_at.milliseconds;
            assert_eq!(moved, seconds * 1_000, "{kind:?}");
        }
        assert!(confirm(&house, &old, "old").await.is_ok(), "{kind:?}: its buyer was not asked");
        assert_eq!(confirm(&house, &new, "new").await, Err(Code::Invalid), "{kind:?}");
    }
}

/// The order of a confirmation has the id of its hold, which may be a day older than the answer.
#[tokio::test(flavor = "multi_thread")]
async fn the_answer_to_a_confirmation_is_kept_for_its_own_time() {
    for kind in STORES {
        let house = House::open(kind).await;
        let sale = house.sale(StrategyKind::GroupCommit, vec![general_admission(5)]).await;
        let patch = SalePatch { hold_ttl_seconds: Some(86_400), ..SalePatch::default() };
        house.engine.catalogue.patch_sale(&sale, patch).await.unwrap().unwrap();
        let hold = house.hold(&sale, 1, units("ga", 1)).await.unwrap();
        house.engine.clock().advance(IDEMPOTENCY_TTL_MILLISECONDS - 60_000);
        let order = confirm(&house, &hold, "confirm").await.unwrap();
        house.engine.clock().advance(120_000);
        house.engine.tidy().await.unwrap();
        let house = house.reopen().await;
        house.engine.clock().advance(IDEMPOTENCY_TTL_MILLISECONDS + 60_000);
        assert_eq!(confirm(&house, &hold, "confirm").await, Ok(order), "{kind:?}");
        house.engine.clock().advance(IDEMPOTENCY_TTL_MILLISECONDS);
        house.engine.tidy().await.unwrap();
        let forgotten = confirm(&house, &hold, "confirm").await;
        assert!(matches!(forgotten, Err(Code::HoldFinished | Code::NotFound)), "{kind:?}: {forgotten:?}");
    }
}

/// Another server releases what is over. This one asks again from its memory, which has to know that by then.
#[tokio::test(flavor = "multi_thread")]
async fn what_another_server_released_can_be_had_at_once() {
    let house = House::open(StoreKind::Postgres).await;
    let other = House::engine(&house.database.url, &redis_url()).await;
    house.engine.sweeper.abort();
    other.sweeper.abort();
    let sale = house.sale(StrategyKind::GroupCommit, vec![general_admission(1)]).await;
    for round in 1..20 {
        house.hold(&sale, round, units("ga", 1)).await.unwrap();
        house.end_all_holds().await;
        let desk = other.core.find(&sale).await.unwrap().unwrap();
        desk.stock.write().live_holds.expect(Timestamp::from_milliseconds(0));
        release_due(&other.core.desk, &desk).await.unwrap();
        let hold = house.hold(&sale, round, units("ga", 1)).await.unwrap();
        assert_eq!(hold.status, HoldStatus::Active);
        assert!(house.engine.selling.release(hold.id, buyer(round)).await.unwrap());
    }
    other.close().await;
}

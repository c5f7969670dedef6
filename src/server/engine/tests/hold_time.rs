//! The time of holds: who confirms is never late, who waits is never too early, a wrong clock of a server decides nothing,
//! and without a sweeper nothing is stranded.

use std::time::Duration;

use futures_util::future::join_all;

use super::{
    holds::{buyer, hold_and_wait, seats, units},
    *,
};
use crate::{
    model::{
        body::ConfirmBody,
        hold::{Hold, HoldStatus},
        outcome::{ConfirmOutcome, HoldOutcome},
    },
    server::settlement::release_due,
};

const HOUR_MILLISECONDS: i64 = 60 * 60 * 1_000;

/// A sale whose holds last so many seconds.
async fn short_sale(house: &House, strategy: StrategyKind, tiers: Vec<NewTier>, ttl_seconds: u32) -> SaleId {
    let sale = house.sale(strategy, tiers).await;
    let patch = SalePatch { hold_ttl_seconds: Some(ttl_seconds), ..SalePatch::default() };
    house.engine.catalogue.patch_sale(&sale, patch).await.unwrap().unwrap();
    sale
}

/// An engine that releases nothing by itself. Where the database has the time, its clock goes on as the database's does.
async fn without_sweeper(kind: StoreKind) -> House {
    let database = Database::make(kind).await;
    let engine = match kind {
        StoreKind::Sqlite => House::engine(&database.url, &redis_url()).await,
        StoreKind::Postgres => with_wrong_clock(&database.url, 0).await,
    };
    engine.sweeper.abort();
    House { engine, database }
}

/// Lets the store's time pass.
async fn pass(house: &House, kind: StoreKind, milliseconds: i64) {
    match kind {
        StoreKind::Sqlite => house.engine.clock().advance(milliseconds),
        StoreKind::Postgres => tokio::time::sleep(Duration::from_millis(milliseconds.unsigned_abs())).await,
    }
}

async fn confirm(engine: &Engine, hold: &Hold, who: u128) -> Option<Code> {
    match engine.selling.confirm(hold.id, buyer(who), ConfirmBody::default(), None, false).await.unwrap() {
        ConfirmOutcome::Confirmed { .. } => None,
        ConfirmOutcome::Refused(refusal) => Some(refusal.code),
        ConfirmOutcome::Declined { .. } => panic!("nobody declines"),
    }
}

async fn take(engine: &Engine, sale: &SaleId, who: u128, quantity: i64) -> Result<Hold, Code> {
    let body = units("ga", quantity);
    match hold_and_wait(engine, sale, buyer(who), body, None).await.unwrap() {
        HoldOutcome::Held { hold, .. } => Ok(hold),
        HoldOutcome::Refused(refusal) => Err(refusal.code),
        HoldOutcome::Waiting { .. } => panic!("still in line"),
    }
}

/// Confirms, wants and sweeps at the same time, one millisecond before the end, at the end and after it.
#[tokio::test(flavor = "multi_thread")]
async fn a_confirmation_just_before_the_end_wins_and_one_at_the_end_does_not() {
    let house = without_sweeper(StoreKind::Sqlite).await;
    for round in 0..scale::rounds(150, 20_000) {
        let strategy = [StrategyKind::GroupCommit, StrategyKind::AtomicUpdate, StrategyKind::InMemory][round % 3];
        let sale = short_sale(&house, strategy, vec![general_admission(3)], 1).await;
        let hold = take(&house.engine, &sale, 1, 3).await.unwrap();
        let offset = round as i64 / 3 % 3 - 1;
        house.engine.clock().advance(1_000 + offset);
        let desk = house.engine.core.known(&sale).unwrap();
        let mut confirming = tokio::spawn({
            let (engine, hold) = (house.engine.clone(), hold.clone());
            async move { confirm(&engine, &hold, 1).await }
        });
        // In half of the rounds nobody else has come before the confirmation: the time alone must refuse it.
        let alone = if round % 2 == 0 { Some((&mut confirming).await.unwrap()) } else { None };
        let wanting = tokio::spawn({
            let (engine, sale) = (house.engine.clone(), sale.clone());
            async move { take(&engine, &sale, 2, 3).await }
        });
        release_due(&house.engine.core.desk, &desk).await.unwrap();
        let confirmed = match alone {
            Some(confirmed) => confirmed,
            None => confirming.await.unwrap(),
        };
        let wanted = wanting.await.unwrap();
        if offset < 0 {
            assert_eq!((confirmed, wanted.err()), (None, Some(Code::SoldOut)), "{strategy:?}: in time");
            house.assert_counts(&sale, (0, 0, 3)).await;
        } else {
            assert_eq!(confirmed, Some(Code::HoldExpired), "{strategy:?}, {offset} ms after the end");
            assert!(wanted.is_ok(), "{strategy:?}, {offset} ms after the end: {wanted:?}");
            house.assert_counts(&sale, (0, 3, 0)).await;
        }
    }
}

/// The clock moves over the end while all of them are under way.
#[tokio::test(flavor = "multi_thread")]
async fn while_the_time_ends_one_of_both_gets_the_units_and_never_both() {
    let house = without_sweeper(StoreKind::Sqlite).await;
    let (mut confirmed_in_time, mut expired) = (0, 0);
    for round in 0..scale::rounds(150, 20_000) {
        let strategy = [StrategyKind::GroupCommit, StrategyKind::AtomicUpdate][round % 2];
        let sale = short_sale(&house, strategy, vec![general_admission(2)], 1).await;
        let hold = take(&house.engine, &sale, 1, 2).await.unwrap();
        house.engine.clock().advance(999);
        let confirming = tokio::spawn({
            let (engine, hold) = (house.engine.clone(), hold.clone());
            async move { confirm(&engine, &hold, 1).await }
        });
        let wanting = tokio::spawn({
            let (engine, sale) = (house.engine.clone(), sale.clone());
            async move { take(&engine, &sale, 2, 2).await }
        });
        if round % 4 < 2 {
            tokio::time::sleep(Duration::from_micros(rand::random_range(0..1_500))).await;
        }
        house.engine.clock().advance(1);
        let (confirmed, wanted) = (confirming.await.unwrap(), wanting.await.unwrap());
        match confirmed {
            None => {
                confirmed_in_time += 1;
                assert_eq!(wanted.err(), Some(Code::SoldOut), "{strategy:?}: both have them");
                house.assert_counts(&sale, (0, 0, 2)).await;
            }
            Some(code) => {
                expired += 1;
                assert_eq!(code, Code::HoldExpired, "{strategy:?}");
                // Who asked a moment too early may ask again.
                let taken = if wanted.is_ok() { wanted } else { take(&house.engine, &sale, 3, 2).await };
                assert!(taken.is_ok(), "{strategy:?}: {taken:?}");
                house.assert_counts(&sale, (0, 2, 0)).await;
            }
        }
    }
    assert_each_ended_in_time(&house, 0).await;
    eprintln!("{confirmed_in_time} were confirmed in time, {expired} were not");
    assert!(confirmed_in_time > 0 && expired > 0, "{confirmed_in_time} in time, {expired} not: no race");
}

/// As above where the database has the time. Two servers confirm and want around the end of many holds.
#[tokio::test(flavor = "multi_thread")]
async fn around_the_end_by_the_databases_clock_each_unit_is_in_one_hand() {
    const HOLDS: u128 = 60;
    let house = without_sweeper(StoreKind::Postgres).await;
    let other = with_wrong_clock(&house.database.url, 0).await;
    let (mut confirmed, mut late) = (0, 0);
    for round in 0..scale::rounds(4, 200) {
        let strategy = [StrategyKind::GroupCommit, StrategyKind::AtomicUpdate][round % 2];
        let sale = short_sale(&house, strategy, vec![general_admission(HOLDS as u64)], 1).await;
        nodes::wait_until(|| async { other.catalogue.sale(&sale).await.is_some() }).await;
        let holding = (1..=HOLDS).map(async |who| (who, take(&house.engine, &sale, who, 1).await.unwrap()));
        let holds = join_all(holding).await;
        let stories = holds.iter().cloned().map(|(who, hold)| {
            let (engines, sale) = ([house.engine.clone(), other.clone()], sale.clone());
            tokio::spawn(async move {
                let left = hold.expires_at.milliseconds - now_of(&engines[0]).await;
                let early = rand::random_range(-10_i64..120);
                tokio::time::sleep(Duration::from_millis(u64::try_from(left - early).unwrap_or(0))).await;
                let (confirmed, wanted) = tokio::join!(
                    confirm(&engines[who as usize % 2], &hold, who),
                    take(&engines[(who as usize + 1) % 2], &sale, 1_000 + who, 1)
                );
                (confirmed.is_none(), wanted.is_ok())
            })
        });
        let ends = join_all(stories.collect::<Vec<_>>()).await.into_iter().map(Result::unwrap).collect::<Vec<_>>();
        let bought = ends.iter().filter(|(is_confirmed, _)| *is_confirmed).count() as u64;
        (confirmed, late) = (confirmed + bought, late + HOLDS as u64 - bought);
        let taken = ends.iter().filter(|(_, is_taken)| *is_taken).count() as u64;
        assert!(bought + taken <= HOLDS as u64, "{strategy:?}: {bought} bought, {taken} taken");
        // Everything that was not confirmed can be had again, once.
        tokio::time::sleep(Duration::from_millis(1_050)).await;
        assert_eq!(take(&other, &sale, 9_999, 100).await.err(), Some(Code::SoldOut), "more than there is");
        if bought < HOLDS as u64 {
            take(&other, &sale, 9_999, i64::try_from(HOLDS as u64 - bought).unwrap()).await.unwrap();
        }
        let audit = house.audit(&sale).await;
        assert!(audit.clean && audit.sold == bought && audit.available == 0, "{strategy:?}: {audit:?}");
    }
    eprintln!("{confirmed} were confirmed in time, {late} were late");
    assert!(confirmed > 0 && late > 0, "{confirmed} in time, {late} late: no race");
    // The condition is judged a moment before the time is written.
    assert_each_ended_in_time(&house, 2).await;
}

/// Checks in the rows that no hold was confirmed after its end, apart from so many milliseconds, and that none expired before
/// it. A wrong row would get a status that the schema forbids.
async fn assert_each_ended_in_time(house: &House, slack_milliseconds: i64) {
    let wrong = format!(
        "UPDATE holds SET status = CASE
             WHEN status = 'confirmed' AND ended_at >= expires_at + {slack_milliseconds} THEN 'a late confirmation'
             WHEN status = 'expired' AND ended_at < due_at THEN 'an early end' ELSE status END"
    );
    house.tamper(wrong.leak()).await.expect("every hold has ended in time");
}

/// The time of a shared store.
async fn now_of(engine: &Engine) -> i64 {
    let mut reader = engine.core.desk.store.reader().await.unwrap();
    store::store_now(reader.connection(), engine.clock().now()).await.unwrap().milliseconds
}

/// Opens a server whose clock is wrong by so much, and goes on from there.
async fn with_wrong_clock(url: &str, wrong_milliseconds: i64) -> Arc<Engine> {
    let clock = Clock::manual(Clock::System.now().plus_milliseconds(wrong_milliseconds));
    let options = EngineOptions {
        clock: clock.clone(),
        redis_url: Some(redis_url()),
        ..EngineOptions::new(tokio::runtime::Handle::current())
    };
    let engine = Engine::open(Store::open(url).await.unwrap(), options).await.unwrap();
    engine.sweeper.abort();
    let alive = Arc::downgrade(&engine);
    tokio::spawn(async move {
        while alive.strong_count() > 0 {
            let behind = Clock::System.now().plus_milliseconds(wrong_milliseconds).since(clock.now());
            clock.advance(behind);
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    });
    engine
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_clock_is_an_hour_wrong_frees_nothing_early_and_confirms_nothing_late() {
    for strategy in [StrategyKind::GroupCommit, StrategyKind::AtomicUpdate] {
        let database = Database::make(StoreKind::Postgres).await;
        let fast = with_wrong_clock(&database.url, HOUR_MILLISECONDS).await;
        let slow = with_wrong_clock(&database.url, -HOUR_MILLISECONDS).await;
        let house = House { engine: fast.clone(), database };
        let sale = short_sale(&house, strategy, vec![general_admission(6)], 2).await;
        nodes::wait_until(|| async { slow.catalogue.sale(&sale).await.is_some() }).await;
        let servers = [&fast, &slow];
        let held = [take(&fast, &sale, 1, 3).await.unwrap(), take(&slow, &sale, 2, 3).await.unwrap()];
        for hold in &held {
            assert_eq!(hold.expires_at.milliseconds - hold.server_now.milliseconds, 2_000, "{strategy:?}");
        }
        for server in servers {
            assert_eq!(take(server, &sale, 3, 1).await.err(), Some(Code::SoldOut), "{strategy:?}: nothing early");
            release_due(&server.core.desk, &server.core.known(&sale).unwrap()).await.unwrap();
            for who in [1, 2] {
                let own = server.selling.holds(buyer(who), None).await.unwrap().unwrap().holds;
                assert_eq!(own.len(), 1, "{strategy:?}: nothing is freed early");
            }
        }
        let first_end = held.iter().map(|hold| hold.expires_at.milliseconds).max().unwrap();
        let left = first_end - now_of(&fast).await;
        tokio::time::sleep(Duration::from_millis(u64::try_from(left + 3).unwrap_or(0))).await;
        for server in servers {
            for (who, hold) in (1..).zip(&held) {
                assert_eq!(confirm(server, hold, who).await, Some(Code::HoldExpired), "{strategy:?}: nothing late");
            }
        }
        // Also a server that starts now, and has heard of no hold, gives out what is over.
        let just_started = with_wrong_clock(&house.database.url, -HOUR_MILLISECONDS).await;
        assert!(take(&just_started, &sale, 4, 2).await.is_ok(), "{strategy:?}: nothing is stranded");
        assert!(take(&slow, &sale, 5, 2).await.is_ok(), "{strategy:?}: nothing is stranded");
        assert!(take(&fast, &sale, 6, 2).await.is_ok(), "{strategy:?}: nothing is stranded");
        let audit = house.audit(&sale).await;
        assert!(audit.clean && audit.held == 6, "{audit:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_buyer_waits_a_minute_on_every_server_whatever_its_clock_says() {
    let database = Database::make(StoreKind::Postgres).await;
    let fast = with_wrong_clock(&database.url, HOUR_MILLISECONDS).await;
    let slow = with_wrong_clock(&database.url, -HOUR_MILLISECONDS).await;
    let house = House { engine: fast.clone(), database };
    let sale = house.sale(StrategyKind::GroupCommit, vec![general_admission(6)]).await;
    nodes::wait_until(|| async { slow.catalogue.sale(&sale).await.is_some() }).await;
    for (who, server) in [(1, &fast), (2, &slow)] {
        for _ in 0..3 {
            let hold = take(server, &sale, who, 1).await.unwrap();
            assert!(server.selling.release(hold.id, buyer(who)).await.unwrap());
        }
    }
    let wait = async |server: &Arc<Engine>, who| match hold_and_wait(server, &sale, buyer(who), units("ga", 1), None)
        .await
        .unwrap()
    {
        HoldOutcome::Refused(refusal) => refusal.advice().wait_seconds,
        _ => None,
    };
    for server in [&fast, &slow] {
        nodes::wait_until(|| async { server.catalogue.sale(&sale).await.unwrap().seq == 13 }).await;
        for who in [1, 2] {
            let seconds = wait(server, who).await;
            assert!(seconds.is_some_and(|seconds| (50..=61).contains(&seconds)), "buyer {who}: {seconds:?}");
        }
    }
}

/// Nobody sweeps. Whoever would be refused gets what is over: by units, by seats, after a change of everything that was held,
/// and where the limit per buyer is full of holds that are over.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_sweeper_nothing_is_stranded() {
    for kind in STORES {
        let house = without_sweeper(kind).await;
        for strategy in house.exact_strategies() {
            let tiers = vec![seated(1, 4), general_admission(4)];
            let sale = short_sale(&house, strategy, tiers, 1).await;
            let patch = SalePatch { max_per_buyer: Some(Some(4)), ..SalePatch::default() };
            house.engine.catalogue.patch_sale(&sale, patch).await.unwrap().unwrap();
            let held = house.hold(&sale, 1, seats(&["A-1", "A-2"])).await.unwrap();
            let changed =
                house.engine.selling.change_hold(held.id, buyer(1), units("ga", 4), None).await.unwrap().unwrap();
            assert_eq!((changed.id, changed.expires_at), (held.id, held.expires_at), "{strategy:?} on {kind:?}");
            pass(&house, kind, 1_005).await;
            assert!(house.hold(&sale, 2, units("ga", 4)).await.is_ok(), "{strategy:?} on {kind:?}: after a change");
            pass(&house, kind, 1_005).await;
            let limited = house.hold(&sale, 2, seats(&["A-1"])).await;
            assert!(limited.is_ok(), "{strategy:?} on {kind:?}: {limited:?}: what is over counts for nobody");
            pass(&house, kind, 1_005).await;
            let bought = house.buy(&sale, 3, BuyBody::seat("A-1".into())).await;
            assert_eq!(code(&bought), None, "{strategy:?} on {kind:?}: bought");
            let gone = house.engine.selling.find_hold(Some(buyer(1)), held.id).await.unwrap().unwrap();
            assert_eq!(gone.status, HoldStatus::Expired);
            house.assert_counts(&sale, (7, 0, 1)).await;
        }
    }
}

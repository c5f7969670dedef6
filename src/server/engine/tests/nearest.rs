//! A conflict gives a seat: under every strategy, on every store, many who want one seat get different ones.

use std::collections::{HashMap, HashSet};

use futures_util::future::join_all;

use super::{
    conformance::for_every_way,
    holds::{buyer, hold_and_wait, seats, units},
    *,
};
use crate::model::{
    body::{HoldBody, OnConflict, Quantity},
    hold::Hold,
    ids::SeatLabel,
    outcome::{HoldOutcome, Refusal},
};

fn or_nearest(labels: &[&str]) -> HoldBody {
    HoldBody { on_conflict: Some(OnConflict::Nearest), ..seats(labels) }
}

fn priced(name: &str, price: u64, per_row: u32) -> NewTier {
    let layout = Some(SeatLayout { sections: 1, rows: 1, per_row });
    NewTier { name: name.into(), price, seats: layout, ..NewTier::default() }
}

/// What a hold has: its seats, with the seats for which they stand.
fn held(hold: &Hold) -> Vec<(&str, Option<&str>)> {
    hold.items
        .iter()
        .map(|item| (item.seat.as_ref().unwrap().as_str(), item.substitute.as_ref().map(SeatLabel::as_str)))
        .collect()
}

/// Checks which seats a refusal names. The outcome of a request in line does not name any.
fn assert_names(strategy: StrategyKind, refusal: &Refusal, seats: &[&str]) {
    let named: Vec<&str> = refusal.seats.iter().map(SeatLabel::as_str).collect();
    assert!(named == seats || (strategy == StrategyKind::Queued && named.is_empty()), "{strategy:?}: {refusal:?}");
}

/// Whether a strategy may give up while seats are left.
fn may_give_up(strategy: StrategyKind) -> bool {
    matches!(strategy, StrategyKind::Optimistic | StrategyKind::RedisLock)
}

impl House {
    /// Lets these buyers hold the same thing at once.
    async fn hold_at_once(
        &self,
        sale: &SaleId,
        buyers: std::ops::Range<u128>,
        body: impl Fn(u128) -> HoldBody,
    ) -> Vec<Result<Hold, Refusal>> {
        let claims = buyers.map(|who| {
            let (engine, sale, body) = (self.engine.clone(), sale.clone(), body(who));
            tokio::spawn(async move {
                match hold_and_wait(&engine, &sale, buyer(who), body, None).await.unwrap() {
                    HoldOutcome::Held { hold, .. } => Ok(hold),
                    HoldOutcome::Refused(refusal) => Err(refusal),
                    HoldOutcome::Waiting { .. } => panic!("still in line"),
                }
            })
        });
        join_all(claims.collect::<Vec<_>>()).await.into_iter().map(Result::unwrap).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_want_one_seat_each_gets_another_while_any_is_left() {
    for_every_way(async |house, strategy| {
        let sale = house.sale(strategy, vec![seated(6, 10)]).await;
        let outcomes = house.hold_at_once(&sale, 1..121, |_| or_nearest(&["C-5"])).await;
        let mut given = HashSet::new();
        let mut direct = 0;
        for hold in outcomes.iter().flatten() {
            let [(seat, substitute)] = held(hold)[..] else { panic!("{hold:?}") };
            assert!(given.insert(seat.to_owned()), "{strategy:?} gave {seat} twice");
            assert_eq!(substitute, (seat != "C-5").then_some("C-5"), "{strategy:?}");
            direct += usize::from(substitute.is_none());
        }
        assert_eq!(direct, 1, "{strategy:?}: one has it");
        for refusal in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
            match refusal.code {
                Code::SeatTaken => assert_names(strategy, refusal, &["C-5"]),
                Code::Contended => assert!(may_give_up(strategy), "{strategy:?}"),
                _ => panic!("{strategy:?}: {refusal:?}"),
            }
        }
        if may_give_up(strategy) {
            let rest = house.hold_at_once(&sale, 121..122, |_| or_nearest(&["C-5"])).await;
            assert!(given.len() == 60 || rest[0].is_ok(), "{strategy:?}: alone, and refused");
        } else {
            assert_eq!(given.len(), 60, "{strategy:?}");
        }
        let audit = house.audit(&sale).await;
        assert!(audit.clean, "{strategy:?}: {audit:?}");
        if !may_give_up(strategy) {
            house.assert_counts(&sale, (0, 60, 0)).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_given_is_told_charged_and_kept_with_the_hold() {
    for_every_way(async |house, strategy| {
        let tiers = vec![priced("Gold", 3_000, 3), priced("Silver", 2_000, 2), priced("Platinum", 9_000, 2)];
        let sale = house.sale(strategy, tiers).await;
        house.hold(&sale, 1, seats(&["101-A-1", "101-A-2"])).await.unwrap();
        let hold = house.hold(&sale, 2, or_nearest(&["101-A-2", "101-A-1"])).await.unwrap();
        let expected = [("101-A-3", Some("101-A-2")), ("102-B-1", Some("101-A-1"))];
        assert_eq!((held(&hold), hold.total), (expected.to_vec(), 5_000), "{strategy:?}");
        let found = house.engine.selling.find_hold(Some(buyer(2)), hold.id).await.unwrap().unwrap();
        assert_eq!(Hold { server_now: hold.server_now, ..found }, hold, "{strategy:?}");
        house.assert_counts(&sale, (3, 4, 0)).await;

        // One seat is left at the same or a lower price: for two there are too few, and nothing is held.
        let refusal = house.hold(&sale, 3, or_nearest(&["101-A-1", "101-A-2"])).await.unwrap_err();
        assert_eq!(refusal.code, Code::SeatTaken, "{strategy:?}");
        assert_names(strategy, &refusal, &["101-A-1", "101-A-2"]);
        house.assert_counts(&sale, (3, 4, 0)).await;
        let dear = HoldBody { max_total: Some(1_999), ..or_nearest(&["101-A-1"]) };
        assert_eq!(house.hold(&sale, 3, dear).await.unwrap_err().code, Code::PriceChanged, "{strategy:?}");
        let last = house.hold(&sale, 3, or_nearest(&["101-A-1"])).await.unwrap();
        assert_eq!(held(&last), [("102-B-2", Some("101-A-1"))], "{strategy:?}");
        let refusal = house.hold(&sale, 4, or_nearest(&["101-A-1"])).await.unwrap_err();
        assert_eq!(refusal.code, Code::SeatTaken, "{strategy:?}: what is left is dearer");
        house.assert_counts(&sale, (2, 5, 0)).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_is_changed_to_the_nearest_seats() {
    for_every_way(async |house, strategy| {
        let sale = house.sale(strategy, vec![seated(2, 5)]).await;
        let change = async |hold: &Hold, who: u128, body| {
            house.engine.selling.change_hold(hold.id, buyer(who), body, None).await.unwrap()
        };
        house.hold(&sale, 1, seats(&["A-3"])).await.unwrap();
        let own = house.hold(&sale, 2, seats(&["A-2"])).await.unwrap();
        let refusal = change(&own, 2, seats(&["A-2", "A-3"])).await.unwrap_err();
        assert_eq!(refusal.code, Code::SeatTaken, "{strategy:?}: not wished");
        let changed = change(&own, 2, or_nearest(&["A-2", "A-3"])).await.unwrap();
        assert_eq!(held(&changed), [("A-2", None), ("A-4", Some("A-3"))], "{strategy:?}: its own seat is kept");
        house.assert_counts(&sale, (7, 3, 0)).await;
        // Its own seats are as good as free ones: the nearest stays, and now stands for the one that is asked for.
        let again = change(&own, 2, or_nearest(&["A-3"])).await.unwrap();
        assert_eq!(held(&again), [("A-2", Some("A-3"))], "{strategy:?}");
        let seq = again.seq;
        let same = change(&own, 2, or_nearest(&["A-3"])).await.unwrap();
        assert_eq!((held(&same), same.seq), (held(&again), seq), "{strategy:?}: the same again changes nothing");
        house.hold(&sale, 3, seats(&["A-4", "B-3"])).await.unwrap();
        let one = house.hold(&sale, 4, seats(&["B-4"])).await.unwrap();
        let renamed = change(&one, 4, or_nearest(&["A-4"])).await.unwrap();
        assert_eq!(held(&renamed), [("A-5", Some("A-4"))], "{strategy:?}");
        let renamed = change(&renamed, 4, or_nearest(&["B-3"])).await.unwrap();
        assert_eq!(held(&renamed), [("B-2", Some("B-3"))], "{strategy:?}");
        let (before, all) = (renamed.seq, ["A-1", "A-5", "B-1", "B-4", "B-5"]);
        house.hold(&sale, 5, seats(&all)).await.unwrap();
        let kept = change(&renamed, 4, or_nearest(&["A-2"])).await.unwrap();
        assert_eq!((held(&kept), kept.seq), (vec![("B-2", Some("A-2"))], before), "{strategy:?}: the only one left");
        let refusal = change(&renamed, 4, or_nearest(&["A-2", "A-3"])).await.unwrap_err();
        assert_eq!((refusal.code, refusal.seats), (Code::SeatTaken, vec!["A-2".into(), "A-3".into()]));
        house.assert_counts(&sale, (0, 10, 0)).await;
    })
    .await;
}

/// Buyers of certain seats, of any seats and of the nearest ones meet, and change what they have.
#[tokio::test(flavor = "multi_thread")]
async fn in_a_storm_no_seat_is_given_twice_and_none_is_refused_while_any_is_left() {
    for_every_way(async |house, strategy| {
        let sale = house.sale(strategy, vec![seated(4, 10)]).await;
        let outcomes = house
            .hold_at_once(&sale, 1..101, |who| match who % 5 {
                0 => units("floor", 1),
                1 => seats(&[["A-5", "B-5", "C-5"][who as usize / 5 % 3]]),
                2 => HoldBody { best: Some(Quantity { tier: "floor".into(), quantity: 1 }), ..or_nearest(&["B-4"]) },
                3 => or_nearest(&["B-5", "B-6"]),
                _ => or_nearest(&["B-5"]),
            })
            .await;
        let mut owners = HashMap::new();
        for hold in outcomes.iter().flatten() {
            for (seat, substitute) in held(hold) {
                assert_eq!(owners.insert(seat.to_owned(), hold.id), None, "{strategy:?} gave {seat} twice");
                assert_ne!(substitute, Some(seat), "{strategy:?}");
            }
        }
        let taken = owners.len() as u64;
        let contended = outcomes.iter().filter_map(|outcome| outcome.as_ref().err());
        let contended = contended.filter(|refusal| refusal.code == Code::Contended).count();
        assert!(contended == 0 || may_give_up(strategy), "{strategy:?}: {contended} gave up");
        // Each of these wants one seat, whichever: while one is left, none of them is refused.
        let refused = (1..101).zip(&outcomes).filter(|(who, outcome)| who % 5 == 4 && outcome.is_err()).count();
        assert!(refused == 0 || taken == 40 || may_give_up(strategy), "{strategy:?}: {refused} of {taken}");
        house.assert_counts(&sale, (40 - taken, taken, 0)).await;
    })
    .await;
}

//! Holds under every strategy that promises to be exact, on every store that can run it: taken, confirmed, given back and
//! expired under load, with the audit clean and every unit in one hand.

use std::collections::{HashMap, HashSet};

use futures_util::future::join_all;

use super::{conformance::for_every_way, *};
use crate::model::{
    body::{ConfirmBody, HoldBody, PaymentMethod, Quantity, SimulatedOutcome, SimulatedPayment},
    hold::{Hold, HoldStatus},
    ids::HoldId,
    outcome::{ConfirmOutcome, HoldOutcome, Refusal},
    sale::PriceStep,
};

pub(super) fn buyer(number: u128) -> BuyerId {
    BuyerId(uuid::Uuid::from_u128(number))
}

pub(super) fn units(tier: &str, quantity: i64) -> HoldBody {
    HoldBody { items: Some(vec![Quantity { tier: tier.into(), quantity }]), ..HoldBody::default() }
}

pub(super) fn seats(labels: &[&str]) -> HoldBody {
    HoldBody { seats: Some(labels.iter().map(|label| (*label).into()).collect()), ..HoldBody::default() }
}

pub(super) fn pay(outcome: SimulatedOutcome) -> ConfirmBody {
    ConfirmBody { payment: Some(SimulatedPayment { method: PaymentMethod::Simulated, outcome }), contact: None }
}

/// Holds, and waits for the decision where it is made later.
pub(super) async fn hold_and_wait(
    engine: &Engine,
    sale: &SaleId,
    buyer: BuyerId,
    body: HoldBody,
    key: Option<IdempotencyKey>,
) -> Result<HoldOutcome, EngineError> {
    let holding = Holding { sale, buyer, body, key, is_limited: true, room: None };
    engine.selling.hold_and_wait(holding, PATIENCE).await
}

impl House {
    pub(super) async fn hold(&self, sale: &SaleId, who: u128, body: HoldBody) -> Result<Hold, Refusal> {
        match hold_and_wait(&self.engine, sale, buyer(who), body, None).await.unwrap() {
            HoldOutcome::Held { hold, .. } => Ok(hold),
            HoldOutcome::Refused(refusal) => Err(refusal),
            HoldOutcome::Waiting { .. } => panic!("still in line"),
        }
    }

    pub(super) async fn confirm(&self, hold: HoldId, who: u128) -> ConfirmOutcome {
        self.engine.selling.confirm(hold, buyer(who), ConfirmBody::default(), None, false).await.unwrap()
    }

    /// Ends the time of all live holds, as if it had passed.
    pub(super) async fn end_all_holds(&self) {
        self.tamper("UPDATE holds SET created_at = 0, expires_at = 1, due_at = 1 WHERE ended_at IS NULL")
            .await
            .unwrap();
        for sale in self.engine.core.all() {
            sale.stock.write().live_holds.expect(Timestamp::from_milliseconds(0));
        }
    }

    /// Checks that mirror, database and ledger agree on what is available, held and sold.
    pub(super) async fn assert_counts(&self, sale: &SaleId, counts: (u64, u64, u64)) {
        let audit = self.audit(sale).await;
        assert!(audit.clean, "{audit:?}");
        assert_eq!((audit.available, audit.held, audit.sold), counts);
        let mirror = self.engine.catalogue.sale(sale).await.unwrap();
        assert_eq!((mirror.available, mirror.held, mirror.sold), counts, "the mirror is the database");
        assert_eq!(mirror.seq, audit.ledger.entries);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_is_whole_and_is_confirmed_as_held() {
    for_every_way(async |house, strategy| {
        let sale = house.sale(strategy, vec![seated(3, 6), general_admission(10)]).await;
        let body = HoldBody {
            seats: Some(vec!["A-1".into(), "B-2".into()]),
            items: Some(vec![Quantity { tier: "ga".into(), quantity: 3 }]),
            best: Some(Quantity { tier: "floor".into(), quantity: 2 }),
            ..HoldBody::default()
        };
        let hold = house.hold(&sale, 1, body).await.unwrap();
        assert_eq!((hold.status, hold.total), (HoldStatus::Active, 4 * 2_000 + 3 * 1_000), "{strategy:?}");
        assert_eq!(hold.items.iter().map(|item| item.quantity).sum::<u64>(), 7);
        let left_milliseconds = hold.expires_at.milliseconds - hold.server_now.milliseconds;
        assert!((590_000..=600_000).contains(&left_milliseconds), "{strategy:?}: {left_milliseconds}");
        house.assert_counts(&sale, (21, 7, 0)).await;
        let found = house.engine.selling.find_hold(Some(buyer(1)), hold.id).await.unwrap().unwrap();
        assert_eq!(Hold { server_now: hold.server_now, ..found }, hold, "{strategy:?}");
        assert_eq!(house.engine.selling.find_hold(Some(buyer(2)), hold.id).await.unwrap(), None);

        let taken = house.hold(&sale, 2, seats(&["A-1", "A-6"])).await.unwrap_err();
        assert_eq!((taken.code, taken.seats), (Code::SeatTaken, vec!["A-1".into()]), "nothing is held of it");
        house.assert_counts(&sale, (21, 7, 0)).await;
        let own = house.hold(&sale, 1, seats(&["A-1"])).await.unwrap_err();
        assert_eq!((own.code, own.advice().own_hold), (Code::SeatTaken, Some(hold.id)));
        let refused = house.confirm(hold.id, 2).await;
        assert!(matches!(refused, ConfirmOutcome::Refused(Refusal { code: Code::NotFound, .. })), "{refused:?}");

        let ConfirmOutcome::Confirmed { order, .. } = house.confirm(hold.id, 1).await else { panic!("{strategy:?}") };
        assert_eq!((order.id.0, order.total, order.tickets.len()), (hold.id.0, hold.total, 7), "{strategy:?}");
        let held: HashSet<_> = hold.items.iter().filter_map(|item| item.seat.clone()).collect();
        let sold: HashSet<_> = order.tickets.iter().filter_map(|ticket| ticket.seat.clone()).collect();
        assert_eq!(held, sold);
        house.assert_counts(&sale, (21, 0, 7)).await;
        let again = house.confirm(hold.id, 1).await;
        assert!(matches!(again, ConfirmOutcome::Refused(Refusal { code: Code::HoldFinished, .. })), "{again:?}");
    })
    .await;
}

/// A claim that has taken a named seat itself must not count that seat among those that are left for its other units.
#[tokio::test(flavor = "multi_thread")]
async fn who_names_the_last_seat_and_wants_one_more_hears_that_they_are_gone() {
    for_every_way(async |house, strategy| {
        let sale = house.sale(strategy, vec![seated(1, 3)]).await;
        house.hold(&sale, 1, seats(&["A-1"])).await.unwrap();
        // Somebody else has a seat too, of which this server has not heard.
        for sql in [
            "UPDATE seats SET status = 'sold' WHERE label = 'A-3' AND sale_id = (SELECT MAX(id) FROM sales)",
            "UPDATE tiers SET available = available - 1, sold = sold + 1 WHERE sale_id = (SELECT MAX(id) FROM sales)",
            "UPDATE sales SET available = available - 1, sold = sold + 1 WHERE id = (SELECT MAX(id) FROM sales)",
        ] {
            house.tamper(sql).await.unwrap();
        }
        let wish = HoldBody { best: Some(Quantity { tier: "floor".into(), quantity: 1 }), ..seats(&["A-2"]) };
        let refusal = house.hold(&sale, 2, wish).await.unwrap_err();
        assert!(matches!(refusal.code, Code::SoldOut | Code::SeatTaken), "{strategy:?}: {refusal:?}");
        house.hold(&sale, 2, seats(&["A-2"])).await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_given_back_or_declined_or_over_can_be_had_by_others() {
    for_every_way(async |house, strategy| {
        let sale = house.sale(strategy, vec![seated(1, 4), general_admission(4)]).await;
        let all = || HoldBody {
            items: Some(["floor", "ga"].map(|tier| Quantity { tier: tier.into(), quantity: 4 }).into()),
            ..HoldBody::default()
        };
        let released = house.hold(&sale, 1, all()).await.unwrap();
        let refused = house.hold(&sale, 2, all()).await.unwrap_err();
        assert_eq!((refused.code, refused.advice().held), (Code::SoldOut, Some(8)), "{strategy:?}: it may come back");
        assert!(house.engine.selling.release(released.id, buyer(1)).await.unwrap());
        assert!(house.engine.selling.release(released.id, buyer(1)).await.unwrap(), "also when it has ended");
        assert!(!house.engine.selling.release(released.id, buyer(2)).await.unwrap(), "another's is unknown");
        house.assert_counts(&sale, (8, 0, 0)).await;

        let declined = house.hold(&sale, 2, all()).await.unwrap();
        let outcome =
            house.engine.selling.confirm(declined.id, buyer(2), pay(SimulatedOutcome::Fail), None, true).await.unwrap();
        assert!(matches!(outcome, ConfirmOutcome::Declined { .. }), "{strategy:?}: {outcome:?}");
        house.assert_counts(&sale, (8, 0, 0)).await;

        let over = house.hold(&sale, 3, all()).await.unwrap();
        house.end_all_holds().await;
        let late = house.confirm(over.id, 3).await;
        assert!(
            matches!(late, ConfirmOutcome::Refused(Refusal { code: Code::HoldExpired, .. })),
            "{strategy:?}: {late:?}"
        );
        // No sweeper has to come first: who would be refused releases what is over.
        let next = house.hold(&sale, 4, all()).await.unwrap();
        house.assert_counts(&sale, (0, 8, 0)).await;
        let found = house.engine.selling.find_hold(Some(buyer(3)), over.id).await.unwrap().unwrap();
        assert_eq!(found.status, HoldStatus::Expired);
        house.end_all_holds().await;
        assert_eq!(code(&house.buy(&sale, 5, BuyBody::tier("ga".into(), 4)).await), None, "{strategy:?}: bought");
        assert_eq!(code(&house.buy(&sale, 5, BuyBody::seat("A-3".into())).await), None, "{strategy:?}: bought");
        house.assert_counts(&sale, (3, 0, 5)).await;
        drop(next);
    })
    .await;
}

/// Many buyers hold, and then buy, give back or let the time pass, all at once. Whatever happens, no unit is in two hands.
#[tokio::test(flavor = "multi_thread")]
async fn in_a_storm_every_unit_is_in_one_hand() {
    for_every_way(async |house, strategy| {
        let sale = house.sale(strategy, vec![seated(4, 5), general_admission(20)]).await;
        let stories = (0..80_u128).map(|who| {
            let (engine, sale) = (house.engine.clone(), sale.clone());
            let body = match who % 4 {
                0 => units("ga", 2),
                1 => units("floor", 2),
                2 => seats(&[["A-1", "B-2", "C-3", "D-4", "A-5"][who as usize / 4 % 5], "B-5"]),
                _ => HoldBody { best: Some(Quantity { tier: "floor".into(), quantity: 1 }), ..units("ga", 1) },
            };
            tokio::spawn(async move {
                let held = hold_and_wait(&engine, &sale, buyer(who), body, None).await.unwrap();
                let HoldOutcome::Held { hold, .. } = held else { return None };
                if who % 3 == 0 {
                    assert!(engine.selling.release(hold.id, buyer(who)).await.unwrap());
                    return None;
                }
                match engine.selling.confirm(hold.id, buyer(who), ConfirmBody::default(), None, false).await.unwrap() {
                    ConfirmOutcome::Confirmed { order, .. } => Some(order),
                    other => panic!("a fresh hold is confirmed: {other:?}"),
                }
            })
        });
        let orders: Vec<_> =
            join_all(stories.collect::<Vec<_>>()).await.into_iter().filter_map(Result::unwrap).collect();
        let mut owners = HashMap::new();
        for order in &orders {
            for seat in order.tickets.iter().filter_map(|ticket| ticket.seat.clone()) {
                assert_eq!(owners.insert(seat.clone(), order.buyer), None, "{strategy:?} sold {seat} twice");
            }
        }
        let sold: u64 = orders.iter().map(|order| order.tickets.len() as u64).sum();
        house.assert_counts(&sale, (40 - sold, 0, sold)).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_ends_once_however_many_ask() {
    for_every_way(async |house, strategy| {
        let sale = house.sale(strategy, vec![general_admission(30)]).await;
        for who in 1..=5 {
            let hold = house.hold(&sale, who, units("ga", 2)).await.unwrap();
            let ends = (0..12).map(|end| {
                let engine = house.engine.clone();
                tokio::spawn(async move {
                    match end % 2 {
                        0 => {
                            let body = ConfirmBody::default();
                            let outcome = engine.selling.confirm(hold.id, buyer(who), body, None, false).await.unwrap();
                            matches!(outcome, ConfirmOutcome::Confirmed { .. })
                        }
                        _ => {
                            engine.selling.release(hold.id, buyer(who)).await.unwrap();
                            false
                        }
                    }
                })
            });
            let confirmed =
                join_all(ends.collect::<Vec<_>>()).await.into_iter().filter(|end| *end.as_ref().unwrap()).count();
            assert!(confirmed <= 1, "{strategy:?}, buyer {who}: confirmed {confirmed} times");
            let found = house.engine.selling.find_hold(Some(buyer(who)), hold.id).await.unwrap().unwrap();
            assert_eq!(found.status == HoldStatus::Confirmed, confirmed == 1, "{strategy:?}");
            let audit = house.audit(&sale).await;
            assert!(audit.clean && audit.held == 0, "{strategy:?}: {audit:?}");
        }
    })
    .await;
}

/// One price for all units of a claim: that of the last step that was reached before it. It falls when units come back.
#[tokio::test(flavor = "multi_thread")]
async fn prices_follow_what_is_held_and_sold() {
    for_every_way(async |house, strategy| {
        let steps = [(30, 1_500), (60, 2_000)].map(|(sold_percent, price)| PriceStep { sold_percent, price });
        let tier = NewTier { price_steps: Some(steps.into()), ..general_admission(10) };
        let sale = house.sale(strategy, vec![tier]).await;
        let price = async || house.engine.catalogue.sale(&sale).await.unwrap().tiers[0].price;
        let held = house.hold(&sale, 1, units("ga", 3)).await.unwrap();
        assert_eq!((held.total, price().await), (3 * 1_000, 1_500), "{strategy:?}: 30 of 100 are gone after it");
        let dear = HoldBody { max_total: Some(2_999), ..units("ga", 2) };
        let refused = house.hold(&sale, 2, dear.clone()).await.unwrap_err();
        // A buyer in line is told the code alone.
        let total = (strategy != StrategyKind::Queued).then_some(3_000);
        assert_eq!((refused.code, refused.advice().total), (Code::PriceChanged, total), "{strategy:?}");
        let second = house.hold(&sale, 2, HoldBody { max_total: Some(3_000), ..dear }).await.unwrap();
        assert_eq!(second.total, 3_000);
        let BuyOutcome::Bought { order, .. } = house.buy(&sale, 3, BuyBody::tier("ga".into(), 2)).await else {
            panic!("{strategy:?}")
        };
        assert_eq!((order.total, price().await), (3_000, 2_000), "{strategy:?}: before it 50 of 100 were gone");
        assert!(house.engine.selling.release(second.id, buyer(2)).await.unwrap());
        assert_eq!(price().await, 1_500, "{strategy:?}: it falls when units come back");
        let ConfirmOutcome::Confirmed { order, .. } = house.confirm(held.id, 1).await else { panic!("{strategy:?}") };
        assert_eq!(order.total, 3_000, "{strategy:?}: what is held costs what it cost");
        house.assert_counts(&sale, (5, 0, 5)).await;
    })
    .await;
}

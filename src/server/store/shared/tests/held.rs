//! How holds end, and where their units go.

use super::*;
use crate::{
    model::{ids::HoldId, sale::Counts},
    server::store::{Ending, NewHold, NewHoldItem, Settling},
};

/// Longer than any test takes.
const AN_HOUR: i64 = 3_600_000;

const fn id(number: u64) -> HoldId {
    HoldId(Uuid::from_u128(number as u128))
}

impl House {
    fn item(&self, seat_position: Option<u32>) -> NewHoldItem {
        let tier_id = self.tier_ids[usize::from(seat_position.is_none())];
        NewHoldItem { tier_id, seat_position, quantity: 1, price: 42, substitute: None }
    }

    /// Records five holds, whose ids and `seq`s are 1 to 5. The first has a seat and a unit, the others a unit each. The time of
    /// the third is over, and payments for the last two are under way.
    async fn hold(&self) {
        let hold = |number: u64| NewHold {
            hold: id(number),
            buyer: buyer(u128::from(number)),
            currency: Arc::from("EUR"),
            seq: number,
            units: serde_json::to_string(&[units()]).unwrap(),
            hash: [number as u8; 32],
            items: (number == 1).then_some(Some(0)).into_iter().chain([None]).map(|seat| self.item(seat)).collect(),
            rung: (number == 1).then_some(Rung::Together),
            life_milliseconds: if number == 3 { 0 } else { AN_HOUR },
            extensions: 7,
            key: None,
        };
        let holds: Vec<_> = (1..=5).map(hold).collect();
        let mut writer = self.writer().await;
        let mut transaction = writer.begin().await.unwrap();
        let holds: Vec<_> = holds.iter().collect();
        store::record_holds(transaction.connection(), self.sale_id, NOW, &holds).await.unwrap();
        transaction.commit().await.unwrap();
        writer.settle();
        drop(writer);
        const ROWS: &str = "UPDATE holds SET status = 'paying' WHERE seq >= 4;
             UPDATE seats SET status = 'held' WHERE position = 0;
             UPDATE tiers SET available = available - 1, held = held + 1 WHERE slug = 'floor';
             UPDATE tiers SET available = 0, held = 5 WHERE slug = 'ga';
             UPDATE sales SET available = 1, held = 6";
        self.store.run(ROWS).await.unwrap();
    }
}

const fn ending(number: u64, as_of: Option<u64>, is_paid: bool) -> Ending {
    Ending { hold: id(number), as_of, is_paid }
}

#[tokio::test]
async fn only_holds_that_may_end_do_and_each_once() {
    for kind in STORES {
        let house = House::open(kind).await;
        house.hold().await;
        let mut writer = house.writer().await;
        let head = store::heads(writer.connection()).await.unwrap();
        assert_eq!(head[0].seq, 5, "the last line is the head");
        let asked = [
            ending(5, Some(5), true),
            ending(4, Some(4), false),
            ending(3, Some(3), false),
            ending(2, Some(1), false),
            ending(1, Some(1), false),
            ending(6, None, true),
        ];
        let ended = store::end_holds(writer.connection(), &asked, ChangeKind::Confirm, NOW).await.unwrap();
        let found: Vec<_> = ended.iter().map(|ended| (ended.hold, ended.buyer, ended.items.clone())).collect();
        let expected = vec![
            (id(1), buyer(1), vec![house.item(Some(0)), house.item(None)]),
            (id(5), buyer(5), vec![house.item(None)]),
        ];
        assert_eq!(found, expected, "neither one that is being paid, nor one that is over, nor one that was changed");
        assert_eq!((ended[0].rung, ended[1].rung), (Some(Rung::Together), None));
        assert!(ended.iter().all(|ended| &*ended.currency == "EUR" && !ended.has_open_payments));
        let seqs = store::seqs_of_holds(writer.connection(), &[id(2), id(6)]).await.unwrap();
        assert_eq!(seqs.into_iter().collect::<Vec<_>>(), [(id(2), 2)]);

        let all: Vec<_> = (1..=5).map(|number| ending(number, None, false)).collect();
        let mut end = async |kind| {
            let ended = store::end_holds(writer.connection(), &all, kind, NOW).await.unwrap();
            ended.iter().map(|ended| ended.hold).collect::<Vec<_>>()
        };
        assert_eq!(end(ChangeKind::Expire).await, [id(3)]);
        assert_eq!(end(ChangeKind::Release).await, [id(2), id(4)]);
        assert_eq!(end(ChangeKind::Release).await, []);
    }
}

#[tokio::test]
async fn held_units_move_all_together_or_not_at_all() {
    for kind in STORES {
        for are_seats_first in [true, false] {
            let house = House::open(kind).await;
            house.hold().await;
            let (floor, ga) = (house.tier_ids[0], house.tier_ids[1]);
            let all =
                |to| Settling { seats: vec![0], tiers: vec![(floor, 1), (ga, 5)], decisions: 5, to, are_seats_first };
            let sold = all(SeatStatus::Sold);
            let wrong = [
                ("a free seat", Settling { seats: vec![1], ..sold.clone() }),
                ("a seat more", Settling { seats: vec![0, 1], ..sold.clone() }),
                ("too many of the first tier", Settling { tiers: vec![(floor, 2), (ga, 4)], ..sold.clone() }),
                ("too many of the last tier", Settling { tiers: vec![(ga, 6)], seats: vec![], ..sold.clone() }),
                ("a tier that is not there", Settling { tiers: vec![(ga, 1), (-1, 1)], seats: vec![], ..sold.clone() }),
            ];
            for (what, settling) in wrong {
                assert_eq!(house.settle(&settling, false).await, None, "{kind:?}: {what}");
            }
            assert_eq!(house.settle(&all(SeatStatus::Available), false).await, Some((10, [5; 32])));
            assert_eq!(house.settle(&sold, true).await, Some((10, [5; 32])));
            let sale = house.sale().await;
            let counts: Vec<_> = sale.tiers.iter().map(|tier| tier.counts).collect();
            let ga = Counts { available: 0, held: 0, sold: 5 };
            assert_eq!(counts, [Counts { available: 1, held: 0, sold: 1 }, ga]);
            assert_eq!(
                (sale.seq, sale.seats[0].status, sale.seats[1].status),
                (10, SeatStatus::Sold, SeatStatus::Available)
            );
            assert_eq!(house.settle(&sold, false).await, None, "nothing is held any more");
        }
    }
}

#[tokio::test]
async fn a_sale_that_says_less_than_its_tiers_settles_nothing() {
    for kind in STORES {
        let house = House::open(kind).await;
        house.hold().await;
        house.store.run("UPDATE sales SET available = available + held, held = 0").await.unwrap();
        let tiers = vec![(house.tier_ids[1], 5)];
        let to = SeatStatus::Available;
        let settling = Settling { seats: Vec::new(), tiers, decisions: 5, to, are_seats_first: false };
        assert_eq!(house.settle(&settling, false).await, None);
        assert_eq!(house.sale().await.tiers[1].counts, Counts { available: 0, held: 5, sold: 0 });
    }
}

impl House {
    /// Moves held units in a transaction, and commits it if so asked. Returns the last `seq` and the hash of the line before.
    async fn settle(&self, settling: &Settling, is_kept: bool) -> Option<(u64, [u8; 32])> {
        let mut writer = self.writer().await;
        let mut transaction = writer.begin().await.unwrap();
        let taken = store::settle_stock(transaction.connection(), self.sale_id, settling).await.unwrap();
        match is_kept {
            true => transaction.commit().await.unwrap(),
            false => transaction.rollback().await.unwrap(),
        }
        writer.settle();
        taken.map(|taken| (taken.seq, taken.previous))
    }

    async fn sale(&self) -> store::SaleRecord {
        let mut writer = self.writer().await;
        store::find_sale(writer.connection(), "gala").await.unwrap().unwrap()
    }
}

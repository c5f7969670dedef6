//! Ledger lines, orders, tickets and their recount.

use std::collections::{BTreeSet, HashMap};

use super::*;
use crate::{
    model::{ledger::ChangeKind, sale::Counts},
    server::store::{LedgerRecord, OrderPage},
};

fn line(seq: u64, kind: ChangeKind, reference: Option<Uuid>) -> LedgerRecord {
    let unseated = Units { tier: TierId::from("ga"), seat: None, quantity: 5 };
    LedgerRecord { seq, at: NOW, kind, units: vec![units(), unseated], reference, hash: [seq as u8; 32] }
}

#[tokio::test]
async fn lines_of_every_kind_come_back_in_order() {
    for kind in STORES {
        let house = House::open(kind).await;
        let mut writer = house.writer().await;
        let lines: Vec<_> = (1..).zip(ChangeKind::ALL).map(|(seq, kind)| line(seq, kind, Some(id_at(NOW)))).collect();
        for line in lines.iter().rev() {
            store::append(writer.connection(), house.sale_id, line).await.unwrap();
        }
        let read = store::lines_from(writer.connection(), house.sale_id, 2, 4).await.unwrap();
        assert_eq!(format!("{read:?}"), format!("{:?}", &lines[1..5]));
        store::append(writer.connection(), house.sale_id, &line(9, ChangeKind::Stock, None)).await.unwrap();
        let last = store::lines_from(writer.connection(), house.sale_id, 9, 4).await.unwrap();
        assert_eq!((last.len(), last[0].reference), (1, None));
    }
}

#[tokio::test]
async fn a_line_that_cannot_be_read_is_an_error_of_the_decoder() {
    for kind in STORES {
        let damages = match kind {
            StoreKind::Sqlite => [
                "DROP TRIGGER ledger_lines_never_change; UPDATE ledger SET units = '['",
                "DROP TRIGGER ledger_lines_never_change; PRAGMA ignore_check_constraints = ON;
                 UPDATE ledger SET kind = 'gift'; PRAGMA ignore_check_constraints = OFF",
            ],
            StoreKind::Postgres => [
                "DROP TRIGGER ledger_lines_never_change ON ledger; UPDATE ledger SET units = '['",
                "DROP TRIGGER ledger_lines_never_change ON ledger; ALTER TABLE ledger DROP CONSTRAINT ledger_kind_check;
                 UPDATE ledger SET kind = 'gift'",
            ],
        };
        for damage in damages {
            let house = House::open(kind).await;
            let stock = line(1, ChangeKind::Stock, None);
            store::append(house.writer().await.connection(), house.sale_id, &stock).await.unwrap();
            house.store.run(damage).await.unwrap();
            let mut writer = house.writer().await;
            let unread = store::lines_from(writer.connection(), house.sale_id, 1, 1).await.unwrap_err();
            assert!(matches!(unread, sqlx::Error::Decode(_)), "{damage}: {unread:?}");
            let unread = store::changes_after(writer.connection(), house.sale_id, 0, 1).await.unwrap_err();
            assert!(matches!(unread, sqlx::Error::Decode(_)), "{damage}: {unread:?}");
        }
    }
}

#[tokio::test]
async fn a_change_names_the_buyer_whose_decision_it_was() {
    for kind in STORES {
        let house = House::open(kind).await;
        let stock = line(1, ChangeKind::Stock, None);
        store::append(house.writer().await.connection(), house.sale_id, &stock).await.unwrap();
        let order = house.sell(2, buyer(1), &[0], None).await;
        house.sell(3, buyer(2), &[], None).await;
        let mut writer = house.writer().await;
        let changes = store::changes_after(writer.connection(), house.sale_id, 0, 2).await.unwrap();
        let told: Vec<_> =
            changes.iter().map(|change| (change.line.seq, change.line.reference, change.buyer)).collect();
        assert_eq!(told, [(1, None, None), (2, Some(order.0), Some(buyer(1)))]);
        let newer = store::changes_after(writer.connection(), house.sale_id, 2, 9).await.unwrap();
        assert_eq!(newer.iter().map(|change| change.buyer).collect::<Vec<_>>(), [Some(buyer(2))]);
    }
}

/// Values of `seq` that lie in different blocks of SQLite's index of buyers.
const FAR_APART: [u64; 3] = [5, 1_024, 9_000];

#[tokio::test]
async fn orders_are_found_by_their_id_and_by_their_buyer_until_a_reset() {
    for kind in STORES {
        let house = House::open(kind).await;
        let first = house.sell(FAR_APART[0], buyer(1), &[1, 0], None).await;
        let foreign = house.sell(FAR_APART[1], buyer(2), &[], None).await;
        let last = house.sell(FAR_APART[2], buyer(1), &[], None).await;
        let mut writer = house.writer().await;
        let order = store::find_order(writer.connection(), first, None, false).await.unwrap().unwrap();
        assert_eq!((order.id, order.sale.as_str(), order.buyer), (first, "gala", buyer(1)));
        assert_eq!(order.rung, Some(Rung::Orphan));
        assert_eq!((order.total, order.currency.as_str(), order.seq, order.created_at), (4_200, "EUR", 5, NOW));
        let tickets: Vec<_> = order
            .tickets
            .iter()
            .map(|ticket| (ticket.tier.as_str(), ticket.seat.clone(), ticket.code.as_str()))
            .collect();
        let code = "05".repeat(16);
        let seat = |number: u32| Some(SeatLabel(format!("Å-{number}")));
        assert_eq!(tickets, [("floor", seat(u32::MAX), code.as_str()), ("floor", seat(1), code.as_str())]);

        let owned = store::find_order(writer.connection(), foreign, Some(buyer(2)), false).await.unwrap().unwrap();
        assert_eq!((owned.id, owned.tickets[0].seat.clone()), (foreign, None));
        assert_eq!(store::find_order(writer.connection(), foreign, Some(buyer(1)), true).await.unwrap(), None);
        let all = OrderPage::default();
        let mine = store::orders_of(writer.connection(), buyer(1), all).await.unwrap();
        assert_eq!(mine.iter().map(|order| order.id).collect::<Vec<_>>(), [last, first]);
        assert_eq!(mine[1], order);
        assert_eq!(store::owned_positions(writer.connection(), house.sale_id, buyer(1)).await.unwrap(), [0, 1]);
        assert_eq!(store::units_owned(writer.connection(), house.sale_id, buyer(1)).await.unwrap(), 3);
        assert_eq!(store::units_owned(writer.connection(), house.sale_id + 1, buyer(1)).await.unwrap(), 0);
        let by_buyer = store::units_by_buyer(writer.connection(), house.sale_id).await.unwrap();
        assert_eq!(by_buyer, HashMap::from([(buyer(1), 3), (buyer(2), 1)]));
        let sale = store::find_sale(writer.connection(), "gala").await.unwrap().unwrap();
        assert_eq!(sale.had, by_buyer, "a sale with a limit knows who owns how much");

        store::reset_sale(writer.connection(), house.sale_id, &[3; 32], NOW).await.unwrap();
        assert_eq!(store::find_order(writer.connection(), first, None, false).await.unwrap(), None);
        assert_eq!(store::find_order(writer.connection(), first, None, true).await.unwrap(), Some(order));
        assert_eq!(store::orders_of(writer.connection(), buyer(1), all).await.unwrap(), []);
        assert_eq!(store::owned_positions(writer.connection(), house.sale_id, buyer(1)).await.unwrap(), [0; 0]);
        assert_eq!(store::units_owned(writer.connection(), house.sale_id, buyer(1)).await.unwrap(), 0);
        assert!(store::units_by_buyer(writer.connection(), house.sale_id).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_page_of_orders_is_read_from_where_the_last_one_ended() {
    for kind in STORES {
        let house = House::open(kind).await;
        let mut writer = house.writer().await;
        let (other, _) = store::insert_sale(writer.connection(), &new_sale("other")).await.unwrap();
        drop(writer);
        let mut sold = Vec::new();
        for seq in [1, 2, 1_030, 1_031, 4_000] {
            sold.insert(0, house.sell(seq, buyer(1), &[], None).await);
            house.sell(seq + 500, buyer(2), &[], None).await;
        }
        let mut writer = house.writer().await;
        let (mut read, mut after) = (Vec::new(), None);
        for size in [2, 2, 1, 0] {
            let page = OrderPage { sale_id: Some(house.sale_id), after, limit: Some(2) };
            let orders = store::orders_of(writer.connection(), buyer(1), page).await.unwrap();
            assert_eq!(orders.len(), size);
            after = orders.last().map(|order| order.id).or(after);
            read.extend(orders.into_iter().map(|order| order.id));
        }
        assert_eq!(read, sold, "the newest first, each once");
        for (sale_id, orders) in [(None, 5), (Some(house.sale_id), 5), (Some(other), 0)] {
            let page = OrderPage { sale_id, ..OrderPage::default() };
            assert_eq!(store::count_orders(writer.connection(), buyer(1), page).await.unwrap(), orders);
            assert_eq!(store::orders_of(writer.connection(), buyer(1), page).await.unwrap().len() as u64, orders);
        }
    }
}

#[tokio::test]
async fn the_recount_takes_every_row_for_what_it_says() {
    for kind in STORES {
        let house = House::open(kind).await;
        house.sell(1, buyer(1), &[0], None).await;
        house.sell(2, buyer(2), &[], None).await;
        house
            .store
            .run(
                "UPDATE seats SET status = 'sold' WHERE position = 0; UPDATE seats SET status = 'held' WHERE position = 1;
                 UPDATE tiers SET available = 0, held = 1, sold = 1 WHERE seated;
                 UPDATE sales SET available = 5, held = 2, sold = 0",
            )
            .await
            .unwrap();
        let labels = |labels: &[&str]| labels.iter().map(|label| (*label).to_owned()).collect::<BTreeSet<_>>();
        let recount = store::recount(house.writer().await.connection(), house.sale_id).await.unwrap();
        assert_eq!((recount.seq, recount.head_hash, recount.orders), (2, vec![2; 32], 2));
        assert_eq!((recount.counters, recount.doubly_sold), (Counts { available: 5, held: 2, sold: 0 }, 0));
        assert_eq!((recount.ticketed_seats, recount.sold_seats), (labels(&["Å-1"]), labels(&["Å-1"])));
        assert_eq!(recount.held_seats, labels(&["Å-4294967295"]));
        let tiers: Vec<_> = recount
            .tiers
            .iter()
            .map(|tier| (tier.slug.as_str(), tier.seated, tier.counters, tier.seats, tier.tickets))
            .collect();
        let (floor, ga) = (Counts { available: 0, held: 1, sold: 1 }, Counts { available: 5, held: 0, sold: 0 });
        assert_eq!(tiers, [("floor", true, floor, floor, 1), ("ga", false, ga, Counts::default(), 1)]);

        // A reset changes the rows too, and what it made void is no longer counted.
        store::reset_sale(house.writer().await.connection(), house.sale_id, &[3; 32], NOW).await.unwrap();
        let recount = store::recount(house.writer().await.connection(), house.sale_id).await.unwrap();
        assert_eq!((recount.seq, recount.orders), (3, 0));
        assert_eq!(recount.counters, Counts { available: 7, held: 0, sold: 0 });
        assert!(recount.ticketed_seats.is_empty() && recount.sold_seats.is_empty() && recount.held_seats.is_empty());
    }
}

#[tokio::test]
async fn every_ticket_beyond_a_seats_first_is_counted() {
    for kind in STORES {
        let house = House::open(kind).await;
        house.store.run("DROP INDEX one_owner_per_seat").await.unwrap();
        house.sell(1, buyer(1), &[0], None).await;
        house.sell(2, buyer(2), &[0], None).await;
        house.sell(3, buyer(3), &[0, 1], None).await;
        let recount = store::recount(house.writer().await.connection(), house.sale_id).await.unwrap();
        assert_eq!((recount.doubly_sold, recount.ticketed_seats.len()), (2, 2));
    }
}

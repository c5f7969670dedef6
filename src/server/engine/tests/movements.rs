//! Every kind of change, in ledgers that the tests write by hand. The audit replays these lines, and a mirror that
//! follows the ledger takes them over.

use uuid::Uuid;

use super::*;
use crate::{
    model::{
        ids::SeatLabel,
        ledger::{ChangeKind, Units},
        sale::Counts,
        seat::SeatStatus,
    },
    server::{
        ledger::{self, Hash},
        store::{Connection, LedgerRecord},
    },
};

/// Writes ledger lines, and the rows that belong to them, behind the engine's back.
struct Hand {
    store: Store,
    sale_id: i64,
    seq: u64,
    head_hash: Hash,
}

fn unit(quantity: u64) -> Units {
    Units { tier: "ga".into(), seat: None, quantity }
}

fn seat(label: &str) -> Units {
    Units { tier: "floor".into(), seat: Some(label.into()), quantity: 1 }
}

impl Hand {
    async fn on(house: &House, sale: &SaleId) -> Self {
        let (sale_id, seq, head_hash) = {
            let desk = house.engine.core.known(sale).unwrap();
            let stock = desk.stock.read();
            (stock.sale_id, stock.seq, stock.head_hash)
        };
        let store = Store::open(&house.database.url).await.unwrap();
        Self { store, sale_id, seq, head_hash }
    }

    /// Appends one line, and runs the statements that change the rows as the line says.
    async fn write(&mut self, kind: ChangeKind, reference: u128, units: Vec<Units>, rows: &[&'static str]) {
        let at = Timestamp::parse("2026-11-20T20:00:01Z").unwrap();
        let reference = Some(Uuid::from_u128(reference));
        self.seq += 1;
        self.head_hash = ledger::hash(self.seq, &at.to_string(), kind, &units, reference, &self.head_hash);
        let line = LedgerRecord { seq: self.seq, at, kind, units, reference, hash: self.head_hash };
        let mut writer = self.store.writer().await.unwrap();
        let mut transaction = writer.begin().await.unwrap();
        store::append(transaction.connection(), self.sale_id, &line).await.unwrap();
        for sql in rows {
            match transaction.connection() {
                Connection::Sqlite(connection) => sqlx::raw_sql(*sql).execute(connection).await.map(|_| ()),
                Connection::Postgres(connection) => sqlx::raw_sql(*sql).execute(connection).await.map(|_| ()),
            }
            .unwrap();
        }
        store::set_head(transaction.connection(), self.sale_id, self.seq, &self.head_hash).await.unwrap();
        transaction.commit().await.unwrap();
        writer.settle();
    }
}

/// Moves this many units from one column to another, in the counters of a tier and of its sale.
macro_rules! moved {
    ($tier:literal, $units:literal, $from:literal, $to:literal) => {
        concat!(
            "UPDATE tiers SET ",
            $from,
            " = ",
            $from,
            " - ",
            $units,
            ", ",
            $to,
            " = ",
            $to,
            " + ",
            $units,
            " WHERE slug = '",
            $tier,
            "'; UPDATE sales SET ",
            $from,
            " = ",
            $from,
            " - ",
            $units,
            ", ",
            $to,
            " = ",
            $to,
            " + ",
            $units
        )
    };
}

macro_rules! seat_is {
    ($label:literal, $status:literal) => {
        concat!("UPDATE seats SET status = '", $status, "' WHERE label = '", $label, "'")
    };
}

/// The order and the ticket that a confirmed hold of A-2 becomes.
fn ticket_for_a_2(kind: StoreKind) -> &'static str {
    match kind {
        StoreKind::Sqlite => {
            "INSERT INTO buyers (id, created_at) VALUES (zeroblob(16), 0);
             INSERT INTO orders (id, sale_id, seq, buyer_id, total, currency, created_at)
                 SELECT randomblob(16), id, seq, zeroblob(16), 2000, 'USD', 0 FROM sales;
             INSERT INTO tickets (id, order_id, sale_id, tier_id, seat_position, code)
                 SELECT randomblob(16), (SELECT id FROM orders), sale_id, tier_id, position, randomblob(16)
                 FROM seats WHERE label = 'A-2'"
        }
        StoreKind::Postgres => {
            "INSERT INTO buyers (id, created_at) VALUES ('00000000-0000-0000-0000-000000000000', 0);
             INSERT INTO orders (id, sale_id, seq, buyer_id, total, currency, created_at)
                 SELECT gen_random_uuid(), id, seq, '00000000-0000-0000-0000-000000000000', 2000, 'USD', 0 FROM sales;
             INSERT INTO tickets (id, order_id, sale_id, tier_id, seat_position, code)
                 SELECT gen_random_uuid(), (SELECT id FROM orders), sale_id, tier_id, position,
                        decode('000102030405060708090a0b0c0d0e0f', 'hex')
                 FROM seats WHERE label = 'A-2'"
        }
    }
}

/// The rows of the holds 1 and 2 as they are in the end: two units, and the seat A-3.
fn live_holds(kind: StoreKind) -> &'static str {
    macro_rules! live_holds {
        ($one:literal, $two:literal, $buyer:literal) => {
            concat!(
                "INSERT INTO holds (id, sale_id, buyer_id, status, currency, seq, created_at, expires_at, due_at,
                                    extensions_left, extension_seconds, payment_grace_seconds, contact)
                     SELECT ", $one, ", id, ", $buyer, ", 'active', 'USD', 1, 0, 9000000000000, 9000000000000,
                            0, 60, 300, 'none' FROM sales;
                 INSERT INTO holds (id, sale_id, buyer_id, status, currency, seq, created_at, expires_at, due_at,
                                    extensions_left, extension_seconds, payment_grace_seconds, contact)
                     SELECT ", $two, ", id, ", $buyer, ", 'active', 'USD', 1, 0, 9000000000000, 9000000000000,
                            0, 60, 300, 'none' FROM sales;
                 INSERT INTO hold_items (hold_id, number, sale_id, tier_id, quantity, price)
                     SELECT ", $one, ", 0, sale_id, id, 2, 1000 FROM tiers WHERE slug = 'ga';
                 INSERT INTO hold_items (hold_id, number, sale_id, tier_id, seat_position, quantity, price)
                     SELECT ", $two, ", 0, sale_id, tier_id, position, 1, 2000 FROM seats WHERE label = 'A-3'"
            )
        };
    }
    match kind {
        StoreKind::Sqlite => {
            live_holds!("x'00000000000000000000000000000001'", "x'00000000000000000000000000000002'", "zeroblob(16)")
        }
        StoreKind::Postgres => live_holds!(
            "'00000000-0000-0000-0000-000000000001'::UUID",
            "'00000000-0000-0000-0000-000000000002'::UUID",
            "'00000000-0000-0000-0000-000000000000'::UUID"
        ),
    }
}

/// Writes holds, releases, an expiry, a confirmation and a refund. In the end two units and one seat are held.
async fn write_all_kinds(hand: &mut Hand, kind: StoreKind) {
    use ChangeKind::{Confirm, Expire, Hold, Refund, Release};
    hand.write(Hold, 1, vec![unit(3)], &[moved!("ga", 3, "available", "held")]).await;
    hand.write(Release, 1, vec![unit(1)], &[moved!("ga", 1, "held", "available")]).await;
    let both = [seat_is!("A-2", "held"), seat_is!("A-3", "held"), moved!("floor", 2, "available", "held")];
    hand.write(Hold, 2, vec![seat("A-2"), seat("A-3")], &both).await;
    let all = [seat_is!("A-4", "held"), moved!("floor", 1, "available", "held")];
    hand.write(Hold, 3, vec![seat("A-4")], &all).await;
    hand.write(Expire, 3, vec![seat("A-4")], &[seat_is!("A-4", "available"), moved!("floor", 1, "held", "available")])
        .await;
    let sold = [seat_is!("A-2", "sold"), moved!("floor", 1, "held", "sold"), ticket_for_a_2(kind)];
    hand.write(Confirm, 2, vec![seat("A-2")], &sold).await;
    let void = match kind {
        StoreKind::Sqlite => "UPDATE tickets SET void = 1; UPDATE orders SET void = 1",
        StoreKind::Postgres => "UPDATE tickets SET void = true; UPDATE orders SET void = true",
    };
    let free = [seat_is!("A-2", "available"), moved!("floor", 1, "sold", "available"), void, live_holds(kind)];
    hand.write(Refund, 2, vec![seat("A-2")], &free).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_replays_every_kind_of_change() {
    for kind in STORES {
        let house = House::open(kind).await;
        let sale = house.sale(StrategyKind::GroupCommit, vec![general_admission(10), seated(1, 4)]).await;
        let mut hand = Hand::on(&house, &sale).await;
        write_all_kinds(&mut hand, kind).await;
        let audit = house.audit(&sale).await;
        assert!(audit.clean, "{audit:?}");
        assert_eq!((audit.available, audit.held, audit.sold, audit.tickets), (11, 3, 0, 0), "{audit:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_names_what_is_held_by_rows_or_by_lines_alone() {
    for kind in STORES {
        // The cases: a seat is held that no line holds; a line holds a seat that is not held; units are held that no
        // line holds; a line holds a seat that is already held; units or a seat are held for no hold.
        for case in 0..6 {
            let house = House::open(kind).await;
            let sale = house.sale(StrategyKind::GroupCommit, vec![general_admission(10), seated(1, 4)]).await;
            let mut hand = Hand::on(&house, &sale).await;
            let floor = moved!("floor", 1, "available", "held");
            match case {
                0 => hand.write(ChangeKind::Hold, 1, vec![seat("A-1")], &[seat_is!("A-2", "held"), floor]).await,
                1 => hand.write(ChangeKind::Hold, 1, vec![seat("A-1")], &[floor]).await,
                2 => hand.write(ChangeKind::Hold, 1, vec![unit(1)], &[moved!("ga", 2, "available", "held")]).await,
                3 => hand.write(ChangeKind::Hold, 1, vec![unit(1)], &[moved!("ga", 1, "available", "held")]).await,
                4 => hand.write(ChangeKind::Hold, 1, vec![seat("A-1")], &[seat_is!("A-1", "held"), floor]).await,
                _ => {
                    for reference in [1, 2] {
                        let rows = [seat_is!("A-1", "held"), floor];
                        hand.write(ChangeKind::Hold, reference, vec![seat("A-1")], &rows).await;
                    }
                }
            }
            let audit = house.audit(&sale).await;
            assert!(!audit.clean, "case {case}: {audit:?}");
        }
    }
}

/// What another process writes reaches the mirror through the ledger, line by line, whatever the kind of change.
#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_takes_over_every_kind_of_change() {
    let house = House::open(StoreKind::Postgres).await;
    let sale = house.sale(StrategyKind::GroupCommit, vec![general_admission(10), seated(1, 4)]).await;
    let mut hand = Hand::on(&house, &sale).await;
    write_all_kinds(&mut hand, StoreKind::Postgres).await;
    let desk = house.engine.core.known(&sale).unwrap();
    let revision = desk.stock.read().revision;
    let until = tokio::time::Instant::now() + PATIENCE;
    while desk.stock.read().seq < hand.seq {
        assert!(tokio::time::Instant::now() < until, "the mirror stands at {}", desk.stock.read().seq);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let stock = desk.stock.read().clone();
    assert_eq!((stock.seq, stock.head_hash, stock.revision), (hand.seq, hand.head_hash, revision));
    assert_eq!(stock.tiers[0].counts, Counts { available: 8, held: 2, sold: 0 });
    assert_eq!(stock.tiers[1].counts, Counts { available: 3, held: 1, sold: 0 });
    let held: Vec<&SeatLabel> = (0_u32..4)
        .filter(|seat| stock.seats[*seat as usize] == SeatStatus::Held)
        .map(|seat| stock.label(seat))
        .collect();
    assert_eq!(held, [&SeatLabel::from("A-3")]);
    // The mirror knows which seats are free: it picks two that are side by side.
    assert_eq!(stock.free_seats.pick(1, 2).map(|best| best.seats), Some(vec![0, 1]));
    drop(stock);
    let both = house.buy(&sale, 9, BuyBody::tier("floor".into(), 2)).await;
    assert!(code(&both).is_none(), "{both:?}");
    assert!(house.audit(&sale).await.clean);
}

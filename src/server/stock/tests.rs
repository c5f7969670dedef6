//! A sale in memory: wishes are decided on it, and ledger lines of other servers are applied to it.

mod substitutes; // seats that are taken instead of others

use std::collections::HashMap;

use uuid::Uuid;

use super::{
    decide::{Bounds, Draft, Granted},
    *,
};
use crate::{
    model::{
        ids::BuyerId,
        ledger::{ChangeKind, Shift, Units},
        outcome::Code,
        rung::Rung,
        sale::{Checkout, ContactRule, Counts, SaleSwitch},
        seat::{SeatLayout, SeatStatus, seat_rows},
        strategy::StrategyKind,
        time::Timestamp,
    },
    server::store::{ChangeRecord, LedgerRecord, NewSeatRecord, SaleRecord, SaleTerms, TierRecord},
};

/// Two rows of four seats in the tier `floor`, and ten units of `ga`.
fn stock() -> Stock {
    stock_of(&[("floor", 100, Some(SeatLayout { sections: 1, rows: 2, per_row: 4 })), ("ga", 100, None)])
}

/// A sale of tiers with these slugs, prices and seats. A tier without seats has ten units.
fn stock_of(tiers: &[(&str, u64, Option<SeatLayout>)]) -> Stock {
    let layouts: Vec<_> = tiers.iter().map(|(.., layout)| *layout).collect();
    let tiers = (7..).zip(tiers).map(|(id, (slug, price, layout))| TierRecord {
        id,
        slug: (*slug).into(),
        name: (*slug).into(),
        price: *price,
        price_steps: Vec::new(),
        currency: "USD".into(),
        seated: layout.is_some(),
        counts: Counts { available: layout.map_or(Some(10), SeatLayout::seats).unwrap(), held: 0, sold: 0 },
    });
    let rows = seat_rows(&layouts);
    let seats = rows.iter().flat_map(|row| {
        row.labels().map(|(number, label)| NewSeatRecord {
            tier_index: row.tier_index,
            section: row.section.clone(),
            row: row.row.clone(),
            number,
            label: label.0,
            status: SeatStatus::Available,
        })
    });
    Stock::new(SaleRecord {
        id: 1,
        slug: "sale".into(),
        name: "Sale".into(),
        revision: 0,
        switch: SaleSwitch::Open,
        strategy: StrategyKind::GroupCommit,
        rehearsal: false,
        opens_at: None,
        message: None,
        terms: SaleTerms {
            checkout: Checkout::Instant,
            contact: ContactRule::Optional,
            hold_ttl_seconds: 600,
            hold_extension_seconds: 60,
            hold_extensions: 10,
            payment_grace_seconds: 300,
        },
        max_per_buyer: None,
        seq: 1,
        head_hash: [0; 32],
        tiers: tiers.collect(),
        seats: seats.collect(),
        had: HashMap::new(),
        live_holds: Vec::new(),
    })
}

fn named(positions: &[u32]) -> Part {
    Part { tier_index: 0, what: What::Seats(positions.to_vec()) }
}

fn any(tier_index: usize, quantity: u64) -> Part {
    Part { tier_index, what: What::Units(quantity) }
}

/// Returns what a wish of these parts is granted, or the code of its refusal.
fn decide(draft: &mut Draft, stock: &Stock, parts: Vec<Part>) -> Result<Vec<Granted>, Code> {
    let wish = Wish::new(parts).unwrap();
    let change = (ChangeKind::Buy, Uuid::from_u128(1));
    let grant = draft.decide(stock, change, BuyerId(Uuid::from_u128(2)), &wish, Bounds::default());
    grant.map(|grant| grant.parts).map_err(|refusal| refusal.code)
}

fn granted(tier_index: usize, seats: &[u32], quantity: u64) -> Granted {
    let rung = (!seats.is_empty()).then_some(Rung::Together);
    Granted { tier_index, seats: seats.to_vec(), quantity, price: 100, rung }
}

#[test]
fn all_parts_of_a_wish_are_granted_or_none() {
    let stock = stock();
    let mut draft = Draft::new(&stock);
    let mixed = decide(&mut draft, &stock, vec![named(&[1]), any(0, 2), any(1, 3)]);
    // The same row has two free seats together beside the named seat.
    assert_eq!(mixed, Ok(vec![granted(0, &[1, 2, 3], 3), granted(1, &[], 3)]));
    assert_eq!(decide(&mut draft, &stock, vec![named(&[4]), any(1, 8)]), Err(Code::SoldOut));
    assert_eq!(decide(&mut draft, &stock, vec![named(&[2, 5])]), Err(Code::SeatTaken));
    let wish = Wish::new(vec![named(&[1, 3, 5])]).unwrap();
    let refusal = draft
        .decide(&stock, (ChangeKind::Buy, Uuid::nil()), BuyerId(Uuid::nil()), &wish, Bounds::default())
        .unwrap_err();
    assert_eq!(refusal.seats, ["A-2".into(), "A-4".into()], "all that are gone are named");
    assert_eq!(refusal.detail, "Seats A-2, A-4 are taken.");
    assert_eq!(decide(&mut draft, &stock, vec![named(&[4]), any(0, 5)]), Err(Code::SoldOut));
    // The refused wishes have left the draft as it was.
    assert_eq!(
        decide(&mut draft, &stock, vec![any(0, 4), any(1, 7)]),
        Ok(vec![granted(0, &[4, 5, 6, 7], 4), granted(1, &[], 7)])
    );
    assert_eq!(draft.seq, 3, "one line for each that was granted");
}

fn line(seq: u64, kind: ChangeKind, units: Vec<Units>) -> ChangeRecord {
    let at = Timestamp::from_milliseconds(i64::try_from(seq).unwrap());
    let line = LedgerRecord { seq, at, kind, units, reference: None, hash: [u8::try_from(seq).unwrap(); 32] };
    ChangeRecord { line, buyer: None }
}

fn seat(label: &str) -> Units {
    Units { tier: "floor".into(), seat: Some(label.into()), quantity: 1 }
}

fn units(quantity: u64) -> Units {
    Units { tier: "ga".into(), seat: None, quantity }
}

#[test]
fn lines_of_other_servers_become_one_change_for_each_run_of_the_same_movement() {
    use ChangeKind::{Buy, Confirm, Expire, Hold, Refund, Release};
    let stock = stock();
    let lines = [
        line(2, Buy, vec![units(1)]),
        line(3, Buy, vec![seat("A-1")]),
        line(4, Hold, vec![seat("A-2"), units(4)]),
        line(5, Release, vec![units(1)]),
        line(6, Expire, vec![units(1)]),
        line(7, Confirm, vec![seat("A-2")]),
        line(8, Refund, vec![seat("A-1")]),
    ];
    let changes = desk::merge(&stock, &lines).expect("all of these move units between states");
    let runs: Vec<_> = changes.iter().map(|change| (change.from, change.seq)).collect();
    assert_eq!(runs, [(1, 3), (3, 4), (4, 6), (6, 7), (7, 8)]);
    let sale = SaleDesk::new(stock);
    for change in changes {
        assert!(!sale.take(change, Timestamp::from_milliseconds(0), |_| {}), "each follows on the one before");
    }
    let stock = sale.stock.read();
    assert_eq!(stock.tiers[0].counts, Counts { available: 7, held: 0, sold: 1 });
    assert_eq!(stock.tiers[1].counts, Counts { available: 7, held: 2, sold: 1 });
    assert_eq!((stock.seats[0], stock.seats[1]), (SeatStatus::Available, SeatStatus::Sold));
    assert_eq!(stock.free_seats.pick(0, 2).map(|best| best.seats), Some(vec![2, 3]));
    assert_eq!((stock.seq, stock.head_hash), (8, [8; 32]));
}

#[test]
fn what_only_the_rows_can_tell_is_not_taken_from_lines() {
    let stock = stock();
    for lines in [
        vec![line(2, ChangeKind::Stock, vec![units(5)])],
        vec![line(2, ChangeKind::Buy, vec![units(1)]), line(3, ChangeKind::Reset, vec![units(10)])],
        vec![line(3, ChangeKind::Buy, vec![units(1)])],
        vec![line(2, ChangeKind::Buy, vec![seat("Z-9")])],
    ] {
        assert!(desk::merge(&stock, &lines).is_none(), "{lines:?}");
    }
}

#[test]
#[should_panic(expected = "a seat is moved from where it is")]
fn a_mirror_that_is_wrong_is_not_served_from() {
    let shift = Shift { from: SeatStatus::Held, to: SeatStatus::Sold };
    stock().shift(shift, &[0], &[(0, 1)]);
}

//! Wishes that take the nearest free seats instead of named ones that are gone.

use super::*;
use crate::model::{outcome::Refusal, sale::PriceStep};

/// Three seats of `gold` at 300 (0 to 2), four of `silver` at 200 in two rows (3 to 6), units of `ga` at 100, and three
/// seats of `bronze` at 200 (7 to 9).
fn house() -> Stock {
    let row = |rows, per_row| Some(SeatLayout { sections: 1, rows, per_row });
    stock_of(&[("gold", 300, row(1, 3)), ("silver", 200, row(2, 2)), ("ga", 100, None), ("bronze", 200, row(1, 3))])
}

/// A wish for these seats in this order, or the nearest ones, and for other parts.
fn wish(stock: &Stock, in_order: &[u32], others: Vec<Part>) -> Wish {
    let seats = Wish::seats_at(stock, in_order.to_vec()).unwrap();
    let parts = seats.parts().iter().cloned().chain(others).collect();
    Wish::new(parts).unwrap().or_nearest(in_order.to_vec()).unwrap()
}

/// The granted seats with their prices, and which of them are taken instead of which.
type Got = (Vec<(u32, u64)>, Vec<(u32, u32)>);

fn hold(draft: &mut Draft, stock: &Stock, wish: &Wish) -> Result<Got, Refusal> {
    let change = (ChangeKind::Hold, Uuid::from_u128(1));
    let grant = draft.decide(stock, change, BuyerId(Uuid::from_u128(2)), wish, Bounds::default())?;
    let with_price = |part: &Granted| part.seats.iter().map(|seat| (*seat, part.price)).collect::<Vec<_>>();
    let seats = grant.parts.iter().flat_map(with_price).collect();
    Ok((seats, grant.substitutes.iter().map(|substitute| (substitute.given, substitute.asked)).collect()))
}

/// A draft in which these seats are gone.
fn draft_without(stock: &Stock, gone: &[u32]) -> Draft {
    let mut draft = Draft::new(stock);
    if !gone.is_empty() {
        let wish = Wish::seats_at(stock, gone.to_vec()).unwrap();
        hold(&mut draft, stock, &wish).unwrap();
    }
    draft
}

#[test]
fn free_seats_stay_and_each_that_is_gone_is_replaced_in_the_order_named() {
    let stock = house();
    let held = |gone: &[u32], in_order: &[u32]| {
        hold(&mut draft_without(&stock, gone), &stock, &wish(&stock, in_order, vec![])).unwrap()
    };
    assert_eq!(held(&[], &[1]), (vec![(1, 300)], vec![]));
    assert_eq!(held(&[1], &[1]), (vec![(0, 300)], vec![(0, 1)]), "of two as near: the first");
    assert_eq!(held(&[1], &[1, 0]), (vec![(0, 300), (2, 300)], vec![(2, 1)]), "a named free seat is not given twice");
    // In silver 4 and 5 are left. Whoever is named first chooses first.
    assert_eq!(held(&[3, 6], &[3, 6]), (vec![(4, 200), (5, 200)], vec![(4, 3), (5, 6)]));
    assert_eq!(held(&[3, 6], &[6, 3]), (vec![(4, 200), (5, 200)], vec![(5, 6), (4, 3)]));
    assert_eq!(held(&[3, 4], &[4, 3]), (vec![(5, 200), (6, 200)], vec![(6, 4), (5, 3)]));
    assert_eq!(held(&[3, 4, 5], &[4, 3]), (vec![(6, 200), (7, 200)], vec![(6, 4), (7, 3)]), "then the next tier");
}

/// The prices that count are those before the claim, which other claims of the same batch may have raised.
#[test]
fn a_seat_that_has_become_dearer_does_not_stand_for_a_cheaper_one() {
    let mut stock = house();
    stock.tiers[1].price_steps = [PriceStep { sold_percent: 50, price: 400 }].into();
    let gold_for = |gone: &[u32]| hold(&mut draft_without(&stock, gone), &stock, &wish(&stock, &[2], vec![]));
    assert_eq!(gold_for(&[0, 1, 2, 3]).unwrap(), (vec![(4, 200)], vec![(4, 2)]));
    assert_eq!(gold_for(&[0, 1, 2, 3, 4]).unwrap(), (vec![(9, 200)], vec![(9, 2)]), "silver costs 400 by then");
    assert_eq!(gold_for(&[0, 1, 2, 3, 4, 7, 8, 9]).unwrap_err().code, Code::SeatTaken);
}

#[test]
fn other_tiers_give_seats_only_at_the_same_or_a_lower_price() {
    let stock = house();
    let (gold, silver, bronze) = (0..3, 3..7, 7..10);
    let of = |gone: &[&std::ops::Range<u32>], asked| {
        let gone: Vec<u32> = gone.iter().flat_map(|seats| (*seats).clone()).collect();
        hold(&mut draft_without(&stock, &gone), &stock, &wish(&stock, &[asked], vec![]))
    };
    assert_eq!(of(&[&gold], 2).unwrap(), (vec![(4, 200)], vec![(4, 2)]), "charged as what is given");
    assert_eq!(of(&[&gold, &silver], 2).unwrap(), (vec![(9, 200)], vec![(9, 2)]));
    assert_eq!(of(&[&silver], 6).unwrap(), (vec![(8, 200)], vec![(8, 6)]), "the nearer tier is dearer");
    assert_eq!(of(&[&bronze], 7).unwrap(), (vec![(5, 200)], vec![(5, 7)]));
    let refusal = of(&[&silver, &bronze], 6).unwrap_err();
    assert_eq!((refusal.code, refusal.seats), (Code::SeatTaken, vec!["102-C-2".into()]));
    assert_eq!(of(&[&gold, &silver, &bronze], 0).unwrap_err().code, Code::SeatTaken, "units have no seats to give");
}

#[test]
fn if_too_few_are_left_nothing_is_held_and_the_draft_stays_as_it_was() {
    let stock = house();
    let mut draft = draft_without(&stock, &[3, 4, 5, 7, 8, 9]);
    let refusal = hold(&mut draft, &stock, &wish(&stock, &[5, 3, 1], vec![])).unwrap_err();
    assert_eq!((refusal.code, refusal.seats), (Code::SeatTaken, vec!["102-B-1".into(), "102-C-1".into()]));
    let (seats, substitutes) = hold(&mut draft, &stock, &wish(&stock, &[3, 1], vec![])).unwrap();
    assert_eq!((seats, substitutes), (vec![(1, 300), (6, 200)], vec![(6, 3)]), "both are still free");
}

#[test]
fn other_parts_of_the_wish_get_what_is_left_then() {
    let stock = house();
    let mut draft = draft_without(&stock, &[4]);
    // The nearest seat to 4 is 3, and two seats together are left behind it.
    let (seats, substitutes) = hold(&mut draft, &stock, &wish(&stock, &[4], vec![any(1, 2), any(2, 1)])).unwrap();
    assert_eq!((seats, substitutes), (vec![(3, 200), (5, 200), (6, 200)], vec![(3, 4)]));
    let refusal = hold(&mut draft, &stock, &wish(&stock, &[4], vec![any(3, 3)])).unwrap_err();
    assert_eq!(refusal.code, Code::SoldOut, "the seat is given first");
}

#[test]
fn memory_alone_refuses_only_where_no_other_seat_may_be_left() {
    let mut stock = house();
    let sell = |stock: &mut Stock, tier: usize, seats: &[u32]| {
        let shift = Shift { from: SeatStatus::Available, to: SeatStatus::Held };
        stock.shift(shift, seats, &[(tier, seats.len() as u64)]);
    };
    sell(&mut stock, 1, &[3, 4, 5, 6]);
    assert_eq!(wish(&stock, &[3], vec![]).refusal(&stock), None, "bronze is left");
    assert_eq!(wish(&stock, &[3], vec![any(1, 1)]).refusal(&stock).unwrap().code, Code::SoldOut);
    sell(&mut stock, 3, &[7, 8, 9]);
    let refusal = wish(&stock, &[3, 0], vec![]).refusal(&stock).unwrap();
    assert_eq!((refusal.code, refusal.seats), (Code::SeatTaken, vec!["102-B-1".into()]), "gold is dearer");
    assert_eq!(wish(&stock, &[0], vec![]).refusal(&stock), None);
}

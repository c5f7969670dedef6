//! Runs with planted bugs, which the auditor must find, and correct runs, which it must accept.

use super::*;
use crate::model::{
    audit::LedgerAudit,
    ids::{BuyerId, SaleId, TicketId},
    ledger::Units,
    order::Ticket,
    sale::{Checkout, ContactRule, SaleStatus, Tier},
    strategy::StrategyKind,
    time::Timestamp,
};

const START: Timestamp = Timestamp::from_milliseconds(0);

fn sale() -> Sale {
    let stalls = Tier {
        id: "stalls".into(),
        name: "Stalls".to_owned(),
        price: 1000,
        price_steps: Vec::new(),
        currency: "USD".to_owned(),
        currency_digits: 2,
        seated: true,
        capacity: 3,
        available: 3,
        held: 0,
        sold: 0,
    };
    Sale {
        id: SaleId::from("rehearsal"),
        name: "Rehearsal".to_owned(),
        status: SaleStatus::Open,
        strategy: StrategyKind::GroupCommit,
        rehearsal: true,
        opens_at: None,
        message: None,
        server_now: START,
        seq: 10,
        max_per_buyer: None,
        checkout: Checkout::Instant,
        contact: ContactRule::Optional,
        hold_ttl_seconds: 600,
        hold_extension_seconds: 60,
        hold_extensions: 10,
        payment_grace_seconds: 300,
        capacity: 3,
        available: 3,
        held: 0,
        sold: 0,
        tiers: vec![stalls],
    }
}

fn win(seq: u64, seat: &str, sent_ms: u64, answered_ms: u64) -> Win {
    let ticket = Ticket {
        id: TicketId(Uuid::from_u128(u128::from(seq))),
        tier: "stalls".into(),
        seat: Some(seat.into()),
        code: "0".repeat(32),
    };
    let order = Order {
        id: OrderId(Uuid::from_u128(u128::from(seq))),
        sale: SaleId::from("rehearsal"),
        buyer: BuyerId(Uuid::from_u128(1_000 + u128::from(seq))),
        total: 1000,
        currency: "USD".to_owned(),
        currency_digits: 2,
        seq,
        created_at: START,
        rung: None,
        contact: None,
        tickets: vec![ticket],
    };
    Win { order, sent: Duration::from_millis(sent_ms), answered: Duration::from_millis(answered_ms) }
}

fn line(win: &Win) -> LedgerLine {
    LedgerLine {
        seq: win.order.seq,
        at: START,
        kind: ChangeKind::Buy,
        units: vec![Units { tier: "stalls".into(), seat: win.order.tickets[0].seat.clone(), quantity: 1 }],
        reference: Some(win.order.id.0),
        prev: String::new(),
        hash: String::new(),
    }
}

fn audit(sold: u64, clean: bool) -> Audit {
    Audit {
        sale: SaleId::from("rehearsal"),
        strategy: StrategyKind::GroupCommit,
        capacity: 3,
        available: 3 - sold,
        held: 0,
        sold,
        orders: sold,
        tickets: sold,
        phantoms: 0,
        leaks: 0,
        ledger: LedgerAudit { entries: 10 + sold, head_hash: String::new(), verified: true },
        clean,
        checked_at: START,
    }
}

/// Judges wins whose ledger has one line for each of them, and whose audit is clean.
fn judge(wins: &[Win]) -> Vec<Contradiction> {
    let mut ledger: Vec<LedgerLine> = wins.iter().map(line).collect();
    ledger.sort_by_key(|line| line.seq);
    contradictions(&sale(), wins, &ledger, &audit(wins.len().min(3) as u64, true))
}

#[test]
fn an_exact_run_has_no_contradiction() {
    assert_eq!(judge(&[win(11, "A-1", 0, 5), win(13, "A-2", 1, 9), win(12, "A-3", 2, 7)]), []);
}

#[test]
fn a_seat_sold_twice_is_caught() {
    let found = judge(&[win(11, "A-1", 0, 5), win(12, "A-1", 0, 5)]);
    assert_eq!(found, [Contradiction::SeatSoldTwice("A-1".into())]);
}

#[test]
fn a_unit_that_did_not_exist_is_caught() {
    let wins: Vec<Win> = (1..=4).map(|number| win(10 + number, &format!("A-{number}"), 0, 5)).collect();
    let tier: TierId = "stalls".into();
    let found = judge(&wins);
    assert!(found.contains(&Contradiction::MoreSoldThanThereWas { tier, won: 4, available: 3 }), "{found:?}");
    assert!(found.contains(&Contradiction::AuditSoldFewerThanWon { won: 4, sold: 3 }), "{found:?}");
}

#[test]
fn a_missing_seq_is_caught() {
    let found = judge(&[win(11, "A-1", 0, 5), win(13, "A-2", 0, 5)]);
    assert_eq!(found, [Contradiction::GapInLedger { expected: 12, found: 13 }]);
}

#[test]
fn a_seq_or_an_order_given_to_two_buyers_is_caught() {
    let (first, mut second) = (win(11, "A-1", 0, 5), win(11, "A-2", 0, 5));
    let twice = contradictions(&sale(), &[first.clone(), second.clone()], &[line(&first)], &audit(2, true));
    assert_eq!(twice, [Contradiction::OrderAnsweredTwice(first.order.id)]);
    second.order.id = OrderId(Uuid::from_u128(99));
    let found = contradictions(&sale(), &[first.clone(), second], &[line(&first)], &audit(2, true));
    assert!(found.contains(&Contradiction::SeqUsedTwice(11)), "{found:?}");
}

#[test]
fn an_acknowledged_purchase_that_the_ledger_lacks_is_caught() {
    let wins = [win(11, "A-1", 0, 5), win(12, "A-2", 0, 5)];
    let found = contradictions(&sale(), &wins, &[line(&wins[0])], &audit(2, true));
    assert_eq!(found, [Contradiction::MissingFromLedger { seq: 12, order: wins[1].order.id }]);
}

#[test]
fn an_inverted_order_is_caught() {
    // The buyer of 11 asked only after the buyer of 12 had been answered.
    let found = judge(&[win(12, "A-1", 0, 5), win(11, "A-2", 6, 9)]);
    assert_eq!(found, [Contradiction::OrderInverted { earlier: 12, later: 11 }]);
}

#[test]
fn requests_that_overlap_may_be_decided_in_any_order() {
    assert_eq!(judge(&[win(12, "A-1", 0, 5), win(11, "A-2", 5, 9)]), []);
}

#[test]
fn a_verdict_that_is_not_clean_is_passed_on() {
    let wins = [win(11, "A-1", 0, 5)];
    let found = contradictions(&sale(), &wins, &[line(&wins[0])], &audit(1, false));
    assert_eq!(found, [Contradiction::AuditNotClean]);
}

#[test]
fn a_reset_during_the_run_lets_a_seat_be_sold_again() {
    let wins = [win(11, "A-1", 0, 5), win(13, "A-1", 6, 9)];
    let reset = LedgerLine { seq: 12, kind: ChangeKind::Reset, reference: None, ..line(&wins[0]) };
    let ledger = [line(&wins[0]), reset, line(&wins[1])];
    assert_eq!(contradictions(&sale(), &wins, &ledger, &audit(1, true)), []);
}

#[test]
fn as_many_contradictions_are_told_as_can_be_kept() {
    let found = |count: u64| (0..count).map(Contradiction::SeqUsedTwice).collect::<Vec<_>>();
    assert_eq!(sentences(&found(100)).len(), 100);
    let told = sentences(&found(5_000));
    assert_eq!((told.len(), told[100].as_str()), (101, "and 4900 more"));
}

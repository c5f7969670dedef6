//! The ledger's order is the order in real time: if one answer was received before another request was sent, the first
//! has the smaller `seq`.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use onsale::{model::tally::Answer, server::simulator::client::Connection};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::support::{ExportedLedger, STRATEGIES, TestApp, general_admission, scale, seated};

/// One purchase as its buyer saw it.
#[derive(Clone, Copy, Debug)]
struct Call {
    sent: Instant,
    answered: Instant,
    seq: u64,
}

/// The first pair of calls whose `seq` contradicts their order in real time, if there is one.
fn inversion(calls: &[Call]) -> Option<(Call, Call)> {
    let mut by_start = calls.to_vec();
    by_start.sort_by_key(|call| call.sent);
    let mut by_end = calls.to_vec();
    by_end.sort_by_key(|call| call.answered);
    let mut ended = by_end.into_iter().peekable();
    // Of all calls that ended before the current call began, the one with the greatest seq.
    let mut latest: Option<Call> = None;
    for call in by_start {
        while let Some(earlier) = ended.next_if(|earlier| earlier.answered < call.sent) {
            if latest.is_none_or(|latest| latest.seq < earlier.seq) {
                latest = Some(earlier);
            }
        }
        if let Some(earlier) = latest.filter(|earlier| earlier.seq >= call.seq) {
            return Some((earlier, call));
        }
    }
    None
}

#[test]
fn a_turned_order_is_seen() {
    let start = Instant::now();
    let at = |milliseconds| start + Duration::from_millis(milliseconds);
    let call = |sent, answered, seq| Call { sent: at(sent), answered: at(answered), seq };
    assert!(inversion(&[call(0, 5, 2), call(6, 9, 1)]).is_some());
    assert!(inversion(&[call(0, 5, 1), call(6, 9, 1)]).is_some(), "a seq is given out once");
    assert!(inversion(&[call(0, 5, 1), call(6, 9, 2)]).is_none());
    assert!(inversion(&[call(0, 5, 2), call(4, 9, 1)]).is_none(), "calls that overlap have no order");
}

/// Makes so many purchases one after the other on one connection.
async fn buy_in_turn(app: Arc<TestApp>, sale: String, tier: &'static str, purchases: usize) -> Vec<Call> {
    let mut connection = Connection::open(Arc::new(app.server())).await.expect("a connection");
    let path = format!("/api/v1/sales/{sale}/buy");
    let body = Bytes::from(format!("{{\"tier\":\"{tier}\"}}"));
    let mut calls = Vec::with_capacity(purchases);
    while calls.len() < purchases {
        let sent = Instant::now();
        let reply = connection.post(&path, Some(&Uuid::now_v7().to_string()), body.clone()).await.expect("an answer");
        let answered = Instant::now();
        match Answer::read(reply.status.as_u16(), &reply.body) {
            Answer::Won(order) => calls.push(Call { sent, answered, seq: order.seq }),
            other => panic!("there is stock for all: {other:?}"),
        }
    }
    calls
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_before_a_request_has_the_smaller_seq() {
    const BUYERS: usize = 40;
    let app = Arc::new(TestApp::open().await);
    for (strategy, purchases) in STRATEGIES.into_iter().zip([scale::rounds(100, 100_000), scale::rounds(15, 10_000)]) {
        let sale = app.sale(strategy, &[general_admission(10_000_000), seated(100, 20)]).await;
        let mut buyers = JoinSet::new();
        for buyer in 0..BUYERS {
            // A few buyers buy seats, so that both kinds of tier share one ledger.
            let (tier, purchases) = if buyer % 8 == 0 { ("floor", purchases.min(300)) } else { ("ga", purchases) };
            buyers.spawn(buy_in_turn(app.clone(), sale.clone(), tier, purchases));
        }
        let calls: Vec<Call> = buyers.join_all().await.into_iter().flatten().collect();
        assert_eq!(inversion(&calls).map(|pair| format!("{pair:?}")), None, "{strategy}");
        let mut seqs: Vec<u64> = calls.iter().map(|call| call.seq).collect();
        seqs.sort_unstable();
        assert!(seqs.iter().copied().eq(2..2 + seqs.len() as u64), "one decision is one seq, without a gap");
        app.clean_audit(&sale).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ledger_is_gapless_and_adds_up_to_the_seats_and_counters() {
    let app = Arc::new(TestApp::open().await);
    for strategy in STRATEGIES {
        let sale = app.sale(strategy, &[seated(10, 12), general_admission(300)]).await;
        let mut buyers = JoinSet::new();
        for buyer in 0..16 {
            let tier = if buyer % 2 == 0 { "floor" } else { "ga" };
            buyers.spawn(buy_in_turn(app.clone(), sale.clone(), tier, 12));
        }
        buyers.join_all().await;
        let ledger = ExportedLedger::read(&app, &sale).await;
        let (tiers, sold_seats) = ledger.replay();
        let told = app.read_sale(&sale).await;
        assert_eq!(ledger.lines.len() as u64, told.seq);
        for tier in &told.tiers {
            assert_eq!(tiers[tier.id.as_str()], (tier.capacity, tier.sold), "{}", tier.id);
        }
        let list = app.get(&format!("/api/v1/sales/{sale}/seats?status=sold")).await.expect(200).json();
        let listed = list["seats"].as_array().expect("seats").iter().map(|seat| seat["seat"].as_str().unwrap());
        assert!(listed.clone().all(|seat| sold_seats.contains(seat)) && listed.count() == sold_seats.len());
        let after = app.get(&format!("/api/v1/sales/{sale}/ledger?after={}", told.seq - 1)).await.expect(200);
        assert_eq!(after.text().lines().next(), ledger.text.lines().last());
        assert!(!ledger.text.contains("buyer") && !ledger.text.contains("code"), "a ledger names nobody");
    }
}

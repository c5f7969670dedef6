//! How frames and intents, in any order, change the view.

use proptest::prelude::*;

use super::*;

const EPOCH: &str = "first";

fn counts(id: &str, available: u64, held: u64, sold: u64) -> TierCounts {
    TierCounts { id: id.into(), available, held, sold, price: None }
}

fn time(milliseconds: i64) -> Timestamp {
    Timestamp::from_milliseconds(milliseconds)
}

fn snapshot(seq: u64, seats: &str, tiers: Vec<TierCounts>) -> Snapshot {
    Snapshot { seq, epoch: EPOCH.into(), at: time(0), status: SaleStatus::Open, seats: seats.into(), tiers }
}

fn open() -> StatusChange {
    StatusChange { status: SaleStatus::Open, opens_at: None, message: None }
}

fn view(seats: &str, tiers: Vec<TierCounts>) -> View {
    View::new(snapshot(1, seats, tiers), None, None, &[])
}

fn sold(from: u64, seq: u64, seat: u32, tier: TierCounts) -> Frame {
    Frame::Delta(Delta { from, seq, at: time(0), seats: vec![(seat, 'S')], tiers: vec![tier] })
}

#[test]
fn a_delta_turns_its_seats_and_counters_and_only_they_are_painted() {
    let mut view = view("AAA", vec![counts("vip", 3, 0, 0)]);
    assert_eq!(view.apply(sold(1, 2, 1, counts("vip", 2, 0, 1))), Verdict::Applied);
    assert_eq!(view.face(1), SeatFace::Sold);
    assert_eq!(view.shown_tiers()[0].counts, Counts { available: 2, held: 0, sold: 1 });
    let Repaint::Some(seats) = view.take_repaint() else { panic!("all seats") };
    assert_eq!(seats.as_slice(), [1]);
    assert!(view.take_repaint().is_empty());
}

#[test]
fn a_gap_asks_for_a_snapshot_and_changes_nothing() {
    let mut view = view("AA", vec![counts("vip", 2, 0, 0)]);
    assert_eq!(view.apply(sold(2, 3, 0, counts("vip", 1, 0, 1))), Verdict::NeedsSnapshot);
    assert_eq!((view.seq(), view.face(0)), (1, SeatFace::Available));
}

#[test]
fn a_frame_that_begins_before_the_view_brings_it_to_its_end() {
    // The view came from a poll, whose `seq` lies inside the next frame of the stream.
    let mut view = View::new(snapshot(3, "SAA", vec![counts("vip", 2, 0, 1)]), None, None, &[]);
    let (seats, tiers) = (vec![(0, 'S'), (2, 'S')], vec![counts("vip", 1, 0, 2)]);
    let frame = Frame::Delta(Delta { from: 1, seq: 5, at: time(0), seats, tiers });
    assert_eq!(view.apply(frame), Verdict::Applied);
    assert_eq!(
        (view.seq(), view.face(0), view.face(1), view.face(2)),
        (5, SeatFace::Sold, SeatFace::Available, SeatFace::Sold)
    );
    assert_eq!(view.shown_tiers()[0].counts, Counts { available: 1, held: 0, sold: 2 });
}

#[test]
fn a_poll_tells_what_the_organiser_has_changed() {
    let mut view = view("A", vec![counts("vip", 1, 0, 0)]);
    let announced = StatusChange { status: SaleStatus::Paused, opens_at: Some(time(7)), message: Some("Wait.".into()) };
    let polled = Snapshot { status: SaleStatus::Paused, ..snapshot(1, "A", vec![counts("vip", 1, 0, 0)]) };
    assert_eq!(view.apply_polled(polled, announced), Verdict::Applied);
    assert_eq!((view.status(), view.opens_at(), view.message()), (SaleStatus::Paused, Some(time(7)), Some("Wait.")));
}

#[test]
fn what_comes_back_is_noticed() {
    let view = view("AA", vec![counts("vip", 1, 0, 0), counts("ga", 3, 0, 2)]);
    assert!(view.gets_back(&[counts("vip", 1, 0, 0), counts("ga", 5, 0, 0)]));
    assert!(!view.gets_back(&[counts("vip", 1, 0, 0), counts("ga", 0, 0, 5)]));
}

#[test]
fn a_frame_that_comes_again_is_stale() {
    let mut view = view("AA", vec![counts("vip", 2, 0, 0)]);
    let frame = sold(1, 2, 0, counts("vip", 1, 0, 1));
    view.apply(frame.clone());
    assert_eq!(view.apply(frame), Verdict::Stale);
}

#[test]
fn a_seat_beyond_the_map_asks_for_a_snapshot() {
    let mut view = view("A", vec![counts("vip", 1, 0, 0)]);
    assert_eq!(view.apply(sold(1, 2, 7, counts("vip", 0, 0, 1))), Verdict::NeedsSnapshot);
}

#[test]
fn a_heartbeat_with_another_digest_asks_for_a_snapshot() {
    let tiers = vec![counts("vip", 2, 0, 0)];
    let mut view = view("AA", tiers.clone());
    let beat = |seq, digest: String| Frame::Heartbeat(Heartbeat { at: time(5), seq, digest });
    assert_eq!(view.apply(beat(1, digest(b"AA", &tiers))), Verdict::Applied);
    assert_eq!(view.heard_at(), time(5));
    assert_eq!(view.apply(beat(1, digest(b"AS", &tiers))), Verdict::NeedsSnapshot);
    assert_eq!(view.apply(beat(2, digest(b"AA", &tiers))), Verdict::NeedsSnapshot);
    assert_eq!(view.apply(beat(0, digest(b"AA", &tiers))), Verdict::Stale);
}

#[test]
fn an_intent_is_tentative_until_the_server_tells_it() {
    let mut view = view("", vec![counts("ga", 5, 0, 0)]);
    let intent = view.intend(Intent::units("ga".into(), 2));
    assert_eq!(
        view.shown_tiers()[0],
        ShownCounts { counts: Counts { available: 3, held: 0, sold: 2 }, is_tentative: true }
    );
    view.settle(intent, Settlement::Won { seq: 2, seats: vec![] });
    assert!(view.shown_tiers()[0].is_tentative, "the counters do not contain it yet");
    view.apply(Frame::Delta(Delta { from: 1, seq: 2, at: time(0), seats: vec![], tiers: vec![counts("ga", 3, 0, 2)] }));
    assert_eq!(
        view.shown_tiers()[0],
        ShownCounts { counts: Counts { available: 3, held: 0, sold: 2 }, is_tentative: false }
    );
}

#[test]
fn a_purchase_told_before_its_answer_is_counted_once() {
    let mut view = view("AA", vec![counts("vip", 2, 0, 0)]);
    let intent = view.intend(Intent::seat("vip".into(), 0));
    view.apply(sold(1, 2, 0, counts("vip", 1, 0, 1)));
    assert_eq!(view.shown_tiers()[0].counts.available, 1);
    view.settle(intent, Settlement::Won { seq: 2, seats: vec![0] });
    assert_eq!(view.face(0), SeatFace::Mine);
    assert_eq!(view.shown_tiers()[0], ShownCounts { counts: counts("vip", 1, 0, 1).counts(), is_tentative: false });
}

#[test]
fn a_refusal_rolls_back_and_a_taken_seat_turns_at_once() {
    let mut view = view("AA", vec![counts("vip", 2, 0, 0)]);
    let intent = view.intend(Intent::seat("vip".into(), 0));
    assert!(view.is_tentative(0));
    view.settle(intent, Settlement::SeatTaken);
    assert_eq!(view.face(0), SeatFace::Sold);
    assert_eq!(view.shown_tiers()[0], ShownCounts { counts: counts("vip", 2, 0, 0).counts(), is_tentative: false });
    view.apply(Frame::Snapshot(snapshot(2, "AA", vec![counts("vip", 2, 0, 0)])));
    assert_eq!(view.face(0), SeatFace::Available, "the next truth replaces the guess");
}

#[test]
fn a_reset_takes_own_seats_away_but_not_those_bought_after_it() {
    let mut view = View::new(snapshot(3, "SA", vec![counts("vip", 1, 0, 1)]), None, None, &[0]);
    let intent = view.intend(Intent::seat("vip".into(), 1));
    view.settle(intent, Settlement::Won { seq: 9, seats: vec![1] });
    view.apply(Frame::Snapshot(snapshot(8, "AA", vec![counts("vip", 2, 0, 0)])));
    assert_eq!((view.face(0), view.face(1)), (SeatFace::Available, SeatFace::Mine));
}

#[test]
fn another_life_of_the_database_is_taken_as_it_is() {
    let mut view = View::new(snapshot(9, "S", vec![counts("vip", 0, 0, 1)]), None, None, &[0]);
    let other = Snapshot { epoch: "second".into(), ..snapshot(2, "S", vec![counts("vip", 0, 0, 1)]) };
    assert_eq!(view.apply_polled(other, open()), Verdict::Applied);
    assert_eq!((view.seq(), view.face(0)), (2, SeatFace::Sold));
}

#[test]
fn a_poll_behind_the_stream_is_stale() {
    let mut view = view("A", vec![counts("vip", 1, 0, 0)]);
    view.apply(sold(1, 2, 0, counts("vip", 0, 0, 1)));
    assert_eq!(view.apply_polled(snapshot(1, "A", vec![counts("vip", 1, 0, 0)]), open()), Verdict::Stale);
}

#[test]
fn sold_out_follows_from_the_stock() {
    let mut view = view("A", vec![counts("vip", 1, 0, 0)]);
    assert_eq!(view.status(), SaleStatus::Open);
    view.apply(sold(1, 2, 0, counts("vip", 0, 0, 1)));
    assert_eq!(view.status(), SaleStatus::SoldOut);
    view.apply(Frame::Status(StatusChange { status: SaleStatus::Closed, opens_at: None, message: None }));
    assert_eq!(view.status(), SaleStatus::Closed);
}

/// The snapshot of a server whose sale has one tier with numbered seats.
fn told(letters: &[u8], seq: u64) -> Snapshot {
    let left = letters.iter().filter(|&&letter| letter == b'A').count() as u64;
    let all = letters.len() as u64;
    snapshot(seq, std::str::from_utf8(letters).unwrap(), vec![counts("vip", left, 0, all - left)])
}

proptest! {
    /// Frames may be lost or come twice. A viewer who asks for a snapshot when told to still ends in the server's
    /// state, and no settled purchase leaves a trace.
    #[test]
    fn the_fold_ends_at_the_server_s_state(
        steps in prop::collection::vec((0u32..8, any::<bool>(), 0u8..4, any::<bool>()), 0..60),
    ) {
        let mut letters = vec![b'A'; 8];
        let mut view = View::new(told(&letters, 0), None, None, &[]);
        let mut seq = 0;
        let mut needs_snapshot = false;
        for (seat, is_sold, fate, is_mine) in steps {
            let intent = is_mine.then(|| view.intend(Intent::seat("vip".into(), seat)));
            letters[seat as usize] = if is_sold { b'S' } else { b'A' };
            seq += 1;
            let now = told(&letters, seq);
            let delta = Frame::Delta(Delta {
                from: seq - 1, seq, at: time(0),
                seats: vec![(seat, char::from(letters[seat as usize]))], tiers: now.tiers.clone(),
            });
            if needs_snapshot {
                needs_snapshot = view.apply(Frame::Snapshot(now)) != Verdict::Applied;
            } else if fate > 0 {
                needs_snapshot = view.apply(delta.clone()) == Verdict::NeedsSnapshot;
            }
            if fate == 3 {
                needs_snapshot |= view.apply(delta) == Verdict::NeedsSnapshot;
            }
            if let Some(intent) = intent {
                view.settle(intent, if is_sold { Settlement::Won { seq, seats: vec![seat] } } else { Settlement::RolledBack });
            }
            for shown in view.shown_tiers() {
                prop_assert_eq!(shown.counts.capacity(), 8);
            }
        }
        view.apply(Frame::Snapshot(told(&letters, seq)));
        let left = letters.iter().filter(|&&letter| letter == b'A').count() as u64;
        let counts = Counts { available: left, held: 0, sold: 8 - left };
        prop_assert_eq!(view.shown_tiers(), vec![ShownCounts { counts, is_tentative: false }]);
        for seat in 0..8 {
            let is_free = letters[seat as usize] == b'A';
            prop_assert_eq!(view.face(seat) == SeatFace::Available, is_free);
        }
    }
}

//! What is due when: for a page that leads, a page that follows and a page without locks.

use super::{
    super::{census::Census, connection::Connection, locks::Manner, turn::Lead},
    *,
};

const LEAD: Wish = Wish::Lead(Manner::Wait);

/// A page whose streams and locks are stand-ins: `()`.
type Page = State<(), ()>;

fn page() -> Page {
    State::new(0, Turn::Locks(Lead::new()))
}

/// A page whose stream speaks at the time 10.
fn leader() -> Page {
    let mut page = page();
    assert_eq!(page.due(0, false).wish, Some(LEAD));
    page.answer(LEAD, Answer::Given(()), false, 5);
    assert_eq!(page.due(5, false).wish, Some(Wish::Slot(0)));
    page.answer(Wish::Slot(0), Answer::Given(()), false, 6);
    assert!(page.due(6, false).stream);
    page.begin_stream(6);
    page.source = Some(());
    page.hear(10);
    page
}

/// A page that learned at the time 200 that the leading page's stream works, and has polled the sale's state since.
fn follower() -> Page {
    let mut page = page();
    page.due(0, false);
    page.hear_beat(true, 200);
    assert!(page.due(200, false).poll, "what was told before is not told again");
    page.hear_poll(Some(Verdict::Applied), 220);
    page
}

fn state_of(page: &Page, now: i64) -> Connection {
    page.hearing(now).connection
}

#[test]
fn a_page_with_a_slot_opens_one_stream_and_does_not_poll() {
    let mut page = leader();
    let due = page.due(20_000, false);
    assert_eq!((due.wish, due.stream, due.poll), (None, false, false));
    assert_eq!(state_of(&page, 20_000), Connection::Live);
}

#[test]
fn a_page_that_follows_is_live_without_a_stream() {
    let mut page = follower();
    let due = page.due(4_000, false);
    assert_eq!((due.wish, due.stream, due.poll), (None, false, false));
    assert_eq!(state_of(&page, 4_000), Connection::Live);
}

#[test]
fn a_page_that_follows_says_what_is_so_when_the_stream_is_down() {
    let mut page = follower();
    page.hear_beat(false, 2_000);
    assert_eq!(state_of(&page, 2_000), Connection::Reconnecting);
    assert!(page.due(2_000, false).poll);
    page.hear_poll(Some(Verdict::Applied), 2_020);
    assert_eq!(state_of(&page, 2_020), Connection::Polling);
    page.hear_beat(true, 2_100);
    assert_eq!(state_of(&page, 2_100), Connection::Live);
}

#[test]
fn a_page_that_follows_asks_where_something_was_missed_and_leaves_the_stream_alone() {
    let mut page = follower();
    page.hear_beat(true, 300);
    assert!(!page.due(300, false).poll, "it has asked already");
    page.judge(Verdict::NeedsSnapshot, false, 6_000);
    assert!(page.due(6_000, false).poll && !page.needs_snapshot);
    assert!(!page.due(6_000, false).poll, "one question at a time");
    page.hear_poll(Some(Verdict::Stale), 6_010);
    assert!(!page.due(6_010, false).poll, "an old answer is asked for again, after a while");
    assert!(page.due(8_000, false).poll);
}

#[test]
fn a_page_whose_own_stream_lacks_something_opens_another_at_once() {
    let mut page = leader();
    page.judge(Verdict::NeedsSnapshot, false, 100);
    let due = page.due(100, false);
    assert!(page.needs_snapshot && due.stream && !due.poll);
    page.judge(Verdict::Applied, true, 120);
    assert!(!page.needs_snapshot);
}

#[test]
fn a_hidden_page_has_no_stream_and_asks_at_once_when_it_is_back() {
    let mut page = leader();
    let due = page.due(50, true);
    assert_eq!((page.source, due.wish, due.stream, due.poll), (None, None, false, false));
    let due = page.due(60, false);
    assert!(due.poll && !due.stream);
    assert_eq!(due.wish, Some(LEAD));
}

#[test]
fn a_page_that_lost_the_lead_closes_its_stream() {
    let mut page = leader();
    page.answer(LEAD, Answer::Lost, false, 100);
    assert_eq!((page.source, page.speaks), (None, false));
    let due = page.due(100, false);
    assert_eq!((due.wish, due.stream), (Some(LEAD), false));
}

#[test]
fn a_page_without_a_slot_polls_and_asks_again_for_one() {
    let mut page = page();
    page.due(0, false);
    page.answer(LEAD, Answer::Given(()), false, 5);
    for slot in 0..3 {
        assert_eq!(page.due(6, false).wish, Some(Wish::Slot(slot)));
        page.answer(Wish::Slot(slot), Answer::Refused, false, 6);
    }
    let due = page.due(POLL_MILLISECONDS, false);
    assert_eq!((due.wish, due.stream, due.poll), (None, false, true));
    page.hear_poll(Some(Verdict::Applied), POLL_MILLISECONDS + 5);
    assert_eq!(state_of(&page, POLL_MILLISECONDS + 5), Connection::Polling);
    assert_eq!(page.due(POLL_MILLISECONDS + 5, false).wish, Some(Wish::Slot(0)));
}

#[test]
fn silence_closes_the_stream_and_asks_at_once() {
    let mut page = leader();
    let due = page.due(10 + STALE_AFTER_MILLISECONDS, false);
    assert!(due.stream && due.poll);
    assert_eq!(state_of(&page, 10 + STALE_AFTER_MILLISECONDS), Connection::Stale);
}

#[test]
fn without_locks_each_page_has_a_stream_until_it_hears_of_three_others() {
    let mut page: Page = State::new(0, Turn::Census(Census::new(40)));
    assert!(!page.due(0, false).stream, "it listens first");
    (0..3).for_each(|_| page.turn.tick());
    assert!(page.due(750, false).stream);
    page.source = Some(());
    [10, 20, 30].into_iter().for_each(|number| page.turn.hear_viewer(number));
    assert!(!page.due(800, false).stream);
    assert_eq!(page.source, None);
    assert!(page.due(POLL_MILLISECONDS, false).poll);
}

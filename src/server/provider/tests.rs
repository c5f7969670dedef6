//! Rules of the stand-in's books, with a clock that the tests move by hand.

use std::sync::Arc;

use serde_json::Value;

use super::{
    api_error::ApiError,
    book::Book,
    charging::{self, Pressed},
    desk::{Answered, Desk, KEY_SECONDS, Keyed},
    faults::PaymentFaults,
    form_reader::FormReader,
    journal::Journal,
    refunds, sessions,
};
use crate::{model::time::Timestamp, server::clock::Clock};

const START: Timestamp = Timestamp::from_milliseconds(1_700_000_000_000);
const FORM: &str = "mode=payment&success_url=http://127.0.0.1:1/&line_items[0][quantity]=1\
    &line_items[0][price_data][currency]=eur&line_items[0][price_data][unit_amount]=1050\
    &line_items[0][price_data][product_data][name]=Seat";

fn desk() -> Desk {
    let mut desk = Desk::new(Book::default(), None, 1, "http://127.0.0.1:1".to_owned(), true);
    desk.clock = Clock::manual(START);
    desk
}

fn create(desk: &Desk, key: Option<&str>, more: &str) -> Result<Answered, ApiError> {
    let form = FormReader::parse([FORM, more].concat().as_bytes());
    let keyed = key.map(|key| Keyed { key: key.to_owned(), request: form.canonical() });
    desk.change_once(keyed, |draft| sessions::create(draft, form))
}

fn id(answer: &Value) -> String {
    answer["id"].as_str().expect("an id").to_owned()
}

fn pay(desk: &Desk, id: &str) -> Pressed {
    desk.change(|draft| charging::pay(draft, id, PaymentFaults::default(), false)).expect("it exists")
}

fn tell_time(desk: &Desk) {
    desk.change(|draft| {
        sessions::expire_ended(draft);
        Ok(())
    })
    .expect("nothing is written");
}

fn waiting(desk: &Desk) -> Vec<String> {
    desk.look(|book| book.waiting.values().map(|delivery| delivery.body.clone()).collect())
}

#[test]
fn a_session_ends_by_itself_and_that_is_told_once() {
    let desk = desk();
    let first = id(&create(&desk, None, "&expires_at=1700001800").unwrap().body);
    let second = id(&create(&desk, None, "").unwrap().body);
    desk.clock.advance(1_799_999);
    tell_time(&desk);
    assert!(waiting(&desk).is_empty());
    desk.clock.advance(1);
    tell_time(&desk);
    tell_time(&desk);
    let told = waiting(&desk);
    assert!(told.len() == 1 && told[0].contains(&first) && told[0].contains("checkout.session.expired"), "{told:?}");
    assert_eq!(pay(&desk, &first), Pressed::Expired);
    assert!(matches!(pay(&desk, &second), Pressed::Paid(_)));
    desk.clock.advance(30 * 60 * 60 * 1_000);
    tell_time(&desk);
    assert_eq!(waiting(&desk).len(), 2, "what is paid does not end");
}

#[test]
fn a_key_stands_for_its_request_for_a_day() {
    let desk = desk();
    let first = create(&desk, Some("key"), "").unwrap();
    assert!(!first.is_repeated);
    let again = create(&desk, Some("key"), "").unwrap();
    assert_eq!((again.is_repeated, &again.body), (true, &first.body));
    assert!(create(&desk, Some("key"), "&client_reference_id=x").is_err());
    assert!(create(&desk, Some("new"), "&mode=x").is_err());
    assert!(create(&desk, Some("new"), "").is_ok(), "a refusal leaves its key free");
    desk.clock.advance((KEY_SECONDS + 1) * 1_000);
    assert_ne!(id(&create(&desk, Some("key"), "").unwrap().body), id(&first.body));
}

#[test]
fn many_at_once_pay_once_and_get_back_once() {
    let desk = Arc::new(desk());
    let id = id(&create(&desk, None, "").unwrap().body);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert!(matches!(pay(&desk, &id), Pressed::Paid(_))));
        }
    });
    let payment = desk.look(|book| {
        assert_eq!((book.charges.all().len(), book.waiting.len()), (1, 1));
        book.sessions[&id].payment.clone().expect("it was paid")
    });
    let refunded = std::thread::scope(|scope| {
        let refund = || {
            let form = FormReader::parse(["payment_intent=", &payment, "&amount=400"].concat().as_bytes());
            desk.change(|draft| refunds::create(draft, form)).is_ok()
        };
        let all: Vec<_> = (0..8).map(|_| scope.spawn(refund)).collect();
        all.into_iter().map(|one| one.join().expect("no panic")).filter(|is_done| *is_done).count()
    });
    assert_eq!(refunded, 2, "400 of 1,050 go back twice");
    assert_eq!(desk.look(|book| book.charges.all()[0].amount_refunded), 800);
}

#[test]
fn what_cannot_be_remembered_has_not_happened() {
    // Every write to this file says that the disk is full.
    let journal = Journal::at(std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap());
    let desk = Desk::new(Book::default(), Some(journal), 1, String::new(), true);
    let Err(error) = create(&desk, Some("key"), "") else { panic!("it was acknowledged") };
    assert_eq!(error.status, 500);
    desk.look(|book| assert!(book.sessions.is_empty() && book.waiting.is_empty() && book.ids == 0));
}

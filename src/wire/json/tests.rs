//! The small reader reads what `serde_json` writes, and refuses what `serde_json` refuses.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::read;
use crate::model::{
    frame::{Delta, Snapshot},
    ids::{OrderId, SimulationId},
    order::{Order, Ticket},
    outcome::{BuyOutcome, Code, Refusal},
    rung::Rung,
    sale::{SaleStatus, TierCounts},
    simulation::Simulation,
    time::Timestamp,
};

#[derive(PartialEq, Debug, Serialize, Deserialize)]
struct Everything {
    text: String,
    whole: u64,
    below: i64,
    share: f64,
    perhaps: Option<bool>,
    list: Vec<(u32, char)>,
    counts: BTreeMap<String, u64>,
    either: Result<u32, String>,
}

fn assert_read<T: Serialize + for<'de> Deserialize<'de> + PartialEq + std::fmt::Debug>(value: &T) {
    for text in [serde_json::to_string(value).unwrap(), serde_json::to_string_pretty(value).unwrap()] {
        assert_eq!(read::<T>(&text).as_ref(), Some(value), "{text}");
    }
}

proptest! {
    #[test]
    fn what_was_written_is_read(
        text in ".*", whole: u64, below: i64, cents in 0_u32..1_000_000, perhaps: Option<bool>,
        list: Vec<(u32, char)>, counts: BTreeMap<String, u64>, either: Result<u32, String>,
    ) {
        let share = f64::from(cents) / 100.0;
        assert_read(&Everything { text, whole, below, share, perhaps, list, counts, either });
    }

    #[test]
    fn no_text_is_too_strange(text in ".*") {
        let _ = read::<Everything>(&text);
        let _ = read::<Everything>(&format!("{{\"text\":{text}"));
    }

    #[test]
    fn fractions_are_read_to_their_last_bit_but_one(value in -1e18_f64..1e18) {
        let read: f64 = read(&serde_json::to_string(&value).unwrap()).unwrap();
        prop_assert!((read - value).abs() <= value.abs() * f64::EPSILON, "{value} became {read}");
    }
}

#[test]
fn the_frames_and_answers_of_the_server_are_read() {
    let at = Timestamp::parse("2026-11-20T20:00:00.123Z").unwrap();
    let tiers = vec![TierCounts { id: "ga".into(), available: 1, held: 2, sold: 3, price: None }];
    let (seats, epoch) = ("AHS".to_owned(), "first".to_owned());
    assert_read(&Snapshot { seq: 7, epoch, at, status: SaleStatus::SoldOut, seats, tiers: tiers.clone() });
    assert_read(&Delta { from: 6, seq: 7, at, seats: vec![(3, 'S')], tiers });
    let ticket = |seat: Option<&str>| Ticket {
        id: crate::model::ids::TicketId(Uuid::nil()),
        tier: "ga".into(),
        seat: seat.map(Into::into),
        code: "00ff".to_owned(),
    };
    let order = Order {
        id: OrderId(Uuid::nil()),
        sale: "club-night".into(),
        buyer: crate::model::ids::BuyerId(Uuid::nil()),
        total: 3_500,
        currency: "USD".to_owned(),
        currency_digits: 2,
        seq: 7,
        created_at: at,
        rung: Some(Rung::Rows),
        contact: None,
        tickets: vec![ticket(None), ticket(Some("A-1"))],
    };
    assert_read(&BuyOutcome::Bought { order, replayed: false });
    assert_read(&BuyOutcome::Refused(Refusal {
        opens_at: Some(at),
        seats: vec!["A-1".into()],
        ..Refusal::new(Code::SaleNotOpen, "Später.")
    }));
    let mut simulation = Simulation::begun(SimulationId(Uuid::nil()), "rehearsal".into(), 10, 2, u64::MAX);
    simulation.refused = [(Code::SeatTaken, 3), (Code::SoldOut, 1)].into();
    simulation.throughput = 1234.5;
    assert_read(&simulation);
    assert_read(&Ok::<_, Refusal>(Some(simulation)));
}

/// Every kind of type in serde's data model, and every form that derives give to enums.
#[derive(PartialEq, Debug, Serialize, Deserialize)]
struct EveryKind {
    small: (i8, i16, i32, u8, u16, u32),
    large: (i128, u128),
    share: f32,
    nothing: (),
    marker: Marker,
    pair: Pair,
    wrapped: Wrapped,
    bytes: Vec<u8>,
    numbered: BTreeMap<i32, bool>,
    flagged: BTreeMap<bool, u8>,
    named: BTreeMap<Variants, u8>,
    variants: Vec<Variants>,
    tagged: Vec<Tagged>,
    beside: Beside,
    guessed: Vec<Guessed>,
    #[serde(flatten)]
    further: Further,
}

#[derive(PartialEq, Debug, Serialize, Deserialize)]
struct Marker;

#[derive(PartialEq, Debug, Serialize, Deserialize)]
struct Pair(u8, String);

#[derive(PartialEq, Debug, Serialize, Deserialize)]
struct Wrapped(Option<Option<u8>>);

#[derive(PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
enum Variants {
    Unit,
    Newtype(u8),
    Tuple(u8, char),
    Struct { text: String },
}

#[derive(PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Tagged {
    Empty,
    Full { share: f64, below: i64, list: Vec<Option<u8>> },
}

#[derive(PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", content = "value")]
enum Beside {
    Text(String),
}

#[derive(PartialEq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Guessed {
    Number(u64),
    Below(i64),
    Share(f64),
    Flag(bool),
    Text(String),
    List(Vec<u8>),
    Nothing,
}

#[derive(PartialEq, Debug, Serialize, Deserialize)]
struct Further {
    rest: BTreeMap<String, u64>,
}

#[test]
fn every_kind_of_type_is_read_as_the_large_reader_reads_it() {
    let value = EveryKind {
        small: (-1, -2, -3, 4, 5, 6),
        large: (i128::MIN, u128::MAX),
        share: 0.5,
        nothing: (),
        marker: Marker,
        pair: Pair(7, "\"é\"".to_owned()),
        wrapped: Wrapped(Some(Some(8))),
        bytes: vec![0, 255],
        numbered: [(-1, true), (2, false)].into(),
        flagged: [(true, 1)].into(),
        named: [(Variants::Unit, 9)].into(),
        variants: vec![
            Variants::Unit,
            Variants::Newtype(1),
            Variants::Tuple(2, 'ß'),
            Variants::Struct { text: "\\".to_owned() },
        ],
        tagged: vec![Tagged::Empty, Tagged::Full { share: -1.5, below: -7, list: vec![None, Some(1)] }],
        beside: Beside::Text("beside".to_owned()),
        guessed: vec![
            Guessed::Number(1),
            Guessed::Below(-1),
            Guessed::Share(1.5),
            Guessed::Flag(true),
            Guessed::Text("\u{1f3ab}".to_owned()),
            Guessed::List(vec![1, 2]),
            Guessed::Nothing,
        ],
        further: Further { rest: [("a".to_owned(), 1)].into() },
    };
    let text = serde_json::to_string(&value).unwrap();
    assert_eq!(serde_json::from_str::<EveryKind>(&text).unwrap(), value);
    assert_read(&value);
    assert_eq!(read(r#"{"Unit":null}"#), Some(Variants::Unit));
    for wrong in [r#"{"Unit":1}"#, r#""Newtype""#, "7", r#"{"Newtype":1,"Unit":null}"#, r#"{"Newtype":256}"#] {
        assert_eq!(read::<Variants>(wrong), None, "{wrong}");
        assert!(serde_json::from_str::<Variants>(wrong).is_err(), "{wrong}");
    }
    assert_eq!((read::<()>("1"), read::<Option<u8>>("nil")), (None, None));
}

#[test]
fn what_is_not_known_is_stepped_over() {
    #[derive(PartialEq, Debug, Deserialize)]
    struct One {
        one: u8,
    }
    let text = r#"{"zero":{"a":[1,"]",{}],"b":null},"one":1,"two":[[],-1.5e3,true]}"#;
    assert_eq!(read(text), Some(One { one: 1 }));
}

#[test]
fn broken_texts_are_refused() {
    let broken = [
        "",
        "[",
        "[1",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[1]]",
        "[1],",
        "1",
        "{}",
        r#"["a]"#,
        r#"["\ud800"]"#,
        r#"["\ud800\u0000"]"#,
        r#"["\ud800\uffff"]"#,
        "[1]\0",
        r#"["\x"]"#,
        "[nul]",
    ];
    for text in broken {
        assert_eq!(read::<Vec<u32>>(text), None, "{text}");
        assert_eq!(read::<Vec<String>>(text), None, "{text}");
    }
    assert_eq!(read::<String>(r#""\ud83c\udfab \u00e9\n""#).as_deref(), Some("🎫 é\n"));
    assert_eq!(read::<Vec<u32>>("[ ]"), Some(vec![]));
    for text in ["", "-", ".5", "e1", "1e", "--1", "1e99999999999"] {
        assert_eq!(read::<f64>(text), None, "{text}");
    }
    assert_eq!((read("1.5e-2147483648"), read("1e2147483647")), (Some(0.0), Some(f64::INFINITY)));
}

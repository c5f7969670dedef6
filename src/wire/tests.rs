//! Both readers read every type that crosses the wire, and read the same value.

use std::fmt::Debug;

use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

use super::json;
use crate::{
    api::{HoldAnswer, HoldClock, HoldStep, MyOrders, OwnHold, Purchases, SalePage},
    model::{
        audit::{Audit, LedgerAudit},
        frame::{Delta, Heartbeat, Snapshot, StatusChange},
        hold::HoldStatus,
        ids::{BuyerId, HoldId, OrderId, RequestId, SimulationId, TicketId},
        order::{Order, Ticket},
        outcome::{BuyOutcome, Code, Problem, Refusal},
        request::{RequestState, RequestStatus},
        rung::Rung,
        sale::{Checkout, ContactRule, Sale, SaleStatus, SalesPage, Tier, TierCounts},
        seat::{Seat, SeatLayout, SeatList, SeatStatus, seat_rows},
        simulation::Simulation,
        strategy::{StrategyKind, StrategyList, StrategySupport},
        time::Timestamp,
    },
    ui::simulator::start::Start,
};

/// Writes a value and reads it with both readers. What they read must be written in the same way as the value.
fn crosses<T: Serialize + DeserializeOwned + Debug>(value: &T) {
    let text = String::from_utf8(super::write(value).unwrap()).unwrap();
    let by_library: T = serde_json::from_str(&text).unwrap();
    let by_us: T = json::read(&text).unwrap_or_else(|| panic!("not read: {text}"));
    for read in [by_library, by_us] {
        assert_eq!(serde_json::to_string(&read).unwrap(), text);
    }
}

fn at() -> Timestamp {
    Timestamp::parse("2026-11-20T20:00:00.123Z").unwrap()
}

fn sale() -> Sale {
    let tier = Tier {
        id: "vip".into(),
        name: "VIP \"é\" <b>".into(),
        price: 10_000,
        price_steps: Vec::new(),
        currency: "KWD".into(),
        currency_digits: 3,
        seated: true,
        capacity: 6,
        available: 3,
        held: 2,
        sold: 1,
    };
    Sale {
        id: "theatre".into(),
        name: "Theatre".into(),
        status: SaleStatus::SoldOut,
        strategy: StrategyKind::GroupCommit,
        rehearsal: true,
        opens_at: Some(at()),
        message: Some("Doors\nat 8".into()),
        server_now: at(),
        seq: u64::MAX,
        max_per_buyer: Some(4),
        checkout: Checkout::default(),
        contact: ContactRule::default(),
        hold_ttl_seconds: 0,
        hold_extension_seconds: 0,
        hold_extensions: 0,
        payment_grace_seconds: 0,
        capacity: 6,
        available: 3,
        held: 2,
        sold: 1,
        tiers: vec![tier],
    }
}

fn order() -> Order {
    let ticket = |seat: Option<&str>| Ticket {
        id: TicketId(Uuid::max()),
        tier: "vip".into(),
        seat: seat.map(Into::into),
        code: "00ff".into(),
    };
    Order {
        id: OrderId(Uuid::nil()),
        sale: "theatre".into(),
        buyer: BuyerId(Uuid::nil()),
        total: 3_500,
        currency: "JPY".into(),
        currency_digits: 0,
        seq: 7,
        created_at: at(),
        rung: Some(Rung::Rows),
        contact: None,
        tickets: vec![ticket(None), ticket(Some("A-1"))],
    }
}

fn snapshot() -> Snapshot {
    let tiers = vec![TierCounts { id: "vip".into(), available: 3, held: 2, sold: 1, price: Some(5) }];
    Snapshot { seq: 7, epoch: "first".into(), at: at(), status: SaleStatus::Open, seats: "AAAHHS".into(), tiers }
}

fn audit() -> Audit {
    Audit {
        sale: "theatre".into(),
        strategy: StrategyKind::Naive,
        capacity: 6,
        available: 3,
        held: 2,
        sold: 1,
        orders: 1,
        tickets: 1,
        phantoms: 0,
        leaks: 0,
        ledger: LedgerAudit { entries: 1, head_hash: "00".into(), verified: true },
        clean: true,
        checked_at: at(),
    }
}

fn simulation() -> Simulation {
    let mut simulation = Simulation::begun(SimulationId(Uuid::nil()), "theatre".into(), 10, 2, u64::MAX);
    simulation.refused = [(Code::SeatTaken, 3), (Code::SoldOut, 1)].into();
    simulation.throughput = 1234.5;
    simulation.p99_ms = 0.25;
    simulation.winner = Some(BuyerId(Uuid::nil()));
    simulation.contradictions = vec!["seat A-1 was sold twice".into()];
    simulation.rate = Some(62.5);
    simulation.last_error = Some("A proxy answered 502 in the server's place.".into());
    simulation.audit = Some(audit());
    simulation
}

fn refusal() -> Refusal {
    Refusal { opens_at: Some(at()), seats: vec!["A-1".into()], ..Refusal::new(Code::SaleNotOpen, "Später.") }
}

fn strategies() -> StrategyList {
    let support = |kind: StrategyKind| StrategySupport {
        kind,
        supported: kind.is_exact(),
        exact: kind.is_exact(),
        summary: kind.summary().into(),
        reason: (!kind.is_exact()).then(|| "It needs Redis.".into()),
    };
    StrategyList { store: "SQLite".into(), strategies: StrategyKind::ALL.map(support).into() }
}

#[test]
fn the_answers_of_server_functions_cross() {
    let held = || OwnHold { id: HoldId(Uuid::from_u128(7)), units: 2, expires_at: at() };
    let purchases =
        || Purchases { seats: vec!["A-1".into()], units: 2, holds: vec![held()], orders: vec![order()], older: 2_980 };
    let rows = seat_rows(&[Some(SeatLayout { sections: 2, rows: 2, per_row: 3 })]);
    let page = SalePage {
        sale: sale(),
        snapshot: snapshot(),
        rows,
        purchases: purchases(),
        is_paid: true,
        form_key: "key".into(),
        simulator: true,
    };
    let sales = vec![sale(), Sale { opens_at: None, message: None, max_per_buyer: None, tiers: Vec::new(), ..sale() }];
    crosses(&SalesPage { sales, page: 2, pages: 3 });
    crosses(&Some(page.clone()));
    crosses(&None::<SalePage>);
    crosses(&(page, Some("won".to_owned())));
    crosses(&Some(snapshot()));
    crosses(&purchases());
    let clock =
        HoldClock { status: HoldStatus::Paying, expires_at: at(), extensions_left: 3, server_now: at(), seq: 9 };
    crosses(&Some(clock));
    for answer in [
        HoldAnswer::Held { hold: held().id, seq: 9 },
        HoldAnswer::Refused { refusal: Refusal::new(Code::PriceChanged, "Look again."), total: Some(5_000) },
        HoldAnswer::Offered { offer: "hold=1&seats=A-1".into() },
        HoldAnswer::Undecided,
    ] {
        crosses(&answer);
    }
    let refused = HoldStep::Refused(Refusal::new(Code::ExtensionRefused, "No."));
    for step in [HoldStep::Goes, HoldStep::Ended { outcome: "outcome=won".into() }, refused] {
        crosses(&step);
    }
    crosses(&MyOrders { orders: vec![order()], next: Some(order().id), in_all: 3_000, sales: vec![sale()] });
    crosses(&MyOrders::default());
    crosses(&BuyOutcome::Bought { order: order(), replayed: true });
    crosses(&BuyOutcome::Refused(refusal()));
    crosses(&BuyOutcome::Waiting { request: RequestId(Uuid::max()) });
    crosses(&Ok::<_, Refusal>(sale()));
    crosses(&Err::<Sale, _>(refusal()));
    crosses(&Some(audit()));
    crosses(&strategies());
    crosses(&Start {
        sales: vec![("rehearsal".into(), "Rehearsal".into())],
        chosen: "rehearsal".into(),
        list: strategies(),
        is_alone: true,
        can_change: true,
    });
    crosses(&Ok::<_, Refusal>(simulation()));
    crosses(&Err::<Simulation, _>(refusal()));
    crosses(&Some(simulation()));
    crosses(&None::<Simulation>);
}

#[test]
fn the_frames_of_the_stream_and_the_answers_of_the_public_routes_cross() {
    crosses(&snapshot());
    crosses(&Delta { from: 6, seq: 7, at: at(), seats: vec![(3, 'S')], tiers: snapshot().tiers });
    crosses(&StatusChange { status: SaleStatus::Paused, opens_at: None, message: Some("\u{1f3ab}".into()) });
    crosses(&Heartbeat { at: at(), seq: 7, digest: "00ff00ff".into() });
    for (status, order, code) in [
        (RequestState::Pending, None, None),
        (RequestState::Confirmed, Some(OrderId(Uuid::max())), None),
        (RequestState::Refused, None, Some(Code::LimitReached)),
    ] {
        crosses(&RequestStatus { request: RequestId(Uuid::nil()), status, order, hold: None, code });
    }
    crosses(&order());
    crosses(&sale());
    crosses(&audit());
    let seat = |status| Seat {
        seat: "A-1".into(),
        tier: "vip".into(),
        section: "101".into(),
        row: "A".into(),
        number: 1,
        status,
        price: 10_000,
    };
    let seats = [SeatStatus::Available, SeatStatus::Held, SeatStatus::Sold].map(seat).into();
    crosses(&SeatList { seq: 7, seats });
    crosses(&Problem {
        kind: "about:blank".into(),
        title: "Sold out".into(),
        status: 409,
        detail: "Nothing is left.".into(),
        instance: "/api/v1/sales/theatre/buy".into(),
        code: Code::SoldOut,
        opens_at: None,
        seats: vec!["A-1".into()],
        own_hold: None,
        held: Some(3),
        total: None,
    });
}

//! Refusals are true: no strategy says "taken" or "sold out" of units that a buyer who asks can still have. The control
//! is a gate that counts the units of claims on their way as gone.

use std::collections::HashMap;

use futures_util::future::join_all;
use parking_lot::Mutex;

use super::{conformance::for_every_way, *};
use crate::{
    model::{ids::SeatLabel, order::Order, outcome::Refusal, seat::SeatStatus},
    server::{
        engine,
        stock::{Part, SaleDesk, Stock, What, Wish, refuse_early, seats_taken, sold_out},
        strategy::{Claim, Deciding, Taking, Verdict, Won},
    },
};

/// The result of many wishes at once.
struct Outcome {
    won: Vec<Order>,
    /// Wishes that were refused although they could be fulfilled at that moment, with the code of the refusal.
    untrue: Vec<(Wish, Code)>,
    /// Wishes that were refused and could still be fulfilled at the end.
    stranded: Vec<Wish>,
}

/// Asks for one wish, and asks again as long as the answer is `contended`.
async fn ask(house: &House, sale: &Arc<SaleDesk>, buyer: u128, wish: &Wish) -> Result<Order, Refusal> {
    let buyer = BuyerId(uuid::Uuid::from_u128(buyer));
    let selling = &house.engine.selling;
    loop {
        refuse_early(&sale.stock.read(), wish, house.engine.clock().now())?;
        let refusal = match selling
            .claim(sale.clone(), buyer, Taking::Buy, wish.clone(), engine::selling::Brought::default())
            .await
        {
            Verdict::Won(Won::Order(order)) => return Ok(*order),
            Verdict::Won(Won::Hold(_)) => unreachable!("it is bought"),
            Verdict::Refused(refusal) | Verdict::RefusedByDatabase(refusal) => refusal,
            Verdict::Waiting(request) => match selling.decision(buyer, request).await.unwrap() {
                BuyOutcome::Bought { order, .. } => return Ok(order),
                BuyOutcome::Refused(refusal) => refusal,
                BuyOutcome::Waiting { .. } => unreachable!("it is decided"),
            },
            verdict @ (Verdict::Unknown(_) | Verdict::Overloaded) => panic!("the house is whole: {verdict:?}"),
            Verdict::Repeated | Verdict::Unanswerable => unreachable!("no key was sent"),
        };
        if refusal.code != Code::Contended {
            return Err(refusal);
        }
    }
}

/// Asks for all wishes at once, each with a buyer of its own.
async fn rush(house: &House, sale: &SaleId, wishes: &[Wish]) -> Outcome {
    let desk = house.engine.core.known(sale).unwrap();
    let answers = join_all(wishes.iter().zip(1..).map(|(wish, buyer)| {
        let desk = &desk;
        async move {
            let answer = ask(house, desk, buyer, wish).await;
            let could_be_had = is_known_in_turn(house).await && wish.refusal(&desk.stock.read()).is_none();
            (wish, answer, could_be_had)
        }
    }))
    .await;
    let mut outcome = Outcome { won: Vec::new(), untrue: Vec::new(), stranded: Vec::new() };
    for (wish, answer, could_be_had) in answers {
        match answer {
            Ok(order) => outcome.won.push(order),
            Err(refusal) => {
                if could_be_had || !says_what_is_so(&desk.stock.read(), wish, refusal.code) {
                    outcome.untrue.push((wish.clone(), refusal.code));
                }
                if wish.refusal(&desk.stock.read()).is_none() {
                    outcome.stranded.push(wish.clone());
                }
            }
        }
    }
    outcome
}

/// Whether the mirror now includes everything that is committed. That is certain where the store has only one writer,
/// because the writer updates the mirror during its turn.
async fn is_known_in_turn(house: &House) -> bool {
    let desk = &house.engine.core.desk;
    !desk.store.is_shared() && desk.writer().await.is_ok()
}

/// Whether the refusal is true: for "taken" a seat of the wish is not available, for "sold out" a tier has too few
/// units.
fn says_what_is_so(stock: &Stock, wish: &Wish, code: Code) -> bool {
    match code {
        Code::SeatTaken => wish.seats().any(|position| stock.seats[position as usize] != SeatStatus::Available),
        Code::SoldOut => {
            wish.units_by_tier().any(|(tier_index, units)| stock.tiers[tier_index].counts.available < units)
        }
        _ => false,
    }
}

fn named(tier_index: usize, positions: &[u32]) -> Part {
    Part { tier_index, what: What::Seats(positions.to_vec()) }
}

fn any(tier_index: usize, quantity: u64) -> Part {
    Part { tier_index, what: What::Units(quantity) }
}

fn wish(parts: Vec<Part>) -> Wish {
    Wish::new(parts).expect("a wish for something, each named once")
}

/// The tiers of a sale: tier 0 has 100 seats, tier 1 has 60 units without seats.
fn tiers() -> Vec<NewTier> {
    vec![seated(5, 20), general_admission(60)]
}

const SEATS: u32 = 100;
const UNITS: u64 = 60;

/// Sets of wishes by name. Some sets ask for less than the stock, others for more.
fn rushes() -> Vec<(&'static str, Vec<Wish>)> {
    let seat = |position: u32| wish(vec![named(0, &[position % SEATS])]);
    let pair = |position: u32| wish(vec![named(0, &[position % SEATS, (position + 1) % SEATS])]);
    let mix = |number: u32| match number % 4 {
        0 => wish(vec![named(0, &[number % SEATS]), any(1, 1)]),
        1 => wish(vec![any(0, 2)]),
        2 => wish(vec![named(0, &[number % SEATS]), any(0, 1)]),
        _ => wish(vec![any(0, 1), any(1, 2)]),
    };
    vec![
        ("fewer units", (0..50).map(|_| wish(vec![any(1, 1)])).collect()),
        ("more units", (0..90).map(|_| wish(vec![any(1, 1)])).collect()),
        ("pairs of units", (0..40).map(|_| wish(vec![any(1, 2)])).collect()),
        ("fewer seats", (0..60).map(seat).collect()),
        // The wishes for one seat come directly after each other. A gate that counts all of them as buyers then keeps
        // everybody else out meanwhile.
        ("each seat five times", (0..5 * SEATS).map(|number| seat(number / 5)).collect()),
        ("fewer pairs of seats", (0..30).map(|number| pair(number * 2)).collect()),
        ("pairs of seats that overlap", (0..2 * SEATS).map(pair).collect()),
        ("named seats and any seat", (0..250).flat_map(|number| [seat(number / 3), wish(vec![any(0, 1)])]).collect()),
        ("fewer mixes", (0..40).map(mix).collect()),
        ("more mixes", (0..200).map(mix).collect()),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_said_to_be_gone_that_can_be_had() {
    for_every_way(async |house, strategy| {
        for (name, wishes) in rushes() {
            let sale = house.sale(strategy, tiers()).await;
            let outcome = rush(house, &sale, &wishes).await;
            let context = format!("{strategy:?}, {name}: {} of {} won", outcome.won.len(), wishes.len());
            assert!(outcome.untrue.is_empty(), "{context}, not so: {:?}", outcome.untrue);
            assert!(outcome.stranded.is_empty(), "{context}, stranded: {:?}", outcome.stranded);
            assert_each_has_what_it_wished(&outcome, &context);
            let audit = house.audit(&sale).await;
            let sold = outcome.won.iter().map(|order| order.tickets.len() as u64).sum::<u64>();
            assert!(audit.clean && audit.sold == sold, "{context}: {audit:?}");
        }
    })
    .await;
}

/// Checks that no seat is in two orders, and that the rushes that ask for everything sell everything.
fn assert_each_has_what_it_wished(outcome: &Outcome, context: &str) {
    let seats = || outcome.won.iter().flat_map(|order| &order.tickets).filter_map(|ticket| ticket.seat.as_ref());
    let distinct: BTreeSet<&SeatLabel> = seats().collect();
    assert_eq!(distinct.len(), seats().count(), "{context}");
    if context.contains("each seat five times") || context.contains("named seats and any seat") {
        assert_eq!(distinct.len(), SEATS as usize, "{context}");
    }
    if context.contains("more units") {
        assert_eq!(outcome.won.len() as u64, UNITS, "{context}");
    }
}

/// A gate that counts units, and treats every claim on its way as if it had already bought.
struct HastyGate {
    left: Mutex<HashMap<i64, Vec<u64>>>,
    behind: std::sync::OnceLock<Arc<dyn Strategy>>,
}

impl HastyGate {
    async fn decide(&self, claim: Claim) -> Verdict {
        let (sale_id, units) = (claim.sale.sale_id, claim.wish.units_by_tier().collect::<Vec<_>>());
        let refusal = {
            let stock = claim.sale.stock.read();
            let mut gates = self.left.lock();
            let capacity = || stock.tiers.iter().map(|tier| tier.counts.capacity()).collect();
            let left = gates.entry(sale_id).or_insert_with(capacity);
            if units.iter().any(|(tier_index, units)| left[*tier_index] < *units) {
                let taken = seats_taken(&stock, claim.wish.seats());
                Some(taken.unwrap_or_else(|| sold_out(&stock.id)))
            } else {
                units.iter().for_each(|(tier_index, units)| left[*tier_index] -= units);
                None
            }
        };
        if let Some(refusal) = refusal {
            return claim.settle(Verdict::Refused(refusal));
        }
        let verdict = self.behind.get().expect("set when the engine is open").claim(claim).await;
        if !matches!(verdict, Verdict::Won(_)) {
            let mut gates = self.left.lock();
            let left = gates.get_mut(&sale_id).expect("it was let in");
            units.iter().for_each(|(tier_index, units)| left[*tier_index] += units);
        }
        verdict
    }
}

impl Strategy for HastyGate {
    fn kind(&self) -> StrategyKind {
        StrategyKind::RedisGate
    }

    fn claim(&self, claim: Claim) -> Deciding<'_> {
        Box::pin(self.decide(claim))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gate_that_counts_those_on_their_way_as_gone_is_caught() {
    for kind in STORES {
        let gate = Arc::new(HastyGate { left: Mutex::default(), behind: std::sync::OnceLock::new() });
        let house = House::open_with(kind, gate.clone()).await;
        assert!(gate.behind.set(house.strategy(StrategyKind::AtomicUpdate)).is_ok());
        for wanted in ["each seat five times", "named seats and any seat"] {
            let (_, wishes) = rushes().into_iter().find(|(name, _)| *name == wanted).unwrap();
            let sale = house.sale(StrategyKind::RedisGate, tiers()).await;
            let outcome = rush(&house, &sale, &wishes).await;
            assert!(!outcome.untrue.is_empty(), "{kind:?}, {wanted}: it went unseen");
        }
    }
}

//! The steps of the machine, and how they are drawn.

use proptest::{option, prelude::*};
use proptest_state_machine::ReferenceStateMachine;

use super::model::{
    EXTENSION_MILLISECONDS, GRACE_MILLISECONDS, Model, PATIENCE_MILLISECONDS, SEAT_PRICE, SEATS_PER_ROW,
    TTL_MILLISECONDS, Terms,
};
use crate::model::{
    body::{BuyBody, HoldBody, OnConflict, Quantity},
    ids::SeatLabel,
    order::Contact,
    sale::ContactRule,
};

pub const BUYERS: u128 = 3;
/// A sale gets no more seats than this, so that its rows have one letter.
const MOST_SEATS: u32 = 40;

/// What a hold asks for: seats by position, units of the seated tier, units of admission, the best seats.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    /// In the order in which they are named.
    pub seats: Vec<u32>,
    /// Whether the nearest seats may be given instead of those that are gone.
    pub is_nearest: bool,
    pub floor: Option<i64>,
    pub ga: Option<i64>,
    pub best: Option<i64>,
    pub max_total: Option<u64>,
}

/// What a purchase asks for.
#[derive(Clone, Debug)]
pub enum Basket {
    Seats(Vec<u32>),
    Floor(u32),
    Ga(u32),
}

/// What the provider says of a payment.
#[derive(Clone, Copy, Debug)]
pub enum Word {
    Paid,
    /// Another amount has come than what was owed.
    PaidMore,
    /// One card was refused.
    Declined,
    /// Money that was announced does not come.
    Bounced,
    /// Nobody can pay any more.
    Over,
}

#[derive(Clone, Debug)]
pub enum Step {
    Buy {
        buyer: u128,
        basket: Basket,
        has_contact: bool,
    },
    Hold {
        buyer: u128,
        wish: Wish,
    },
    Change {
        buyer: u128,
        hold: usize,
        wish: Wish,
    },
    Extend {
        buyer: u128,
        hold: usize,
    },
    Release {
        buyer: u128,
        hold: usize,
    },
    Confirm {
        buyer: u128,
        hold: usize,
        /// With a payment without money.
        is_simulated: bool,
        has_contact: bool,
    },
    /// A payment without money fails.
    Decline {
        buyer: u128,
        hold: usize,
    },
    /// Begins a payment at the provider.
    Pay {
        buyer: u128,
        hold: usize,
        has_contact: bool,
    },
    /// The provider says something, twice.
    Hear {
        payment: usize,
        word: Word,
    },
    /// Lets so many milliseconds pass.
    Pass(i64),
    /// Releases what is due, as the sweeper does.
    Sweep,
    Add {
        seated: bool,
        count: u32,
    },
    Reset,
    Open(bool),
    Limit(Option<u32>),
    /// Whether buyers are asked how they can be reached, from now on.
    Ask(ContactRule),
    /// Reads the mirror from the database again.
    Reload,
}

/// The label of a seat: rows A, B and so on, as new rows are added behind.
pub fn label(rows: &[u32], position: u32) -> SeatLabel {
    let mut first = 0;
    for (row, seats) in (b'A'..).zip(rows) {
        if position < first + seats {
            return SeatLabel(format!("{}-{}", char::from(row), position - first + 1));
        }
        first += seats;
    }
    SeatLabel("Z-1".to_owned())
}

impl Wish {
    pub fn body(&self, rows: &[u32]) -> HoldBody {
        let of = |tier: &str, quantity: Option<i64>| quantity.map(|quantity| Quantity { tier: tier.into(), quantity });
        let items: Vec<_> = of("ga", self.ga).into_iter().chain(of("floor", self.floor)).collect();
        let seats: Vec<_> = self.seats.iter().map(|seat| label(rows, *seat)).collect();
        HoldBody {
            seats: (!seats.is_empty()).then_some(seats),
            items: (!items.is_empty()).then_some(items),
            best: of("floor", self.best),
            on_conflict: (self.is_nearest && !self.seats.is_empty()).then_some(OnConflict::Nearest),
            max_total: self.max_total,
        }
    }
}

impl Basket {
    pub fn wish(&self) -> Wish {
        match self {
            Self::Seats(seats) => Wish { seats: seats.clone(), ..Wish::default() },
            Self::Floor(quantity) => Wish { floor: Some(i64::from(*quantity)), ..Wish::default() },
            Self::Ga(quantity) => Wish { ga: Some(i64::from(*quantity)), ..Wish::default() },
        }
    }

    pub fn body(&self, rows: &[u32], has_contact: bool) -> BuyBody {
        let body = match self {
            Self::Seats(seats) => {
                BuyBody { seats: Some(seats.iter().map(|seat| label(rows, *seat)).collect()), ..BuyBody::default() }
            }
            Self::Floor(quantity) => BuyBody::tier("floor".into(), *quantity),
            Self::Ga(quantity) => BuyBody::tier("ga".into(), *quantity),
        };
        BuyBody { contact: contact(has_contact), ..body }
    }
}

/// How a buyer can be reached who says so.
pub fn contact(has_contact: bool) -> Option<Contact> {
    has_contact.then(|| Contact { email: "ada@example.org".into(), name: None })
}

fn buyer() -> impl Strategy<Value = u128> {
    1..=BUYERS
}

/// Few seats, and sometimes one that is not there or that is named twice.
fn seats(rows: u32, least: usize) -> impl Strategy<Value = Vec<u32>> {
    let sensible = prop::collection::btree_set(0..rows, least..4).prop_map(|seats| seats.into_iter().collect());
    let careless = prop::collection::vec(0..rows + 1, least..4);
    prop_oneof![9 => sensible, 1 => careless]
}

/// Quantities that make sense, and sometimes one that does not.
fn quantity() -> impl Strategy<Value = i64> {
    prop_oneof![20 => 1_i64..4, 1 => prop_oneof![Just(0), Just(-1), Just(101)]]
}

fn wish(all_seats: u32) -> impl Strategy<Value = Wish> {
    let seats = prop_oneof![1 => Just(Vec::new()), 1 => seats(all_seats, 0)];
    let max_total = prop_oneof![6 => Just(None), 1 => (1_u64..5).prop_map(|seats| Some(seats * SEAT_PRICE))];
    let counted =
        (option::weighted(0.2, quantity()), option::weighted(0.5, quantity()), option::weighted(0.2, quantity()));
    (seats, any::<bool>(), counted, max_total).prop_map(|(seats, is_nearest, (floor, ga, best), max_total)| Wish {
        seats,
        is_nearest,
        floor,
        ga,
        best,
        max_total,
    })
}

/// A hold with its owner, often one for which money may come; sometimes with another buyer, sometimes a hold that never was.
fn owned_hold(model: &Model) -> BoxedStrategy<(u128, usize)> {
    let owners: Vec<u128> = model.holds.iter().map(|hold| hold.buyer).collect();
    let latest = owners.len().saturating_sub(6);
    let paid_for: Vec<usize> = model.payments.iter().rev().take(2).map(|paid| paid.hold).collect();
    let weight = u32::from(!paid_for.is_empty());
    let paid_for = if paid_for.is_empty() { vec![0] } else { paid_for };
    let hold = prop_oneof![1 => latest..owners.len() + 1, weight => prop::sample::select(paid_for)];
    (hold, prop_oneof![9 => Just(None), 1 => buyer().prop_map(Some)])
        .prop_map(move |(hold, other)| (other.or(owners.get(hold).copied()).unwrap_or(1), hold))
        .boxed()
}

/// Times that matter to a hold: just before its end, at it, after it. Most are short, so that holds live for some steps.
fn pass() -> impl Strategy<Value = i64> {
    prop_oneof![
        2 => Just(1),
        2 => Just(TTL_MILLISECONDS - 1),
        1 => Just(TTL_MILLISECONDS),
        1 => Just(EXTENSION_MILLISECONDS),
        1 => Just(EXTENSION_MILLISECONDS - 1),
        1 => Just(GRACE_MILLISECONDS),
        4 => 1_i64..4_000,
        1 => Just(PATIENCE_MILLISECONDS),
    ]
}

fn terms() -> impl Strategy<Value = Terms> {
    let drawn = (any::<bool>(), any::<bool>(), contact_rule());
    drawn.prop_map(|(is_paid, has_steps, contact)| Terms { is_paid, has_steps, contact })
}

fn contact_rule() -> impl Strategy<Value = ContactRule> {
    prop_oneof![Just(ContactRule::None), Just(ContactRule::Optional), Just(ContactRule::Required)]
}

/// Most buyers say how they can be reached.
fn has_contact() -> impl Strategy<Value = bool> {
    prop_oneof![5 => Just(true), 1 => Just(false)]
}

/// One of the latest payments, or one that never was.
fn payment(model: &Model) -> impl Strategy<Value = usize> + use<> {
    let count = model.payments.len();
    count.saturating_sub(4)..count + 1
}

fn word() -> impl Strategy<Value = Word> {
    prop_oneof![
        4 => Just(Word::Paid),
        1 => Just(Word::PaidMore),
        2 => Just(Word::Declined),
        1 => Just(Word::Bounced),
        2 => Just(Word::Over),
    ]
}

pub struct Machine;

impl ReferenceStateMachine for Machine {
    type State = Model;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<Model> {
        terms().prop_map(|terms| Model::new(true, terms)).boxed()
    }

    fn transitions(model: &Model) -> BoxedStrategy<Step> {
        let seats = model.seats();
        let owned = || owned_hold(model);
        let basket = prop_oneof![
            self::seats(seats, 1).prop_map(Basket::Seats),
            (1_u32..4).prop_map(Basket::Floor),
            (1_u32..4).prop_map(Basket::Ga),
        ];
        let (payment, paying) = (self::payment(model), if model.terms.is_paid { 8 } else { 1 });
        let confirmed = |(buyer, hold)| {
            let drawn = (any::<bool>(), has_contact());
            drawn.prop_map(move |(is_simulated, has_contact)| Step::Confirm { buyer, hold, is_simulated, has_contact })
        };
        let paid = |((buyer, hold), has_contact)| Step::Pay { buyer, hold, has_contact };
        prop_oneof![
            2 => (buyer(), basket, has_contact())
                .prop_map(|(buyer, basket, has_contact)| Step::Buy { buyer, basket, has_contact }),
            8 => (buyer(), wish(seats)).prop_map(|(buyer, wish)| Step::Hold { buyer, wish }),
            6 => (owned(), wish(seats)).prop_map(|((buyer, hold), wish)| Step::Change { buyer, hold, wish }),
            3 => owned().prop_map(|(buyer, hold)| Step::Extend { buyer, hold }),
            2 => owned().prop_map(|(buyer, hold)| Step::Release { buyer, hold }),
            3 => owned().prop_flat_map(confirmed),
            paying => (owned(), has_contact()).prop_map(paid),
            paying => (payment, word()).prop_map(|(payment, word)| Step::Hear { payment, word }),
            1 => owned().prop_map(|(buyer, hold)| Step::Decline { buyer, hold }),
            6 => pass().prop_map(Step::Pass),
            1 => Just(Step::Sweep),
            1 => (any::<bool>(), 1..=SEATS_PER_ROW + 1).prop_map(|(seated, count)| Step::Add { seated, count }),
            1 => Just(Step::Reset),
            2 => prop_oneof![2 => Just(true), 1 => Just(false)].prop_map(Step::Open),
            1 => option::weighted(0.7, 2_u32..9).prop_map(Step::Limit),
            1 => contact_rule().prop_map(Step::Ask),
            1 => Just(Step::Reload),
        ]
        .boxed()
    }

    fn apply(mut model: Model, step: &Step) -> Model {
        model.take(step);
        model
    }

    fn preconditions(model: &Model, step: &Step) -> bool {
        match step {
            Step::Add { seated: true, .. } => model.seats() < MOST_SEATS,
            Step::Pass(_) => model.has_time,
            _ => true,
        }
    }
}

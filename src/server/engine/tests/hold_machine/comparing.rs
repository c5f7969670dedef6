//! Compares what the engine answers and shows with the model.

use std::collections::BTreeSet;

use super::{
    super::{holds::buyer, *},
    bench::{Answered, Bench},
    model::{End, Expected, Held, HeldSeat, Model, Refused},
    steps::{BUYERS, Step, label},
};
use crate::model::{
    hold::{Hold, HoldItem, HoldStatus},
    ids::{OrderId, SeatLabel},
    order::Order,
    outcome::Refusal,
    payment::{Payment, PaymentStatus},
    seat::SeatStatus,
};

/// What was done longer ago does not change any more.
const LATEST: usize = 6;

impl Bench<'_> {
    pub fn check_answer(&mut self, answered: Answered, model: &Model, step: &Step) {
        match (answered, &model.expected) {
            (Answered::Done, Expected::Done) | (Answered::Declined, Expected::Declined) => {}
            (Answered::Bought(order), Expected::Bought { seats, units, total, has_contact }) => {
                assert_eq!((order.seq, order.total), (model.seq, *total), "{step:?}");
                check_tickets(&order, seats, *units, *has_contact, model);
            }
            (Answered::Held(hold), Expected::Held(index)) => {
                assert_eq!(*index, self.holds.len());
                self.holds.push(hold.id);
                self.check_hold(&hold, *index, model);
            }
            (Answered::Changed(hold), Expected::Changed(index) | Expected::Extended(index)) => {
                self.check_hold(&hold, *index, model);
            }
            (Answered::Confirmed(order), Expected::Confirmed { hold, has_contact }) => {
                assert_eq!(order.seq, model.seq, "{step:?}");
                self.check_order_of_hold(&order, *hold, *has_contact, model);
            }
            (Answered::Paying(payment, is_new), Expected::Paying { payment: index, is_new: expected }) => {
                assert_eq!(is_new, *expected, "{step:?}");
                if is_new {
                    assert_eq!(*index, self.payments.len());
                    self.payments.push(payment.id);
                }
                self.check_begun(&payment, *index, model);
            }
            (Answered::Refused(refusal), Expected::Refused(refused)) => {
                self.check_refusal(&refusal, refused, model, step);
            }
            (answered, expected) => panic!("{step:?}: {} instead of {expected:?}", answered.name()),
        }
    }

    fn check_refusal(&self, refusal: &Refusal, refused: &Refused, model: &Model, step: &Step) {
        let seats: Vec<SeatLabel> = refused.seats.iter().map(|seat| label(&model.rows, *seat)).collect();
        assert_eq!((refusal.code, &refusal.seats), (refused.code, &seats), "{step:?}: {refusal:?}");
        let own_hold = refused.own_hold.map(|hold| self.holds[hold]);
        let advice = refusal.advice();
        assert_eq!((advice.own_hold, advice.held, advice.total), (own_hold, refused.held, refused.total), "{step:?}");
        if self.has_time {
            assert_eq!(advice.wait_seconds, refused.wait_seconds, "{step:?}");
        }
    }

    fn check_begun(&self, payment: &Payment, index: usize, model: &Model) {
        let paid = &model.payments[index];
        let told = (payment.id, payment.hold, payment.status, payment.amount);
        assert_eq!(told, (self.payments[index], self.holds[paid.hold], PaymentStatus::Pending, paid.amount));
    }

    /// Compares the order that a hold has become.
    fn check_order_of_hold(&self, order: &Order, hold: usize, has_contact: bool, model: &Model) {
        let held = &model.holds[hold];
        let told = (order.id.0, order.rung, order.total);
        assert_eq!(told, (self.holds[hold].0, held.rung, held.total()));
        check_tickets(order, &held.seats.keys().copied().collect(), held.counted(), has_contact, model);
    }

    /// Compares a hold as its buyer is told of it.
    fn check_hold(&self, hold: &Hold, index: usize, model: &Model) {
        let held = &model.holds[index];
        let what = format!("hold {index}: {hold:?} instead of {held:?}");
        let status = match model.told(index) {
            End::Live if held.pending.is_some() => HoldStatus::Paying,
            End::Live => HoldStatus::Active,
            End::Confirmed => HoldStatus::Confirmed,
            End::Released => HoldStatus::Released,
            End::Expired => HoldStatus::Expired,
        };
        assert_eq!((hold.id, hold.status), (self.holds[index], status), "{what}");
        let item = |item: &HoldItem| (item.seat.clone(), item.quantity, item.price, item.substitute.clone());
        let items: Vec<_> = hold.items.iter().map(item).collect();
        assert_eq!(items, expected_items(held, model), "{what}");
        assert_eq!((hold.total, hold.seq), (held.total(), held.seq), "{what}");
        assert_eq!((hold.rung, hold.extensions_left), (held.rung, held.extensions_left), "{what}");
        assert_eq!(hold.order.is_some(), status == HoldStatus::Confirmed, "{what}");
        if self.has_time {
            assert_eq!(hold.expires_at.milliseconds - self.began, held.expires_at, "{what}");
        }
    }

    /// Compares counters, seats, own holds and payments with the model, and the mirror with the database and its ledger.
    pub async fn compare(&self, model: &Model) {
        let told = self.house.engine.catalogue.sale(&self.sale).await.unwrap();
        let (held_seats, held_units) = (model.held_seats(), model.held_units());
        let sold_seats = model.sold_seats.len() as u64;
        let seats = u64::from(model.seats());
        let floor = (seats - held_seats.len() as u64 - sold_seats, held_seats.len() as u64, sold_seats);
        let ga = (model.units - held_units - model.sold_units, held_units, model.sold_units);
        let tiers: Vec<_> = told.tiers.iter().map(|tier| (tier.available, tier.held, tier.sold)).collect();
        assert_eq!(tiers, [floor, ga], "the counters of the tiers");
        let prices: Vec<_> = told.tiers.iter().map(|tier| tier.price).collect();
        assert_eq!(prices, [model.seat_price(), model.unit_price()], "the prices of the tiers");
        let all = (floor.0 + ga.0, floor.1 + ga.1, floor.2 + ga.2);
        assert_eq!((told.available, told.held, told.sold), all, "the counters of the sale");
        assert_eq!(told.seq, model.seq);
        for (position, seat) in (0..).zip(self.house.engine.catalogue.seats(&self.sale).unwrap().list(None, None).seats)
        {
            let status = match (held_seats.contains(&position), model.sold_seats.contains(&position)) {
                (true, _) => SeatStatus::Held,
                (_, true) => SeatStatus::Sold,
                _ => SeatStatus::Available,
            };
            assert_eq!((seat.seat.clone(), seat.status), (label(&model.rows, position), status));
        }
        let audit = self.house.audit(&self.sale).await;
        assert!(audit.clean, "{audit:?}");
        assert_eq!((audit.available, audit.held, audit.sold), all, "the rows");
        assert_eq!(audit.ledger.entries, model.seq);
        self.compare_holds(model).await;
        self.compare_payments(model).await;
    }

    async fn compare_holds(&self, model: &Model) {
        let selling = &self.house.engine.selling;
        for who in 1..=BUYERS {
            let own = selling.holds(buyer(who), Some(&self.sale)).await.unwrap().unwrap().holds;
            let is_live = |index: &usize| model.holds[*index].buyer == who && model.told(*index) == End::Live;
            let expected: Vec<usize> = (0..model.holds.len()).filter(is_live).collect();
            assert_eq!(own.len(), expected.len(), "the holds of buyer {who}");
            own.iter().zip(expected).for_each(|(hold, index)| self.check_hold(hold, index, model));
        }
        for index in model.holds.len().saturating_sub(LATEST)..model.holds.len() {
            let found = selling.find_hold(Some(buyer(model.holds[index].buyer)), self.holds[index]).await.unwrap();
            self.check_hold(&found.expect("an ended hold is told for a day"), index, model);
        }
    }

    /// Compares payments and refunds as they are kept, and what was bought with the money.
    async fn compare_payments(&self, model: &Model) {
        let desk = &self.house.engine.core.desk;
        for index in model.payments.len().saturating_sub(LATEST)..model.payments.len() {
            let (id, paid) = (self.payments[index], &model.payments[index]);
            let (found, refund) = {
                let mut reader = desk.store.reader().await.unwrap();
                let found = store::find_payment(reader.connection(), id, None, desk.clock.now()).await.unwrap();
                (found.unwrap(), store::find_refund(reader.connection(), id).await.unwrap())
            };
            let what = format!("payment {index}: {found:?} instead of {paid:?}");
            let kept = (found.hold, found.status, found.amount, found.is_void);
            let expected = (self.holds[paid.hold], paid.status, paid.amount, paid.is_void);
            assert_eq!(kept, expected, "{what}");
            assert_eq!(found.contact.is_some(), paid.has_contact, "{what}");
            assert_eq!(refund.is_some(), paid.status == PaymentStatus::Refunded, "{what}");
            if paid.status == PaymentStatus::Succeeded {
                self.compare_bought(found.order.unwrap(), index, model).await;
            }
        }
    }

    async fn compare_bought(&self, order: OrderId, payment: usize, model: &Model) {
        let paid = &model.payments[payment];
        let held = &model.holds[paid.hold];
        let order = self.house.engine.selling.order(Some(buyer(held.buyer)), order).await.unwrap().unwrap();
        assert_eq!(order.total, paid.amount, "the order of payment {payment}");
        check_tickets(&order, &held.seats.keys().copied().collect(), held.counted(), paid.has_contact, model);
    }
}

/// Seats one by one, then units by price: label, quantity, price, and the seat that was asked for.
fn expected_items(held: &Held, model: &Model) -> Vec<(Option<SeatLabel>, u64, u64, Option<SeatLabel>)> {
    let seats = held.seats.iter().map(|(seat, HeldSeat { price, asked })| {
        (Some(label(&model.rows, *seat)), 1, *price, asked.map(|asked| label(&model.rows, asked)))
    });
    seats.chain(held.units.iter().map(|(price, quantity)| (None, *quantity, *price, None))).collect()
}

fn check_tickets(order: &Order, seats: &BTreeSet<u32>, units: u64, has_contact: bool, model: &Model) {
    let sold: BTreeSet<SeatLabel> = order.tickets.iter().filter_map(|ticket| ticket.seat.clone()).collect();
    let expected: BTreeSet<SeatLabel> = seats.iter().map(|seat| label(&model.rows, *seat)).collect();
    assert_eq!(sold, expected);
    assert_eq!(order.tickets.len() as u64, seats.len() as u64 + units);
    assert_eq!(order.contact.is_some(), has_contact);
}

impl Answered {
    fn name(&self) -> String {
        match self {
            Self::Bought(order) => format!("bought {order:?}"),
            Self::Held(hold) => format!("held {hold:?}"),
            Self::Changed(hold) => format!("changed {hold:?}"),
            Self::Confirmed(order) => format!("confirmed {order:?}"),
            Self::Declined => "declined".to_owned(),
            Self::Paying(payment, is_new) => format!("paying {payment:?}, new: {is_new}"),
            Self::Done => "done".to_owned(),
            Self::Refused(refusal) => format!("refused {refusal:?}"),
        }
    }
}

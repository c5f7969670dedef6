//! What was granted: as rows to be recorded, and as the answer that the buyer gets once they are committed.

use uuid::Uuid;

use super::{
    decide::{Grant, Granted},
    identifiers::{Identifiers, ticket_code},
    key_claim::RecordedKey,
    sale::Stock,
    wish::Substitute,
};
use crate::{
    model::{
        currency::USUAL_DIGITS,
        hold::{Hold, HoldItem, HoldStatus},
        ids::{BuyerId, HoldId, OrderId, TicketId},
        ledger::ChangeKind,
        order::{Contact, Order, Ticket},
        time::Timestamp,
    },
    server::{
        ledger::{Hash, hexadecimal},
        store::{NewHold, NewHoldItem, NewTicket, Purchase, SaleTerms},
    },
};

/// What one claim was granted, ready to be recorded.
pub enum Recorded {
    Sold(Sold),
    Held(Held),
}

/// A purchase before and after its commit: the rows to record, and what its order is made from once they are committed.
pub struct Sold {
    pub kind: ChangeKind,
    pub purchase: Purchase,
    pub parts: Vec<Granted>,
    pub at: Timestamp,
}

/// A hold before and after its commit.
pub struct Held {
    pub new: NewHold,
    pub parts: Vec<Granted>,
    substitutes: Vec<Substitute>,
    pub at: Timestamp,
}

/// What a buyer sent with a purchase.
#[derive(Default)]
pub struct Asked {
    pub key: Option<RecordedKey>,
    pub contact: Option<Contact>,
}

impl Sold {
    /// Turns a grant into the rows of a purchase, with one ticket for each unit.
    pub fn new(
        identifiers: &Identifiers,
        stock: &Stock,
        (buyer, order): (BuyerId, OrderId),
        grant: Grant,
        asked: Asked,
    ) -> Self {
        let at = grant.at;
        let tickets = |part: &Granted| -> Vec<NewTicket> {
            let tier_id = stock.tiers[part.tier_index].tier_id;
            let seats = part.seats.iter().copied().map(Some).chain(std::iter::repeat(None));
            let units = usize::try_from(part.quantity).expect("a wish is for few units");
            seats.take(units).map(|seat| ticket(identifiers, tier_id, seat, at)).collect()
        };
        Self {
            kind: grant.kind,
            purchase: Purchase {
                order,
                buyer,
                total: grant.total,
                currency: grant.currency,
                seq: grant.seq,
                units: serde_json::to_string(&grant.units).expect("units are plain data"),
                hash: grant.hash,
                tickets: grant.parts.iter().flat_map(tickets).collect(),
                rung: grant.parts.iter().filter_map(|part| part.rung).max(),
                key: asked.key,
                contact: asked.contact,
            },
            parts: grant.parts,
            at,
        }
    }

    /// The order that the buyer gets.
    pub fn order(&self, stock: &Stock) -> Order {
        let tier_of = |new: &NewTicket| {
            let mut tiers = self.parts.iter().map(|part| &stock.tiers[part.tier_index]);
            tiers.find(|tier| tier.tier_id == new.tier_id).expect("a ticket is of a tier that was granted").id.clone()
        };
        let ticket = |new: &NewTicket| Ticket {
            id: new.id,
            tier: tier_of(new),
            seat: new.seat_position.map(|position| stock.label(position).clone()),
            code: hexadecimal(&new.code),
        };
        Order {
            id: self.purchase.order,
            sale: stock.id.clone(),
            buyer: self.purchase.buyer,
            total: self.purchase.total,
            currency: self.purchase.currency.to_string(),
            currency_digits: digits(stock, &self.parts),
            seq: self.purchase.seq,
            created_at: self.at,
            rung: self.purchase.rung,
            contact: self.purchase.contact.clone(),
            tickets: self.purchase.tickets.iter().map(ticket).collect(),
        }
    }
}

impl Held {
    /// Turns a grant into the rows of a hold. With a key, the answer is recorded too.
    pub fn new(stock: &Stock, buyer: BuyerId, hold: HoldId, grant: Grant, key: Option<RecordedKey>) -> Self {
        let SaleTerms { hold_ttl_seconds, hold_extensions, .. } = stock.terms;
        let new = NewHold {
            hold,
            buyer,
            currency: grant.currency,
            seq: grant.seq,
            units: serde_json::to_string(&grant.units).expect("units are plain data"),
            hash: grant.hash,
            items: grant.parts.iter().flat_map(|part| items(stock, part, &grant.substitutes)).collect(),
            rung: grant.parts.iter().filter_map(|part| part.rung).max(),
            life_milliseconds: i64::from(hold_ttl_seconds) * 1_000,
            extensions: hold_extensions,
            key: None,
        };
        let mut held = Self { new, parts: grant.parts, substitutes: grant.substitutes, at: grant.at };
        held.new.key = key.map(|(key, fingerprint)| {
            let answer = serde_json::to_string(&held.hold(stock, held.at)).expect("a hold is plain data");
            (key, fingerprint, answer)
        });
        held
    }

    /// The hold that the buyer gets. `begun_at` is the store's time at which it began.
    pub fn hold(&self, stock: &Stock, begun_at: Timestamp) -> Hold {
        let item = |(part, item): (&Granted, NewHoldItem)| HoldItem {
            tier: stock.tiers[part.tier_index].id.clone(),
            seat: item.seat_position.map(|position| stock.label(position).clone()),
            quantity: item.quantity,
            price: item.price,
            substitute: item.substitute.map(|position| stock.label(position).clone()),
        };
        let substitutes = &self.substitutes;
        let items = self.parts.iter().flat_map(|part| items(stock, part, substitutes).map(move |new| (part, new)));
        Hold {
            id: self.new.hold,
            sale: stock.id.clone(),
            status: HoldStatus::Active,
            items: items.map(item).collect(),
            rung: self.new.rung,
            total: self.parts.iter().map(|part| part.price * part.quantity).sum(),
            currency: self.new.currency.to_string(),
            currency_digits: digits(stock, &self.parts),
            expires_at: begun_at.plus_milliseconds(self.new.life_milliseconds),
            extensions_left: self.new.extensions,
            server_now: begun_at,
            seq: self.new.seq,
            order: None,
        }
    }
}

/// A new ticket.
pub fn ticket(identifiers: &Identifiers, tier_id: i64, seat_position: Option<u32>, at: Timestamp) -> NewTicket {
    NewTicket { id: TicketId(identifiers.next(at)), tier_id, seat_position, code: ticket_code() }
}

/// The items of a hold: seats one by one, general admission as one quantity.
fn items(stock: &Stock, part: &Granted, substitutes: &[Substitute]) -> impl Iterator<Item = NewHoldItem> {
    let (tier_id, price) = (stock.tiers[part.tier_index].tier_id, part.price);
    let asked = |given| substitutes.iter().find(|one| Some(one.given) == given).map(|one| one.asked);
    let item = move |seat_position, quantity| NewHoldItem {
        tier_id,
        seat_position,
        quantity,
        price,
        substitute: asked(seat_position),
    };
    let counted = part.seats.is_empty().then(|| item(None, part.quantity));
    counted.into_iter().chain(part.seats.iter().map(move |position| item(Some(*position), 1)))
}

fn digits(stock: &Stock, parts: &[Granted]) -> u32 {
    parts.first().map_or(USUAL_DIGITS, |part| stock.tiers[part.tier_index].currency_digits)
}

impl Recorded {
    pub fn kind(&self) -> ChangeKind {
        match self {
            Self::Sold(sold) => sold.kind,
            Self::Held(_) => ChangeKind::Hold,
        }
    }

    pub fn parts(&self) -> &[Granted] {
        match self {
            Self::Sold(sold) => &sold.parts,
            Self::Held(held) => &held.parts,
        }
    }

    /// The ledger position and the hash of its line.
    pub fn line(&self) -> (u64, Hash) {
        match self {
            Self::Sold(sold) => (sold.purchase.seq, sold.purchase.hash),
            Self::Held(held) => (held.new.seq, held.new.hash),
        }
    }

    /// The buyer, and the order or hold.
    pub fn owner(&self) -> (BuyerId, Uuid) {
        match self {
            Self::Sold(sold) => (sold.purchase.buyer, sold.purchase.order.0),
            Self::Held(held) => (held.new.buyer, held.new.hold.0),
        }
    }
}

//! A request for stock as the client sends it, and what one look at the mirror of its sale says about it.

use crate::{
    model::{
        body::{BuyBody, HoldBody, OnConflict, Quantity},
        ids::{BuyerId, SaleId, SeatLabel, TierId},
        limits::{MAX_ACTIVE_HOLDS, MAX_UNITS_PER_REQUEST},
        order::Contact,
        outcome::{Advice, Code, Refusal},
        sale::Checkout,
        strategy::StrategyKind,
        time::Timestamp,
    },
    server::{
        engine::{contact, keyed::fingerprint, keys::KeptKey, refusals::invalid},
        stock::{Part, Stock, What, Wish, decide::Bounds, refuse_early},
        strategy::Taking,
    },
};

/// A request for stock as the client sends it.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    pub sale: &'a SaleId,
    pub buyer: BuyerId,
    pub body: Body<'a>,
    pub key: Option<&'a KeptKey>,
    /// `None` where nobody has to be asked for room.
    pub room: Option<&'a dyn Room>,
}

/// Says whether there is room for what a request would hold, beside what whoever sent it holds already.
pub trait Room: Send + Sync {
    /// Makes room for so many units of a sale. Asked before they are taken, each time that the request is tried, and
    /// never while a mirror is locked.
    ///
    /// # Errors
    /// The refusal where there is no room.
    fn make(&self, sale: &SaleId, units: u64) -> Result<(), Refusal>;
}

/// What is asked for.
#[derive(Clone, Copy)]
pub enum Body<'a> {
    Buy(&'a BuyBody),
    Hold {
        body: &'a HoldBody,
        /// Whether the buyer may hold only so much at once. A demo lifts these limits.
        is_limited: bool,
    },
}

/// What one look at the mirror of a sale says about a request.
pub struct FirstLook {
    pub wish: Wish,
    pub taking: Taking,
    pub contact: Option<Contact>,
    /// The refusal from memory. It is certain, unless the request's key was answered before or is in line.
    pub refusal: Option<Refusal>,
    pub is_queued: bool,
    /// How often units had come back by then.
    pub came_back: u64,
}

impl Request<'_> {
    pub fn fingerprint(&self) -> [u8; 16] {
        match self.body {
            Body::Buy(body) => fingerprint(&format!("POST /sales/{}/buy", self.sale), body),
            Body::Hold { body, .. } => fingerprint(&format!("POST /sales/{}/holds", self.sale), body),
        }
    }

    /// Looks at the mirror. `store_now` is the store's time, as far as it is known.
    ///
    /// # Errors
    /// The refusal where the request itself is wrong, whatever is left of the stock.
    pub fn look(&self, stock: &Stock, now: Timestamp, store_now: Timestamp) -> Result<FirstLook, Refusal> {
        let (wish, taking, contact) = match self.body {
            Body::Buy(body) => (
                wish_to_buy(stock, body)?,
                Taking::Buy,
                contact::checked(stock, stock.terms.contact, body.contact.as_ref())?,
            ),
            Body::Hold { body, is_limited } => {
                let wish = wish_to_hold(stock, body)?;
                if stock.strategy == StrategyKind::Naive {
                    return Err(Refusal::new(Code::StrategyUnsupported, "naive sells at once and holds nothing."));
                }
                let bounds = Bounds { active_holds: is_limited.then_some(MAX_ACTIVE_HOLDS), max_total: body.max_total };
                (wish, Taking::Hold(bounds), None)
            }
        };
        let refusal = self
            .cooling_off(stock, store_now)
            .or_else(|| self.payment_required(stock))
            .or_else(|| refuse_early(stock, &wish, now).err());
        let (is_queued, came_back) = (stock.strategy == StrategyKind::Queued, stock.came_back);
        Ok(FirstLook { wish, taking, contact, refusal, is_queued, came_back })
    }

    /// The refusal of a purchase at once in a sale whose units are held and then paid.
    fn payment_required(&self, stock: &Stock) -> Option<Refusal> {
        let is_paid = stock.terms.checkout == Checkout::Paid && !stock.rehearsal;
        let detail = "Units of this sale are held first, and then paid.";
        (is_paid && matches!(self.body, Body::Buy(_))).then(|| Refusal::new(Code::PaymentRequired, detail))
    }

    /// The refusal of a buyer whose last holds all ended unpaid, for a while.
    fn cooling_off(&self, stock: &Stock, store_now: Timestamp) -> Option<Refusal> {
        let Body::Hold { is_limited: true, .. } = self.body else { return None };
        let until = stock.live_holds.cooling_off_until(self.buyer)?;
        let left_milliseconds = until.milliseconds - store_now.milliseconds;
        let seconds = u32::try_from(left_milliseconds.max(0)).unwrap_or(u32::MAX).div_ceil(1_000);
        if seconds == 0 {
            return None;
        }
        let detail = format!("Your last holds ended unpaid. You can hold again in {seconds} seconds.");
        let advice = Advice { wait_seconds: Some(seconds), ..Advice::default() };
        Some(Refusal::new(Code::RateLimited, detail).with(advice))
    }
}

impl Body<'_> {
    /// How many units of the tiers that are asked for are held and may come back.
    pub fn held(self, stock: &Stock) -> u64 {
        let wish = match self {
            Self::Buy(body) => wish_to_buy(stock, body),
            Self::Hold { body, .. } => wish_to_hold(stock, body),
        };
        let Ok(wish) = wish else { return 0 };
        wish.units_by_tier().map(|(tier_index, _)| stock.tiers[tier_index].counts.held).sum()
    }
}

/// The wish that the body describes, by positions. Unknown names are refused before anything else in the body.
fn wish_to_buy(stock: &Stock, body: &BuyBody) -> Result<Wish, Refusal> {
    match (&body.seat, &body.seats, &body.tier) {
        (Some(label), None, None) => {
            let position = position(stock, label)?;
            refuse_quantity(body)?;
            Ok(Wish::seat(stock, position))
        }
        (None, Some(labels), None) => {
            let positions = labels.iter().map(|label| position(stock, label)).collect::<Result<Vec<_>, _>>()?;
            refuse_quantity(body)?;
            if positions.len() > MAX_UNITS_PER_REQUEST as usize {
                return Err(invalid(format!("One request names at most {MAX_UNITS_PER_REQUEST} seats.")));
            }
            Wish::seats_at(stock, positions).ok_or_else(|| invalid("Name at least one seat, and each of them once."))
        }
        (None, None, Some(tier)) => {
            let tier_index = tier_index(stock, tier)?;
            Ok(Wish::units(tier_index, quantity(body.quantity.unwrap_or(1))?))
        }
        _ => Err(invalid("Name either a seat, or seats, or a tier.")),
    }
}

fn position(stock: &Stock, label: &SeatLabel) -> Result<u32, Refusal> {
    let position = stock.map.positions.get(label).copied();
    position.ok_or_else(|| Refusal::new(Code::NotFound, format!("There is no seat {label} in this sale.")))
}

fn refuse_quantity(body: &BuyBody) -> Result<(), Refusal> {
    match body.quantity {
        None => Ok(()),
        Some(_) => Err(invalid("Named seats come without a quantity.")),
    }
}

/// The wish that the body describes: named seats, units by tier, and the best seats of a tier, all together.
pub fn wish_to_hold(stock: &Stock, body: &HoldBody) -> Result<Wish, Refusal> {
    let labels = body.seats.as_deref().unwrap_or_default();
    let positions = labels.iter().map(|label| position(stock, label)).collect::<Result<Vec<_>, _>>()?;
    let counted = || body.items.iter().flatten().chain(&body.best);
    let tiers = counted().map(|item| tier_index(stock, &item.tier)).collect::<Result<Vec<_>, _>>()?;
    if body.seats.is_none() && body.items.is_none() && body.best.is_none() {
        return Err(invalid("Name seats, items or best."));
    }
    if body.seats.as_ref().is_some_and(Vec::is_empty) || body.items.as_ref().is_some_and(Vec::is_empty) {
        return Err(invalid("A list that is given is not empty."));
    }
    let part =
        |(tier_index, item): (usize, &Quantity)| Ok(Part { tier_index, what: What::Units(quantity(item.quantity)?) });
    let mut parts = tiers.into_iter().zip(counted()).map(part).collect::<Result<Vec<_>, Refusal>>()?;
    if !positions.is_empty() {
        let seats = Wish::seats_at(stock, positions.clone()).ok_or_else(|| invalid("Name each seat once."))?;
        parts.extend(seats.parts().iter().cloned());
    }
    let wish = Wish::new(parts).ok_or_else(|| invalid("Name each seat and each tier once."))?;
    if wish.quantity() > u64::from(MAX_UNITS_PER_REQUEST) {
        return Err(invalid(format!("One request is for at most {MAX_UNITS_PER_REQUEST} units.")));
    }
    Ok(match body.on_conflict.unwrap_or_default() {
        OnConflict::Refuse => wish,
        OnConflict::Nearest => wish.or_nearest(positions).expect("these are the seats of the wish"),
    })
}

fn tier_index(stock: &Stock, tier: &TierId) -> Result<usize, Refusal> {
    let unknown = || Refusal::new(Code::NotFound, format!("There is no tier {tier} in this sale."));
    stock.tier_index(tier).ok_or_else(unknown)
}

fn quantity(asked: i64) -> Result<u64, Refusal> {
    let quantity = u64::try_from(asked).unwrap_or(0);
    if !(1..=u64::from(MAX_UNITS_PER_REQUEST)).contains(&quantity) {
        return Err(invalid(format!("The quantity is a whole number from 1 to {MAX_UNITS_PER_REQUEST}.")));
    }
    Ok(quantity)
}

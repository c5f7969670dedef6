//! Holding stock, and what becomes of it.

use leptos::{prelude::*, server_fn::ServerFn};
use serde::{Deserialize, Serialize};

use crate::{
    model::{
        body::{ConfirmBody, HoldBody},
        hold::{Hold, HoldStatus},
        ids::{HoldId, SaleId},
        order::Order,
        outcome::{Code, Refusal},
        payment::Payment,
        sale::{ContactRule, Sale},
        time::Timestamp,
    },
    wire::Wire,
};

/// The answer to a choice that is to be held. It names the hold and does not describe it, because the hold has a page of
/// its own.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldAnswer {
    /// Held since the change `seq`.
    Held { hold: HoldId, seq: u64 },
    /// Nothing was held, or the hold stayed as it was.
    Refused {
        refusal: Refusal,
        /// With `price-changed`: what the choice costs now, in minor units.
        total: Option<u64>,
    },
    /// The asker has one of the named seats in a hold of their own. `offer` is the query with which the sale's page offers
    /// to change that hold.
    Offered { offer: String },
    /// Not decided yet. Asking again with the same key tells more.
    Undecided,
}

impl From<Refusal> for HoldAnswer {
    fn from(refusal: Refusal) -> Self {
        match refusal.code {
            Code::IdempotencyInFlight => Self::Undecided,
            _ => Self::Refused { total: refusal.advice().total, refusal },
        }
    }
}

/// A hold of the asker that can still be paid, as the sale's page tells it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct OwnHold {
    pub id: HoldId,
    pub units: u64,
    pub expires_at: Timestamp,
}

/// What the page of a hold counts down.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct HoldClock {
    pub status: HoldStatus,
    pub expires_at: Timestamp,
    /// How often it can still be extended.
    pub extensions_left: u32,
    pub server_now: Timestamp,
    /// The newest change of what is held.
    pub seq: u64,
}

impl From<&Hold> for HoldClock {
    fn from(hold: &Hold) -> Self {
        let &Hold { status, expires_at, extensions_left, server_now, seq, .. } = hold;
        Self { status, expires_at, extensions_left, server_now, seq }
    }
}

/// What became of a step with a hold.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldStep {
    /// It goes on.
    Goes,
    /// It has ended. `outcome` is the query with which its page tells of it.
    Ended {
        outcome: String,
    },
    Refused(Refusal),
}

/// Everything that the page of a hold is rendered from.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct CheckoutPage {
    pub hold: Hold,
    pub sale: Sale,
    /// The order that it became.
    pub order: Option<Order>,
    /// Whether the buyer is asked how they can be reached.
    pub contact: ContactRule,
    /// Whether it can be paid without money: in rehearsals and in a demo.
    pub may_simulate: bool,
    /// Whether it can be paid at a payment provider.
    pub has_provider: bool,
    /// The newest payment for it, at the payment provider.
    pub payment: Option<Payment>,
    /// The idempotency key of the page's forms.
    pub form_key: String,
}

/// Whether the server function at this path holds what is available.
pub fn holds_stock(path: &str) -> bool {
    [AskHold::url(), AskHoldChange::url()].contains(&path)
}

/// Holds what `body` names for the asker, all or nothing. `key` identifies the intent: a repeated call with the same key
/// gets the same answer. As with a purchase, nothing is held for a browser that keeps no cookies.
#[server(name = AskHold, prefix = "/rpc", endpoint = "hold", input = Wire, output = Wire)]
pub async fn hold(sale: SaleId, body: HoldBody, key: String) -> Result<HoldAnswer, ServerFnError> {
    use super::context;
    use crate::model::{limits::PATIENCE_IN_LINE, outcome::HoldOutcome};
    if context::is_from_nobody() {
        return Ok(Refusal::new(Code::Unauthenticated, "The browser sent no cookie.").into());
    }
    let (key, purchaser) = (context::key(&key)?, context::purchaser()?);
    let seats = body.seats.clone().unwrap_or_default();
    let buyer = purchaser.asker.buyer;
    let own = context::app()?.engine.selling.held_already(&sale, buyer, &seats).await.map_err(context::unavailable)?;
    if let Some(own) = own {
        let (hold, seq) = (own.id, own.seq);
        return Ok(match own.has_just(&seats) {
            true => HoldAnswer::Held { hold, seq },
            false => HoldAnswer::Offered { offer: context::offer_query(hold, &seats)? },
        });
    }
    let held = purchaser.hold(&context::app()?, &sale, body, Some(key), Some(PATIENCE_IN_LINE)).await;
    Ok(match held.map_err(context::unavailable)? {
        HoldOutcome::Held { hold, .. } => HoldAnswer::Held { hold: hold.id, seq: hold.seq },
        HoldOutcome::Waiting { .. } => HoldAnswer::Undecided,
        HoldOutcome::Refused(refusal) => refusal.into(),
    })
}

/// Makes one of the asker's holds have what `body` names, and nothing else. A refusal leaves it as it was.
#[server(name = AskHoldChange, prefix = "/rpc", endpoint = "change_hold", input = Wire, output = Wire)]
pub async fn change_hold(hold: HoldId, body: HoldBody) -> Result<HoldAnswer, ServerFnError> {
    use super::context;
    let changed = context::purchaser()?.change(&context::app()?, hold, body).await.map_err(context::unavailable)?;
    Ok(changed.map_or_else(HoldAnswer::from, |hold| HoldAnswer::Held { hold: hold.id, seq: hold.seq }))
}

/// The asker's holds in a sale that can still be paid, the oldest first.
#[server(name = AskHolds, prefix = "/rpc", endpoint = "holds", input = Wire, output = Wire)]
pub async fn holds(sale: SaleId) -> Result<Vec<Hold>, ServerFnError> {
    use super::context;
    let selling = &context::app()?.engine.selling;
    let found = selling.holds(context::buyer()?, Some(&sale)).await.map_err(context::unavailable)?;
    Ok(found.map(|list| list.holds).unwrap_or_default())
}

/// How one of the asker's holds stands now; `None` where they have no such hold.
#[server(name = AskHoldClock, prefix = "/rpc", endpoint = "hold_clock", input = Wire, output = Wire)]
pub async fn hold_clock(hold: HoldId) -> Result<Option<HoldClock>, ServerFnError> {
    use super::context;
    let found = context::app()?.engine.selling.find_hold(Some(context::buyer()?), hold).await;
    Ok(found.map_err(context::unavailable)?.as_ref().map(HoldClock::from))
}

/// Extends one of the asker's holds once more. The same `key` extends it once only.
#[server(name = AskExtension, prefix = "/rpc", endpoint = "extend_hold", input = Wire, output = Wire)]
pub async fn extend_hold(hold: HoldId, key: String) -> Result<HoldStep, ServerFnError> {
    use super::context;
    let (app, buyer, key) = (context::app()?, context::buyer()?, context::key(&key)?);
    let extended = app.engine.selling.extend(hold, buyer, Some(key)).await.map_err(context::unavailable)?;
    Ok(extended.map_or_else(HoldStep::Refused, |_| HoldStep::Goes))
}

/// Gives one of the asker's holds back. One that has ended stays as it is.
#[server(name = AskRelease, prefix = "/rpc", endpoint = "release_hold", input = Wire, output = Wire)]
pub async fn release_hold(hold: HoldId) -> Result<HoldStep, ServerFnError> {
    use super::context;
    context::app()?.engine.selling.release(hold, context::buyer()?).await.map_err(context::unavailable)?;
    Ok(HoldStep::Ended { outcome: String::new() })
}

/// Turns one of the asker's holds into an order. `seq` is the newest change that the asker has seen: what somebody has not
/// seen is not sold to them.
#[server(name = AskConfirmation, prefix = "/rpc", endpoint = "confirm_hold", input = Wire, output = Wire)]
pub async fn confirm_hold(hold: HoldId, seq: u64, body: ConfirmBody, key: String) -> Result<HoldStep, ServerFnError> {
    use super::context;
    use crate::model::outcome::ConfirmOutcome;
    let (app, buyer, key) = (context::app()?, context::buyer()?, context::key(&key)?);
    let confirmed = app.engine.selling.confirm_as_seen(hold, buyer, Some(seq), body, Some(key), app.config.demo).await;
    Ok(match confirmed.map_err(context::unavailable)? {
        ConfirmOutcome::Confirmed { .. } => HoldStep::Ended { outcome: "outcome=won".to_owned() },
        ConfirmOutcome::Declined { refusal, .. } => {
            HoldStep::Ended { outcome: context::refusal_query(hold, refusal.code)? }
        }
        ConfirmOutcome::Refused(refusal) => HoldStep::Refused(refusal),
    })
}

/// The page of one of the asker's holds; `None` where they have no such hold.
#[server(name = AskCheckoutPage, prefix = "/rpc", endpoint = "checkout_page", input = Wire, output = Wire)]
pub async fn checkout_page(hold: HoldId) -> Result<Option<CheckoutPage>, ServerFnError> {
    use super::context;
    let (app, buyer) = (context::app()?, context::buyer()?);
    let selling = &app.engine.selling;
    let Some(hold) = selling.find_hold(Some(buyer), hold).await.map_err(context::unavailable)? else { return Ok(None) };
    let Some(sale) = app.engine.catalogue.sale(&hold.sale).await else { return Ok(None) };
    let has_provider = selling.has_provider();
    // A buyer who comes back from the provider's page is told what the provider says, not what their address says.
    let payment = match has_provider {
        true => selling.telling_payment(hold.id).await.map_err(context::unavailable)?,
        false => None,
    };
    // The provider's word may have changed the hold.
    let found = selling.hold_to_pay(buyer, hold.id).await.map_err(context::unavailable)?;
    let Some((hold, asked)) = found else { return Ok(None) };
    let order = match payment.as_ref().and_then(|payment| payment.order).or(hold.order) {
        Some(order) => selling.order(Some(buyer), order).await.map_err(context::unavailable)?,
        None => None,
    };
    // A rehearsal never insists.
    let contact = if sale.rehearsal && asked == ContactRule::Required { ContactRule::Optional } else { asked };
    let may_simulate = app.config.demo || sale.rehearsal;
    let form_key = super::form_key();
    Ok(Some(CheckoutPage { hold, sale, order, contact, may_simulate, has_provider, payment, form_key }))
}

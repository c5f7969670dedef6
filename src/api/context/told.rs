//! The outcome that the page of a sale shows after its form was sent without script. The outcome comes in the address,
//! and anybody can write an address. So nothing in it is believed as such: orders and requests are looked up among the
//! visitor's own, and a refusal counts only under our seal.

use std::fmt::Display;

use leptos::prelude::{ServerFnError, use_context};

use super::provided::{app, asker};
use crate::{
    model::{
        ids::{BuyerId, HoldId, OrderId, RequestId, SaleId, SeatLabel},
        outcome::Code,
        request::RequestState,
        rung::Rung,
    },
    server::{app::App, engine::EngineError},
};

/// What an address claims about the outcome of a form: the parameters of its query.
#[derive(Clone, Default, Debug)]
pub struct Claims {
    pub outcome: Option<String>,
    pub order: Option<String>,
    pub request: Option<String>,
    /// The visitor's own hold that has one of the named `seats`.
    pub hold: Option<String>,
    pub seats: Option<String>,
    pub seal: Option<String>,
}

/// A notice that the answer to a form shows directly, without a redirect, because no address may claim it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FormNotice {
    /// The browser sent no cookie, so nothing was sold to it.
    NoCookie,
    /// It is not known whether the purchase went through. The form is shown again with the same key, so that sending it
    /// again cannot buy twice.
    Unknown { form_key: String },
}

/// The notice for the page that is being rendered.
pub fn form_notice() -> Option<FormNotice> {
    use_context()
}

/// The idempotency key for the forms of the page that is being rendered. A form whose outcome is unknown keeps its key.
pub fn form_key() -> String {
    match form_notice() {
        Some(FormNotice::Unknown { form_key }) => form_key,
        _ => uuid::Uuid::now_v7().to_string(),
    }
}

/// The text that is sealed when a form about `what` is refused: a sale or a hold.
pub fn sealed_text(what: impl Display, code: &str) -> String {
    format!("{what} {code}")
}

/// The query with which a sale's page offers to change the buyer's own hold, which has one of these seats already.
pub fn sealed_offer_query(app: &App, buyer: BuyerId, hold: HoldId, seats: &str) -> String {
    let seal = app.sessions.seal(buyer, &sealed_offer(hold, seats), app.engine.clock().now());
    let seats: String = form_urlencoded::byte_serialize(seats.as_bytes()).collect();
    format!("outcome={}&hold={hold}&seats={seats}&seal={seal}", Code::SeatTaken)
}

/// The text that is sealed with the offer to change a hold.
fn sealed_offer(hold: HoldId, seats: &str) -> String {
    format!("change {hold} {seats}")
}

/// The query with which a page tells of a refusal about `what`: its code under our seal.
pub fn refusal_query(what: impl Display, code: Code) -> Result<String, ServerFnError> {
    let (app, buyer) = (app()?, asker()?.buyer);
    let seal = app.sessions.seal(buyer, &sealed_text(what, code.name()), app.engine.clock().now());
    Ok(format!("outcome={code}&seal={seal}"))
}

/// The query with which a sale's page offers to change the asker's own hold, so that it has these seats.
pub fn offer_query(hold: HoldId, seats: &[SeatLabel]) -> Result<String, ServerFnError> {
    let (app, buyer) = (app()?, asker()?.buyer);
    let seats = seats.iter().map(SeatLabel::as_str).collect::<Vec<_>>().join(" ");
    Ok(sealed_offer_query(&app, buyer, hold, &seats))
}

/// The outcome that the page of this sale shows, by its name in `ui/sale/outcome.rs`. `None` if the claims prove untrue
/// or cannot be checked.
pub async fn told_outcome(sale: &SaleId, claims: Claims) -> Option<String> {
    let (app, asker) = (app().ok()?, asker().ok()?);
    if asker.is_new() {
        return None;
    }
    let order = claims.order.and_then(|order| order.parse().ok());
    let request = claims.request.and_then(|request| request.parse().ok());
    let found = match (order, request) {
        (Some(order), _) => outcome_of_order(&app, sale, asker.buyer, order).await,
        (_, Some(request)) => outcome_of_request(&app, sale, asker.buyer, request).await,
        _ => {
            let (outcome, seal) = claims.outcome.zip(claims.seal)?;
            let refused = is_sealed(&sealed_text(sale, &outcome), &seal).then(|| Code::from_name(&outcome)).flatten();
            return refused.map(|code| code.name().to_owned());
        }
    };
    // If the lookup fails, the page shows no outcome.
    found.ok().flatten()
}

/// The outcome that the page of this hold shows: a refusal under our seal.
pub fn told_at_checkout(hold: HoldId, claims: Claims) -> Option<Code> {
    let (code, seal) = claims.outcome.zip(claims.seal)?;
    is_sealed(&sealed_text(hold, &code), &seal).then(|| Code::from_name(&code)).flatten()
}

/// The hold that the visitor is offered to change, and the seats that it would then have.
pub fn told_offer(claims: &Claims) -> Option<(HoldId, String)> {
    let hold: HoldId = claims.hold.as_ref()?.parse().ok()?;
    let (seats, seal) = (claims.seats.as_ref()?, claims.seal.as_ref()?);
    is_sealed(&sealed_offer(hold, seats), seal).then(|| (hold, seats.clone()))
}

/// Whether this text is sealed by us for the visitor.
fn is_sealed(text: &str, seal: &str) -> bool {
    let (Ok(app), Ok(asker)) = (app(), asker()) else { return false };
    app.sessions.is_sealed(asker.buyer, text, seal, app.engine.clock().now())
}

async fn outcome_of_order(
    app: &App,
    sale: &SaleId,
    buyer: BuyerId,
    order: OrderId,
) -> Result<Option<String>, EngineError> {
    let order = app.engine.selling.order(Some(buyer), order).await?.filter(|order| order.sale == *sale);
    Ok(order.map(|order| match order.rung {
        Some(rung @ (Rung::Rows | Rung::Scattered)) => format!("won-{}", rung.name()),
        _ => "won".to_owned(),
    }))
}

async fn outcome_of_request(
    app: &App,
    sale: &SaleId,
    buyer: BuyerId,
    request: RequestId,
) -> Result<Option<String>, EngineError> {
    let Some(found) = app.engine.selling.request(buyer, request).await? else { return Ok(None) };
    match (found.status, found.order, found.code) {
        (RequestState::Pending, ..) => Ok(Some("waiting".to_owned())),
        (_, Some(order), _) => outcome_of_order(app, sale, buyer, order).await,
        _ if found.hold.is_some() => Ok(Some("held".to_owned())),
        (_, _, code) => Ok(code.map(|code| code.name().to_owned())),
    }
}

//! The outcome that the page of a sale shows after its form was sent without script. The outcome comes in the address,
//! and anybody can write an address. So nothing in it is believed as such: orders and requests are looked up among the
//! visitor's own, and a refusal counts only under our seal.

use leptos::prelude::use_context;

use super::context;
use crate::{
    model::{
        ids::{BuyerId, OrderId, RequestId, SaleId},
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

/// The text that is sealed when a form is refused.
pub fn sealed_text(sale: &SaleId, code: &str) -> String {
    format!("{sale} {code}")
}

/// The outcome that the page of this sale shows, by its name in `ui/sale/outcome.rs`. `None` if the claims prove untrue
/// or cannot be checked.
pub async fn told_outcome(sale: &SaleId, claims: Claims) -> Option<String> {
    let (app, asker) = (context::app().ok()?, context::asker().ok()?);
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
            let (now, text) = (app.engine.clock().now(), sealed_text(sale, &outcome));
            let is_ours = app.sessions.is_sealed(asker.buyer, &text, &seal, now);
            return Code::from_name(&outcome).filter(|_| is_ours).map(|code| code.name().to_owned());
        }
    };
    // If the lookup fails, the page shows no outcome.
    found.ok().flatten()
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
        (_, _, code) => Ok(code.map(|code| code.name().to_owned())),
    }
}

//! What the page of a sale says of a form that was sent without script. An address is anybody's to write, so nothing that it
//! claims is believed: orders and requests are looked up as the visitor's own, and refusals carry our seal.

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

/// What an address claims of a form: the parameters of its query.
#[derive(Clone, Default, Debug)]
pub struct Claims {
    pub outcome: Option<String>,
    pub order: Option<String>,
    pub request: Option<String>,
    pub seal: Option<String>,
}

/// What the answer to a form says on the sale's page itself, because no address may claim it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FormNotice {
    /// The browser sent no cookie: nothing was sold to it.
    NoCookie,
    /// Whether the purchase went through is not known. The same key settles it.
    Unknown { form_key: String },
}

/// The notice of the answer that is being rendered.
pub fn form_notice() -> Option<FormNotice> {
    use_context()
}

/// The text that is sealed for a refusal of a form.
pub fn sealed_text(sale: &SaleId, code: &str) -> String {
    format!("{sale} {code}")
}

/// The outcome that the page of this sale tells, in the words of `ui/sale/outcome.rs`: as far as it is so.
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
    // What cannot be looked up is not claimed.
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

//! What handlers ask about the head of a request, in the application's terms.

use std::net::IpAddr;

use axum::http::{header, request::Parts};

use super::problem::Failure;
use crate::server::{
    app::App,
    auth::{Asker, Surroundings, Visit, idempotency_key},
    engine::{IdempotencyKey, Keyed},
    limits::{TooOften, customer},
    purchaser::Purchaser,
};

/// Whose limits a request counts against. The outermost layer leaves it for handlers.
#[derive(Clone, Copy)]
pub struct Client {
    /// `None` for our own simulated buyers, who have no limits.
    pub limited: Option<IpAddr>,
}

/// The head of a request as `auth` reads it.
pub fn visit<'a>(app: &'a App, head: &'a Parts) -> Visit<'a> {
    Visit::new(&head.headers, &head.uri, &head.extensions, Surroundings::of(&app.config))
}

/// The buyer who asks, known or new.
pub fn buyer(app: &App, head: &Parts) -> Result<Asker, Failure> {
    let asker = visit(app, head).buyer(&app.sessions, None, app.engine.clock().now())?;
    require_few_guests(app, head, &asker)?;
    Ok(asker)
}

/// The visitor of a page, known or new. A page is for everybody: where too many new guests come from one address, the
/// page is shown, and the visitor becomes a guest only later.
pub fn visitor(app: &App, head: &Parts) -> Result<Asker, Failure> {
    let asker = visit(app, head).buyer(&app.sessions, None, app.engine.clock().now())?;
    let is_welcome = require_few_guests(app, head, &asker).is_ok();
    Ok(if is_welcome { asker } else { asker.without_session() })
}

/// The buyer who asks for stock, and the request's key. A request without identity acts as the guest derived from its
/// key.
pub fn keyed_buyer(app: &App, head: &Parts) -> Result<(Asker, Option<IdempotencyKey>), Failure> {
    let key = idempotency_key(&head.headers)?;
    let asker = visit(app, head).buyer(&app.sessions, key.as_ref(), app.engine.clock().now())?;
    require_few_guests(app, head, &asker)?;
    Ok((asker, key))
}

/// For whom this asker's purchase is made.
pub fn purchaser(app: &App, head: &Parts, asker: Asker) -> Purchaser {
    let heir = asker.is_plantable.then(|| {
        let user_agent = head.headers.get(header::USER_AGENT).map_or(&[][..], |value| value.as_bytes());
        app.sessions.heir(asker.buyer, customer(visit(app, head).client_address()), user_agent)
    });
    Purchaser::new(asker, heir, limited_address(head))
}

/// Counts a request for stock. Counts it for who sent it, whoever the purchase is made for.
///
/// # Errors
/// If too many came from the address or the buyer.
pub fn count_purchase(app: &App, head: &Parts, asker: &Asker) -> Result<(), Failure> {
    let Some(address) = limited_address(head) else { return Ok(()) };
    let too_often = |TooOften { wait }| Failure::too_often("purchases from you or your network", Some(wait));
    app.limits.rates.purchase(address, asker.buyer).map_err(too_often)
}

fn require_few_guests(app: &App, head: &Parts, asker: &Asker) -> Result<(), Failure> {
    let Some(address) = limited_address(head).filter(|_| asker.is_new()) else { return Ok(()) };
    let too_often = |TooOften { wait }| Failure::too_often("new visitors from your network", Some(wait));
    app.limits.rates.new_guest(address).map_err(too_often)
}

fn limited_address(head: &Parts) -> Option<IpAddr> {
    head.extensions.get::<Client>().and_then(|client| client.limited)
}

/// The organiser. A request without identity is told to sign in; anybody else is told that only the organiser may do
/// this.
pub fn admin(app: &App, head: &Parts) -> Result<Asker, Failure> {
    match visit(app, head).known(&app.sessions, app.engine.clock().now())? {
        Some(asker) if asker.is_admin => Ok(asker),
        Some(_) => Err(Failure::forbidden("Only the organiser may do this.")),
        None => Err(Failure::unauthenticated()),
    }
}

/// The organiser's identity and key, for a change that happens once per key. `None` where the request has no key.
pub fn keyed_admin(app: &App, head: &Parts) -> Result<Option<Keyed>, Failure> {
    let buyer = admin(app, head)?.buyer;
    Ok(idempotency_key(&head.headers)?.map(|key| Keyed { buyer, key }))
}

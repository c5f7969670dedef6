//! What handlers ask about the head of a request, in the application's terms.

use axum::http::request::Parts;

use super::problem::Failure;
use crate::server::{
    app::App,
    auth::{Asker, Visit, idempotency_key},
    engine::{IdempotencyKey, Keyed},
};

/// The head of a request as `auth` reads it.
pub fn visit<'a>(app: &'a App, head: &'a Parts) -> Visit<'a> {
    Visit::new(&head.headers, &head.uri, &head.extensions, &app.config.trusted_proxies)
}

/// The buyer who asks, known or new.
pub fn buyer(app: &App, head: &Parts) -> Result<Asker, Failure> {
    Ok(visit(app, head).buyer(&app.sessions, None, app.engine.clock().now())?)
}

/// The buyer who asks for stock, and the request's key. A request without identity acts as the guest derived from its
/// key.
pub fn keyed_buyer(app: &App, head: &Parts) -> Result<(Asker, Option<IdempotencyKey>), Failure> {
    let key = idempotency_key(&head.headers)?;
    let asker = visit(app, head).buyer(&app.sessions, key.as_ref(), app.engine.clock().now())?;
    Ok((asker, key))
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

//! What the router puts beside every server function, and how a failure of the engine is told.

use leptos::prelude::*;
use leptos_axum::ResponseOptions;

use crate::{
    model::{
        ids::{BuyerId, SaleId},
        outcome::{Code, Refusal},
        sale::Sale,
    },
    server::{
        app::App,
        auth::{Asker, parse_idempotency_key},
        engine::{EngineError, IdempotencyKey},
        rehearsal,
    },
};

pub fn app() -> Result<App, ServerFnError> {
    use_context().ok_or_else(|| ServerFnError::new("the router gave no application"))
}

pub fn buyer() -> Result<BuyerId, ServerFnError> {
    Ok(asker()?.buyer)
}

pub fn asker() -> Result<Asker, ServerFnError> {
    use_context().ok_or_else(|| ServerFnError::new("the router gave no asker"))
}

/// Beside a server function whose request names nobody and carries no key that stands for somebody: the browser keeps no
/// cookies, and whoever sent it could not find again what they buy.
#[derive(Clone, Copy)]
pub struct FromNobody;

pub fn is_from_nobody() -> bool {
    use_context::<FromNobody>().is_some()
}

/// The engine failed, nothing is known to have changed: 503, try again with the same key. The cause stays inside.
pub fn unavailable(error: EngineError) -> ServerFnError {
    tracing::warn!(?error, "server function failed");
    answer(Code::Overloaded)
}

/// An idempotency key as it came over the wire.
pub fn key(text: &str) -> Result<IdempotencyKey, ServerFnError> {
    parse_idempotency_key(text).map_err(|refusal| answer(refusal.code))
}

/// Whether the asker may attack this sale.
pub fn may_simulate(sale: &Sale) -> Result<bool, ServerFnError> {
    Ok(rehearsal::may_simulate(sale, &app()?, asker()?.is_admin))
}

/// Whether the asker may reset this sale: a rehearsal, a demo sale in a demo, or an admin's wish.
pub async fn may_reset(sale: &SaleId) -> Result<Result<(), Refusal>, ServerFnError> {
    let app = app()?;
    let Some(found) = app.engine.catalogue.sale(sale).await else {
        return Ok(Err(Refusal::new(Code::NotFound, "There is no such sale.")));
    };
    let allowed = app.is_playground(&found) || asker()?.is_admin;
    Ok(if allowed { Ok(()) } else { Err(Refusal::new(Code::Forbidden, "Only an admin may reset this sale.")) })
}

fn answer(code: Code) -> ServerFnError {
    if let Some(response) = use_context::<ResponseOptions>() {
        response.set_status(code.status().try_into().expect("every code has a valid status"));
    }
    ServerFnError::new(code.title())
}

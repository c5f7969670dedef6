//! What server functions read from the context that the router provides, and how they report a failure of the engine.

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
        purchaser::Purchaser,
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

/// For whom the asker's purchase is made. The answer to the request brings their session.
pub fn purchaser() -> Result<Purchaser, ServerFnError> {
    use_context().ok_or_else(|| ServerFnError::new("the router gave no purchaser"))
}

/// Marks a request that carries no session and no key that could stand for one: the browser keeps no cookies. Its
/// sender could not find their tickets again.
#[derive(Clone, Copy)]
pub struct FromNobody;

pub fn is_from_nobody() -> bool {
    use_context::<FromNobody>().is_some()
}

/// The engine failed, and whether anything changed is not known. The answer is a 503: the client tries again with the
/// same key. The cause is logged and not sent.
pub fn unavailable(error: EngineError) -> ServerFnError {
    tracing::warn!(?error, "server function failed");
    answer(Code::Overloaded)
}

/// Parses an idempotency key as the browser sent it.
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

//! Routes, problem documents, pages. Nothing here decides: handlers call the engine and write its result as an answer.

mod answer; // successful answers
mod asked; // who asks, in a handler's terms
mod body; // the strict reader of bodies and query strings
mod budget; // the bytes of long answers that wait to be sent
mod compression; // long answers, compressed
mod form; // buying, holding and paying without script
pub mod listener; // the accept loop
mod meters; // requests counted and timed per route
mod middleware; // what happens to every request
mod openapi; // the API's own description, and the page that shows it
mod pages; // pages, server functions, the client's files
pub mod problem; // failures as problem documents (RFC 9457)
mod rest; // one file per noun of the contract
pub mod sse; // who may watch a sale, and from which change on
#[cfg(test)]
mod tests; // the whole surface over a real store, request by request
mod toll; // counts a request against the limits of its sender

use std::sync::Arc;

use axum::{
    Extension, Router,
    middleware::from_fn_with_state,
    routing::{get, post},
};
use utoipa::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

use self::{
    budget::Budget,
    meters::Meters,
    middleware::{Guard, guard},
    openapi::Description,
    rest::{
        audit, health, holds, index, ledger, me, orders, payments, purchase, requests, sales, seat_lists::SeatLists,
        seats, simulations, strategies,
    },
};
use super::app::App;
use crate::model::pages::PAGES;

/// Every route in the API's description, in the order of the contract. Each handler states its method and path beside
/// its documentation.
fn routes() -> OpenApiRouter<App> {
    acting_routes().merge(describing_routes())
}

/// The routes that show the description of all other routes.
fn describing_routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(openapi::description)).routes(routes!(index::index))
}

fn acting_routes() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(openapi::Frame::openapi())
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .routes(routes!(health::metrics))
        .routes(routes!(openapi::page))
        .routes(routes!(index::ping))
        .routes(routes!(sales::list, sales::create))
        .routes(routes!(sales::read, sales::patch))
        .routes(routes!(sales::reset))
        .routes(routes!(sales::add_stock))
        .merge(listing_routes())
        .routes(routes!(seats::read))
        .routes(routes!(sse::stream))
        .routes(routes!(purchase::buy))
        .routes(routes!(holds::take))
        .routes(routes!(holds::list))
        .routes(routes!(holds::read, holds::change, holds::release))
        .routes(routes!(holds::extend))
        .routes(routes!(holds::confirm))
        .routes(routes!(payments::pay, payments::of_hold))
        .routes(routes!(payments::webhook))
        .routes(routes!(payments::read))
        .routes(routes!(orders::list))
        .routes(routes!(orders::read))
        .routes(routes!(requests::read))
        .routes(routes!(me::me))
        .routes(routes!(audit::audit))
        .routes(routes!(ledger::export))
        .routes(routes!(strategies::list))
        .merge(simulations::routes())
}

/// The list of seats, and what it shares between those who ask.
fn listing_routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(seats::list)).layer(Extension(SeatLists::new()))
}

/// Routes that only pages use.
const BUY: &str = "/sales/{sale}/buy";
const HOLD: &str = "/sales/{sale}/hold";
const EXTEND: &str = "/checkout/{hold}/extend";
const RELEASE: &str = "/checkout/{hold}/release";
const CONFIRM: &str = "/checkout/{hold}/confirm";
const PAY: &str = "/checkout/{hold}/pay";
const FORMS: [&str; 6] = [BUY, HOLD, EXTEND, RELEASE, CONFIRM, PAY];
const SERVER_FUNCTION: &str = "/rpc/{*function}";
const DOCUMENTATION_ASSET: &str = "/api/docs/{file}";

/// The whole HTTP surface.
pub fn router(app: App) -> Router {
    // Pages are rendered as tasks. This fails harmlessly for the second router of a process, which finds the executor
    // set.
    let _ = any_spawner::Executor::init_tokio();
    let collected = routes().into_openapi();
    let pages = PAGES.map(|page| page.path);
    let templates = collected.paths.paths.keys().map(String::as_str);
    let templates = templates.chain(pages.iter().copied()).chain(FORMS).chain([SERVER_FUNCTION, DOCUMENTATION_ASSET]);
    let guarding = Arc::new(Guard { meters: Meters::new(templates), app: app.clone(), budget: Budget::new() });
    let description = Arc::new(Description::new(collected));
    let api = acting_routes().merge(describing_routes().layer(Extension(description)));
    pages
        .into_iter()
        .fold(Router::from(api), |router, path| router.route(path, get(pages::page)))
        .route(BUY, post(form::buy))
        .route(HOLD, post(form::hold))
        .route(EXTEND, post(form::extend))
        .route(RELEASE, post(form::release))
        .route(CONFIRM, post(form::confirm))
        .route(PAY, post(form::pay))
        .route(SERVER_FUNCTION, post(pages::server_function))
        .route(DOCUMENTATION_ASSET, get(openapi::page_asset))
        .fallback(pages::fallback)
        .layer(from_fn_with_state(guarding, guard))
        .with_state(app)
}

//! Onsale: a self-hosted on-sale engine.
//!
//! ```text
//! click -> ui -> api (server function) -> engine -> strategy -> store -> commit
//!                                           |                     |
//!                                           +--- after commit ----+-> feed -> SSE -> live (reducer, store) -> the seat changes
//! ```
//!
//! Data runs in a circle, but dependencies do not:
//! `http -> ui -> api -> engine -> {strategy -> stock -> store, feed} -> model`. Server and browser are two programs
//! made from this crate. They meet only in `model` and `wire`.

// The type of a page names every element in it, so types are nested deeply.
#![recursion_limit = "512"]

pub mod api; // server functions, a few lines each, under /rpc
pub mod live; // the browser's view of a sale: a pure reducer, signals over it, the only EventSource code
pub mod model; // plain data types, for both sides
#[cfg(feature = "ssr")]
pub mod server; // decides, stores, publishes and answers
pub mod ui; // pages and components
pub mod wire; // how server and browser write messages to each other, and read them

/// Prepares the page for its islands. Each island is a function of its own, which the page's start script calls for the
/// island's element.
#[cfg(feature = "hydrate")]
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    leptos::mount::hydrate_islands();
}

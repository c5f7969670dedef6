//! Onsale: a self-hosted on-sale engine.
//!
//! ```text
//! click -> ui -> api (server function) -> engine -> strategy -> store -> commit
//!                                           |                     |
//!                                           +--- after commit ----+-> feed -> SSE -> live (reducer, store) -> the seat changes
//! ```
//!
//! Data runs in a circle; dependencies do not: `http -> ui -> api -> engine -> {strategy, store, feed} -> model`. Server
//! and browser meet only in `model`.

// The type of a page names every element in it.
#![recursion_limit = "512"]

pub mod api; // server functions, a few lines each, under /rpc
pub mod live; // what the browser believes: a pure reducer, the signals over it, the only EventSource code
pub mod model; // plain data, both sides
#[cfg(feature = "ssr")]
pub mod server; // everything that decides, stores, tells and listens
pub mod ui; // components
pub mod wire; // how the two halves write to each other and read each other

/// Makes the page ready for its islands: each of them is a function of its own, called for its element by the document.
#[cfg(feature = "hydrate")]
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    leptos::mount::hydrate_islands();
}

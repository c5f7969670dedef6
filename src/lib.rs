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

// A page is one nested type, and its layout is computed as deep as the page is.
#![recursion_limit = "256"]

pub mod api; // server functions, a few lines each, under /rpc
pub mod live; // what the browser believes: a pure reducer, the signals over it, the only EventSource code
pub mod model; // plain data, both sides
#[cfg(feature = "ssr")]
pub mod server; // everything that decides, stores, tells and listens
pub mod ui; // components

/// Takes over the page that the server rendered.
#[cfg(feature = "hydrate")]
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    leptos::mount::hydrate_body(ui::app::App);
    // Read by tests: before this, a click would reach markup that nobody listens to. What waits for data takes over a
    // moment later, hence the turn through the queue.
    leptos::prelude::set_timeout(
        || {
            if let Some(root) = leptos::prelude::document().document_element() {
                // Cannot fail: the name is well-formed.
                let _ = root.set_attribute("data-hydrated", "true");
            }
        },
        std::time::Duration::ZERO,
    );
}

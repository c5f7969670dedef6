//! Server functions under `/rpc`: how the browser's half calls the engine. Each is a few lines long.
//!
//! Nothing is decided here. An expected refusal is an `Ok` value. An `Err` means that the request itself failed and may
//! be tried again with the same key. Scripts use the REST routes, which call the same engine methods.

mod audits; // the recount of a sale
#[cfg(feature = "ssr")]
mod context; // what server functions read from the router's context
mod guests; // purchases by buyers other than the visitor
mod holds; // holding stock, and what becomes of it
mod insisting; // asks again where no answer came
mod orders; // purchases, and what the asker owns
mod receipts; // polling for the outcome of purchases in line
mod refused; // reads the refusal where a request did not reach its server function
mod sales; // sales, their page, their state
mod simulations; // load runs made by the server

pub use audits::audit;
#[cfg(feature = "ssr")]
pub use context::{
    Claims, FormNotice, FromNobody, form_key, form_notice, sealed_offer_query, sealed_text, told_at_checkout,
    told_offer, told_outcome,
};
pub use guests::{GuestAnswer, buy_as_guest, purchase_path};
pub use holds::{
    CheckoutPage, HoldAnswer, HoldClock, HoldStep, OwnHold, change_hold, checkout_page, confirm_hold, extend_hold,
    hold, hold_clock, holds, holds_stock, release_hold,
};
pub use insisting::insist;
pub use orders::{MyOrders, Purchases, buy, my_orders, purchases};
pub use receipts::follow;
pub use refused::refusal_of;
pub use sales::{SalePage, reset, sale_page, sales, snapshot};
pub use simulations::{cancel_simulation, simulate, simulated_sales, simulation_progress, strategies};

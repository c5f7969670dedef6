//! Server functions under `/rpc`: how the browser's half calls the engine. Each is a few lines long.
//!
//! Nothing is decided here. An expected refusal is an `Ok` value. An `Err` means that the request itself failed and may
//! be tried again with the same key. Scripts use the REST routes, which call the same engine methods.

mod audits; // the recount of a sale
#[cfg(feature = "ssr")]
mod context; // what server functions read from the router's context
mod guests; // purchases by buyers other than the visitor
mod orders; // purchases, and what the asker owns
mod receipts; // polling for the outcome of purchases in line
mod refused; // reads the refusal where a request did not reach its server function
mod sales; // sales, their page, their state
mod simulations; // load runs made by the server
#[cfg(feature = "ssr")]
mod told; // the outcome that a page shows after a form was sent without script

pub use audits::audit;
#[cfg(feature = "ssr")]
pub use context::FromNobody;
pub use guests::{GuestAnswer, buy_as_guest, purchase_path};
pub use orders::{MyOrders, Purchases, buy, my_orders, purchases};
pub use receipts::follow;
pub use refused::refusal_of;
pub use sales::{SalePage, reset, sale_page, sales, snapshot};
pub use simulations::{cancel_simulation, simulate, simulated_sales, simulation_progress, strategies};
#[cfg(feature = "ssr")]
pub use told::{Claims, FormNotice, form_notice, sealed_text, told_outcome};

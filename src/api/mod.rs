//! Server functions: what the browser's half asks of the engine, a few lines each, under `/rpc`.
//!
//! Nothing is decided here. An expected refusal is an `Ok` value; an `Err` means that the request itself failed and may
//! be tried again with the same key. Scripts use the REST routes, which call the same engine methods.

mod audits; // the recount of a sale
#[cfg(feature = "ssr")]
mod context; // what the router puts beside every server function
mod guests; // purchases by buyers other than the visitor
mod orders; // purchases, and what the asker owns
mod receipts; // purchases in line
mod refused; // what the server said where no server function answered
mod sales; // sales, their page, their state
mod simulations; // load runs made by the server
#[cfg(feature = "ssr")]
mod told; // what a page says of a form that was sent without script

pub use audits::audit;
#[cfg(feature = "ssr")]
pub use context::FromNobody;
pub use guests::{GuestAnswer, buy_as_guest, guest_purchase_path};
pub use orders::{MyOrders, Purchases, buy, my_orders, purchases};
pub use receipts::follow;
pub use refused::refusal_of;
pub use sales::{SalePage, reset, sale_page, sales, snapshot};
pub use simulations::{cancel_simulation, simulate, simulated_sales, simulation_progress, strategies};
#[cfg(feature = "ssr")]
pub use told::{Claims, FormNotice, form_notice, sealed_text, told_outcome};

//! The server: it decides, stores, publishes and answers.

pub mod app; // the shared parts, which every request handler gets
pub mod auth; // who sends a request: sessions, roles, cross-site protection
pub mod background; // costly work that decides nothing, on threads of its own
pub mod cli; // the command line
pub mod clock; // the only place that reads the wall clock
pub mod config; // settings: flags override the environment, which overrides Leptos.toml
pub mod currency; // currencies by ISO 4217
mod derived_key; // keys derived from the server's secret, one for each purpose
pub mod engine; // the decisions; the only place that joins store, strategy and feed
mod failpoint; // places at which a test can make the process die
pub mod feed; // the live feed: frames, replay window, slow viewers
pub mod http; // routes, problem documents, the listener
pub mod ledger; // how a ledger line is hashed, as the contract says
pub mod limits; // how much of a shared resource one client may use
pub mod payment; // our side of the payment provider's API
pub mod provider; // a stand-in for a payment provider
pub mod purchaser; // for whom a purchase is made, and whose session its answer brings
mod reconciliation; // compares the payment provider's books with ours
pub mod redis; // scripts run on a Redis that may be gone at any moment
pub mod rehearsal; // who may start a run of the simulator, and with which settings
pub mod settlement; // what becomes of holds: sold, given back, or released when their time is over
pub mod shutdown; // the signal that the server is stopping
pub mod simulator; // virtual buyers over real sockets, and the auditor that judges their answers
pub mod site; // the built client and the public files, in memory
pub mod startup; // starts an application from a configuration
pub mod stock; // a sale in memory, and what a request would get from it
pub mod store; // SQL and only SQL
pub mod strategy; // the ways to decide who gets a unit
pub mod telemetry; // logs and metrics

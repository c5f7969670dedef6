//! The server: everything that decides, stores, tells and listens.

pub mod app; // what every request handler is handed
pub mod auth; // who asks: sessions, roles, cross-site protection
pub mod cli; // the command line
pub mod clock; // the only reader of the time
pub mod config; // flags over environment over Leptos.toml
pub mod currency; // currencies by ISO 4217
pub mod engine; // the decisions; the only place that joins store, strategy and feed
mod failpoint; // places at which a test lets the process die
pub mod feed; // what viewers hear: frames, replay window, lag policy
pub mod http; // routes, problem documents, the listener
pub mod ledger; // how a ledger line is hashed: one reading of the contract
pub mod limits; // how much one client may have of what all share
pub mod redis; // which may be lost at any moment
pub mod rehearsal; // who may start a run of the simulator, and what it may ask for
pub mod shutdown; // the one signal that the server is stopping
pub mod simulator; // virtual buyers over real sockets, and the auditor that judges them
pub mod site; // the built client and the public files, in memory
pub mod startup; // from a configuration to an application that can answer
pub mod stock; // a sale in memory, and what a request comes to on it
pub mod store; // SQL and only SQL
pub mod strategy; // how one unit is won
pub mod telemetry; // logs, metrics, health

//! SQL that is the same for both databases.
//!
//! Parameters are written `$1`, `$2`, which both databases understand. Statements that need a dialect are in `sqlite/`
//! and `postgres/`.

pub mod audit; // counts rows for the audit
pub mod changes; // changes what a hold has
mod columns; // how ids, instants and names stand in columns
pub mod holds; // what is held, for whom and until when
pub mod idempotency; // answers kept for clients that send a request again
pub mod ledger; // the ledger's lines
pub mod orders; // what was bought
pub mod payments; // when each began, and what the provider has said of it
mod query; // one query for either database
pub mod records; // reads whole sales
pub mod refunds; // money that goes back
pub mod requests; // outcomes of queued purchases
pub mod sales; // changes sales and tiers
pub mod settings; // values kept for the database as a whole, such as its secret
pub mod settlements; // what becomes of holds: sold, given back or expired
#[cfg(test)]
mod tests; // what is written is read back the same, on both databases
pub mod watching; // when to ask the payment provider about which payment

//! SQL that is the same for both databases.
//!
//! Parameters are written `$1`, `$2`, which both databases understand. Statements that need a dialect are in `sqlite/`
//! and `postgres/`.

pub mod audit; // counts rows for the audit
mod columns; // how ids, instants and names stand in columns
pub mod idempotency; // answers kept for clients that send a request again
pub mod ledger; // the ledger's lines
pub mod orders; // what was bought
mod query; // one query for either database
pub mod records; // reads whole sales
pub mod requests; // outcomes of queued purchases
pub mod sales; // changes sales and tiers
pub mod settings; // values kept for the database as a whole, such as its secret
#[cfg(test)]
mod tests; // what is written is read back the same, on both databases

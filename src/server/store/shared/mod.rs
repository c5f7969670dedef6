//! What both databases do with the same SQL: read and written once, with a query that fits either.
//!
//! Parameters are written `$1`, `$2`, which both databases read. What a statement needs of its own database stands in
//! `sqlite/` and `postgres/`.

pub mod audit; // counts rows for the audit
mod columns; // how ids, instants and names stand in columns
pub mod idempotency; // answers kept for those who ask again
pub mod ledger; // the lines
pub mod orders; // what was bought
mod query; // one query for either database
pub mod records; // sales as they are stored, read
pub mod requests; // what became of purchases in line
pub mod sales; // sales and tiers, changed
pub mod settings; // what the database knows of itself
#[cfg(test)]
mod tests; // what goes in comes out the same, on both databases

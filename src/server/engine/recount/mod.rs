//! The recount: the ledger for everybody, and the audit that compares it with everything that can be counted.

mod audit; // the independent recount
mod desk; // the desk itself: reads the ledger, asks for an audit

pub use self::{audit::audit, desk::Recount};

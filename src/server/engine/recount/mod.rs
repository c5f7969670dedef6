//! The recount: the ledger for everybody, and the audit that holds it against all that is counted.

mod audit; // the independent recount
mod desk; // the desk itself: reads the ledger, asks for an audit

pub use self::{audit::audit, desk::Recount};

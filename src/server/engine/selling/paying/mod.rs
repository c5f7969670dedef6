//! Payments at the payment provider: begun, looked after until nothing more can become of them, and given back where the
//! money came in vain.
//!
//! What the provider says of a payment comes by webhook, because its buyer asks, or because nothing was heard for a while.
//! Whichever is first decides, by a conditional write of the payment's row. The others find it decided.

mod begin; // begins a payment, and makes the provider's page for it
mod hear; // what the provider tells by webhook
mod look; // asks the provider what has become of a payment
mod read; // payments as their buyers are told
mod refund; // money that goes back
mod verdict; // what follows from the provider's word
mod watch; // asks about payments of which nothing is heard

pub use begin::BegunPayment;
pub use hear::Unheard;
pub use watch::watch;

//! Our side of the payment provider's API: calls to the provider, and the events that it sends. It speaks the subset of
//! Stripe's published API that a shop with hosted checkout needs. It decides nothing: the engine does.
//!
//! Amounts are in the minor unit of their currency by ISO 4217, and currencies are in capital letters, as everywhere else
//! in the server. [`amount`] knows where the provider counts differently.

pub mod amount; // the few currencies that the provider counts in another unit
mod answer; // lenient reading of the provider's objects
mod call; // one HTTP request to the provider, with its errors
mod error; // why a call has no result
mod event; // what the provider tells by webhook
mod form; // the provider's form encoding
mod http_client; // HTTP and HTTPS with a deadline
mod objects; // sessions, charges, refunds
mod provider; // the calls
mod signature; // signatures of webhooks

pub use self::{
    error::ProviderError,
    event::{Event, EventKind},
    http_client::{HttpClient, HttpReply},
    objects::{Charge, Page, PaymentStatus, Refund, RefundStatus, Session, SessionStatus},
    provider::{LineItem, NewRefund, NewSession, Provider},
    signature::{MAX_WEBHOOK_BYTES, SIGNATURE_HEADER, TOLERANCE_SECONDS, WebhookError, sign, verify},
};

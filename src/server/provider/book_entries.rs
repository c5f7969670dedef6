//! What the stand-in remembers, one kind per type. Amounts are as the provider counts them, and currencies are in small
//! letters, because these are the provider's own books.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Pairs that a merchant gives along.
pub type Metadata = BTreeMap<String, String>;

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionState {
    Open,
    Complete,
    Expired,
}

/// A page on which a buyer pays once.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Session {
    pub id: String,
    pub state: SessionState,
    /// Whether the money has come; a complete session may still wait for it.
    pub is_paid: bool,
    pub items: Vec<Item>,
    pub amount_total: u64,
    pub currency: String,
    pub client_reference_id: Option<String>,
    pub customer_email: Option<String>,
    pub metadata: Metadata,
    pub payment_metadata: Metadata,
    pub success_url: String,
    pub cancel_url: Option<String>,
    /// The payment, once a buyer has tried.
    pub payment: Option<String>,
    /// Seconds since 1970.
    pub created: i64,
    pub expires_at: i64,
}

/// One line of what is paid for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Item {
    pub name: String,
    pub unit_amount: u64,
    pub quantity: u64,
}

/// The attempts to pay one session.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Payment {
    pub id: String,
    pub amount: u64,
    pub currency: String,
    pub metadata: Metadata,
    /// Whether the last attempt succeeded.
    pub has_succeeded: bool,
    /// Why the last attempt failed.
    pub failure: Option<Failure>,
    pub latest_charge: String,
    pub created: i64,
}

/// Why a card was declined.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Failure {
    pub code: String,
    pub message: String,
}

/// One attempt to take money.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Charge {
    pub id: String,
    pub payment: String,
    pub amount: u64,
    pub amount_refunded: u64,
    pub currency: String,
    pub metadata: Metadata,
    /// Why no money was taken; `None` where it was.
    pub failure: Option<Failure>,
    pub created: i64,
}

/// Money that goes back.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Refund {
    pub id: String,
    pub charge: String,
    pub payment: String,
    pub amount: u64,
    pub currency: String,
    pub reason: Option<String>,
    pub metadata: Metadata,
    pub created: i64,
}

/// An answer that is given again to whoever sends the same idempotency key.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct KeyedAnswer {
    pub key: String,
    /// Path and parameters of the request.
    pub request: String,
    pub body: serde_json::Value,
    pub created: i64,
}

/// A webhook on its way.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Delivery {
    pub number: u64,
    pub event: String,
    pub body: String,
    /// Milliseconds since 1970.
    pub due: i64,
    pub created: i64,
    pub tries: u32,
    /// Whether it is signed with a wrong secret. Such a delivery is tried once.
    pub is_forged: bool,
    /// The status of the last answer; `None` where there was none.
    pub last_status: Option<u16>,
    /// Whether it is not tried again.
    pub is_done: bool,
}

/// Something that is put in the place of what had the same id before.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    Session(Session),
    Payment(Payment),
    Charge(Charge),
    Refund(Refund),
    KeyedAnswer(KeyedAnswer),
    Delivery(Delivery),
}

/// What one request changes: all of it, or nothing.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Change {
    /// How many ids have been given.
    pub ids: u64,
    pub entries: Vec<Entry>,
}

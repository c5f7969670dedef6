//! Expected answers. A refusal is a result and not an error: it travels as a value to the edge.

use std::borrow::Cow;

use serde::{
    Deserialize, Serialize,
    de::value::{Error, StrDeserializer},
};
use utoipa::ToSchema;

use super::{
    ids::{RequestId, SeatLabel},
    order::Order,
    time::Timestamp,
};

/// The outcome of a request for stock.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BuyOutcome {
    /// The units belong to the buyer. `replayed` says that an earlier request with the same key bought them, and that
    /// this answer repeats the first one.
    Bought {
        order: Order,
        replayed: bool,
    },
    Refused(Refusal),
    /// Not decided yet: the sale's strategy lets buyers wait in a queue.
    Waiting {
        request: RequestId,
    },
}

/// Why a request was refused; nothing has changed.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Refusal {
    pub code: Code,
    /// One sentence for a person.
    pub detail: String,
    /// Set with `sale-not-open` if the opening time is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opens_at: Option<Timestamp>,
    /// With `seat-taken`: which of the named seats are gone, in seat order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seats: Vec<SeatLabel>,
}

impl Refusal {
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), opens_at: None, seats: Vec::new() }
    }
}

/// The stable reason in every problem document.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    SoldOut,
    SeatTaken,
    LimitReached,
    Contended,
    SaleNotOpen,
    NotFound,
    Invalid,
    Malformed,
    HoldExpired,
    HoldFinished,
    PaymentDeclined,
    IdempotencyInFlight,
    IdempotencyKeyReused,
    StrategyUnsupported,
    Unauthenticated,
    Forbidden,
    Overloaded,
    RateLimited,
    TooLarge,
    UnsupportedMediaType,
    MethodNotAllowed,
    StepNotAllowed,
}

impl Code {
    /// The code with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::deserialize(StrDeserializer::<Error>::new(name)).ok()
    }

    /// The name used in JSON, in metrics and in markup.
    pub const fn name(self) -> &'static str {
        self.problem_type().split_at("/problems/".len()).1
    }

    /// The `type` of problem documents with this code. It ends with the code's name.
    pub const fn problem_type(self) -> &'static str {
        match self {
            Self::SoldOut => "/problems/sold-out",
            Self::SeatTaken => "/problems/seat-taken",
            Self::LimitReached => "/problems/limit-reached",
            Self::Contended => "/problems/contended",
            Self::SaleNotOpen => "/problems/sale-not-open",
            Self::NotFound => "/problems/not-found",
            Self::Invalid => "/problems/invalid",
            Self::Malformed => "/problems/malformed",
            Self::HoldExpired => "/problems/hold-expired",
            Self::HoldFinished => "/problems/hold-finished",
            Self::PaymentDeclined => "/problems/payment-declined",
            Self::IdempotencyInFlight => "/problems/idempotency-in-flight",
            Self::IdempotencyKeyReused => "/problems/idempotency-key-reused",
            Self::StrategyUnsupported => "/problems/strategy-unsupported",
            Self::Unauthenticated => "/problems/unauthenticated",
            Self::Forbidden => "/problems/forbidden",
            Self::Overloaded => "/problems/overloaded",
            Self::RateLimited => "/problems/rate-limited",
            Self::TooLarge => "/problems/too-large",
            Self::UnsupportedMediaType => "/problems/unsupported-media-type",
            Self::MethodNotAllowed => "/problems/method-not-allowed",
            Self::StepNotAllowed => "/problems/step-not-allowed",
        }
    }

    /// The HTTP status of this code. No other place maps codes to statuses.
    pub const fn status(self) -> u16 {
        match self {
            Self::Malformed => 400,
            Self::Unauthenticated => 401,
            Self::PaymentDeclined => 402,
            Self::SaleNotOpen | Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::SoldOut
            | Self::SeatTaken
            | Self::LimitReached
            | Self::Contended
            | Self::HoldFinished
            | Self::IdempotencyInFlight
            | Self::StepNotAllowed => 409,
            Self::HoldExpired => 410,
            Self::TooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::Invalid | Self::IdempotencyKeyReused | Self::StrategyUnsupported => 422,
            Self::RateLimited => 429,
            Self::Overloaded => 503,
        }
    }

    /// A short title for a person, the same for every occurrence.
    pub const fn title(self) -> &'static str {
        match self {
            Self::SoldOut => "Sold out",
            Self::SeatTaken => "Seat taken",
            Self::LimitReached => "Limit reached",
            Self::Contended => "Too many at once",
            Self::SaleNotOpen => "Sale not open",
            Self::NotFound => "Not found",
            Self::Invalid => "Invalid request",
            Self::Malformed => "Malformed request",
            Self::HoldExpired => "Hold expired",
            Self::HoldFinished => "Hold finished",
            Self::PaymentDeclined => "Payment declined",
            Self::IdempotencyInFlight => "Request in flight",
            Self::IdempotencyKeyReused => "Key reused",
            Self::StrategyUnsupported => "Strategy not supported",
            Self::Unauthenticated => "Not signed in",
            Self::Forbidden => "Forbidden",
            Self::Overloaded => "Overloaded",
            Self::RateLimited => "Too many requests",
            Self::TooLarge => "Too large",
            Self::UnsupportedMediaType => "Unsupported media type",
            Self::MethodNotAllowed => "Method not allowed",
            Self::StepNotAllowed => "Step not allowed",
        }
    }
}

impl std::fmt::Display for Code {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.name())
    }
}

/// An error answer, RFC 9457.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    #[serde(rename = "type")]
    pub kind: Cow<'static, str>,
    pub title: Cow<'static, str>,
    pub status: u16,
    pub detail: String,
    pub instance: String,
    pub code: Code,
    /// With `sale-not-open`, if the opening time is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opens_at: Option<Timestamp>,
    /// With `seat-taken`: which of the named seats are gone, in seat order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seats: Vec<SeatLabel>,
}

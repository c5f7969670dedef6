//! Expected answers. A refusal is a result and not an error: it travels as a value to the edge.

use std::borrow::Cow;

use serde::{
    Deserialize, Serialize,
    de::value::{Error, StrDeserializer},
};
use utoipa::ToSchema;

use super::{
    hold::Hold,
    ids::{HoldId, RequestId, SeatLabel},
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

/// The outcome of a request to hold stock.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldOutcome {
    /// The units are set aside for the buyer. `replayed` says that an earlier request with the same key held them, and
    /// that this answer repeats the first one.
    Held {
        hold: Hold,
        replayed: bool,
    },
    Refused(Refusal),
    /// Not decided yet: the sale's strategy lets buyers wait in a queue.
    Waiting {
        request: RequestId,
    },
}

/// The outcome of a request to turn a hold into an order.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConfirmOutcome {
    /// The units belong to the buyer. `replayed` says that an earlier request with the same key confirmed it.
    Confirmed {
        order: Order,
        replayed: bool,
    },
    /// The payment was declined, and the hold is released.
    Declined {
        refusal: Refusal,
        replayed: bool,
    },
    Refused(Refusal),
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
    /// What else the buyer may want to know, if there is something.
    // Nothing here that reads a refusal asks for it, and the browser's program would grow by a reader for it.
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub advice: Option<Box<Advice>>,
}

/// What a buyer may do about a refusal. Apart from the refusal, because few refusals have it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Advice {
    /// With `seat-taken`: the buyer's own hold that has one of these seats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own_hold: Option<HoldId>,
    /// With `sold-out`: how many units of the wanted tiers are held by others and may come back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<u64>,
    /// With `price-changed`: what it costs now, in minor units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    /// After how many seconds the same request may be sent again, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_seconds: Option<u32>,
}

impl Refusal {
    /// The same refusal with advice.
    #[must_use]
    pub fn with(self, advice: Advice) -> Self {
        Self { advice: Some(Box::new(advice)), ..self }
    }

    /// What else is known; nothing where there is no advice.
    pub fn advice(&self) -> Advice {
        self.advice.as_deref().cloned().unwrap_or_default()
    }

    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), opens_at: None, seats: Vec::new(), advice: None }
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
    ExtensionRefused,
    PaymentRequired,
    PaymentDeclined,
    PriceChanged,
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
            Self::ExtensionRefused => "/problems/extension-refused",
            Self::PaymentRequired => "/problems/payment-required",
            Self::PaymentDeclined => "/problems/payment-declined",
            Self::PriceChanged => "/problems/price-changed",
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
            Self::SaleNotOpen | Self::PaymentRequired | Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::SoldOut
            | Self::SeatTaken
            | Self::LimitReached
            | Self::Contended
            | Self::HoldFinished
            | Self::ExtensionRefused
            | Self::PriceChanged
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
            Self::ExtensionRefused => "Extension refused",
            Self::PaymentRequired => "Payment required",
            Self::PaymentDeclined => "Payment declined",
            Self::PriceChanged => "Price changed",
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
    /// With `seat-taken`: the buyer's own hold that has one of these seats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own_hold: Option<HoldId>,
    /// With `sold-out`: how many units of the wanted tiers are held by others and may come back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<u64>,
    /// With `price-changed`: what it costs now, in minor units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
}

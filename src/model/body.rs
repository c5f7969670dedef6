//! Request bodies: what a client may send. Unknown fields are refused. `null` does not mean that a field is absent: in
//! a patch it removes an optional value, elsewhere it is invalid.
//!
//! The bounds in the attributes only describe the API. A test compares the upper bounds with those that the server
//! checks.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    ids::{SeatLabel, TierId},
    order::Contact,
    sale::{Checkout, ContactRule, PriceStep, SaleSwitch},
    seat::SeatLayout,
    simulation::{Target, Workload},
    strategy::StrategyKind,
    strict::{objects, present, present_object, present_objects},
    time::Timestamp,
};

/// A request for stock, all or nothing: one named seat, several named seats, or a quantity of a tier. Exactly one of
/// `seat`, `seats` and `tier` must be given.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BuyBody {
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub seat: Option<SeatLabel>,
    /// Each seat once, in any order.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_items = 1, max_items = 100)]
    pub seats: Option<Vec<SeatLabel>>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub tier: Option<TierId>,
    /// Units of the tier; 1 if left out.
    // Any whole number parses, because the engine decides which are valid.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1, maximum = 100)]
    pub quantity: Option<i64>,
    #[serde(default, deserialize_with = "present_object", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub contact: Option<Contact>,
}

impl BuyBody {
    pub fn seat(label: SeatLabel) -> Self {
        Self { seat: Some(label), ..Self::default() }
    }

    /// These seats in one order. A single seat gives the same body as [`BuyBody::seat`].
    pub fn seats(mut labels: Vec<SeatLabel>) -> Self {
        match labels.pop() {
            Some(label) if labels.is_empty() => Self::seat(label),
            last => Self { seats: Some(labels.into_iter().chain(last).collect()), ..Self::default() },
        }
    }

    pub fn tier(tier: TierId, quantity: u32) -> Self {
        Self { tier: Some(tier), quantity: Some(i64::from(quantity)), ..Self::default() }
    }
}

/// A request to set stock aside, all or nothing. At least one of `seats`, `items` and `best` must be given.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HoldBody {
    /// Each seat once. Where others are held instead of those that are gone, the first of these chooses first.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_items = 1, max_items = 100)]
    pub seats: Option<Vec<SeatLabel>>,
    /// Units by tier, each tier once. In a seated tier the best available seats are picked.
    #[serde(default, deserialize_with = "present_objects", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_items = 1, max_items = 50)]
    pub items: Option<Vec<Quantity>>,
    /// The best available seats of one tier.
    #[serde(default, deserialize_with = "present_object", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub best: Option<Quantity>,
    /// What to do about named seats that are gone; `refuse` if left out.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub on_conflict: Option<OnConflict>,
    /// Hold nothing if it costs more than this, in minor units of the currency.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, maximum = 9_007_199_254_740_991_u64)]
    pub max_total: Option<u64>,
}

/// Units of one tier.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Quantity {
    pub tier: TierId,
    // Any whole number parses, because the engine decides which are valid.
    #[schema(minimum = 1, maximum = 100)]
    pub quantity: i64,
}

/// What to do about named seats that are gone.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnConflict {
    /// Hold nothing.
    #[default]
    Refuse,
    /// Hold the nearest free seat of the same or a lower price instead.
    Nearest,
}

/// How a hold is turned into an order.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmBody {
    /// Left out where there is nothing to pay.
    #[serde(default, deserialize_with = "present_object", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub payment: Option<SimulatedPayment>,
    #[serde(default, deserialize_with = "present_object", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub contact: Option<Contact>,
}

/// How a hold is paid at the payment provider.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PayBody {
    /// Where the provider sends the buyer back to: a path of this shop. `/checkout/{hold}` if left out.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_length = 1, max_length = 1024, pattern = "^/")]
    pub return_path: Option<String>,
    #[serde(default, deserialize_with = "present_object", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub contact: Option<Contact>,
}

/// A payment without money, for rehearsals and demos.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SimulatedPayment {
    pub method: PaymentMethod,
    pub outcome: SimulatedOutcome,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PaymentMethod {
    Simulated,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SimulatedOutcome {
    Succeed,
    Fail,
}

/// A new sale.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSale {
    #[schema(min_length = 1, max_length = 120)]
    pub name: String,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub strategy: Option<StrategyKind>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub rehearsal: Option<bool>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub opens_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1, maximum = 86_400)]
    pub hold_ttl_seconds: Option<u32>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1, maximum = 86_400)]
    pub hold_extension_seconds: Option<u32>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, maximum = 100)]
    pub hold_extensions: Option<u32>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, maximum = 86_400)]
    pub payment_grace_seconds: Option<u32>,
    /// Whether units are bought at once, or held and then paid. If left out, `paid` where a unit costs something and the
    /// operator has a payment provider, else `instant`. Without a provider only a demo takes `paid`.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub checkout: Option<Checkout>,
    /// Whether buyers are asked how they can be reached. If left out, `required` where they pay, else `optional`.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub contact: Option<ContactRule>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1)]
    pub max_per_buyer: Option<u32>,
    #[serde(deserialize_with = "objects")]
    #[schema(min_items = 1, max_items = 50)]
    pub tiers: Vec<NewTier>,
}

/// A tier of a new sale: seated with `seats`, general admission with `quantity`.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTier {
    #[schema(min_length = 1, max_length = 120)]
    pub name: String,
    #[schema(maximum = 100_000_000)]
    pub price: u64,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    /// A currency of ISO 4217 that has a minor unit.
    #[schema(nullable = false, pattern = "^[A-Z]{3}$")]
    pub currency: Option<String>,
    #[serde(default, deserialize_with = "present_object", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub seats: Option<SeatLayout>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1, maximum = 10_000_000)]
    pub quantity: Option<u64>,
    /// The price changes when so much of the tier is held or sold. The shares ascend.
    #[serde(default, deserialize_with = "present_objects", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_items = 1, max_items = 10)]
    pub price_steps: Option<Vec<PriceStep>>,
}

/// What an organiser changes about a sale. Fields that are left out stay as they are. `null` removes the opening time,
/// the message or the limit.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SalePatch {
    /// A new name does not change the sale's id, because links and ledgers contain the id.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_length = 1, max_length = 120)]
    pub name: Option<String>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub status: Option<SaleSwitch>,
    /// `null` removes the opening time: the sale is then open unless it is paused or closed.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Timestamp>)]
    pub opens_at: Option<Option<Timestamp>>,
    /// `null` or an empty text removes the message.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, max_length = 500)]
    pub message: Option<Option<String>>,
    /// `null` removes the limit. Buyers who already own more than a new limit keep their units.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u32>, minimum = 1)]
    pub max_per_buyer: Option<Option<u32>>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1, maximum = 86_400)]
    pub hold_ttl_seconds: Option<u32>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1, maximum = 86_400)]
    pub hold_extension_seconds: Option<u32>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, maximum = 100)]
    pub hold_extensions: Option<u32>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, maximum = 86_400)]
    pub payment_grace_seconds: Option<u32>,
    /// Holds that were made before stay as they are.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub contact: Option<ContactRule>,
}

/// How a sale is put back as it was created.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResetBody {
    /// Only for a rehearsal: the strategy that sells it from then on.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub strategy: Option<StrategyKind>,
}

/// More stock for one tier: units of general admission, or seats in new rows behind all existing rows.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StockBody {
    pub tier: TierId,
    #[schema(minimum = 1, maximum = 10_000_000)]
    pub add: i64,
}

/// A load run to start.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SimulationBody {
    #[schema(minimum = 1, maximum = 10_000)]
    pub buyers: i64,
    #[schema(minimum = 1, maximum = 2_000)]
    pub concurrency: i64,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub target: Option<Target>,
    /// Only for a rehearsal: before the run it is put back as it was created, and this strategy sells it from then on.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub strategy: Option<StrategyKind>,
    /// Open loop: this many buyers arrive per second, evenly spaced, whether or not earlier buyers have their answer.
    /// Latency then counts from the planned moment of arrival. If left out, all buyers arrive at once.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1, maximum = 100_000)]
    pub rate: Option<f64>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    /// The same seed draws the same requests again.
    #[schema(nullable = false, maximum = 9_007_199_254_740_991_u64)]
    pub seed: Option<u64>,
    /// What each buyer does; `buy` if left out.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub workload: Option<Workload>,
}

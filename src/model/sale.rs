//! A sale, its tiers and its status.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    currency::{are_usual, usual_digits},
    ids::{SaleId, TierId},
    seat::SeatStatus,
    strategy::StrategyKind,
    time::Timestamp,
};

/// One thing on sale, as every client sees it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Sale {
    pub id: SaleId,
    pub name: String,
    pub status: SaleStatus,
    pub strategy: StrategyKind,
    /// A sale made to be attacked by the simulator; never real stock.
    pub rehearsal: bool,
    pub opens_at: Option<Timestamp>,
    /// The organiser's message to everybody, shown on the page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    pub server_now: Timestamp,
    /// Number of changes committed so far.
    pub seq: u64,
    pub max_per_buyer: Option<u32>,
    // Nothing here that reads a sale asks for its terms, and the browser's program would grow by a reader for each.
    #[serde(skip_deserializing)]
    pub checkout: Checkout,
    #[serde(skip_deserializing)]
    pub contact: ContactRule,
    /// How long a hold lasts.
    #[serde(skip_deserializing)]
    pub hold_ttl_seconds: u32,
    /// By how much, and how often, its buyer may extend it.
    #[serde(skip_deserializing)]
    pub hold_extension_seconds: u32,
    #[serde(skip_deserializing)]
    pub hold_extensions: u32,
    /// For how long a hold lives on at least from the moment at which its payment begins.
    #[serde(skip_deserializing)]
    pub payment_grace_seconds: u32,
    pub capacity: u64,
    pub available: u64,
    pub held: u64,
    pub sold: u64,
    pub tiers: Vec<Tier>,
}

/// Whether units are bought at once, or held and then paid.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Checkout {
    #[default]
    Instant,
    Paid,
}

impl Checkout {
    /// The name used in JSON and in SQL.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Instant => "instant",
            Self::Paid => "paid",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Instant, Self::Paid].into_iter().find(|checkout| checkout.name() == name)
    }
}

/// Whether a buyer is asked how they can be reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ContactRule {
    None,
    #[default]
    Optional,
    Required,
}

impl ContactRule {
    /// The name used in JSON and in SQL.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Optional => "optional",
            Self::Required => "required",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        [Self::None, Self::Optional, Self::Required].into_iter().find(|rule| rule.name() == name)
    }
}

/// From this part of a tier on that is held or sold, a unit costs this much.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PriceStep {
    #[schema(minimum = 1, maximum = 100)]
    pub sold_percent: u32,
    /// Minor units of the currency.
    #[schema(maximum = 100_000_000)]
    pub price: u64,
}

/// A price category: seated (numbered seats) or general admission (a counter).
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Tier {
    pub id: TierId,
    pub name: String,
    /// What a unit costs now, in minor units of the currency.
    pub price: u64,
    /// How the price changes when more is held or sold. Left out where it does not.
    #[serde(skip_deserializing, skip_serializing_if = "Vec::is_empty")]
    pub price_steps: Vec<PriceStep>,
    /// Three letters, ISO 4217.
    pub currency: String,
    /// Decimal digits of the currency's amounts; two if left out.
    #[serde(default = "usual_digits", skip_serializing_if = "are_usual")]
    #[schema(minimum = 0, maximum = 4)]
    pub currency_digits: u32,
    pub seated: bool,
    pub capacity: u64,
    pub available: u64,
    pub held: u64,
    pub sold: u64,
}

/// The status of a sale now. `SoldOut` and `Soon` follow from the stock and the clock; they are never stored.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SaleStatus {
    Soon,
    Open,
    Paused,
    SoldOut,
    Closed,
}

impl SaleStatus {
    /// The name used in JSON and in markup.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Soon => "soon",
            Self::Open => "open",
            Self::Paused => "paused",
            Self::SoldOut => "sold_out",
            Self::Closed => "closed",
        }
    }
}

/// What an organiser has decided about a sale: the part of the status that is stored.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SaleSwitch {
    Open,
    Paused,
    Closed,
}

impl SaleSwitch {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Paused => "paused",
            Self::Closed => "closed",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Open, Self::Paused, Self::Closed].into_iter().find(|switch| switch.name() == name)
    }

    /// The status that everybody sees. It follows from the organiser's decision, the clock and the stock.
    pub fn status(self, opens_at: Option<Timestamp>, now: Timestamp, sellable_or_held: u64) -> SaleStatus {
        match self {
            Self::Closed => SaleStatus::Closed,
            Self::Paused => SaleStatus::Paused,
            Self::Open if opens_at.is_some_and(|opening| now < opening) => SaleStatus::Soon,
            Self::Open if sellable_or_held == 0 => SaleStatus::SoldOut,
            Self::Open => SaleStatus::Open,
        }
    }
}

/// The counters of a tier or of a whole sale. `available + held + sold` is the capacity, at every commit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct Counts {
    pub available: u64,
    pub held: u64,
    pub sold: u64,
}

impl Counts {
    pub const fn capacity(self) -> u64 {
        self.available + self.held + self.sold
    }

    /// The counter for units in this state.
    pub const fn of(&mut self, status: SeatStatus) -> &mut u64 {
        match status {
            SeatStatus::Available => &mut self.available,
            SeatStatus::Held => &mut self.held,
            SeatStatus::Sold => &mut self.sold,
        }
    }
}

impl std::ops::Add for Counts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { available: self.available + other.available, held: self.held + other.held, sold: self.sold + other.sold }
    }
}

impl std::iter::Sum for Counts {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::default(), |sum, next| sum + next)
    }
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SaleList {
    /// In the order in which they were created.
    pub sales: Vec<Sale>,
    /// The value of `after` that gets the next page. Absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub next: Option<SaleId>,
}

/// The sales on one page of the home page.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct SalesPage {
    pub sales: Vec<Sale>,
    /// Counted from 1.
    pub page: u32,
    /// The number of the last page.
    pub pages: u32,
}

/// What was created by adding stock: units per tier.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct StockCreated {
    pub created: u64,
    /// The tiers with their new counters.
    pub breakdown: Vec<TierCounts>,
}

/// One tier's counters, complete.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct TierCounts {
    pub id: TierId,
    pub available: u64,
    pub held: u64,
    pub sold: u64,
    /// What a unit costs now, where the price changes with the stock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub price: Option<u64>,
}

impl TierCounts {
    pub const fn counts(&self) -> Counts {
        Counts { available: self.available, held: self.held, sold: self.sold }
    }
}

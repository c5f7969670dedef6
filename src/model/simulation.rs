//! A load run and its figures.

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

use super::{
    audit::Audit,
    ids::{BuyerId, SaleId, SeatLabel, SimulationId, TierId},
    limits::MAX_SEED,
    outcome::Code,
    strategy::StrategyKind,
};

/// What the virtual buyers want to buy: `any`, `seat:A-12` or `tier:ga`.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub enum Target {
    /// Any seat or tier, drawn by the seed.
    #[default]
    Any,
    Seat(SeatLabel),
    Tier(TierId),
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => formatter.write_str("any"),
            Self::Seat(label) => write!(formatter, "seat:{label}"),
            Self::Tier(tier) => write!(formatter, "tier:{tier}"),
        }
    }
}

impl FromStr for Target {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            None if text == "any" => Ok(Self::Any),
            Some(("seat", label)) if !label.is_empty() => Ok(Self::Seat(label.into())),
            Some(("tier", tier)) if !tier.is_empty() => Ok(Self::Tier(tier.into())),
            _ => Err("a target is any, seat:LABEL or tier:ID"),
        }
    }
}

impl Serialize for Target {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl PartialSchema for Target {
    fn schema() -> RefOr<Schema> {
        let description = "`any`, `seat:LABEL` or `tier:ID`";
        let pattern = "^(any|(seat|tier):.+)$";
        ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern)).description(Some(description)).into()
    }
}

impl ToSchema for Target {}

/// What each virtual buyer does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Workload {
    /// Buys at once.
    #[default]
    Buy,
    /// Holds, and then pays; some of them are declined, some give back what they hold, and some just walk away.
    Journey,
}

impl FromStr for Workload {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "buy" => Ok(Self::Buy),
            "journey" => Ok(Self::Journey),
            _ => Err("a workload is buy or journey"),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SimulationStatus {
    Running,
    Done,
    Cancelled,
}

/// One run: the request, and its figures so far.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Simulation {
    pub id: SimulationId,
    pub sale: SaleId,
    /// The strategy that sells. Absent until the run has read the sale.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy: Option<StrategyKind>,
    pub status: SimulationStatus,
    pub buyers: u32,
    pub concurrency: u32,
    /// Buyers who arrive per second. Absent where all arrive at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
    pub seed: u64,
    pub won: u64,
    /// Correct refusals, counted by their code. Refusing a buyer is a correct answer, not a failure.
    pub refused: BTreeMap<Code, u64>,
    /// How the journeys of buyers ended who held something: `paid`, `declined`, `gave_back` or `walked_away`. Absent where
    /// buyers buy at once.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub outcomes: BTreeMap<String, u64>,
    /// How many of the sale's refusals during the run needed at least one database statement. Only known if the server
    /// that sells also sends the buyers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusals_by_database: Option<u64>,
    /// Wrong or missing answers: transport faults and unexpected statuses.
    pub errors: u64,
    /// The last error, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    pub duration_ms: u64,
    /// Answers per second.
    pub throughput: f64,
    /// Latency. With a rate it counts from the planned moment of arrival, else from the moment of sending. So with a
    /// rate a slow answer that delays later buyers counts for them too (corrected for coordinated omission).
    pub p50_ms: f64,
    pub p90_ms: f64,
    pub p95_ms: f64,
    pub p99_ms: f64,
    pub max_ms: f64,
    /// The winner of a race for a single seat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub winner: Option<BuyerId>,
    /// The audit's verdict; null while the run goes on.
    pub audit: Option<Audit>,
    /// How the buyers' answers contradict each other, the ledger or the audit. Absent if there is no contradiction.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contradictions: Vec<String>,
}

/// The name of the outcome of journeys that end with an order.
pub const PAID: &str = "paid";

/// A seed from 64 random bits, of which it keeps as many as [`MAX_SEED`] has.
pub const fn seed_from(random: u64) -> u64 {
    random & MAX_SEED
}

impl Simulation {
    /// A run that has just begun, in which all buyers arrive at once.
    pub fn begun(id: SimulationId, sale: SaleId, buyers: u32, concurrency: u32, seed: u64) -> Self {
        Self {
            id,
            sale,
            strategy: None,
            status: SimulationStatus::Running,
            buyers,
            concurrency,
            rate: None,
            seed,
            won: 0,
            refused: BTreeMap::new(),
            outcomes: BTreeMap::new(),
            refusals_by_database: None,
            errors: 0,
            last_error: None,
            duration_ms: 0,
            throughput: 0.0,
            p50_ms: 0.0,
            p90_ms: 0.0,
            p95_ms: 0.0,
            p99_ms: 0.0,
            max_ms: 0.0,
            winner: None,
            audit: None,
            contradictions: Vec::new(),
        }
    }

    /// Whether the run has its audit, the audit is clean and there are no contradictions.
    pub fn is_clean(&self) -> bool {
        self.contradictions.is_empty() && self.audit.as_ref().is_some_and(|audit| audit.clean)
    }

    pub fn refused_in_all(&self) -> u64 {
        self.refused.values().sum()
    }

    /// How many buyers have their answer.
    pub fn answered(&self) -> u64 {
        self.won + self.refused_in_all() + self.errors + self.left()
    }

    /// How many buyers have held something and left without it.
    fn left(&self) -> u64 {
        self.outcomes.iter().filter(|(name, _)| *name != PAID).map(|(_, count)| count).sum()
    }
}

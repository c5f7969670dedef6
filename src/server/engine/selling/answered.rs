//! What a purchase came to, and what that cost.

use crate::{
    model::outcome::{BuyOutcome, Code, Refusal},
    server::engine::error::EngineError,
};

/// What a purchase came to, and what that cost.
pub struct Answered {
    pub outcome: Result<BuyOutcome, EngineError>,
    /// Whether the database was asked at least one statement about the claim. A request that its key answers makes no
    /// claim.
    pub asked_database: bool,
}

impl Answered {
    /// No statement about the claim was needed.
    pub fn without_asking(outcome: Result<BuyOutcome, EngineError>) -> Self {
        Self { outcome, asked_database: false }
    }

    /// The database was asked at least one statement.
    pub fn after_asking(outcome: Result<BuyOutcome, EngineError>) -> Self {
        Self { outcome, asked_database: true }
    }

    /// Whether the database was asked for a claim that is neither granted nor in line.
    pub fn is_refused_by_database(&self) -> bool {
        self.asked_database && !matches!(self.outcome, Ok(BuyOutcome::Bought { .. } | BuyOutcome::Waiting { .. }))
    }

    /// The name under which it is counted.
    pub fn name(&self) -> &'static str {
        match &self.outcome {
            Ok(BuyOutcome::Bought { replayed: false, .. }) => "bought",
            Ok(BuyOutcome::Bought { replayed: true, .. }) => "replayed",
            Ok(BuyOutcome::Refused(refusal)) => refusal.code.name(),
            Ok(BuyOutcome::Waiting { .. }) => "waiting",
            Err(_) => Code::Overloaded.name(),
        }
    }
}

impl From<Refusal> for Answered {
    fn from(refusal: Refusal) -> Self {
        Self::without_asking(Ok(BuyOutcome::Refused(refusal)))
    }
}

impl From<EngineError> for Answered {
    fn from(error: EngineError) -> Self {
        Self::without_asking(Err(error))
    }
}

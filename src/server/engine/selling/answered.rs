//! The result of a purchase, and whether it cost the database a statement.

use crate::{
    model::outcome::{BuyOutcome, Code, Refusal},
    server::engine::error::EngineError,
};

/// The result of a purchase, and whether it cost the database a statement.
pub struct Answered {
    pub outcome: Result<BuyOutcome, EngineError>,
    /// Whether at least one statement about the claim was sent to the database. `false` for a request that was answered
    /// by its key, because it made no claim.
    pub asked_database: bool,
}

impl Answered {
    /// A result that needed no statement about the claim.
    pub fn without_asking(outcome: Result<BuyOutcome, EngineError>) -> Self {
        Self { outcome, asked_database: false }
    }

    /// A result that needed at least one statement.
    pub fn after_asking(outcome: Result<BuyOutcome, EngineError>) -> Self {
        Self { outcome, asked_database: true }
    }

    /// Whether the database was asked, and the claim is neither granted nor in line.
    pub fn is_refused_by_database(&self) -> bool {
        self.asked_database && !matches!(self.outcome, Ok(BuyOutcome::Bought { .. } | BuyOutcome::Waiting { .. }))
    }

    /// The name under which the metrics count this result.
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

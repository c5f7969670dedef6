//! The result of a purchase, and whether it cost the database a statement.

use crate::{
    model::{
        ids::RequestId,
        outcome::{Code, Refusal},
    },
    server::{engine::error::EngineError, strategy::Won},
};

/// The outcome of a request for stock.
#[derive(Debug)]
pub enum Outcome {
    /// `is_replayed` says that an earlier request with the same key has won it, and that this answer repeats the first one.
    Won {
        won: Won,
        is_replayed: bool,
    },
    Refused(Refusal),
    /// Not decided yet: the sale's strategy lets buyers wait in a queue.
    Waiting(RequestId),
}

/// The outcome of a request for stock, and whether it cost the database a statement.
pub struct Answered {
    pub outcome: Result<Outcome, EngineError>,
    /// Whether at least one statement about the claim was sent to the database. `false` for a request that was answered
    /// by its key, because it made no claim.
    pub asked_database: bool,
}

impl Answered {
    /// A result that needed no statement about the claim.
    pub fn without_asking(outcome: Result<Outcome, EngineError>) -> Self {
        Self { outcome, asked_database: false }
    }

    /// A result that needed at least one statement.
    pub fn after_asking(outcome: Result<Outcome, EngineError>) -> Self {
        Self { outcome, asked_database: true }
    }

    /// Whether the database was asked, and the claim is neither granted nor in line.
    pub fn is_refused_by_database(&self) -> bool {
        self.asked_database && !matches!(self.outcome, Ok(Outcome::Won { .. } | Outcome::Waiting(_)))
    }

    /// The name under which the metrics count this result.
    pub fn name(&self) -> &'static str {
        match &self.outcome {
            Ok(Outcome::Won { is_replayed: true, .. }) => "replayed",
            Ok(Outcome::Won { won: Won::Order(_), .. }) => "bought",
            Ok(Outcome::Won { won: Won::Hold(_), .. }) => "held",
            Ok(Outcome::Refused(refusal)) => refusal.code.name(),
            Ok(Outcome::Waiting(_)) => "waiting",
            Err(_) => Code::Overloaded.name(),
        }
    }
}

impl From<Refusal> for Answered {
    fn from(refusal: Refusal) -> Self {
        Self::without_asking(Ok(Outcome::Refused(refusal)))
    }
}

impl From<EngineError> for Answered {
    fn from(error: EngineError) -> Self {
        Self::without_asking(Err(error))
    }
}

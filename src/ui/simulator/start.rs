//! The panel's initial data.

use serde::{Deserialize, Serialize};

use crate::model::{ids::SaleId, strategy::StrategyList};

/// The id of the page's element with [`Start`].
pub const START: &str = "simulator-start";

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Start {
    /// The sales that may be attacked, each with its name. Where there is one, the visitor does not choose.
    pub sales: Vec<(SaleId, String)>,
    /// Which of them is chosen at first.
    pub chosen: SaleId,
    pub list: StrategyList,
    /// Whether the panel has a page of its own. Elsewhere the sale's own seat map stands above it.
    pub is_alone: bool,
    /// Whether the strategy may be changed: only a rehearsal's may.
    pub can_change: bool,
}

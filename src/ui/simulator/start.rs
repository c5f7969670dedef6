//! The panel's initial data.

use serde::{Deserialize, Serialize};

use crate::model::{ids::SaleId, strategy::StrategyList};

/// The id of the page's element with [`Start`].
pub const START: &str = "simulator-start";

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Start {
    /// The sales that may be attacked, each with its name. On the page of a sale it is only that sale.
    pub sales: Vec<(SaleId, String)>,
    /// The sale that is chosen at first.
    pub chosen: SaleId,
    pub list: StrategyList,
    /// Whether the panel has a page of its own. Otherwise it is below the seat map on the page of a sale.
    pub is_alone: bool,
    /// Whether the strategy may be changed: only a rehearsal's may.
    pub can_change: bool,
}

//! The island's initial data, and the names of the page's parts.

use serde::{Deserialize, Serialize};

use crate::{
    api::HoldClock,
    model::ids::{HoldId, SaleId},
    ui::kit::toast::ToastKind,
};

/// The id of the page's element with the data from which the island starts.
pub const START: &str = "checkout-start";
/// The dialog that offers more time.
pub const DIALOG: &str = "stay";
/// The form that extends the hold.
pub const EXTENSION: &str = "extension";

/// What the island starts from.
#[derive(Clone, Serialize, Deserialize)]
pub struct Start {
    pub hold: HoldId,
    pub sale: SaleId,
    pub clock: HoldClock,
    /// The result of a form that was sent without script, or what an earlier page has done.
    pub told: Option<(ToastKind, String, String)>,
}

//! A purchase that waits in a queue: its receipt and its status.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    ids::{HoldId, OrderId, RequestId},
    outcome::Code,
};

/// The receipt of a purchase that is decided later.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Receipt {
    pub request: RequestId,
    /// Where its status can be read.
    pub status_url: String,
}

/// The status of a purchase that got a receipt.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct RequestStatus {
    pub request: RequestId,
    pub status: RequestState,
    /// The order, once it is confirmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<OrderId>,
    /// The hold, once it is confirmed that the units are held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<HoldId>,
    /// Why it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Code>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RequestState {
    /// Not decided yet.
    Pending,
    Confirmed,
    Refused,
}

impl Receipt {
    pub fn new(request: RequestId) -> Self {
        Self { request, status_url: format!("/api/v1/requests/{request}") }
    }
}

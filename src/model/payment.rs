//! Payments for what is held.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    currency::{are_usual, usual_digits},
    ids::{HoldId, OrderId, PaymentId},
};

/// One try to pay for a hold, at the payment provider.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Payment {
    pub id: PaymentId,
    pub hold: HoldId,
    pub status: PaymentStatus,
    /// Minor units of the currency.
    pub amount: u64,
    pub currency: String,
    /// Decimal digits of the currency's amounts; two if left out.
    #[serde(default = "usual_digits", skip_serializing_if = "are_usual")]
    #[schema(minimum = 0, maximum = 4)]
    pub currency_digits: u32,
    /// The provider's page on which the buyer pays. Left out until the provider has made one, and once nobody can pay there any
    /// more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub redirect_url: Option<String>,
    /// What was bought with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub order: Option<OrderId>,
    /// Why it was declined, came to nothing, or goes back: one sentence for the buyer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub reason: Option<String>,
}

/// What has become of a payment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PaymentStatus {
    /// The provider has not said anything final yet.
    Pending,
    /// The money has come, and what was held is bought.
    Succeeded,
    /// The money was refused. Another card may work.
    Declined,
    /// Nobody has paid in time.
    Expired,
    /// The money has come in vain, and goes back.
    Refunded,
}

impl PaymentStatus {
    const ALL: [Self; 5] = [Self::Pending, Self::Succeeded, Self::Declined, Self::Expired, Self::Refunded];

    /// The name used in JSON and in SQL.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Succeeded => "succeeded",
            Self::Declined => "declined",
            Self::Expired => "expired",
            Self::Refunded => "refunded",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }

    /// Whether the money has come, whatever it was good for.
    pub const fn has_money(self) -> bool {
        matches!(self, Self::Succeeded | Self::Refunded)
    }
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct PaymentList {
    /// The oldest first.
    pub payments: Vec<Payment>,
}

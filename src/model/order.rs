//! A confirmed purchase and its tickets.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    currency::{are_usual, usual_digits},
    ids::{BuyerId, OrderId, SaleId, SeatLabel, TicketId, TierId},
    rung::Rung,
    strict::present,
    time::Timestamp,
};

/// A confirmed purchase. Never changes once made.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Order {
    pub id: OrderId,
    pub sale: SaleId,
    pub buyer: BuyerId,
    /// Minor units of the currency.
    pub total: u64,
    pub currency: String,
    /// Decimal digits of the currency's amounts; two if left out.
    #[serde(default = "usual_digits", skip_serializing_if = "are_usual")]
    #[schema(minimum = 0, maximum = 4)]
    pub currency_digits: u32,
    /// The ledger position of the purchase.
    pub seq: u64,
    pub created_at: Timestamp,
    /// How well the seats stand together, if the server picked them. If it picked seats in several tiers, the lowest of
    /// their rungs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rung: Option<Rung>,
    /// How the buyer can be reached. Only the owner of the order and the organiser see it.
    // Nothing here that reads an order asks for it, and the browser's program would grow by a reader for it.
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub contact: Option<Contact>,
    pub tickets: Vec<Ticket>,
}

/// How a buyer can be reached.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Contact {
    #[schema(min_length = 3, max_length = 254)]
    pub email: String,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_length = 1, max_length = 120)]
    pub name: Option<String>,
}

/// One unit of an order.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Ticket {
    pub id: TicketId,
    pub tier: TierId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seat: Option<SeatLabel>,
    /// The secret that admits its holder: 128 random bits in hexadecimal.
    pub code: String,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct OrderList {
    /// The newest first.
    pub orders: Vec<Order>,
    /// The value of `after` that gets the next page. Absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub next: Option<OrderId>,
}

/// The identity of the client, as the server sees it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Me {
    pub buyer: BuyerId,
    pub kind: BuyerKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BuyerKind {
    Guest,
    Account,
    Admin,
}

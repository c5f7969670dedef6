//! Purchases, and what the asker owns.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{
    model::{
        body::BuyBody,
        ids::{SaleId, SeatLabel},
        order::Order,
        outcome::BuyOutcome,
    },
    wire::Wire,
};

/// What the asker owns in one sale.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Purchases {
    pub seats: Vec<SeatLabel>,
    /// Units of the sale that the asker has, seats included.
    pub units: u32,
    /// The newest first.
    pub orders: Vec<Order>,
}

/// Buys seats or a quantity of a tier for the asker. `key` names the intent: the same key again gives the same answer. Nothing
/// is sold to a browser that keeps no cookies, because it could not find its tickets again.
#[server(name = AskBuy, prefix = "/rpc", endpoint = "buy", input = Wire, output = Wire)]
pub async fn buy(sale: SaleId, body: BuyBody, key: String) -> Result<BuyOutcome, ServerFnError> {
    use super::context;
    use crate::model::outcome::{Code, Refusal};
    if context::is_from_nobody() {
        return Ok(BuyOutcome::Refused(Refusal::new(Code::Unauthenticated, "The browser sent no cookie.")));
    }
    let (key, buyer) = (context::key(&key)?, context::buyer()?);
    context::app()?.engine.selling.buy(&sale, buyer, body, Some(key)).await.map_err(context::unavailable)
}

/// All orders of the asker, the newest first.
#[server(name = AskMyOrders, prefix = "/rpc", endpoint = "my_orders", input = Wire, output = Wire)]
pub async fn my_orders() -> Result<Vec<Order>, ServerFnError> {
    use super::context;
    let mut orders = context::app()?.engine.selling.orders(context::buyer()?).await.map_err(context::unavailable)?;
    orders.sort_by_key(|order| std::cmp::Reverse((order.created_at, order.id)));
    Ok(orders)
}

/// What the asker owns in this sale now.
#[server(name = AskPurchases, prefix = "/rpc", endpoint = "purchases", input = Wire, output = Wire)]
pub async fn purchases(sale: SaleId) -> Result<Purchases, ServerFnError> {
    use super::context;
    let seats =
        context::app()?.engine.selling.owned_seats(&sale, context::buyer()?).await.map_err(context::unavailable)?;
    let orders: Vec<Order> = my_orders().await?.into_iter().filter(|order| order.sale == sale).collect();
    let units = u32::try_from(orders.iter().map(|order| order.tickets.len()).sum::<usize>()).unwrap_or(u32::MAX);
    Ok(Purchases { seats, units, orders })
}

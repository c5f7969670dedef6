//! Purchases, and what the asker owns.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::OwnHold;
use crate::{
    model::{
        body::BuyBody,
        ids::{OrderId, SaleId, SeatLabel},
        order::Order,
        outcome::BuyOutcome,
        sale::Sale,
    },
    wire::Wire,
};

/// What the asker owns or holds in one sale.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Purchases {
    /// Owned and held ones.
    pub seats: Vec<SeatLabel>,
    /// Units of the sale that the asker owns or holds. Seats count as units too.
    pub units: u32,
    /// The oldest first.
    pub holds: Vec<OwnHold>,
    /// The newest first, at most one page of them.
    pub orders: Vec<Order>,
    /// How many more orders there are, beyond `orders`.
    pub older: u64,
}

/// A page of what the asker owns.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct MyOrders {
    /// The newest first.
    pub orders: Vec<Order>,
    /// The next page begins after this order. `None` on the last page.
    pub next: Option<OrderId>,
    /// How many orders there are on all pages.
    pub in_all: u64,
    /// The sales to which these orders belong, each once.
    pub sales: Vec<Sale>,
}

/// Buys seats or a quantity of a tier for the asker. `key` identifies the purchase: a repeated call with the same key
/// gets the same answer. Nothing is sold to a browser that keeps no cookies, because it could not find its tickets
/// again.
#[server(name = AskBuy, prefix = "/rpc", endpoint = "buy", input = Wire, output = Wire)]
pub async fn buy(sale: SaleId, body: BuyBody, key: String) -> Result<BuyOutcome, ServerFnError> {
    use super::context;
    use crate::model::outcome::{Code, Refusal};
    if context::is_from_nobody() {
        return Ok(BuyOutcome::Refused(Refusal::new(Code::Unauthenticated, "The browser sent no cookie.")));
    }
    let (key, purchaser) = (context::key(&key)?, context::purchaser()?);
    purchaser.buy(&context::app()?, &sale, body, Some(key), None).await.map_err(context::unavailable)
}

/// One page of the asker's orders: the newest, or those that follow the order `after`.
#[server(name = AskMyOrders, prefix = "/rpc", endpoint = "my_orders", input = Wire, output = Wire)]
pub async fn my_orders(after: Option<OrderId>) -> Result<MyOrders, ServerFnError> {
    use super::context;
    use crate::model::order::OrderList;
    let engine = context::app()?.engine.clone();
    let page = engine.selling.orders_on_a_page(context::buyer()?, None, after).await.map_err(context::unavailable)?;
    let (OrderList { orders, next }, in_all) = page;
    let mut sales: Vec<Sale> = Vec::new();
    for order in &orders {
        if sales.iter().all(|sale| sale.id != order.sale) {
            sales.extend(engine.catalogue.sale(&order.sale).await);
        }
    }
    Ok(MyOrders { orders, next, in_all, sales })
}

/// What the asker owns and holds in this sale now: all seats, but only the newest orders.
#[server(name = AskPurchases, prefix = "/rpc", endpoint = "purchases", input = Wire, output = Wire)]
pub async fn purchases(sale: SaleId) -> Result<Purchases, ServerFnError> {
    use super::context;
    let (selling, buyer) = (&context::app()?.engine.selling, context::buyer()?);
    // Holds first: one that is confirmed meanwhile is then among the owned seats, and its seats never look lost.
    let held = super::holds(sale.clone()).await?;
    let mut seats = selling.owned_seats(&sale, buyer).await.map_err(context::unavailable)?;
    let mut units = selling.units_owned(&sale, buyer).await.map_err(context::unavailable)?;
    let mut holds = Vec::new();
    for hold in held {
        let held = hold.items.iter().map(|item| item.quantity).sum();
        holds.push(OwnHold { id: hold.id, units: held, expires_at: hold.expires_at });
        units += held;
        seats.extend(hold.items.into_iter().filter_map(|item| item.seat));
    }
    let units = u32::try_from(units).unwrap_or(u32::MAX);
    let (list, in_all) = selling.orders_on_a_page(buyer, Some(&sale), None).await.map_err(context::unavailable)?;
    let older = in_all.saturating_sub(list.orders.len() as u64);
    Ok(Purchases { seats, units, holds, orders: list.orders, older })
}

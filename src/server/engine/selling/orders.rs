//! The orders of buyers and the seats in them.

use super::desk::Selling;
use crate::{
    model::{
        ids::{BuyerId, OrderId, SaleId, SeatLabel},
        limits::{ORDERS_PER_PAGE, TICKETS_PER_PAGE},
        order::{Order, OrderList},
    },
    server::{
        engine::error::EngineError,
        store::{self, OrderPage},
    },
};

impl Selling {
    /// A buyer's orders, the newest first: those after `after`, as many as `limit`, all where none is given.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn orders(
        &self,
        buyer: BuyerId,
        after: Option<OrderId>,
        limit: Option<u32>,
    ) -> Result<OrderList, EngineError> {
        // One more says whether there is more.
        let page = OrderPage { sale_id: None, after, limit: limit.map(|limit| limit.saturating_add(1)) };
        let mut reader = self.core.desk.store.reader().await?;
        let orders = store::orders_of(reader.connection(), buyer, page).await?;
        Ok(cut(orders, limit.map_or(usize::MAX, |limit| limit as usize), usize::MAX))
    }

    /// As many of a buyer's orders as one page shows, of all sales or of one, and how many there are in all.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn orders_on_a_page(
        &self,
        buyer: BuyerId,
        sale: Option<&SaleId>,
        after: Option<OrderId>,
    ) -> Result<(OrderList, u64), EngineError> {
        let sale_id = match sale.map(|sale| self.core.known(sale)) {
            None => None,
            Some(Some(desk)) => Some(desk.sale_id),
            Some(None) => return Ok((OrderList { orders: Vec::new(), next: None }, 0)),
        };
        let page = OrderPage { sale_id, after, limit: Some(ORDERS_PER_PAGE + 1) };
        let mut reader = self.core.desk.store.reader().await?;
        let orders = store::orders_of(reader.connection(), buyer, page).await?;
        let is_all = after.is_none() && orders.len() <= ORDERS_PER_PAGE as usize;
        let in_all = match is_all {
            true => orders.len() as u64,
            false => {
                let all = OrderPage { sale_id, ..OrderPage::default() };
                store::count_orders(reader.connection(), buyer, all).await?
            }
        };
        Ok((cut(orders, ORDERS_PER_PAGE as usize, TICKETS_PER_PAGE), in_all))
    }

    /// The order, if it is `buyer`'s. With `None` it may be anybody's; only an admin may ask so.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn order(&self, buyer: Option<BuyerId>, order: OrderId) -> Result<Option<Order>, EngineError> {
        let mut reader = self.core.desk.store.reader().await?;
        Ok(store::find_order(reader.connection(), order, buyer, false).await?)
    }

    /// An order as it was first answered, even if a reset has made it void since.
    pub(super) async fn find_order(
        &self,
        order: OrderId,
        buyer: Option<BuyerId>,
    ) -> Result<Option<Order>, EngineError> {
        let mut reader = self.core.desk.store.reader().await?;
        Ok(store::find_order(reader.connection(), order, buyer, true).await?)
    }

    /// How many units of the sale this buyer owns, seats included.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn units_owned(&self, sale: &SaleId, buyer: BuyerId) -> Result<u64, EngineError> {
        let Some(desk) = self.core.known(sale) else { return Ok(0) };
        let mut reader = self.core.desk.store.reader().await?;
        Ok(store::units_owned(reader.connection(), desk.sale_id, buyer).await?)
    }

    /// Labels of the seats that this buyer owns in the sale, in seat order.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn owned_seats(&self, sale: &SaleId, buyer: BuyerId) -> Result<Vec<SeatLabel>, EngineError> {
        let Some(desk) = self.core.known(sale) else { return Ok(Vec::new()) };
        let mut reader = self.core.desk.store.reader().await?;
        let positions = store::owned_positions(reader.connection(), desk.sale_id, buyer).await?;
        let map = desk.stock.read().map.clone();
        Ok(positions.into_iter().map(|position| map.labels[position as usize].clone()).collect())
    }
}

/// The first orders, with no more tickets than these but one order at least, and where the rest goes on.
fn cut(mut orders: Vec<Order>, most_orders: usize, most_tickets: usize) -> OrderList {
    let mut tickets = 0;
    let fits = |order: &Order| {
        tickets += order.tickets.len();
        tickets <= most_tickets
    };
    let fitting = orders.iter().map(fits).take_while(|fits| *fits).count();
    let shown = fitting.max(1).min(most_orders);
    let next = (orders.len() > shown).then(|| orders[shown - 1].id);
    orders.truncate(shown);
    OrderList { orders, next }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::model::{ids::TicketId, order::Ticket, time::Timestamp};

    /// Orders with so many tickets each, named by their position.
    fn orders(tickets: &[usize]) -> Vec<Order> {
        let ticket = Ticket { id: TicketId(Uuid::nil()), tier: "ga".into(), seat: None, code: String::new() };
        let order = |(position, tickets): (u128, &usize)| Order {
            id: OrderId(Uuid::from_u128(position)),
            sale: "sale".into(),
            buyer: BuyerId(Uuid::nil()),
            total: 0,
            currency: "USD".to_owned(),
            currency_digits: 2,
            seq: 1,
            rung: None,
            contact: None,
            created_at: Timestamp::from_milliseconds(0),
            tickets: vec![ticket.clone(); *tickets],
        };
        (1..).zip(tickets).map(order).collect()
    }

    #[test]
    fn a_page_ends_with_its_orders_or_its_tickets_and_says_where_the_rest_goes_on() {
        for (tickets, most_orders, most_tickets, shown) in [
            (&[1, 1, 1][..], 3, 50, 3),
            (&[1, 1, 1], 2, 50, 2),
            (&[20, 20, 20], 9, 50, 2),
            (&[20, 30, 1], 9, 50, 2),
            (&[100, 1], 9, 50, 1),
            (&[], 9, 50, 0),
        ] {
            let list = cut(orders(tickets), most_orders, most_tickets);
            assert_eq!(list.orders.len(), shown, "{tickets:?}");
            let next = (shown < tickets.len()).then(|| list.orders[shown - 1].id);
            assert_eq!(list.next, next, "{tickets:?}");
        }
    }
}

//! The orders of buyers and the seats in them.

use super::desk::Selling;
use crate::{
    model::{
        ids::{BuyerId, OrderId, SaleId, SeatLabel},
        order::Order,
    },
    server::{engine::error::EngineError, store},
};

impl Selling {
    /// A buyer's orders, the newest first.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn orders(&self, buyer: BuyerId) -> Result<Vec<Order>, EngineError> {
        let mut reader = self.core.desk.store.reader().await?;
        Ok(store::orders_of(reader.connection(), buyer).await?)
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

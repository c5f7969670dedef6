//! Adds stock: one line of the ledger, like a purchase.

use std::sync::Arc;

use super::{
    answer_once::{Begun, CREATED},
    changing::{stored, to_the_end, tried_anew},
    checking::check_stock,
    desk::Catalogue,
    lines::{next_line, units},
    seats::added_seats,
};
use crate::{
    model::{body::StockBody, ids::SaleId, ledger::ChangeKind, sale::StockCreated, time::Timestamp},
    server::{
        engine::{
            answer::{Answer, Decided, Keyed},
            refusals::unknown_sale,
        },
        stock::{SaleDesk, Stock},
        store::{self, Transaction},
    },
};

impl Catalogue {
    /// Adds units to a tier: to the counter of general admission, or as seats in new rows behind all others.
    pub async fn add_stock(
        &self,
        sale: &SaleId,
        body: StockBody,
        keyed: Option<Keyed>,
    ) -> Decided<Answer<StockCreated>> {
        let (catalogue, sale) = (self.clone(), sale.clone());
        to_the_end(async move { catalogue.add_more(&sale, body, keyed).await }).await
    }

    async fn add_more(&self, sale: &SaleId, body: StockBody, keyed: Option<Keyed>) -> Decided<Answer<StockCreated>> {
        let Some(desk) = self.core.find(sale).await? else { return Ok(Err(unknown_sale(sale))) };
        if let Err(refusal) = check_stock(&desk.stock.read(), &body) {
            return Ok(Err(refusal));
        }
        let add = async |begun: Option<Begun>| tried_anew(|| self.add(&desk, &body, begun.as_ref())).await;
        self.answer_once(keyed, &format!("POST /sales/{sale}/stock"), &body, add).await
    }

    async fn add(&self, desk: &Arc<SaleDesk>, body: &StockBody, begun: Option<&Begun>) -> Decided<StockCreated> {
        let mut writer = self.core.desk.writer().await?;
        let now = self.core.clock().now();
        let mut transaction = writer.begin().await?;
        store::lock_stock(transaction.connection(), desk.sale_id).await?;
        let stock = stored(&mut transaction, desk.slug().as_str()).await?;
        // Checked again under the stock's lock, because others may have added stock in the meantime.
        let (tier_index, add) = match check_stock(&stock, body) {
            Ok(checked) => checked,
            Err(refusal) => {
                transaction.rollback().await?;
                writer.settle();
                return Ok(Err(refusal));
            }
        };
        write_added(&mut transaction, &stock, tier_index, add, now).await?;
        let created = |stock: &Stock, _| StockCreated {
            created: add,
            breakdown: stock.tiers.iter().map(|tier| tier.tier_counts()).collect(),
        };
        let created = self.commit_anew(transaction, desk, begun, CREATED, now, created).await?;
        writer.settle();
        Ok(Ok(created))
    }
}

async fn write_added(
    transaction: &mut Transaction<'_>,
    stock: &Stock,
    tier_index: usize,
    add: u64,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let tier_ids: Vec<i64> = stock.tiers.iter().map(|tier| tier.tier_id).collect();
    let added = units(stock.tiers[tier_index].id.as_str(), add);
    let line = next_line(stock, now, ChangeKind::Stock, vec![added]);
    let first_position = u32::try_from(stock.seats.len()).expect("seats are few");
    let seats = added_seats(stock, tier_index, add);
    store::append(transaction.connection(), stock.sale_id, &line).await?;
    store::insert_seats(transaction.connection(), stock.sale_id, first_position, &tier_ids, &seats).await?;
    store::add_stock(transaction.connection(), stock.sale_id, tier_ids[tier_index], add, &line.hash).await
}

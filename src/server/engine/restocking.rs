//! Putting stock back and adding to it. Each is one line of the ledger, like a purchase.

use std::{sync::Arc, time::Duration};

use super::{
    Answer, Decided, Engine, EngineError, Keyed,
    buying::unknown_sale,
    checking::{check_rehearsal, check_stock},
    organising::{Begun, CREATED, OK, Proceed, keep, new_seats, next_line, stored, to_the_end, units},
};
use crate::{
    model::{
        body::{ResetBody, StockBody},
        ids::SaleId,
        ledger::ChangeKind,
        sale::{Sale, StockCreated},
        seat::{SeatRow, row_letters},
        strategy::StrategyKind,
        time::Timestamp,
    },
    server::{
        stock::{SaleDesk, Stock},
        store::{self, NewSeatRecord, Transaction},
    },
};

/// Times a change is tried anew that had to wait too long for those who sell, and the longest pause before the first.
const MAX_RETRIES: u32 = 8;
const PAUSE: Duration = Duration::from_millis(10);

/// Waits a moment and says `true` where the change may succeed when it is tried anew.
async fn may_try_again(error: &EngineError, tries: &mut u32) -> bool {
    let EngineError::Store(error) = error else { return false };
    if *tries == MAX_RETRIES || !store::is_conflict(error) {
        return false;
    }
    tokio::time::sleep((PAUSE * 2_u32.pow(*tries)).mul_f64(rand::random())).await;
    *tries += 1;
    true
}

impl Engine {
    /// Puts all stock back as made; orders are void, the ledger goes on.
    pub async fn reset_sale(self: &Arc<Self>, sale: &SaleId, keyed: Option<Keyed>) -> Decided<Answer<Sale>> {
        self.reset(sale, ResetBody::default(), keyed).await
    }

    /// The same for a rehearsal, which is sold by this strategy from then on.
    pub async fn rehearse_with(
        self: &Arc<Self>,
        sale: &SaleId,
        strategy: StrategyKind,
        keyed: Option<Keyed>,
    ) -> Decided<Answer<Sale>> {
        let Some(desk) = self.find(sale).await? else { return Ok(Err(unknown_sale(sale))) };
        let is_rehearsal = desk.stock.read().rehearsal;
        if let Err(refusal) = check_rehearsal(is_rehearsal, strategy, self.strategies.support(strategy)) {
            return Ok(Err(refusal));
        }
        self.reset(sale, ResetBody { strategy: Some(strategy) }, keyed).await
    }

    async fn reset(self: &Arc<Self>, sale: &SaleId, body: ResetBody, keyed: Option<Keyed>) -> Decided<Answer<Sale>> {
        let (engine, sale) = (self.clone(), sale.clone());
        to_the_end(async move { engine.put_all_back(&sale, body, keyed).await }).await
    }

    async fn put_all_back(&self, sale: &SaleId, body: ResetBody, keyed: Option<Keyed>) -> Decided<Answer<Sale>> {
        let Some(desk) = self.find(sale).await? else { return Ok(Err(unknown_sale(sale))) };
        let begun = match self.begin_keyed(keyed, &format!("POST /sales/{sale}/reset"), &body).await? {
            Ok(Proceed::With(begun)) => begun,
            Ok(Proceed::Replay(answer)) => return Ok(Ok(answer)),
            Err(refusal) => return Ok(Err(refusal)),
        };
        let mut tries = 0;
        let sale = loop {
            match self.put_back(&desk, body.strategy, begun.as_ref()).await {
                Err(error) if may_try_again(&error, &mut tries).await => {}
                result => break result?,
            }
        };
        Ok(Ok(Answer::Fresh(sale)))
    }

    async fn put_back(
        &self,
        desk: &Arc<SaleDesk>,
        strategy: Option<StrategyKind>,
        begun: Option<&Begun>,
    ) -> Result<Sale, EngineError> {
        let mut writer = self.desk.writer().await?;
        let now = self.clock().now();
        let mut transaction = writer.begin().await?;
        store::lock_stock(transaction.connection(), desk.sale_id).await?;
        let stock = stored(&mut transaction, desk.slug().as_str()).await?;
        let all = stock.tiers.iter().map(|tier| units(tier.id.as_str(), tier.counts.capacity()));
        let (sale_id, line) = (desk.sale_id, next_line(&stock, now, ChangeKind::Reset, all.collect()));
        store::append(transaction.connection(), sale_id, &line).await?;
        // Before the stock is put back: some strategies keep it in rows of its own.
        if let Some(strategy) = strategy {
            store::set_strategy(transaction.connection(), sale_id, strategy).await?;
        }
        store::reset_sale(transaction.connection(), sale_id, &line.hash).await?;
        let sale = self.commit_anew(transaction, desk, begun, OK, now, Stock::sale).await?;
        writer.settle();
        Ok(sale)
    }

    /// Adds units to a tier: to the counter of general admission, or as seats in new rows behind all others.
    pub async fn add_stock(
        self: &Arc<Self>,
        sale: &SaleId,
        body: StockBody,
        keyed: Option<Keyed>,
    ) -> Decided<Answer<StockCreated>> {
        let (engine, sale) = (self.clone(), sale.clone());
        to_the_end(async move { engine.add_more(&sale, body, keyed).await }).await
    }

    async fn add_more(&self, sale: &SaleId, body: StockBody, keyed: Option<Keyed>) -> Decided<Answer<StockCreated>> {
        let Some(desk) = self.find(sale).await? else { return Ok(Err(unknown_sale(sale))) };
        if let Err(refusal) = check_stock(&desk.stock.read(), &body) {
            return Ok(Err(refusal));
        }
        let begun = match self.begin_keyed(keyed, &format!("POST /sales/{sale}/stock"), &body).await? {
            Ok(Proceed::With(begun)) => begun,
            Ok(Proceed::Replay(answer)) => return Ok(Ok(answer)),
            Err(refusal) => return Ok(Err(refusal)),
        };
        let mut tries = 0;
        let added = loop {
            match self.add(&desk, &body, begun.as_ref()).await {
                Err(error) if may_try_again(&error, &mut tries).await => {}
                result => break result?,
            }
        };
        Ok(added.map(Answer::Fresh))
    }

    async fn add(&self, desk: &Arc<SaleDesk>, body: &StockBody, begun: Option<&Begun>) -> Decided<StockCreated> {
        let mut writer = self.desk.writer().await?;
        let now = self.clock().now();
        let mut transaction = writer.begin().await?;
        store::lock_stock(transaction.connection(), desk.sale_id).await?;
        let stock = stored(&mut transaction, desk.slug().as_str()).await?;
        // Checked again in turn: others may have added in the meantime.
        let (tier_index, add) = match check_stock(&stock, body) {
            Ok(checked) => checked,
            Err(refusal) => {
                transaction.rollback().await?;
                writer.settle();
                return Ok(Err(refusal));
            }
        };
        let sale_id = desk.sale_id;
        let tier_ids: Vec<i64> = stock.tiers.iter().map(|tier| tier.tier_id).collect();
        let line = next_line(&stock, now, ChangeKind::Stock, vec![units(body.tier.as_str(), add)]);
        let first_position = u32::try_from(stock.seats.len()).expect("seats are few");
        let seats = added_seats(&stock, tier_index, add);
        store::append(transaction.connection(), sale_id, &line).await?;
        store::insert_seats(transaction.connection(), sale_id, first_position, &tier_ids, &seats).await?;
        store::add_stock(transaction.connection(), sale_id, tier_ids[tier_index], add, &line.hash).await?;
        let created = |stock: &Stock, _| StockCreated {
            created: add,
            breakdown: stock.tiers.iter().map(|tier| tier.tier_counts()).collect(),
        };
        let created = self.commit_anew(transaction, desk, begun, CREATED, now, created).await?;
        writer.settle();
        Ok(Ok(created))
    }

    /// Ends a change of the whole stock: reads it back, keeps the answer, commits, and shows everybody the new state.
    async fn commit_anew<T: serde::Serialize>(
        &self,
        mut transaction: Transaction<'_>,
        desk: &Arc<SaleDesk>,
        begun: Option<&Begun>,
        status: u16,
        now: Timestamp,
        answer: impl FnOnce(&Stock, Timestamp) -> T,
    ) -> Result<T, EngineError> {
        let stock = stored(&mut transaction, desk.slug().as_str()).await?;
        let answer = answer(&stock, now);
        keep(&mut transaction, begun, status, &answer, now).await?;
        transaction.commit().await?;
        self.desk.replace(desk, stock);
        self.desk.changed.notify_one();
        Ok(answer)
    }
}

/// Seats to be added to a tier: rows as long as its own, in its last section, lettered on from the sale's last row, so
/// that no seat sold before changes its place or its name.
fn added_seats(stock: &Stock, tier_index: usize, add: u64) -> Vec<NewSeatRecord> {
    if !stock.tiers[tier_index].seated {
        return Vec::new();
    }
    let tier_index = u32::try_from(tier_index).expect("tiers are few");
    let last = stock.map.rows.iter().rfind(|row| row.tier_index == tier_index).expect("a seated tier has rows");
    let per_row = stock.map.rows.iter().filter(|row| row.tier_index == tier_index).map(|row| row.seats).max();
    let per_row = per_row.expect("a seated tier has rows");
    let first_row = next_row_position(&stock.map.rows);
    let mut left = u32::try_from(add).expect("a sale has few seats");
    let mut rows = Vec::new();
    for position in first_row.. {
        let seats = left.min(per_row);
        rows.push(SeatRow { row: row_letters(position), seats, ..last.clone() });
        left -= seats;
        if left == 0 {
            break;
        }
    }
    new_seats(&rows)
}

/// The position of the first row letters that no row of the sale has.
fn next_row_position(rows: &[SeatRow]) -> u32 {
    (0..)
        .find(|position| {
            let letters = row_letters(*position);
            let later = |row: &SeatRow| (row.row.len(), row.row.as_str()) >= (letters.len(), letters.as_str());
            !rows.iter().any(later)
        })
        .expect("letters do not run out")
}

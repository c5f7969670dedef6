//! Puts all stock back: one line of the ledger, like a purchase.

use std::sync::Arc;

use super::{
    answer_once::{Begun, OK},
    changing::{stored, to_the_end, tried_anew},
    checking::check_rehearsal,
    desk::Catalogue,
    lines::{next_line, units},
};
use crate::{
    model::{
        body::ResetBody,
        ids::SaleId,
        ledger::ChangeKind,
        outcome::{Code, Refusal},
        sale::Sale,
        strategy::StrategyKind,
    },
    server::{
        engine::{
            answer::{Answer, Decided, Keyed},
            error::EngineError,
            refusals::unknown_sale,
        },
        stock::{SaleDesk, Stock},
        store,
    },
};

/// Why money goes back that was paid in a sale that was reset.
const RESET: &str = "The sale was put back to its beginning.";

impl Catalogue {
    /// Puts all stock back as made. Orders become void, and the ledger goes on. Where nothing has been sold or held since
    /// the last reset, nothing changes.
    pub async fn reset_sale(&self, sale: &SaleId, keyed: Option<Keyed>) -> Decided<Answer<Sale>> {
        self.reset(sale, ResetBody::default(), keyed).await
    }

    /// Resets a rehearsal, which this strategy sells from then on.
    pub async fn rehearse_with(
        &self,
        sale: &SaleId,
        strategy: StrategyKind,
        keyed: Option<Keyed>,
    ) -> Decided<Answer<Sale>> {
        let Some(desk) = self.core.find(sale).await? else { return Ok(Err(unknown_sale(sale))) };
        let is_rehearsal = desk.stock.read().rehearsal;
        if let Err(refusal) = check_rehearsal(is_rehearsal, strategy, self.core.strategies.support(strategy)) {
            return Ok(Err(refusal));
        }
        self.reset(sale, ResetBody { strategy: Some(strategy) }, keyed).await
    }

    async fn reset(&self, sale: &SaleId, body: ResetBody, keyed: Option<Keyed>) -> Decided<Answer<Sale>> {
        let (catalogue, sale) = (self.clone(), sale.clone());
        to_the_end(async move { catalogue.put_all_back(&sale, body, keyed).await }).await
    }

    async fn put_all_back(&self, sale: &SaleId, body: ResetBody, keyed: Option<Keyed>) -> Decided<Answer<Sale>> {
        let Some(desk) = self.core.find(sale).await? else { return Ok(Err(unknown_sale(sale))) };
        let _alone = desk.resetting.lock().await;
        let strategy = body.strategy.filter(|strategy| *strategy != desk.stock.read().strategy);
        if strategy.is_none()
            && keyed.is_none()
            && let Some(sale) = self.untouched(&desk).await?
        {
            return Ok(Ok(Answer::Fresh(sale)));
        }
        let put_back = async |begun: Option<Begun>| tried_anew(|| self.put_back(&desk, strategy, begun.as_ref())).await;
        self.answer_once(keyed, &format!("POST /sales/{sale}/reset"), &body, put_back).await
    }

    /// The sale, if its stock is as it was made and the mirror knows that. This takes no lock, so that resets of a sale
    /// that nobody has touched hold up nobody's purchase.
    async fn untouched(&self, desk: &SaleDesk) -> Result<Option<Sale>, EngineError> {
        let mut reader = self.core.desk.store.reader().await?;
        let (seq, is_untouched) = store::untouched_at(reader.connection(), desk.sale_id).await?;
        let stock = desk.stock.read();
        Ok((is_untouched && stock.seq == seq).then(|| stock.sale(self.core.clock().now())))
    }

    async fn put_back(
        &self,
        desk: &Arc<SaleDesk>,
        strategy: Option<StrategyKind>,
        begun: Option<&Begun>,
    ) -> Decided<Sale> {
        let mut writer = self.core.desk.writer().await?;
        let now = self.core.clock().now();
        let mut transaction = writer.begin().await?;
        store::lock_stock(transaction.connection(), desk.sale_id).await?;
        let (_, is_untouched) = store::untouched_at(transaction.connection(), desk.sale_id).await?;
        if is_untouched && strategy.is_none() {
            let sale = self.commit_anew(transaction, desk, begun, OK, now, Stock::sale).await?;
            writer.settle();
            return Ok(Ok(sale));
        }
        let stock = stored(&mut transaction, desk.slug().as_str()).await?;
        let is_real = !stock.rehearsal && !self.core.till.is_demo;
        if is_real && store::is_anything_paid(transaction.connection(), desk.sale_id).await? {
            transaction.rollback().await?;
            writer.settle();
            let detail = "Buyers have paid in this sale, so it cannot be put back to its beginning.";
            return Ok(Err(Refusal::new(Code::StepNotAllowed, detail)));
        }
        let all = stock.tiers.iter().map(|tier| units(tier.id.as_str(), tier.counts.capacity()));
        let (sale_id, line) = (desk.sale_id, next_line(&stock, now, ChangeKind::Reset, all.collect()));
        store::append(transaction.connection(), sale_id, &line).await?;
        // This must happen before the stock is put back, because some strategies keep the stock in rows of its own.
        if let Some(strategy) = strategy {
            store::set_strategy(transaction.connection(), sale_id, strategy).await?;
        }
        store::reset_sale(transaction.connection(), sale_id, &line.hash, now).await?;
        store::give_all_back(transaction.connection(), sale_id, RESET, now).await?;
        let sale = self.commit_anew(transaction, desk, begun, OK, now, Stock::sale).await?;
        writer.settle();
        Ok(Ok(sale))
    }
}

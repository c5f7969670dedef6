//! The settings that an organiser may change.

use super::{
    changing::{stored, to_the_end},
    checking::check_patch,
    desk::Catalogue,
};
use crate::{
    model::{
        body::SalePatch,
        ids::SaleId,
        outcome::{Code, Refusal},
        sale::{Sale, SaleSwitch},
        time::Timestamp,
    },
    server::{
        engine::{answer::Decided, refusals::unknown_sale},
        stock::Stock,
        store::{self, PatchRecord},
    },
};

impl Catalogue {
    /// Changes the settings of a sale. A closed sale never opens again.
    pub async fn patch_sale(&self, sale: &SaleId, body: SalePatch) -> Decided<Sale> {
        let (catalogue, sale) = (self.clone(), sale.clone());
        to_the_end(async move { catalogue.patch(&sale, body).await }).await
    }

    async fn patch(&self, sale: &SaleId, body: SalePatch) -> Decided<Sale> {
        let Some(desk) = self.core.find(sale).await? else { return Ok(Err(unknown_sale(sale))) };
        if let Err(refusal) = check_patch(&body) {
            return Ok(Err(refusal));
        }
        let mut writer = self.core.desk.writer().await?;
        let now = self.core.clock().now();
        let mut transaction = writer.begin().await?;
        store::lock_sale(transaction.connection(), desk.sale_id).await?;
        let before = stored(&mut transaction, sale.as_str()).await?;
        if before.switch == SaleSwitch::Closed && body.status.is_some() {
            transaction.rollback().await?;
            writer.settle();
            return Ok(Err(Refusal::new(Code::StepNotAllowed, "A closed sale stays closed.")));
        }
        store::patch_sale(transaction.connection(), desk.sale_id, &record(&before, &body, now)).await?;
        let after = stored(&mut transaction, sale.as_str()).await?;
        transaction.commit().await?;
        let patched = after.sale(now);
        self.core.desk.patch(&desk, after);
        self.core.desk.changed.notify_one();
        writer.settle();
        Ok(Ok(patched))
    }
}

fn record<'a>(before: &Stock, body: &'a SalePatch, now: Timestamp) -> PatchRecord<'a> {
    // Opening a sale by hand means opening it now, unless the same patch sets an opening time.
    let opens_now = body.status == Some(SaleSwitch::Open) && before.opens_at.is_some_and(|opening| now < opening);
    let message =
        body.message.as_ref().map(|message| message.as_deref().map(str::trim).filter(|text| !text.is_empty()));
    PatchRecord {
        name: body.name.as_deref().map(str::trim),
        switch: body.status,
        opens_at: body.opens_at.or(opens_now.then_some(Some(now))),
        message,
        max_per_buyer: body.max_per_buyer,
        hold_ttl_seconds: body.hold_ttl_seconds,
        hold_extension_seconds: body.hold_extension_seconds,
        hold_extensions: body.hold_extensions,
        payment_grace_seconds: body.payment_grace_seconds,
        contact: body.contact,
    }
}

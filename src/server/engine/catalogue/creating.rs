//! Creates sales.

use super::{
    answer_once::{Begun, CREATED, keep},
    changing::{stored, to_the_end},
    checking::{check_new_sale, currency},
    desk::Catalogue,
    lines::{first_line, units},
    seats::new_seats,
};
use crate::{
    model::{
        body::NewSale,
        ids::{free_slug, slug},
        limits::{
            DEFAULT_HOLD_EXTENSION_SECONDS, DEFAULT_HOLD_EXTENSIONS, DEFAULT_HOLD_TTL_SECONDS,
            DEFAULT_PAYMENT_GRACE_SECONDS,
        },
        sale::{Checkout, ContactRule, Sale},
        seat::{SeatLayout, seat_rows},
        time::Timestamp,
    },
    server::{
        engine::{
            answer::{Answer, Decided, Keyed},
            error::EngineError,
            options::Till,
        },
        store::{self, NewSaleRecord, NewTierRecord, SaleTerms, Transaction},
    },
};

impl Catalogue {
    /// Creates a sale. It is open at once unless it has an opening time.
    pub async fn create_sale(&self, body: NewSale, keyed: Option<Keyed>) -> Decided<Answer<Sale>> {
        let catalogue = self.clone();
        to_the_end(async move { catalogue.make_sale(body, keyed, false).await }).await
    }

    /// As [`create_sale`](Self::create_sale), but ends with its caller. With `once`, it is one of the demo's sales: nothing is
    /// created where a sale has the name's slug already, and none needs a payment provider.
    pub(super) async fn make_sale(&self, body: NewSale, keyed: Option<Keyed>, once: bool) -> Decided<Answer<Sale>> {
        let till = Till { is_demo: once || self.core.till.is_demo, ..self.core.till };
        if let Err(refusal) = check_new_sale(&body, till, |strategy| self.core.strategies.support(strategy)) {
            return Ok(Err(refusal));
        }
        self.answer_once(keyed, "POST /sales", &body, async |begun| self.make(&body, begun, once).await.map(Ok)).await
    }

    async fn make(&self, body: &NewSale, begun: Option<Begun>, once: bool) -> Result<Sale, EngineError> {
        let name_slug = slug(body.name.trim()).unwrap_or_else(|| "sale".to_owned());
        let mut writer = self.core.desk.writer().await?;
        let now = self.core.clock().now();
        let mut transaction = writer.begin().await?;
        store::lock_catalogue(transaction.connection()).await?;
        let taken = store::slugs_like(transaction.connection(), &name_slug).await?;
        if once && taken.contains(&name_slug) {
            let stock = stored(&mut transaction, &name_slug).await?;
            transaction.rollback().await?;
            writer.settle();
            return Ok(self.core.adopt(stock).stock.read().sale(now));
        }
        let id = free_slug(&name_slug, |candidate| taken.iter().any(|slug| slug == candidate));
        write_new(&mut transaction, body, checkout(body, self.core.till), &id, now).await?;
        let stock = stored(&mut transaction, &id).await?;
        let sale = stock.sale(now);
        keep(&mut transaction, begun.as_ref(), CREATED, &sale, now).await?;
        transaction.commit().await?;
        self.core.adopt(stock);
        self.core.desk.changed.notify_one();
        writer.settle();
        Ok(sale)
    }
}

/// Whether the units of a new sale are bought at once, or held and then paid.
fn checkout(body: &NewSale, till: Till) -> Checkout {
    let costs =
        body.tiers.iter().any(|tier| tier.price > 0 || tier.price_steps.iter().flatten().any(|step| step.price > 0));
    let usual = if costs && till.has_provider { Checkout::Paid } else { Checkout::Instant };
    body.checkout.unwrap_or(usual)
}

async fn write_new(
    transaction: &mut Transaction<'_>,
    body: &NewSale,
    checkout: Checkout,
    id: &str,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let layouts: Vec<Option<SeatLayout>> = body.tiers.iter().map(|tier| tier.seats).collect();
    let record = new_sale_record(body, checkout, id, now);
    let (sale_id, tier_ids) = store::insert_sale(transaction.connection(), &record).await?;
    store::insert_seats(transaction.connection(), sale_id, 0, &tier_ids, &new_seats(&seat_rows(&layouts))).await?;
    let units = record.tiers.iter().map(|tier| units(&tier.slug, tier.capacity)).collect();
    let line = first_line(now, units);
    store::append(transaction.connection(), sale_id, &line).await?;
    store::set_head(transaction.connection(), sale_id, line.seq, &line.hash).await
}

fn new_sale_record<'a>(body: &'a NewSale, checkout: Checkout, id: &'a str, now: Timestamp) -> NewSaleRecord<'a> {
    let mut taken: Vec<String> = Vec::new();
    let tiers = body.tiers.iter().map(|tier| {
        let wanted = slug(tier.name.trim()).unwrap_or_else(|| "tier".to_owned());
        let slug = free_slug(&wanted, |candidate| taken.iter().any(|slug| slug == candidate));
        taken.push(slug.clone());
        NewTierRecord {
            slug,
            name: tier.name.trim().to_owned(),
            price: tier.price,
            price_steps: tier.price_steps.clone().unwrap_or_default(),
            currency: currency(tier).to_owned(),
            seated: tier.seats.is_some(),
            capacity: tier.seats.and_then(SeatLayout::seats).or(tier.quantity).expect("a tier was checked"),
        }
    });
    NewSaleRecord {
        slug: id,
        name: body.name.trim(),
        strategy: body.strategy.unwrap_or_default(),
        rehearsal: body.rehearsal.unwrap_or_default(),
        opens_at: body.opens_at,
        terms: SaleTerms {
            checkout,
            contact: body.contact.unwrap_or(match checkout {
                Checkout::Paid => ContactRule::Required,
                Checkout::Instant => ContactRule::Optional,
            }),
            hold_ttl_seconds: body.hold_ttl_seconds.unwrap_or(DEFAULT_HOLD_TTL_SECONDS),
            hold_extension_seconds: body.hold_extension_seconds.unwrap_or(DEFAULT_HOLD_EXTENSION_SECONDS),
            hold_extensions: body.hold_extensions.unwrap_or(DEFAULT_HOLD_EXTENSIONS),
            payment_grace_seconds: body.payment_grace_seconds.unwrap_or(DEFAULT_PAYMENT_GRACE_SECONDS),
        },
        max_per_buyer: body.max_per_buyer,
        tiers: tiers.collect(),
        created_at: now,
    }
}

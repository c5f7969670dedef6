//! Making sales and changing them.

use std::sync::Arc;

use super::{
    Answer, Decided, Engine, EngineError, Keyed,
    buying::{Started, fingerprint, unknown_sale},
    checking::{check_new_sale, check_patch, currency},
};
use crate::{
    model::{
        body::{NewSale, SalePatch},
        ids::{SaleId, TierId, free_slug, slug},
        ledger::{ChangeKind, Units},
        limits::DEFAULT_HOLD_TTL_SECONDS,
        outcome::{Code, Refusal},
        sale::{Sale, SaleSwitch},
        seat::{SeatLayout, SeatRow, SeatStatus, seat_rows},
        time::Timestamp,
    },
    server::{
        ledger::{self, FIRST_PREVIOUS, Hash},
        stock::Stock,
        store::{self, LedgerRecord, NewSaleRecord, NewSeatRecord, NewTierRecord, PatchRecord, Transaction},
        strategy::KeyGuard,
    },
};

/// The answer's status when a sale or stock was made, and when a sale was reset.
pub(super) const CREATED: u16 = 201;
pub(super) const OK: u16 = 200;

/// A keyed request that has begun: its key, its fingerprint and what holds it in flight.
pub(super) struct Begun {
    keyed: Keyed,
    fingerprint: [u8; 16],
    guard: super::keys::InFlight,
}

impl Engine {
    /// Makes a sale; it is open at once unless it has an opening time.
    pub async fn create_sale(self: &Arc<Self>, body: NewSale, keyed: Option<Keyed>) -> Decided<Answer<Sale>> {
        let engine = self.clone();
        to_the_end(async move { engine.make_sale(body, keyed, false).await }).await
    }

    /// The same, for a caller who waits for it; with `once`, only where no sale has the name's slug.
    pub(super) async fn make_sale(&self, body: NewSale, keyed: Option<Keyed>, once: bool) -> Decided<Answer<Sale>> {
        if let Err(refusal) = check_new_sale(&body, |strategy| self.strategies.support(strategy)) {
            return Ok(Err(refusal));
        }
        let begun = match self.begin_keyed(keyed, "POST /sales", &body).await? {
            Ok(Proceed::With(begun)) => begun,
            Ok(Proceed::Replay(answer)) => return Ok(Ok(answer)),
            Err(refusal) => return Ok(Err(refusal)),
        };
        let name_slug = slug(body.name.trim()).unwrap_or_else(|| "sale".to_owned());
        let mut writer = self.desk.writer().await?;
        let now = self.clock().now();
        let mut transaction = writer.begin().await?;
        store::lock_catalogue(transaction.connection()).await?;
        let taken = store::slugs_like(transaction.connection(), &name_slug).await?;
        if once && taken.contains(&name_slug) {
            let stock = stored(&mut transaction, &name_slug).await?;
            transaction.rollback().await?;
            writer.settle();
            return Ok(Ok(Answer::Fresh(self.adopt(stock).stock.read().sale(now))));
        }
        let id = free_slug(&name_slug, |candidate| taken.iter().any(|slug| slug == candidate));
        let layouts: Vec<Option<SeatLayout>> = body.tiers.iter().map(|tier| tier.seats).collect();
        let record = new_sale_record(&body, &id, now);
        let (sale_id, tier_ids) = store::insert_sale(transaction.connection(), &record).await?;
        store::insert_seats(transaction.connection(), sale_id, 0, &tier_ids, &new_seats(&seat_rows(&layouts))).await?;
        let units = record.tiers.iter().map(|tier| units(&tier.slug, tier.capacity)).collect();
        let line = first_line(now, units);
        store::append(transaction.connection(), sale_id, &line).await?;
        store::set_head(transaction.connection(), sale_id, line.seq, &line.hash).await?;
        let stock = stored(&mut transaction, &id).await?;
        let sale = stock.sale(now);
        keep(&mut transaction, begun.as_ref(), CREATED, &sale, now).await?;
        transaction.commit().await?;
        self.adopt(stock);
        self.desk.changed.notify_one();
        writer.settle();
        Ok(Ok(Answer::Fresh(sale)))
    }

    /// Changes what an organiser may change. Closed is final.
    pub async fn patch_sale(self: &Arc<Self>, sale: &SaleId, body: SalePatch) -> Decided<Sale> {
        let (engine, sale) = (self.clone(), sale.clone());
        to_the_end(async move { engine.patch(&sale, body).await }).await
    }

    async fn patch(&self, sale: &SaleId, body: SalePatch) -> Decided<Sale> {
        let Some(desk) = self.find(sale).await? else { return Ok(Err(unknown_sale(sale))) };
        if let Err(refusal) = check_patch(&body) {
            return Ok(Err(refusal));
        }
        let mut writer = self.desk.writer().await?;
        let now = self.clock().now();
        let mut transaction = writer.begin().await?;
        store::lock_sale(transaction.connection(), desk.sale_id).await?;
        let before = stored(&mut transaction, sale.as_str()).await?;
        if before.switch == SaleSwitch::Closed && body.status.is_some() {
            transaction.rollback().await?;
            writer.settle();
            return Ok(Err(Refusal::new(Code::StepNotAllowed, "A closed sale stays closed.")));
        }
        // Whoever opens a sale by hand means now, unless a time comes with it.
        let opens_now = body.status == Some(SaleSwitch::Open) && before.opens_at.is_some_and(|opening| now < opening);
        let message = body.message.as_deref().map(str::trim).map(|message| (!message.is_empty()).then_some(message));
        let patch = PatchRecord {
            switch: body.status,
            opens_at: body.opens_at.or(opens_now.then_some(now)),
            message,
            max_per_buyer: body.max_per_buyer,
            hold_ttl_seconds: body.hold_ttl_seconds,
        };
        store::patch_sale(transaction.connection(), desk.sale_id, &patch).await?;
        let after = stored(&mut transaction, sale.as_str()).await?;
        transaction.commit().await?;
        let patched = after.sale(now);
        self.desk.patch(&desk, after);
        self.desk.changed.notify_one();
        writer.settle();
        Ok(Ok(patched))
    }

    /// Begins an organiser's request, with a key or without.
    pub(super) async fn begin_keyed<T>(
        &self,
        keyed: Option<Keyed>,
        route: &str,
        body: &impl serde::Serialize,
    ) -> Decided<Proceed<T>> {
        let Some(keyed) = keyed else { return Ok(Ok(Proceed::With(None))) };
        let fingerprint = fingerprint(route, body);
        let started = match self.begin(keyed.buyer, &keyed.key, || fingerprint).await? {
            // Another process may have answered this key.
            Started::New { guard, .. } if self.desk.store.is_shared() => {
                self.look_up(keyed.buyer, &keyed.key, || fingerprint, guard).await?
            }
            started => started,
        };
        Ok(match started {
            Started::New { guard, .. } => Ok(Proceed::With(Some(Begun { keyed, fingerprint, guard }))),
            Started::Answered(store::StoredBody::Sent { status, body }) => {
                Ok(Proceed::Replay(Answer::Replayed { status, body }))
            }
            Started::Answered(store::StoredBody::Order(_)) => {
                Err(Refusal::new(Code::IdempotencyKeyReused, "This key came before with a purchase."))
            }
            Started::Refused(refusal) => Err(refusal),
        })
    }
}

/// Goes on with an organiser's request also where the client goes away meanwhile: what was committed has to be remembered,
/// and shown to everybody.
pub(super) async fn to_the_end<T: Send + 'static>(
    request: impl Future<Output = Decided<T>> + Send + 'static,
) -> Decided<T> {
    tokio::spawn(request).await.unwrap_or(Err(EngineError::Store(sqlx::Error::WorkerCrashed)))
}

/// Whether a keyed request goes on or was answered before.
pub(super) enum Proceed<T> {
    With(Option<Begun>),
    Replay(Answer<T>),
}

/// The sale as it is stored, read inside a transaction.
pub(super) async fn stored(transaction: &mut Transaction<'_>, slug: &str) -> Result<Stock, sqlx::Error> {
    let record = store::find_sale(transaction.connection(), slug).await?.ok_or(sqlx::Error::RowNotFound)?;
    Ok(Stock::new(record))
}

/// Keeps the answer to a keyed request in the transaction that makes it true. The key is known from here on: where the
/// commit fails, nobody can say that it was never answered.
pub(super) async fn keep(
    transaction: &mut Transaction<'_>,
    begun: Option<&Begun>,
    status: u16,
    answer: &impl serde::Serialize,
    at: Timestamp,
) -> Result<(), sqlx::Error> {
    let Some(begun) = begun else { return Ok(()) };
    begun.guard.remember();
    let body = serde_json::to_string(answer).expect("an answer is plain data");
    let key = (begun.keyed.buyer, begun.keyed.key.as_str());
    store::keep_body(transaction.connection(), key, begun.fingerprint, (status, &body), at).await
}

fn new_sale_record<'a>(body: &'a NewSale, id: &'a str, now: Timestamp) -> NewSaleRecord<'a> {
    let mut taken: Vec<String> = Vec::new();
    let tiers = body.tiers.iter().map(|tier| {
        let wanted = slug(tier.name.trim()).unwrap_or_else(|| "tier".to_owned());
        let slug = free_slug(&wanted, |candidate| taken.iter().any(|slug| slug == candidate));
        taken.push(slug.clone());
        NewTierRecord {
            slug,
            name: tier.name.trim().to_owned(),
            price: tier.price,
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
        hold_ttl_seconds: body.hold_ttl_seconds.unwrap_or(DEFAULT_HOLD_TTL_SECONDS),
        max_per_buyer: body.max_per_buyer,
        tiers: tiers.collect(),
        created_at: now,
    }
}

pub(super) fn units(tier: &str, quantity: u64) -> Units {
    Units { tier: TierId(tier.to_owned()), seat: None, quantity }
}

fn first_line(at: Timestamp, units: Vec<Units>) -> LedgerRecord {
    line_after(0, &FIRST_PREVIOUS, at, ChangeKind::Stock, units)
}

pub(super) fn next_line(stock: &Stock, at: Timestamp, kind: ChangeKind, units: Vec<Units>) -> LedgerRecord {
    line_after(stock.seq, &stock.head_hash, at, kind, units)
}

fn line_after(seq: u64, previous: &Hash, at: Timestamp, kind: ChangeKind, units: Vec<Units>) -> LedgerRecord {
    let seq = seq + 1;
    let hash = ledger::hash(seq, &at.to_string(), kind, &units, None, previous);
    LedgerRecord { seq, at, kind, units, reference: None, hash }
}

pub(super) fn new_seats(rows: &[SeatRow]) -> Vec<NewSeatRecord> {
    rows.iter()
        .flat_map(|row| {
            row.labels().map(|(number, label)| NewSeatRecord {
                tier_index: row.tier_index,
                section: row.section.clone(),
                row: row.row.clone(),
                number,
                label: label.0,
                status: SeatStatus::Available,
            })
        })
        .collect()
}

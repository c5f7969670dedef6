//! Making sales, changing them, adding stock, resetting. Each change of stock is one ledger line, like a purchase.

use std::sync::Arc;

use super::{
    Answer, Decided, Engine, EngineError, Keyed,
    buying::{Started, fingerprint, unknown_sale},
    checking::{check_new_sale, check_patch, check_rehearsal, check_stock, currency},
};
use crate::{
    model::{
        body::{NewSale, ResetBody, SalePatch, StockBody},
        ids::{SaleId, TierId, free_slug, slug},
        ledger::{ChangeKind, Units},
        limits::DEFAULT_HOLD_TTL_SECONDS,
        outcome::{Code, Refusal},
        sale::{Sale, SaleSwitch, StockCreated},
        seat::{SeatLayout, SeatRow, SeatStatus, row_letters, seat_rows},
        strategy::StrategyKind,
        time::Timestamp,
    },
    server::{
        ledger::{self, FIRST_PREVIOUS, Hash},
        store::{self, LedgerRecord, NewSaleRecord, NewSeatRecord, NewTierRecord, PatchRecord, Transaction},
        strategy::{KeyGuard, SaleDesk, stock::Stock},
    },
};

/// The answer's status when a sale or stock was made, and when a sale was reset.
const CREATED: u16 = 201;
const OK: u16 = 200;

/// A keyed request that has begun: its key, its fingerprint and what holds it in flight.
struct Begun {
    keyed: Keyed,
    fingerprint: [u8; 16],
    guard: super::keys::InFlight,
}

impl Engine {
    /// Makes a sale; it is open at once unless it has an opening time.
    pub async fn create_sale(&self, body: NewSale, keyed: Option<Keyed>) -> Decided<Answer<Sale>> {
        self.make_sale(body, keyed, false).await
    }

    /// The same; with `once`, only where no sale has the name's slug.
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
        remember(begun);
        Ok(Ok(Answer::Fresh(sale)))
    }

    /// Changes what an organiser may change. Closed is final.
    pub async fn patch_sale(&self, sale: &SaleId, body: SalePatch) -> Decided<Sale> {
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

    /// Puts all stock back as made; orders are void, the ledger goes on.
    pub async fn reset_sale(&self, sale: &SaleId, keyed: Option<Keyed>) -> Decided<Answer<Sale>> {
        self.reset(sale, ResetBody::default(), keyed).await
    }

    /// The same for a rehearsal, which is sold by this strategy from then on.
    pub async fn rehearse_with(
        &self,
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

    async fn reset(&self, sale: &SaleId, body: ResetBody, keyed: Option<Keyed>) -> Decided<Answer<Sale>> {
        let Some(desk) = self.find(sale).await? else { return Ok(Err(unknown_sale(sale))) };
        let begun = match self.begin_keyed(keyed, &format!("POST /sales/{sale}/reset"), &body).await? {
            Ok(Proceed::With(begun)) => begun,
            Ok(Proceed::Replay(answer)) => return Ok(Ok(answer)),
            Err(refusal) => return Ok(Err(refusal)),
        };
        let mut writer = self.desk.writer().await?;
        let now = self.clock().now();
        let mut transaction = writer.begin().await?;
        store::lock_sale(transaction.connection(), desk.sale_id).await?;
        let stock = stored(&mut transaction, sale.as_str()).await?;
        let all = stock.tiers.iter().map(|tier| units(tier.id.as_str(), tier.counts.capacity()));
        let (sale_id, line) = (desk.sale_id, next_line(&stock, now, ChangeKind::Reset, all.collect()));
        store::append(transaction.connection(), sale_id, &line).await?;
        // Before the stock is put back: some strategies keep it in rows of its own.
        if let Some(strategy) = body.strategy {
            store::set_strategy(transaction.connection(), sale_id, strategy).await?;
        }
        store::reset_sale(transaction.connection(), sale_id, &line.hash).await?;
        let sale = self.commit_anew(transaction, &desk, begun.as_ref(), OK, now, Stock::sale).await?;
        writer.settle();
        remember(begun);
        Ok(Ok(Answer::Fresh(sale)))
    }

    /// Adds units to a tier: to the counter of general admission, or as seats in new rows behind all others.
    pub async fn add_stock(
        &self,
        sale: &SaleId,
        body: StockBody,
        keyed: Option<Keyed>,
    ) -> Decided<Answer<StockCreated>> {
        let Some(desk) = self.find(sale).await? else { return Ok(Err(unknown_sale(sale))) };
        let (tier_index, add) = match check_stock(&desk.stock.read(), &body) {
            Ok(checked) => checked,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let begun = match self.begin_keyed(keyed, &format!("POST /sales/{sale}/stock"), &body).await? {
            Ok(Proceed::With(begun)) => begun,
            Ok(Proceed::Replay(answer)) => return Ok(Ok(answer)),
            Err(refusal) => return Ok(Err(refusal)),
        };
        let mut writer = self.desk.writer().await?;
        let now = self.clock().now();
        let mut transaction = writer.begin().await?;
        store::lock_sale(transaction.connection(), desk.sale_id).await?;
        let stock = stored(&mut transaction, sale.as_str()).await?;
        // Checked again in turn: others may have added in the meantime.
        if let Err(refusal) = check_stock(&stock, &body) {
            transaction.rollback().await?;
            writer.settle();
            return Ok(Err(refusal));
        }
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
        let created = self.commit_anew(transaction, &desk, begun.as_ref(), CREATED, now, created).await?;
        writer.settle();
        remember(begun);
        Ok(Ok(Answer::Fresh(created)))
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
        let slug = desk.stock.read().id.clone();
        let stock = stored(&mut transaction, slug.as_str()).await?;
        let answer = answer(&stock, now);
        keep(&mut transaction, begun, status, &answer, now).await?;
        transaction.commit().await?;
        self.desk.replace(desk, stock);
        self.desk.changed.notify_one();
        Ok(answer)
    }

    /// Begins an organiser's request, with a key or without.
    async fn begin_keyed<T>(
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

/// Whether a keyed request goes on or was answered before.
enum Proceed<T> {
    With(Option<Begun>),
    Replay(Answer<T>),
}

/// The sale as it is stored, read inside a transaction.
async fn stored(transaction: &mut Transaction<'_>, slug: &str) -> Result<Stock, sqlx::Error> {
    let record = store::find_sale(transaction.connection(), slug).await?.ok_or(sqlx::Error::RowNotFound)?;
    Ok(Stock::new(record))
}

/// Keeps the answer to a keyed request in the transaction that makes it true.
async fn keep(
    transaction: &mut Transaction<'_>,
    begun: Option<&Begun>,
    status: u16,
    answer: &impl serde::Serialize,
    at: Timestamp,
) -> Result<(), sqlx::Error> {
    let Some(begun) = begun else { return Ok(()) };
    let body = serde_json::to_string(answer).expect("an answer is plain data");
    let key = (begun.keyed.buyer, begun.keyed.key.as_str());
    store::keep_body(transaction.connection(), key, begun.fingerprint, (status, &body), at).await
}

fn remember(begun: Option<Begun>) {
    if let Some(begun) = begun {
        begun.guard.remember();
    }
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

fn units(tier: &str, quantity: u64) -> Units {
    Units { tier: TierId(tier.to_owned()), seat: None, quantity }
}

fn first_line(at: Timestamp, units: Vec<Units>) -> LedgerRecord {
    line_after(0, &FIRST_PREVIOUS, at, ChangeKind::Stock, units)
}

fn next_line(stock: &Stock, at: Timestamp, kind: ChangeKind, units: Vec<Units>) -> LedgerRecord {
    line_after(stock.seq, &stock.head_hash, at, kind, units)
}

fn line_after(seq: u64, previous: &Hash, at: Timestamp, kind: ChangeKind, units: Vec<Units>) -> LedgerRecord {
    let seq = seq + 1;
    let hash = ledger::hash(seq, &at.to_string(), kind, &units, None, previous);
    LedgerRecord { seq, at, kind, units, reference: None, hash }
}

fn new_seats(rows: &[SeatRow]) -> Vec<NewSeatRecord> {
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

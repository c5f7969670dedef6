//! Making sales, changing them, adding stock, resetting. Each change of stock is one ledger line, like a purchase.

use std::sync::Arc;

use super::{
    Answer, Decided, Engine, EngineError, Keyed, announcement,
    buying::{Started, fingerprint, unknown_sale},
    checking::{check_new_sale, check_patch, check_stock, currency},
};
use crate::{
    model::{
        body::{NewSale, SalePatch, StockBody},
        ids::{SaleId, TierId, free_slug, slug},
        ledger::{ChangeKind, Units},
        limits::DEFAULT_HOLD_TTL_SECONDS,
        outcome::{Code, Refusal},
        sale::{Sale, SaleSwitch, StockCreated},
        seat::{SeatLayout, SeatRow, SeatStatus, row_letters, seat_rows},
        time::Timestamp,
    },
    server::{
        ledger::{self, FIRST_PREVIOUS, Hash},
        store::{self, LedgerRecord, NewSaleRecord, NewSeatRecord, NewTierRecord, PatchRecord},
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
        if let Err(refusal) = check_new_sale(&body, |strategy| self.strategies.get(strategy).is_some()) {
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
        let id = self.free_sale_slug(&mut transaction, &name_slug).await?;
        let layouts: Vec<Option<SeatLayout>> = body.tiers.iter().map(|tier| tier.seats).collect();
        let record = new_sale_record(&body, &id, now);
        let (sale_id, tier_ids) = store::insert_sale(&mut transaction, &record).await?;
        store::insert_seats(&mut transaction, sale_id, 0, &tier_ids, &new_seats(&seat_rows(&layouts))).await?;
        let units = record.tiers.iter().map(|tier| units(&tier.slug, tier.capacity)).collect();
        let line = first_line(now, units);
        store::append(&mut transaction, sale_id, &line).await?;
        store::set_head(&mut transaction, sale_id, line.seq, &line.hash).await?;
        let stored = store::find_sale(&mut transaction, &id).await?.ok_or(sqlx::Error::RowNotFound)?;
        let stock = Stock::new(stored);
        let sale = stock.sale(now);
        keep(&mut transaction, begun.as_ref(), CREATED, &sale, now).await?;
        transaction.commit().await?;
        self.adopt(stock);
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
        let (sale_id, switch, opens_at) = {
            let stock = desk.stock.read();
            (stock.sale_id, stock.switch, stock.opens_at)
        };
        if switch == SaleSwitch::Closed && body.status.is_some() {
            return Ok(Err(Refusal::new(Code::StepNotAllowed, "A closed sale stays closed.")));
        }
        // Whoever opens a sale by hand means now, unless a time comes with it.
        let opens_now = body.status == Some(SaleSwitch::Open) && opens_at.is_some_and(|opening| now < opening);
        let opens_at = body.opens_at.or(opens_now.then_some(now));
        let message = body.message.as_deref().map(str::trim).map(|message| (!message.is_empty()).then_some(message));
        let patch = PatchRecord {
            switch: body.status,
            opens_at,
            message,
            max_per_buyer: body.max_per_buyer,
            hold_ttl_seconds: body.hold_ttl_seconds,
        };
        let mut transaction = writer.begin().await?;
        store::patch_sale(&mut *transaction, sale_id, &patch).await?;
        // Whoever sets a limit for the first time has to know what everybody owns.
        let is_newly_limited = patch.max_per_buyer.is_some() && desk.stock.read().max_per_buyer.is_none();
        let owned = match is_newly_limited {
            true => Some(store::units_by_buyer(&mut transaction, sale_id).await?),
            false => None,
        };
        transaction.commit().await?;
        let mut stock = desk.stock.write();
        stock.owned = owned.unwrap_or_else(|| std::mem::take(&mut stock.owned));
        stock.switch = patch.switch.unwrap_or(stock.switch);
        stock.opens_at = patch.opens_at.or(stock.opens_at);
        if let Some(message) = patch.message {
            stock.message = message.map(str::to_owned);
        }
        stock.max_per_buyer = patch.max_per_buyer.or(stock.max_per_buyer);
        stock.hold_ttl_seconds = patch.hold_ttl_seconds.unwrap_or(stock.hold_ttl_seconds);
        if let Some(hub) = self.hubs.get(sale_id) {
            hub.announce(announcement(&stock));
        }
        writer.settle();
        Ok(Ok(stock.sale(now)))
    }

    /// Puts all stock back as made; orders are void, the ledger goes on.
    pub async fn reset_sale(&self, sale: &SaleId, keyed: Option<Keyed>) -> Decided<Answer<Sale>> {
        let Some(desk) = self.find(sale).await? else { return Ok(Err(unknown_sale(sale))) };
        let begun = match self.begin_keyed(keyed, &format!("POST /sales/{sale}/reset"), &()).await? {
            Ok(Proceed::With(begun)) => begun,
            Ok(Proceed::Replay(answer)) => return Ok(Ok(answer)),
            Err(refusal) => return Ok(Err(refusal)),
        };
        let mut writer = self.desk.writer().await?;
        let now = self.clock().now();
        let (sale_id, line) = {
            let stock = desk.stock.read();
            let units = stock.tiers.iter().map(|tier| units(tier.id.as_str(), tier.counts.capacity()));
            (stock.sale_id, next_line(&stock, now, ChangeKind::Reset, units.collect()))
        };
        let mut transaction = writer.begin().await?;
        store::append(&mut transaction, sale_id, &line).await?;
        store::reset_sale(&mut transaction, sale_id, &line.hash).await?;
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
        // Checked again in turn: others may have added in the meantime.
        if let Err(refusal) = check_stock(&desk.stock.read(), &body) {
            return Ok(Err(refusal));
        }
        let (sale_id, tier_ids, line, first_position, seats) = {
            let stock = desk.stock.read();
            let tier_ids: Vec<i64> = stock.tiers.iter().map(|tier| tier.tier_id).collect();
            let line = next_line(&stock, now, ChangeKind::Stock, vec![units(body.tier.as_str(), add)]);
            let first_position = u32::try_from(stock.seats.len()).expect("seats are few");
            (stock.sale_id, tier_ids, line, first_position, added_seats(&stock, tier_index, add))
        };
        let mut transaction = writer.begin().await?;
        store::append(&mut transaction, sale_id, &line).await?;
        store::insert_seats(&mut transaction, sale_id, first_position, &tier_ids, &seats).await?;
        store::add_stock(&mut transaction, sale_id, tier_ids[tier_index], add, &line.hash).await?;
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
        mut transaction: sqlx::Transaction<'_, sqlx::Sqlite>,
        desk: &Arc<SaleDesk>,
        begun: Option<&Begun>,
        status: u16,
        now: Timestamp,
        answer: impl FnOnce(&Stock, Timestamp) -> T,
    ) -> Result<T, EngineError> {
        let slug = desk.stock.read().id.clone();
        let record = store::find_sale(&mut transaction, slug.as_str()).await?.ok_or(sqlx::Error::RowNotFound)?;
        let stock = Stock::new(record);
        let answer = answer(&stock, now);
        keep(&mut transaction, begun, status, &answer, now).await?;
        transaction.commit().await?;
        let mut mirror = desk.stock.write();
        *mirror = stock;
        self.hubs.show(&mirror);
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
        Ok(match self.begin(keyed.buyer, &keyed.key, || fingerprint).await? {
            Started::New(guard) => Ok(Proceed::With(Some(Begun { keyed, fingerprint, guard }))),
            Started::Answered(store::StoredBody::Sent { status, body }) => {
                Ok(Proceed::Replay(Answer::Replayed { status, body }))
            }
            Started::Answered(store::StoredBody::Order(_)) => {
                Err(Refusal::new(Code::IdempotencyKeyReused, "This key came before with a purchase."))
            }
            Started::Refused(refusal) => Err(refusal),
        })
    }

    async fn free_sale_slug(
        &self,
        connection: &mut sqlx::SqliteConnection,
        wanted: &str,
    ) -> Result<String, EngineError> {
        let taken = store::slugs_like(connection, wanted).await?;
        Ok(free_slug(wanted, |candidate| taken.iter().any(|slug| slug == candidate)))
    }
}

/// Whether a keyed request goes on or was answered before.
enum Proceed<T> {
    With(Option<Begun>),
    Replay(Answer<T>),
}

/// Keeps the answer to a keyed request in the transaction that makes it true.
async fn keep(
    connection: &mut sqlx::SqliteConnection,
    begun: Option<&Begun>,
    status: u16,
    answer: &impl serde::Serialize,
    at: Timestamp,
) -> Result<(), sqlx::Error> {
    let Some(begun) = begun else { return Ok(()) };
    let body = serde_json::to_string(answer).expect("an answer is plain data");
    let key = (begun.keyed.buyer, begun.keyed.key.as_str());
    store::keep_body(connection, key, begun.fingerprint, (status, &body), at).await
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

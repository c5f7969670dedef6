//! The transaction of a batch of settlements.
//!
//! The holds' rows are locked first, by id, then tiers and seats in the order in which the sale's claims lock them, then the
//! sale's row. A claim that has waited for a seat in vain has that seat locked until it gives up, although the seat is held
//! by then; so only the same order keeps all from waiting for each other in a circle. The batches of `group_commit` lock the
//! sale's row before all else, and no hold that was there before; so a settlement of such a sale locks the sale's row right
//! after its holds.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use uuid::Uuid;

use super::asked::{Kept, Paid, Settlement};
use crate::{
    model::{
        ids::{HoldId, OrderId},
        ledger::{ChangeKind, Movement, Shift},
        limits::MAX_BATCH,
        order::Order,
        seat::SeatStatus,
        strategy::StrategyKind,
        time::Timestamp,
    },
    server::{
        failpoint::failpoint,
        ledger::Hash,
        stock::{
            Change, Desk, SaleDesk, Sold, Stock,
            decide::{Grant, Granted, Place},
            pause_before_retry, ticket,
        },
        store::{self, EndedHold, Ending, LedgerRecord, Purchase, Settling, Transaction},
    },
};

/// How often a transaction is tried again that the database ended because of another transaction, or that met seats that the
/// mirror did not know yet.
const MAX_RETRIES: u32 = 5;
/// The longest pause before the first new try. Each further pause may be twice as long as the one before.
const PAUSE: Duration = Duration::from_millis(5);

/// Holds that are looked at in one transaction that releases those whose time is over.
const DUE_AT_ONCE: u32 = MAX_BATCH as u32;

/// Which holds a batch is about.
pub enum Which<'a> {
    Named(&'a [Settlement]),
    /// Those whose time is over, with as many units as one transaction may have.
    Due,
}

/// What a batch did: the holds that ended, those that did not because they had been changed, and the orders that they became.
#[derive(Default)]
pub struct Done {
    pub ended: Vec<HoldId>,
    pub outdated: Vec<HoldId>,
    pub orders: Vec<Order>,
}

/// Ends the holds of a batch that may end in this way now, in one transaction.
///
/// # Errors
/// Where the store fails; the outcome is then unknown. If a key was used by another request meanwhile, nothing has changed.
pub async fn settle(
    desk: &Desk,
    sale: &Arc<SaleDesk>,
    kind: ChangeKind,
    which: &Which<'_>,
) -> Result<Done, sqlx::Error> {
    let mut tries = 0;
    loop {
        match settle_once(desk, sale, kind, which).await {
            Ok(Some(done)) => return Ok(done),
            Ok(None) if tries < MAX_RETRIES => tries += 1,
            Ok(None) => return Err(sqlx::Error::Protocol("holds name seats that the sale does not have".into())),
            Err(error) if store::is_conflict(&error) && tries < MAX_RETRIES => {
                pause_before_retry(PAUSE, tries).await;
                tries += 1;
            }
            Err(error) => return Err(error),
        }
    }
}

/// Runs one transaction. `None` where it must be tried again because the mirror did not know all seats.
async fn settle_once(
    desk: &Desk,
    sale: &Arc<SaleDesk>,
    kind: ChangeKind,
    which: &Which<'_>,
) -> Result<Option<Done>, sqlx::Error> {
    let Movement::Between(shift) = kind.movement() else { unreachable!("units of holds go from one state to another") };
    let mut writer = desk.writer().await?;
    let at = desk.clock.now();
    let mut transaction = writer.begin_selling(sale.sale_id).await?;
    let endings = lock(&mut transaction, sale, which, at).await?;
    let ended = store::end_holds(transaction.connection(), &endings, kind, at).await?;
    let outdated = outdated(&mut transaction, &endings, &ended).await?;
    if ended.is_empty() {
        transaction.rollback().await?;
        writer.settle();
        return Ok(Some(Done { outdated, ..Done::default() }));
    }
    failpoint!("ended");
    // The provider is told soon that nobody can pay for them any more.
    let paying: Vec<_> = ended.iter().filter(|ended| ended.has_open_payments).map(|ended| ended.hold).collect();
    if !paying.is_empty() {
        store::look_at_payments_of(transaction.connection(), &paying, at).await?;
    }
    let Some(parts) = parts(&sale.stock.read(), &ended) else {
        transaction.rollback().await?;
        writer.settle();
        desk.reload(&mut writer, sale).await?;
        return Ok(None);
    };
    let (last, previous) = move_units(&mut transaction, sale, &ended, shift.to).await?;
    let batch = Batch { kind, at, first: last + 1 - ended.len() as u64, previous };
    let lines = batch.lines(&sale.stock.read(), &ended, &parts);
    let head = lines.last().expect("at least one hold has ended").hash;
    let sold = record(desk, &mut transaction, sale, which, &batch, (&ended, &parts, lines)).await?;
    failpoint!("settled");
    transaction.commit().await?;
    failpoint!("answered");
    tell(desk, sale, shift, &batch, head, &ended, parts);
    writer.settle();
    let stock = sale.stock.read();
    Ok(Some(Done {
        ended: ended.iter().map(|ended| ended.hold).collect(),
        outdated,
        orders: sold.iter().map(|sold| sold.order(&stock)).collect(),
    }))
}

/// Locks the holds of the batch, and the sale's row where the sale's claims lock that first. Returns the holds that are to end.
async fn lock(
    transaction: &mut Transaction<'_>,
    sale: &SaleDesk,
    which: &Which<'_>,
    at: Timestamp,
) -> Result<Vec<Ending>, sqlx::Error> {
    let endings: Vec<Ending> = match which {
        Which::Named(settlements) => {
            let holds: Vec<_> = settlements.iter().map(|settlement| settlement.hold).collect();
            store::lock_holds(transaction.connection(), &holds).await?;
            settlements.iter().map(Settlement::ending).collect()
        }
        Which::Due => {
            let due = store::lock_due_holds(transaction.connection(), sale.sale_id, DUE_AT_ONCE, at).await?;
            let mut units = 0;
            let fits = |(_, more): &&(HoldId, u64)| {
                units += more;
                units <= MAX_BATCH as u64
            };
            let ending = |(hold, _): &(HoldId, u64)| Ending { hold: *hold, as_of: None, is_paid: false };
            due.iter().take_while(fits).map(ending).collect()
        }
    };
    let is_sold_in_batches = sale.stock.read().strategy == StrategyKind::GroupCommit;
    if is_sold_in_batches && !endings.is_empty() {
        store::lock_sale(transaction.connection(), sale.sale_id).await?;
    }
    Ok(endings)
}

/// Those holds that have not ended because they have been changed.
async fn outdated(
    transaction: &mut Transaction<'_>,
    endings: &[Ending],
    ended: &[EndedHold],
) -> Result<Vec<HoldId>, sqlx::Error> {
    let has_ended = |hold| ended.binary_search_by_key(&hold, |ended| ended.hold).is_ok();
    let left = endings.iter().filter(|ending| !has_ended(ending.hold));
    let left: Vec<(HoldId, u64)> = left.filter_map(|ending| Some((ending.hold, ending.as_of?))).collect();
    if left.is_empty() {
        return Ok(Vec::new());
    }
    let holds: Vec<HoldId> = left.iter().map(|(hold, _)| *hold).collect();
    let seqs = store::seqs_of_holds(transaction.connection(), &holds).await?;
    let is_changed = |(hold, as_of): &(HoldId, u64)| seqs.get(hold).is_some_and(|seq| seq != as_of);
    Ok(left.into_iter().filter(is_changed).map(|(hold, _)| hold).collect())
}

/// Moves the units of the ended holds in tiers, seats and the sale's row. Returns the last `seq` that was taken, and the hash
/// of the line before the first.
async fn move_units(
    transaction: &mut Transaction<'_>,
    sale: &SaleDesk,
    ended: &[EndedHold],
    to: SeatStatus,
) -> Result<(u64, Hash), sqlx::Error> {
    let items = || ended.iter().flat_map(|ended| &ended.items);
    let mut tiers: BTreeMap<i64, u64> = BTreeMap::new();
    items().for_each(|item| *tiers.entry(item.tier_id).or_default() += item.quantity);
    let settling = Settling {
        seats: items().filter_map(|item| item.seat_position).collect(),
        tiers: tiers.into_iter().collect(),
        decisions: ended.len() as u64,
        to,
        are_seats_first: locks_seats_first(sale.stock.read().strategy),
    };
    let taken = store::settle_stock(transaction.connection(), sale.sale_id, &settling).await?;
    let taken = taken.ok_or_else(|| sqlx::Error::Protocol("units of a hold are not held".into()))?;
    Ok((taken.seq, taken.previous))
}

/// Whether the claims of this strategy lock seats before the rows of their tiers.
pub const fn locks_seats_first(strategy: StrategyKind) -> bool {
    matches!(strategy, StrategyKind::SkipLocked | StrategyKind::Optimistic | StrategyKind::RedisLock)
}

/// Where the lines of a batch stand in the ledger.
struct Batch {
    kind: ChangeKind,
    at: Timestamp,
    /// The `seq` of the first line.
    first: u64,
    /// The hash of the line before it.
    previous: Hash,
}

impl Batch {
    /// One line for each hold.
    fn lines(&self, stock: &Stock, ended: &[EndedHold], parts: &[Vec<Granted>]) -> Vec<LedgerRecord> {
        let written_at = self.at.to_string();
        let mut previous = self.previous;
        let mut lines = Vec::with_capacity(ended.len());
        for (seq, (ended, parts)) in (self.first..).zip(ended.iter().zip(parts)) {
            let place = Place { at: self.at, written_at: &written_at, seq, previous: &previous };
            let grant = Grant::new(stock, self.kind, ended.hold.0, parts.clone(), &place);
            previous = grant.hash;
            let (kind, units, hash) = (self.kind, grant.units, grant.hash);
            lines.push(LedgerRecord { seq, at: self.at, kind, units, reference: Some(ended.hold.0), hash });
        }
        lines
    }
}

/// What was in each hold, by the mirror's tiers. `None` where the mirror does not know a tier or a seat.
fn parts(stock: &Stock, ended: &[EndedHold]) -> Option<Vec<Vec<Granted>>> {
    ended.iter().map(|ended| parts_of(stock, ended)).collect()
}

pub fn parts_of(stock: &Stock, ended: &EndedHold) -> Option<Vec<Granted>> {
    let mut parts: BTreeMap<usize, Granted> = BTreeMap::new();
    for item in &ended.items {
        let tier_index = stock.tiers.iter().position(|tier| tier.tier_id == item.tier_id)?;
        if item.seat_position.is_some_and(|position| position as usize >= stock.seats.len()) {
            return None;
        }
        let (seats, price) = (item.seat_position.into_iter().collect(), item.price);
        let part = Granted { tier_index, seats, quantity: item.quantity, price, rung: None };
        match parts.get_mut(&tier_index) {
            Some(known) => known.add(part),
            None => drop(parts.insert(tier_index, part)),
        }
    }
    Some(parts.into_values().collect())
}

/// Writes the ledger's lines, and the orders and tickets of holds that are sold.
async fn record(
    desk: &Desk,
    transaction: &mut Transaction<'_>,
    sale: &SaleDesk,
    which: &Which<'_>,
    batch: &Batch,
    (ended, parts, lines): (&[EndedHold], &[Vec<Granted>], Vec<LedgerRecord>),
) -> Result<Vec<Sold>, sqlx::Error> {
    let asked = |hold: HoldId| match which {
        Which::Named(settlements) => settlements.iter().find(|settlement| settlement.hold == hold),
        Which::Due => None,
    };
    if batch.kind == ChangeKind::Confirm {
        let sold = |((ended, parts), line): ((&EndedHold, &Vec<Granted>), LedgerRecord)| {
            let asked = asked(ended.hold);
            let key = asked.and_then(|settlement| settlement.key.as_ref()).map(|key| key.recorded());
            let contact = asked.and_then(|settlement| settlement.contact.clone());
            Sold {
                kind: batch.kind,
                at: batch.at,
                parts: parts.clone(),
                purchase: Purchase { key, contact, ..purchase(desk, ended, &line) },
            }
        };
        let sold: Vec<_> = ended.iter().zip(parts).zip(lines).map(sold).collect();
        let purchases: Vec<_> = sold.iter().map(|sold| &sold.purchase).collect();
        store::record(transaction.connection(), sale.sale_id, batch.at, batch.kind, &purchases).await?;
        for ended in ended {
            if let Some(Settlement { paid: Some(paid), .. }) = asked(ended.hold) {
                take_money(transaction, paid, OrderId(ended.hold.0), batch.at).await?;
            }
        }
        return Ok(sold);
    }
    store::append_all(transaction.connection(), sale.sale_id, &lines).await?;
    for ended in ended {
        if let Some(Settlement { key: Some(key), kept: Some(Kept { status, body }), .. }) = asked(ended.hold) {
            key.guard.remember();
            let (owner, answer) = ((ended.buyer, key.key.as_str()), (*status, body.as_str()));
            store::keep_body(transaction.connection(), owner, key.fingerprint, answer, batch.at).await?;
        }
    }
    Ok(Vec::new())
}

/// Notes that the money for an order has come.
pub async fn take_money(
    transaction: &mut Transaction<'_>,
    paid: &Paid,
    order: OrderId,
    at: Timestamp,
) -> Result<(), sqlx::Error> {
    let intent = paid.payment_intent.as_deref();
    match store::succeed(transaction.connection(), paid.payment, order, intent, at).await? {
        true => Ok(()),
        false => Err(sqlx::Error::Protocol("money that was accounted for before buys nothing".into())),
    }
}

/// The purchase that a hold becomes. Each unit costs what it was held for.
pub fn purchase(desk: &Desk, ended: &EndedHold, line: &LedgerRecord) -> Purchase {
    let tickets = |item: &store::NewHoldItem| {
        let (tier_id, seat, at) = (item.tier_id, item.seat_position, line.at);
        (0..item.quantity).map(move |_| ticket(&desk.identifiers, tier_id, seat, at))
    };
    Purchase {
        order: OrderId(ended.hold.0),
        buyer: ended.buyer,
        total: ended.items.iter().map(|item| item.price * item.quantity).sum(),
        currency: ended.currency.clone(),
        seq: line.seq,
        units: serde_json::to_string(&line.units).expect("units are plain data"),
        hash: line.hash,
        tickets: ended.items.iter().flat_map(tickets).collect(),
        rung: ended.rung,
        key: None,
        contact: None,
    }
}

/// Tells the mirror and the viewers, and the gates where units have come back.
fn tell(
    desk: &Desk,
    sale: &Arc<SaleDesk>,
    shift: Shift,
    batch: &Batch,
    head: Hash,
    ended: &[EndedHold],
    parts: Vec<Vec<Granted>>,
) {
    let mut change = Change::new(batch.first - 1, batch.at, shift);
    let mut units: BTreeMap<usize, u64> = BTreeMap::new();
    for (ended, parts) in ended.iter().zip(parts) {
        let owner: (_, Option<Uuid>) = (ended.buyer, Some(ended.hold.0));
        for part in parts {
            change.add(part.tier_index, part.quantity, &part.seats, Some(owner));
            *units.entry(part.tier_index).or_default() += part.quantity;
        }
    }
    (change.seq, change.head_hash) = (batch.first - 1 + ended.len() as u64, head);
    desk.take(sale, change);
    desk.changed.notify_one();
    if shift.to == SeatStatus::Available {
        desk.came_back(sale, &units.into_iter().collect::<Vec<_>>());
    }
}

//! Money that came after the end of its hold buys the same units where they are still free, whatever the sale's strategy, by
//! conditional updates in one transaction.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::{
    asked::Paid,
    settle::{locks_seats_first, parts_of, purchase, take_money},
};
use crate::{
    model::{
        hold::HoldStatus,
        ids::{BuyerId, HoldId, OrderId},
        ledger::{ChangeKind, Movement},
        order::Contact,
        seat::SeatStatus,
        strategy::StrategyKind,
        time::Timestamp,
    },
    server::{
        failpoint::failpoint,
        ledger::Hash,
        stock::{
            Change, Desk, SaleDesk,
            decide::{Grant, Granted, Place},
            pause_before_retry,
        },
        store::{self, EndedHold, LedgerRecord, Purchase, SaleTaken, Transaction},
    },
};

/// How often a purchase is tried again that met other transactions, or a mirror that was behind.
const MAX_RETRIES: u32 = 8;
/// The longest pause before the first new try. Each further pause may be twice as long as the one before.
const PAUSE: Duration = Duration::from_millis(5);

/// What the money that came too late was paid for.
pub struct LateMoney {
    pub paid: Paid,
    pub hold: HoldId,
    /// The hold's `seq` for which it was paid.
    pub hold_seq: u64,
    pub buyer: BuyerId,
    pub contact: Option<Contact>,
}

/// What became of money that came too late.
#[derive(Debug, PartialEq, Eq)]
pub enum Late {
    Bought(OrderId),
    /// Nothing has changed: what was held cannot be had any more, or not by this buyer, or not for this money.
    Gone,
    /// Nothing has changed: the hold has not ended.
    NotLate,
}

/// One try.
enum Try {
    Done(Late),
    /// The mirror was behind the database.
    Behind,
}

/// Buys what was in a hold that has ended, if all of it is still free.
///
/// # Errors
/// Where the store fails, or the money was accounted for meanwhile. The outcome is then unknown; the payment tells it.
pub async fn buy_late(desk: &Desk, sale: &Arc<SaleDesk>, money: &LateMoney) -> Result<Late, sqlx::Error> {
    for tries in 0..MAX_RETRIES {
        match buy_once(desk, sale, money).await {
            Ok(Try::Done(late)) => return Ok(late),
            Ok(Try::Behind) => {}
            Err(error) if store::is_conflict(&error) => {
                pause_before_retry(PAUSE, tries).await;
            }
            Err(error) => return Err(error),
        }
    }
    Err(sqlx::Error::Protocol("units could not be bought late: they changed again and again".into()))
}

async fn buy_once(desk: &Desk, sale: &Arc<SaleDesk>, money: &LateMoney) -> Result<Try, sqlx::Error> {
    let mut writer = desk.writer().await?;
    let at = desk.clock.now();
    let mut transaction = writer.begin_selling(sale.sale_id).await?;
    match within(desk, &mut transaction, sale, money, at).await? {
        Within::Bought(bought) => {
            failpoint!("bought_late");
            transaction.commit().await?;
            let order = bought.purchase.order;
            tell(desk, sale, *bought, at);
            writer.settle();
            Ok(Try::Done(Late::Bought(order)))
        }
        Within::Unchanged(late) => {
            transaction.rollback().await?;
            writer.settle();
            Ok(Try::Done(late))
        }
        Within::Behind => {
            transaction.rollback().await?;
            writer.settle();
            desk.reload(&mut writer, sale).await?;
            Ok(Try::Behind)
        }
    }
}

/// The result of a try inside its transaction.
enum Within {
    Bought(Box<Bought>),
    Unchanged(Late),
    Behind,
}

/// What was bought.
struct Bought {
    purchase: Purchase,
    parts: Vec<Granted>,
}

async fn within(
    desk: &Desk,
    transaction: &mut Transaction<'_>,
    sale: &Arc<SaleDesk>,
    money: &LateMoney,
    at: Timestamp,
) -> Result<Within, sqlx::Error> {
    store::lock_holds(transaction.connection(), &[money.hold]).await?;
    let seqs = store::seqs_of_holds(transaction.connection(), &[money.hold]).await?;
    let hold = store::find_hold(transaction.connection(), money.hold, Some(money.buyer), at).await?;
    let Some(hold) = hold.filter(|_| seqs.get(&money.hold) == Some(&money.hold_seq)) else {
        return Ok(Within::Unchanged(Late::Gone));
    };
    match hold.status {
        HoldStatus::Active | HoldStatus::Paying => return Ok(Within::Unchanged(Late::NotLate)),
        HoldStatus::Confirmed => return Ok(Within::Unchanged(Late::Gone)),
        HoldStatus::Released | HoldStatus::Expired => {}
    }
    let payment = store::find_payment(transaction.connection(), money.paid.payment, None, at).await?;
    if payment.is_none_or(|payment| payment.status.has_money() || payment.is_void) {
        return Ok(Within::Unchanged(Late::Gone));
    }
    let order = OrderId(desk.identifiers.next(at));
    let had = EndedHold {
        hold: HoldId(order.0),
        buyer: money.buyer,
        currency: hold.currency.into(),
        rung: hold.rung,
        has_open_payments: false,
        items: store::items_of(transaction.connection(), money.hold).await?,
    };
    let (strategy, max_per_buyer, parts) = {
        let stock = sale.stock.read();
        (stock.strategy, stock.max_per_buyer, parts_of(&stock, &had))
    };
    let Some(parts) = parts else { return Ok(Within::Behind) };
    if strategy == StrategyKind::GroupCommit {
        store::lock_sale(transaction.connection(), sale.sale_id).await?;
    }
    let Some(taken) = take(transaction, sale, strategy, &had).await? else {
        return Ok(Within::Unchanged(Late::Gone));
    };
    let units: u64 = had.items.iter().map(|item| item.quantity).sum();
    if let Some(limit) = max_per_buyer {
        let owned = store::units_owned(transaction.connection(), sale.sale_id, money.buyer).await?;
        let (_, held) = store::held_by(transaction.connection(), sale.sale_id, money.buyer).await?;
        if owned + held + units > u64::from(limit) {
            return Ok(Within::Unchanged(Late::Gone));
        }
    }
    let line = line(sale, order, &parts, &taken, at);
    let purchase = Purchase { contact: money.contact.clone(), ..purchase(desk, &had, &line) };
    store::record(transaction.connection(), sale.sale_id, at, ChangeKind::Buy, &[&purchase]).await?;
    take_money(transaction, &money.paid, order, at).await?;
    Ok(Within::Bought(Box::new(Bought { purchase, parts })))
}

/// Takes all units, or `None` where any of them is gone or the sale does not sell. They are held for an instant, in this
/// transaction alone, because that is how units change hands that somebody has had.
async fn take(
    transaction: &mut Transaction<'_>,
    sale: &SaleDesk,
    strategy: StrategyKind,
    had: &EndedHold,
) -> Result<Option<SaleTaken>, sqlx::Error> {
    let mut seats: Vec<u32> = had.items.iter().filter_map(|item| item.seat_position).collect();
    seats.sort_unstable();
    let are_seats_first = locks_seats_first(strategy);
    if are_seats_first && !take_seats(transaction, sale, &seats).await? {
        return Ok(None);
    }
    let mut tiers: BTreeMap<i64, u64> = BTreeMap::new();
    had.items.iter().for_each(|item| *tiers.entry(item.tier_id).or_default() += item.quantity);
    for (tier_id, units) in &tiers {
        if !store::change_tier(transaction.connection(), *tier_id, 0, *units).await?
            || !store::settle_tier(transaction.connection(), *tier_id, *units, SeatStatus::Sold).await?
        {
            return Ok(None);
        }
    }
    if !are_seats_first && !take_seats(transaction, sale, &seats).await? {
        return Ok(None);
    }
    let units = tiers.values().sum();
    let taken = store::change_sale(transaction.connection(), sale.sale_id, (0, units), 1).await?;
    let sold = store::settle_sale(transaction.connection(), sale.sale_id, units, 0, SeatStatus::Sold).await?;
    Ok(taken.filter(|_| sold.is_some()))
}

/// Takes these seats. `false` if not all of them are free.
async fn take_seats(transaction: &mut Transaction<'_>, sale: &SaleDesk, seats: &[u32]) -> Result<bool, sqlx::Error> {
    if seats.is_empty() {
        return Ok(true);
    }
    let taken = store::take_seats(transaction.connection(), sale.sale_id, seats, SeatStatus::Sold).await?;
    Ok(taken.len() == seats.len())
}

/// The line of the ledger.
fn line(sale: &SaleDesk, order: OrderId, parts: &[Granted], taken: &SaleTaken, at: Timestamp) -> LedgerRecord {
    let written_at = at.to_string();
    let place = Place { at, written_at: &written_at, seq: taken.seq, previous: &taken.previous };
    let grant = Grant::new(&sale.stock.read(), ChangeKind::Buy, order.0, parts.to_vec(), &place);
    let (units, hash): (_, Hash) = (grant.units, grant.hash);
    LedgerRecord { seq: taken.seq, at, kind: ChangeKind::Buy, units, reference: Some(order.0), hash }
}

/// Tells the mirror and the viewers.
fn tell(desk: &Desk, sale: &Arc<SaleDesk>, Bought { purchase, parts }: Bought, at: Timestamp) {
    let Movement::Between(shift) = ChangeKind::Buy.movement() else {
        unreachable!("units that are bought go from one state to another")
    };
    let mut change = Change::new(purchase.seq - 1, at, shift);
    for part in &parts {
        change.add(part.tier_index, part.quantity, &part.seats, Some((purchase.buyer, Some(purchase.order.0))));
    }
    (change.seq, change.head_hash) = (purchase.seq, purchase.hash);
    desk.take(sale, change);
    desk.changed.notify_one();
}

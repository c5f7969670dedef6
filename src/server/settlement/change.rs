//! Replaces what a hold has: all of it or nothing, whatever the sale's strategy, by conditional updates in one transaction.
//! The hold's time stays as it is, and a refusal leaves the hold as it was.

use std::{sync::Arc, time::Duration};

use super::{
    planned::{Planned, quantity, seats},
    settle::locks_seats_first,
};
use crate::{
    model::{
        ids::{BuyerId, HoldId},
        ledger::{ChangeKind, Movement},
        outcome::Refusal,
        seat::SeatStatus,
        strategy::StrategyKind,
        time::Timestamp,
    },
    server::{
        ledger::Hash,
        stock::{
            Change, Desk, SaleDesk, Stock, Wish, contended,
            decide::{Bounds, Grant, Granted, Place},
            limit_reached, pause_before_retry, seats_taken,
        },
        store::{self, LedgerRecord, SaleTaken, Transaction},
    },
};

/// How often a change is tried again that met other transactions, or a mirror that was behind.
const MAX_RETRIES: u32 = 8;
/// The longest pause before the first new try. Each further pause may be twice as long as the one before.
const PAUSE: Duration = Duration::from_millis(5);

/// The result of a change.
pub enum Changed {
    Done,
    /// Nothing has changed.
    Refused(Refusal),
    /// The hold has ended, its time is over, or a payment for it is under way. Nothing has changed.
    TooLate,
}

/// One try of a change.
enum Try {
    Done(Changed),
    /// The mirror was behind the database: these seats are gone, or too few units are left.
    Behind(Vec<u32>),
}

/// Makes a buyer's hold have what `wish` says, and nothing else.
///
/// # Errors
/// Where the store fails. The outcome is then unknown; asking again settles it.
pub async fn change(
    desk: &Desk,
    sale: &Arc<SaleDesk>,
    (hold, buyer): (HoldId, BuyerId),
    wish: &Wish,
    bounds: Bounds,
) -> Result<Changed, sqlx::Error> {
    let mut gone = Vec::new();
    for tries in 0..MAX_RETRIES {
        match change_once(desk, sale, (hold, buyer), wish, bounds).await {
            Ok(Try::Done(changed)) => return Ok(changed),
            Ok(Try::Behind(seats)) => gone = seats,
            Err(error) if store::is_conflict(&error) => {
                gone.clear();
                pause_before_retry(PAUSE, tries).await;
            }
            Err(error) => return Err(error),
        }
    }
    // The seats that are gone were not named where others may be taken, and still others may be left.
    let named = gone.into_iter().filter(|_| !wish.is_flexible());
    let taken = seats_taken(&sale.stock.read(), named);
    Ok(Changed::Refused(taken.unwrap_or_else(contended)))
}

async fn change_once(
    desk: &Desk,
    sale: &Arc<SaleDesk>,
    (hold, buyer): (HoldId, BuyerId),
    wish: &Wish,
    bounds: Bounds,
) -> Result<Try, sqlx::Error> {
    let mut writer = desk.writer().await?;
    let at = desk.clock.now();
    let mut transaction = writer.begin_selling(sale.sale_id).await?;
    let outcome = within(&mut transaction, sale, (hold, buyer), wish, bounds, at).await?;
    match outcome {
        Within::Changed(written) => {
            transaction.commit().await?;
            tell(desk, sale, &written, (hold, buyer), at);
            writer.settle();
            Ok(Try::Done(Changed::Done))
        }
        Within::Renamed => {
            transaction.commit().await?;
            writer.settle();
            Ok(Try::Done(Changed::Done))
        }
        Within::Unchanged(changed) => {
            transaction.rollback().await?;
            writer.settle();
            Ok(Try::Done(changed))
        }
        Within::Behind(seats) => {
            transaction.rollback().await?;
            writer.settle();
            desk.reload(&mut writer, sale).await?;
            Ok(Try::Behind(seats))
        }
    }
}

/// The result of a change inside its transaction.
enum Within {
    Changed(Written),
    /// The hold keeps what it has, but some of its seats stand for others now.
    Renamed,
    Unchanged(Changed),
    Behind(Vec<u32>),
}

/// What was written to the ledger: what was given back, and what was taken, each with its line where there is one.
struct Written {
    first: u64,
    gave: Vec<Granted>,
    took: Vec<Granted>,
    hashes: Vec<Hash>,
}

async fn within(
    transaction: &mut Transaction<'_>,
    sale: &Arc<SaleDesk>,
    (hold, buyer): (HoldId, BuyerId),
    wish: &Wish,
    bounds: Bounds,
    at: Timestamp,
) -> Result<Within, sqlx::Error> {
    // The time is judged once no other transaction decides about the hold any more.
    store::lock_holds(transaction.connection(), &[hold]).await?;
    if !store::begin_change(transaction.connection(), hold, buyer, at).await? {
        return Ok(Within::Unchanged(Changed::TooLate));
    }
    let items = store::items_of(transaction.connection(), hold).await?;
    let (planned, strategy, max_per_buyer, known) = {
        let stock = sale.stock.read();
        let planned = Planned::new(&stock, &items, wish, bounds, at);
        (planned, stock.strategy, stock.max_per_buyer, stock.revision)
    };
    let planned = match planned {
        Ok(planned) => planned,
        Err(refusal) => return Ok(Within::Unchanged(Changed::Refused(refusal))),
    };
    if planned.gives.is_empty() && planned.takes.is_empty() {
        if planned.items == items {
            return Ok(Within::Unchanged(Changed::Done));
        }
        // The same seats now stand for others.
        let new = (&planned.items[..], planned.rung);
        store::replace_items(transaction.connection(), sale.sale_id, hold, new, None).await?;
        return Ok(Within::Renamed);
    }
    if strategy == StrategyKind::GroupCommit {
        store::lock_sale(transaction.connection(), sale.sale_id).await?;
    }
    if let Some(gone) = move_units(transaction, sale, strategy, &planned).await? {
        return Ok(Within::Behind(gone));
    }
    let (gives, takes) = (quantity(&planned.gives), quantity(&planned.takes));
    let decisions = u64::from(gives > 0) + u64::from(takes > 0);
    let taken = store::change_sale(transaction.connection(), sale.sale_id, (gives, takes), decisions).await?;
    let Some(SaleTaken { seq: last, previous, revision }) = taken else { return Ok(Within::Behind(Vec::new())) };
    if revision != known || !are_prices_right(transaction, sale, &planned).await? {
        return Ok(Within::Behind(Vec::new()));
    }
    if let Some(limit) = max_per_buyer.filter(|_| takes > gives) {
        let owned = store::units_owned(transaction.connection(), sale.sale_id, buyer).await?;
        let (_, held) = store::held_by(transaction.connection(), sale.sale_id, buyer).await?;
        if owned + held + takes - gives > u64::from(limit) {
            return Ok(Within::Unchanged(Changed::Refused(limit_reached(limit))));
        }
    }
    let lines = lines(&sale.stock.read(), hold, &planned, (last + 1 - decisions, previous), at);
    let hashes: Vec<Hash> = lines.iter().map(|line| line.hash).collect();
    store::append_all(transaction.connection(), sale.sale_id, &lines).await?;
    let new = (&planned.items[..], planned.rung);
    store::replace_items(transaction.connection(), sale.sale_id, hold, new, Some(last)).await?;
    let Planned { gives: gave, takes: took, .. } = planned;
    Ok(Within::Changed(Written { first: last + 1 - decisions, gave, took, hashes }))
}

/// Whether what is taken costs what the database's own counters lead to: the price before this change.
async fn are_prices_right(
    transaction: &mut Transaction<'_>,
    sale: &SaleDesk,
    planned: &Planned,
) -> Result<bool, sqlx::Error> {
    for part in &planned.takes {
        let tier = sale.stock.read().tiers[part.tier_index].clone();
        if tier.price_steps.is_empty() {
            continue;
        }
        let (_, left) = store::read_tier(transaction.connection(), tier.tier_id).await?;
        let given: u64 =
            planned.gives.iter().filter(|given| given.tier_index == part.tier_index).map(|given| given.quantity).sum();
        let available_before = (left + part.quantity).saturating_sub(given);
        if tier.price_when(tier.counts.capacity().saturating_sub(available_before)) != part.price {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Moves units in tiers and seats. Returns the seats that are gone, or none of them where units are, if not everything can be
/// had.
///
/// All of it is locked in the order in which the sale's claims lock it, so that they do not wait for each other in a circle.
async fn move_units(
    transaction: &mut Transaction<'_>,
    sale: &SaleDesk,
    strategy: StrategyKind,
    planned: &Planned,
) -> Result<Option<Vec<u32>>, sqlx::Error> {
    let are_seats_first = locks_seats_first(strategy);
    let (given, wanted) = (seats(&planned.gives), seats(&planned.takes));
    if are_seats_first {
        let mut all = [&given[..], &wanted].concat();
        all.sort_unstable();
        store::lock_seats(transaction.connection(), sale.sale_id, &all).await?;
        if let Some(gone) = take_seats(transaction, sale, &wanted).await? {
            return Ok(Some(gone));
        }
    }
    let by_tier = planned.by_tier(&sale.stock.read());
    for (tier_id, (gives, takes)) in by_tier {
        if !store::change_tier(transaction.connection(), tier_id, gives, takes).await? {
            return Ok(Some(Vec::new()));
        }
    }
    let moved = store::settle_seats(transaction.connection(), sale.sale_id, &given, SeatStatus::Available).await?;
    if moved != given.len() as u64 {
        return Err(sqlx::Error::Protocol("seats of a hold are not held".into()));
    }
    if are_seats_first { Ok(None) } else { take_seats(transaction, sale, &wanted).await }
}

/// Takes these seats. Returns those that are gone, if there are any.
async fn take_seats(
    transaction: &mut Transaction<'_>,
    sale: &SaleDesk,
    wanted: &[u32],
) -> Result<Option<Vec<u32>>, sqlx::Error> {
    if wanted.is_empty() {
        return Ok(None);
    }
    let taken = store::take_seats(transaction.connection(), sale.sale_id, wanted, SeatStatus::Held).await?;
    let gone: Vec<u32> = wanted.iter().filter(|seat| taken.binary_search(seat).is_err()).copied().collect();
    Ok((!gone.is_empty()).then_some(gone))
}

/// The ledger's lines: `release` for what is given back, then `hold` for what is taken.
fn lines(
    stock: &Stock,
    hold: HoldId,
    planned: &Planned,
    (first, previous): (u64, Hash),
    at: Timestamp,
) -> Vec<LedgerRecord> {
    let written_at = at.to_string();
    let mut previous = previous;
    let mut lines = Vec::new();
    for (kind, parts) in [(ChangeKind::Release, &planned.gives), (ChangeKind::Hold, &planned.takes)] {
        if parts.is_empty() {
            continue;
        }
        let seq = first + lines.len() as u64;
        let place = Place { at, written_at: &written_at, seq, previous: &previous };
        let grant = Grant::new(stock, kind, hold.0, parts.clone(), &place);
        previous = grant.hash;
        lines.push(LedgerRecord { seq, at, kind, units: grant.units, reference: Some(hold.0), hash: grant.hash });
    }
    lines
}

/// Tells the mirror and the viewers of both lines, one after the other, and a gate of what has come back.
fn tell(desk: &Desk, sale: &Arc<SaleDesk>, written: &Written, (hold, buyer): (HoldId, BuyerId), at: Timestamp) {
    let mut seq = written.first;
    let mut hashes = written.hashes.iter();
    for (kind, parts) in [(ChangeKind::Release, &written.gave), (ChangeKind::Hold, &written.took)] {
        let Movement::Between(shift) = kind.movement() else { unreachable!("units go from one state to another") };
        if parts.is_empty() {
            continue;
        }
        let mut change = Change::new(seq - 1, at, shift);
        for part in parts {
            change.add(part.tier_index, part.quantity, &part.seats, Some((buyer, Some(hold.0))));
        }
        if kind == ChangeKind::Hold {
            // Where everything was given back first, the sale had forgotten that anything is held.
            change.expect(Timestamp::from_milliseconds(0));
        }
        (change.seq, change.head_hash) = (seq, *hashes.next().expect("each part has a line"));
        seq += 1;
        desk.take(sale, change);
    }
    desk.changed.notify_one();
    let came_back: Vec<_> = written.gave.iter().map(|part| (part.tier_index, part.quantity)).collect();
    desk.came_back(sale, &came_back);
}

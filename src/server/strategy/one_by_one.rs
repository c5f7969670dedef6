//! The frame of all strategies that decide each claim in a transaction of its own. They differ in how they take units; how
//! a purchase is then numbered, recorded, committed and told is the same, and stands here once.
//!
//! Rows are locked in one order: seats and tier as the strategy does it, the sale's row last and for the shortest time,
//! because it hands out `seq` and every purchase of the sale waits for it.

use std::time::Duration;

use super::{Claim, KeyClaim, Verdict};
use crate::{
    model::{
        ids::OrderId,
        ledger::{ChangeKind, Units},
        outcome::Refusal,
        time::Timestamp,
    },
    server::{
        failpoint::failpoint,
        ledger::{self, Hash},
        stock::{
            Desk, SaleDesk, Sold, Stock, Wish,
            decide::{Grant, check_open},
            limit_reached, seat_taken, sold_out,
        },
        store::{self, DecidedRequest, Decision, SaleTaken, Transaction},
    },
};

/// Times a transaction is tried anew that the database ended because of another one: a deadlock, a lock waited for too long.
const MAX_RETRIES: u32 = 5;
/// The longest pause before the first of them; each further one may be twice as long.
const PAUSE: Duration = Duration::from_millis(5);

/// What a claim wants, by rows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wanted {
    pub sale_id: i64,
    pub tier_id: i64,
    pub tier_index: usize,
    pub seated: bool,
    /// The position of a named seat.
    pub seat: Option<u32>,
    pub quantity: u64,
}

/// What taking came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Taken {
    /// Positions of the seats; none where nothing is numbered.
    All(Vec<u32>),
    /// Not so many are left.
    Gone,
    /// Stock may be left, but others were quicker: the strategy may try again from the start.
    Outrun,
}

/// What one attempt came to, where the database worked.
pub enum Attempt {
    Done(Verdict),
    Outrun,
}

impl Attempt {
    /// The verdict of a strategy that does not try again.
    pub fn verdict(self, claim: &Claim, wanted: Wanted) -> Verdict {
        match self {
            Self::Done(verdict) => verdict,
            Self::Outrun => Verdict::RefusedByDatabase(wanted.refusal(&claim.sale)),
        }
    }
}

impl Wanted {
    pub fn of(claim: &Claim) -> Self {
        let stock = claim.sale.stock.read();
        let (tier_index, seat, quantity) = match claim.wish {
            Wish::Seat { position } => (stock.map.places[position as usize].0 as usize, Some(position), 1),
            Wish::Units { tier_index, quantity } => (tier_index, None, quantity),
        };
        let tier = &stock.tiers[tier_index];
        Self { sale_id: stock.sale_id, tier_id: tier.tier_id, tier_index, seated: tier.seated, seat, quantity }
    }

    /// The refusal where what is wanted is gone.
    pub fn refusal(&self, sale: &SaleDesk) -> Refusal {
        let stock = sale.stock.read();
        match self.seat {
            Some(position) => seat_taken(stock.map.labels[position as usize].as_str()),
            None => sold_out(&stock.id),
        }
    }
}

/// How a strategy takes units: the part in which strategies of this frame differ.
pub trait Take: Sync {
    /// Takes what is wanted by conditional writes inside the transaction. Whatever was changed is rolled back where the
    /// result is not [`Taken::All`], or where anything after it fails.
    fn take(
        &self,
        transaction: &mut Transaction<'_>,
        wanted: Wanted,
    ) -> impl Future<Output = Result<Taken, sqlx::Error>> + Send;
}

/// Decides a claim in one transaction.
pub async fn attempt(desk: &Desk, claim: &Claim, wanted: Wanted, take: &impl Take) -> Attempt {
    failpoint!("admitted");
    let mut tries = 0;
    loop {
        match try_once(desk, claim, wanted, take).await {
            Ok(None) if tries < MAX_RETRIES => tries += 1,
            Ok(None) => {
                let error = "the sale does not hold still: its organiser changes it again and again";
                return Attempt::Done(Verdict::Unknown(sqlx::Error::Protocol(error.into())));
            }
            Ok(Some(Attempt::Done(verdict))) if tries > 0 => return Attempt::Done(verdict.after_asking()),
            Ok(Some(attempt)) => return attempt,
            Err(error) if store::is_key_taken(&error) => return Attempt::Done(Verdict::Repeated),
            Err(error) if store::is_conflict(&error) && tries < MAX_RETRIES => {
                let pause = (PAUSE * 2_u32.pow(tries)).mul_f64(rand::random());
                tries += 1;
                tokio::time::sleep(pause).await;
            }
            Err(error) => return Attempt::Done(Verdict::Unknown(error)),
        }
    }
}

/// One transaction; `None` where it has to be tried anew because the mirror had old settings of the sale.
async fn try_once(
    desk: &Desk,
    claim: &Claim,
    wanted: Wanted,
    take: &impl Take,
) -> Result<Option<Attempt>, sqlx::Error> {
    let mut writer = desk.writer().await?;
    let at = desk.clock.now();
    let settings = Settings::of(&claim.sale.stock.read(), at);
    let settings = match settings {
        Ok(settings) => settings,
        Err(refusal) => return Ok(Some(Attempt::Done(Verdict::Refused(refusal)))),
    };
    let mut transaction = writer.begin_selling(wanted.sale_id).await?;
    if let Some(request) = claim.request {
        let decision = Decision::Confirmed(OrderId(request.0));
        let decided = DecidedRequest { buyer: claim.buyer, decision, at };
        if !store::decide_request(transaction.connection(), request, &decided).await? {
            transaction.rollback().await?;
            writer.settle();
            return Ok(Some(Attempt::Done(Verdict::Repeated)));
        }
    }
    let attempt = match take.take(&mut transaction, wanted).await? {
        Taken::Outrun => Numbered::Outrun,
        Taken::Gone => Numbered::Refused(wanted.refusal(&claim.sale)),
        Taken::All(seats) => {
            failpoint!("taken");
            number_and_record(desk, &mut transaction, claim, wanted, seats, settings).await?
        }
    };
    let Numbered::Sold(sold) = attempt else {
        transaction.rollback().await?;
        writer.settle();
        return Ok(Some(match attempt {
            Numbered::Refused(refusal) => Attempt::Done(Verdict::RefusedByDatabase(refusal)),
            Numbered::Stale => {
                // Another process has paused the sale, or there is less than its tiers say.
                desk.reload(&mut writer, &claim.sale).await?;
                let closed = check_open(&claim.sale.stock.read(), at).err();
                Attempt::Done(Verdict::RefusedByDatabase(closed.unwrap_or_else(|| wanted.refusal(&claim.sale))))
            }
            Numbered::Changed => {
                desk.reload(&mut writer, &claim.sale).await?;
                return Ok(None);
            }
            Numbered::Sold(_) | Numbered::Outrun => Attempt::Outrun,
        }));
    };
    failpoint!("recorded");
    transaction.commit().await?;
    failpoint!("committed");
    desk.committed(&claim.sale, at, &[&sold]);
    writer.settle();
    Ok(Some(Attempt::Done(Verdict::Won(Box::new(sold.order(&claim.sale.stock.read()))))))
}

/// What an organiser decided, all as of one moment: the sale's row says in the end whether it still stands.
#[derive(Clone, Copy)]
struct Settings {
    at: Timestamp,
    revision: u64,
    max_per_buyer: Option<u32>,
}

impl Settings {
    /// The settings of a sale that is open.
    fn of(stock: &Stock, at: Timestamp) -> Result<Self, Refusal> {
        check_open(stock, at)?;
        Ok(Self { at, revision: stock.revision, max_per_buyer: stock.max_per_buyer })
    }
}

/// What a claim comes to inside its transaction.
enum Numbered {
    Sold(Box<Sold>),
    Refused(Refusal),
    Outrun,
    /// The sale is not open, or has less left than its tiers say.
    Stale,
    /// An organiser has changed the sale, by another process.
    Changed,
}

/// Gives the purchase its `seq` and writes its rows. Whether its buyer may have so many is asked with the sale's row held:
/// nobody else can buy for the same buyer then.
async fn number_and_record(
    desk: &Desk,
    transaction: &mut Transaction<'_>,
    claim: &Claim,
    wanted: Wanted,
    seats: Vec<u32>,
    settings: Settings,
) -> Result<Numbered, sqlx::Error> {
    let Settings { at, revision: known, max_per_buyer } = settings;
    let taken = store::sale_head(transaction.connection(), wanted.sale_id, wanted.quantity).await?;
    let Some(SaleTaken { seq, previous, revision }) = taken else { return Ok(Numbered::Stale) };
    if known != revision {
        return Ok(Numbered::Changed);
    }
    if let Some(limit) = max_per_buyer {
        let owned = store::units_owned(transaction.connection(), wanted.sale_id, claim.buyer).await?;
        if owned + wanted.quantity > u64::from(limit) {
            return Ok(Numbered::Refused(limit_reached(limit)));
        }
    }
    let sold = {
        let stock = claim.sale.stock.read();
        let order = OrderId(claim.request.map_or_else(|| desk.identifiers.next(at), |request| request.0));
        let grant = grant(&stock, wanted, seats, order, at, (seq, &previous));
        desk.sell(&stock, claim.buyer, order, grant, claim.key.as_ref().map(KeyClaim::recorded))
    };
    store::set_head(transaction.connection(), wanted.sale_id, seq, &sold.purchase.hash).await?;
    store::record(transaction.connection(), wanted.sale_id, at, &[&sold.purchase]).await?;
    Ok(Numbered::Sold(Box::new(sold)))
}

/// What a claim is granted when it is the sale's decision `seq`, behind a line with this hash.
pub fn grant(
    stock: &Stock,
    wanted: Wanted,
    seats: Vec<u32>,
    order: OrderId,
    at: Timestamp,
    (seq, previous): (u64, &Hash),
) -> Grant {
    let tier = &stock.tiers[wanted.tier_index];
    let units = |seat, quantity| Units { tier: tier.id.clone(), seat, quantity };
    let units = if seats.is_empty() {
        vec![units(None, wanted.quantity)]
    } else {
        seats.iter().map(|seat| units(Some(stock.map.labels[*seat as usize].clone()), 1)).collect()
    };
    Grant {
        at,
        seq,
        hash: ledger::hash(seq, &at.to_string(), ChangeKind::Buy, &units, Some(order.0), previous),
        tier_index: wanted.tier_index,
        seats,
        quantity: wanted.quantity,
        units,
        total: tier.price * wanted.quantity,
        currency: tier.currency.clone(),
    }
}

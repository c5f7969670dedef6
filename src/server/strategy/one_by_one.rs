//! The frame of the strategies that decide each claim in a transaction of its own. They differ only in how they take
//! units. Numbering, recording, committing and telling of a purchase are the same for all of them, and are written
//! once, here.
//!
//! Each strategy locks tiers and seats in an order of its own, which is the same for all its claims. The sale's row is
//! locked last and so for the shortest time, because it hands out `seq` and every purchase of the sale waits for it.
//!
//! A refusal for lack of units comes from the database, which first waits for the transactions that hold the rows in
//! question. So such a refusal is true of what is committed.

use std::time::Duration;

use super::{Claim, Taking, Verdict, Won, wanted::Wanted};
use crate::{
    model::{
        ids::{HoldId, OrderId},
        outcome::Refusal,
        time::Timestamp,
    },
    server::{
        failpoint::failpoint,
        stock::{
            Desk, Held, Recorded, Sold, Stock, Substitute,
            decide::{Grant, Granted, Place},
            limit_reached, pause_before_retry, seats_taken, too_many_holds,
        },
        store::{self, DecidedRequest, Decision, SaleTaken, Transaction, Writer},
    },
};

/// How often a transaction is tried again that the database ended because of another transaction (a deadlock, or a lock
/// waited for too long), or that met changed settings of the sale.
const MAX_RETRIES: u32 = 5;
/// The longest pause before the first new try. Each further pause may be twice as long as the one before.
const PAUSE: Duration = Duration::from_millis(5);

/// The result of taking units.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Taken {
    /// All units were taken. In the order of tiers, each tier once.
    All(Vec<Granted>),
    /// Too few units are left, or these named seats belong to other buyers.
    Gone(Vec<u32>),
    /// Stock may be left, but others were quicker: the strategy may try again from the start.
    Outrun,
}

/// The result of one attempt: a verdict, or that others were quicker (see [`Taken::Outrun`]).
pub enum Attempt {
    Done(Verdict),
    Outrun,
}

impl Attempt {
    /// The verdict where the strategy does not try again after it was outrun.
    pub fn verdict(self, claim: &Claim) -> Verdict {
        match self {
            Self::Done(verdict) => verdict,
            Self::Outrun => Verdict::RefusedByDatabase(claim.gone(Vec::new())),
        }
    }
}

/// How a strategy takes units. This is where the strategies of this frame differ.
pub trait Take: Sync {
    /// Takes what is wanted by conditional writes inside the transaction. The caller rolls everything back where the
    /// result is not [`Taken::All`], or where a later step fails.
    fn take(
        &self,
        transaction: &mut Transaction<'_>,
        claim: &Claim,
        wanted: &Wanted,
    ) -> impl Future<Output = Result<Taken, sqlx::Error>> + Send;
}

/// Decides a claim in one transaction, and tries again after conflicts with other transactions.
pub async fn attempt(desk: &Desk, claim: &Claim, wanted: &Wanted, take: &impl Take) -> Attempt {
    failpoint!("admitted");
    let mut tries = 0;
    loop {
        match try_once(desk, claim, wanted, take).await {
            Ok(None) if tries < MAX_RETRIES => tries += 1,
            Ok(None) => {
                let error = "the organiser changed the sale during every try";
                return Attempt::Done(Verdict::Unknown(sqlx::Error::Protocol(error.into())));
            }
            Ok(Some(Attempt::Done(verdict))) if tries > 0 => return Attempt::Done(verdict.after_asking()),
            Ok(Some(attempt)) => return attempt,
            Err(error) if store::is_key_taken(&error) => return Attempt::Done(Verdict::Repeated),
            Err(error) if store::is_conflict(&error) && tries < MAX_RETRIES => {
                pause_before_retry(PAUSE, tries).await;
                tries += 1;
            }
            Err(error) => return Attempt::Done(Verdict::Unknown(error)),
        }
    }
}

/// Runs one transaction. `None` where it must be tried again because the mirror had old settings of the sale.
async fn try_once(
    desk: &Desk,
    claim: &Claim,
    wanted: &Wanted,
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
    if !is_undecided(&mut transaction, claim, at).await? {
        transaction.rollback().await?;
        writer.settle();
        return Ok(Some(Attempt::Done(Verdict::Repeated)));
    }
    let numbered = match take.take(&mut transaction, claim, wanted).await? {
        Taken::Outrun => Numbered::Outrun,
        Taken::Gone(seats) => Numbered::Refused(claim.gone(seats)),
        Taken::All(parts) => {
            failpoint!("taken");
            number_and_record(desk, &mut transaction, claim, wanted, parts, settings).await?
        }
    };
    let Numbered::Recorded(recorded, begun_at) = numbered else {
        transaction.rollback().await?;
        writer.settle();
        return unsold(desk, &mut writer, claim, numbered, at).await;
    };
    failpoint!("recorded");
    transaction.commit().await?;
    failpoint!("committed");
    desk.committed(&claim.sale, at, &[&recorded], begun_at);
    writer.settle();
    Ok(Some(Attempt::Done(Verdict::Won(Won::new(&recorded, &claim.sale.stock.read(), begun_at)))))
}

/// The result of an attempt that sold nothing and has been rolled back.
async fn unsold(
    desk: &Desk,
    writer: &mut Writer,
    claim: &Claim,
    numbered: Numbered,
    at: Timestamp,
) -> Result<Option<Attempt>, sqlx::Error> {
    let refusal = match numbered {
        Numbered::Refused(refusal) => refusal,
        Numbered::Stale => {
            // Another process has paused the sale, or the sale's row has fewer units left than its tiers say.
            desk.reload(writer, &claim.sale).await?;
            let closed = claim.sale.stock.read().check_open(at).err();
            closed.unwrap_or_else(|| claim.gone(Vec::new()))
        }
        Numbered::Changed => {
            desk.reload(writer, &claim.sale).await?;
            return Ok(None);
        }
        Numbered::Recorded(..) | Numbered::Outrun => return Ok(Some(Attempt::Outrun)),
    };
    Ok(Some(Attempt::Done(Verdict::RefusedByDatabase(refusal))))
}

/// Records that a request in line is granted. `false` where its outcome was recorded before. Always `true` for a claim
/// that is not from the line.
async fn is_undecided(transaction: &mut Transaction<'_>, claim: &Claim, at: Timestamp) -> Result<bool, sqlx::Error> {
    let Some(request) = claim.request else { return Ok(true) };
    let decision = Decision::Confirmed(OrderId(request.0));
    let decided = DecidedRequest { buyer: claim.buyer, decision, at };
    store::decide_request(transaction.connection(), request, &decided).await
}

/// The organiser's settings as of one moment. At the end of the transaction the sale's row says whether they still
/// hold.
#[derive(Clone, Copy)]
struct Settings {
    at: Timestamp,
    revision: u64,
    max_per_buyer: Option<u32>,
}

impl Settings {
    /// Reads the settings of a sale; the refusal where it is not open.
    fn of(stock: &Stock, at: Timestamp) -> Result<Self, Refusal> {
        stock.check_open(at)?;
        Ok(Self { at, revision: stock.revision, max_per_buyer: stock.max_per_buyer })
    }
}

/// The result of a claim inside its transaction.
enum Numbered {
    /// With the store's time at which a hold began.
    Recorded(Box<Recorded>, Timestamp),
    Refused(Refusal),
    Outrun,
    /// The sale's row says that the sale is not open, or that it has fewer units left than its tiers say.
    Stale,
    /// An organiser has changed the sale, and the mirror did not know it yet.
    Changed,
}

/// Gives what was taken its `seq` and writes its rows. The buyer's limits are checked while the sale's row is locked, because
/// no other purchase or hold of the same buyer can be committed then.
async fn number_and_record(
    desk: &Desk,
    transaction: &mut Transaction<'_>,
    claim: &Claim,
    wanted: &Wanted,
    parts: Vec<Granted>,
    settings: Settings,
) -> Result<Numbered, sqlx::Error> {
    let Settings { at, revision: known, max_per_buyer } = settings;
    let (quantity, to) = (claim.wish.quantity(), claim.taking.to());
    let taken = store::sale_head(transaction.connection(), wanted.sale_id, quantity, to).await?;
    let Some(SaleTaken { seq, previous, revision }) = taken else { return Ok(Numbered::Stale) };
    if known != revision {
        return Ok(Numbered::Changed);
    }
    let parts = priced(transaction, claim, parts).await?;
    if let Some(refusal) = too_dear(transaction, claim, &parts).await? {
        return Ok(Numbered::Refused(refusal));
    }
    let bounds = claim.taking.bounds();
    if let Err(refusal) = bounds.check_total(&parts) {
        return Ok(Numbered::Refused(refusal));
    }
    if max_per_buyer.is_some() || bounds.active_holds.is_some() {
        let (holds, held) = store::held_by(transaction.connection(), wanted.sale_id, claim.buyer).await?;
        if let Some(limit) = max_per_buyer {
            let owned = store::units_owned(transaction.connection(), wanted.sale_id, claim.buyer).await?;
            if owned + held + quantity > u64::from(limit) {
                return Ok(Numbered::Refused(limit_reached(limit)));
            }
        }
        if let Some(most) = bounds.active_holds.filter(|most| holds >= u64::from(*most)) {
            return Ok(Numbered::Refused(too_many_holds(most)));
        }
    }
    let place = Place { at, written_at: &at.to_string(), seq, previous: &previous };
    let recorded = recorded(desk, claim, parts, &place);
    let begun_at = record(transaction, wanted.sale_id, at, &recorded).await?;
    Ok(Numbered::Recorded(Box::new(recorded), begun_at))
}

/// What was taken, at the prices that the database's own counters lead to. They are the prices before this claim: one for all
/// units of a tier.
async fn priced(
    transaction: &mut Transaction<'_>,
    claim: &Claim,
    mut parts: Vec<Granted>,
) -> Result<Vec<Granted>, sqlx::Error> {
    for part in &mut parts {
        let tier = {
            let stock = claim.sale.stock.read();
            let tier = &stock.tiers[part.tier_index];
            if tier.price_steps.is_empty() {
                continue;
            }
            tier.clone()
        };
        let (_, left) = store::read_tier(transaction.connection(), tier.tier_id).await?;
        part.price = tier.price_when(tier.counts.capacity().saturating_sub(left + part.quantity));
    }
    Ok(parts)
}

/// The refusal where a seat that stands for another one has come to cost more than that one. The claim is then decided again
/// with other seats.
async fn too_dear(
    transaction: &mut Transaction<'_>,
    claim: &Claim,
    parts: &[Granted],
) -> Result<Option<Refusal>, sqlx::Error> {
    for Substitute { given, asked } in claim.wish.substitutes() {
        let (given, asked, tier) = {
            let stock = claim.sale.stock.read();
            let (given, asked) = (stock.tier_of(*given), stock.tier_of(*asked));
            (given, asked, stock.tiers[asked].clone())
        };
        let part_of = |tier_index| parts.iter().find(|part| part.tier_index == tier_index);
        let Some(price) = part_of(given).map(|part| part.price).filter(|_| given != asked) else { continue };
        let asked_price = match part_of(asked) {
            Some(part) => part.price,
            None => {
                let (_, left) = store::read_tier(transaction.connection(), tier.tier_id).await?;
                tier.price_when(tier.counts.capacity().saturating_sub(left))
            }
        };
        if price > asked_price {
            let stock = claim.sale.stock.read();
            return Ok(seats_taken(&stock, claim.wish.substitutes().iter().map(|substitute| substitute.asked)));
        }
    }
    Ok(None)
}

/// Writes the rows of what was granted. Returns the store's time at which a hold began.
async fn record(
    transaction: &mut Transaction<'_>,
    sale_id: i64,
    at: Timestamp,
    recorded: &Recorded,
) -> Result<Timestamp, sqlx::Error> {
    match recorded {
        Recorded::Sold(sold) => {
            store::record(transaction.connection(), sale_id, at, sold.kind, &[&sold.purchase]).await?;
            Ok(at)
        }
        Recorded::Held(held) => store::record_holds(transaction.connection(), sale_id, at, &[&held.new]).await,
    }
}

/// Makes what is recorded for a claim that was granted these parts, at this place of the ledger.
fn recorded(desk: &Desk, claim: &Claim, parts: Vec<Granted>, place: &Place<'_>) -> Recorded {
    match claim.taking {
        Taking::Buy => Recorded::Sold(sold(desk, claim, parts, place)),
        Taking::Hold(_) => {
            let stock = claim.sale.stock.read();
            let hold = HoldId(id(desk, claim, place.at));
            let substitutes = claim.wish.substitutes().to_vec();
            let grant = Grant { substitutes, ..Grant::new(&stock, claim.taking.kind(), hold.0, parts, place) };
            Recorded::Held(Held::new(&stock, claim.buyer, hold, grant, claim.asked().key))
        }
    }
}

/// The id of what a claim becomes: that of its request in line, if it comes from there.
fn id(desk: &Desk, claim: &Claim, at: Timestamp) -> uuid::Uuid {
    claim.request.map_or_else(|| desk.identifiers.next(at), |request| request.0)
}

/// Makes the purchase of a claim that was granted these parts, at this place of the ledger.
pub fn sold(desk: &Desk, claim: &Claim, parts: Vec<Granted>, place: &Place<'_>) -> Sold {
    let stock = claim.sale.stock.read();
    let order = OrderId(id(desk, claim, place.at));
    let grant = Grant::new(&stock, claim.taking.kind(), order.0, parts, place);
    Sold::new(&desk.identifiers, &stock, (claim.buyer, order), grant, claim.asked())
}

//! What all strategies share: the store, the clock, the ids, and what happens after a commit.

use std::{collections::HashMap, sync::Arc};

use parking_lot::RwLock;
use tokio::sync::Notify;

use super::{
    Identifiers,
    decide::{Grant, Granted},
    identifiers::ticket_code,
    mirror::{Change, Commit, SaleDesk},
    sale::Stock,
};
use crate::{
    model::{
        currency::USUAL_DIGITS,
        ids::{BuyerId, OrderId, TicketId},
        ledger::{ChangeKind, Movement},
        order::{Order, Ticket},
        time::Timestamp,
    },
    server::{
        clock::Clock,
        ledger::hexadecimal,
        store::{self, ChangeRecord, Connection, NewTicket, Purchase, SaleHead, Store, Transaction, Writer},
    },
};

/// Ledger lines that a mirror reads at once when it catches up. A mirror that is further behind reads several times.
const CHANGES_AT_A_TIME: u32 = 4_096;

type OnCommit = dyn Fn(&Arc<SaleDesk>, Commit) + Send + Sync;
type OnChange = dyn Fn(&Arc<SaleDesk>) + Send + Sync;
type OnKey = dyn Fn(BuyerId, &str) + Send + Sync;

/// Who is told when a mirror changes.
pub struct Listeners {
    /// The mirror has taken a commit over. Called in the order of commits.
    pub on_commit: Box<OnCommit>,
    /// The whole mirror was read from the store again.
    pub on_reload: Box<OnChange>,
    /// An organiser changed the sale without touching its stock.
    pub on_patch: Box<OnChange>,
    /// An idempotency key was answered, or may have been, and no request of this process holds that key in flight.
    pub on_key: Box<OnKey>,
}

impl Default for Listeners {
    fn default() -> Self {
        Self {
            on_commit: Box::new(|_, _| {}),
            on_reload: Box::new(|_| {}),
            on_patch: Box::new(|_| {}),
            on_key: Box::new(|_, _| {}),
        }
    }
}

pub struct Desk {
    pub store: Store,
    pub clock: Clock,
    pub identifiers: Identifiers,
    listeners: Listeners,
    /// All sales by their rows, so that the mirrors can be read again after a fault.
    pub sales: RwLock<HashMap<i64, Arc<SaleDesk>>>,
    /// Notified when a mirror is known to be behind the database.
    pub behind: Notify,
    /// Notified after each commit of this process, so that other processes learn of the commit.
    pub changed: Notify,
}

/// A purchase before and after its commit: the rows to record, and what its order is made from once they are committed.
pub struct Sold {
    pub kind: ChangeKind,
    pub purchase: Purchase,
    pub parts: Vec<Granted>,
    pub at: Timestamp,
}

impl Desk {
    pub fn new(store: Store, clock: Clock, listeners: Listeners) -> Self {
        Self {
            store,
            clock,
            identifiers: Identifiers::default(),
            listeners,
            sales: RwLock::default(),
            behind: Notify::new(),
            changed: Notify::new(),
        }
    }

    /// A connection for writing. After a fault every mirror is read again first, because the outcome of the last commit
    /// is unknown.
    pub async fn writer(&self) -> Result<Writer, sqlx::Error> {
        self.trusted(self.store.writer().await?).await
    }

    /// As [`Desk::writer`], for a caller that writes again and again from one thread.
    pub async fn steady_writer(&self) -> Result<Writer, sqlx::Error> {
        self.trusted(self.store.steady_writer().await?).await
    }

    async fn trusted(&self, mut writer: Writer) -> Result<Writer, sqlx::Error> {
        if writer.is_reopened() {
            tracing::warn!("the database was reopened after a fault; reading all sales anew");
            let sales: Vec<_> = self.sales.read().values().cloned().collect();
            for sale in sales {
                if let Err(error) = self.reload(&mut writer, &sale).await {
                    writer.give_up();
                    return Err(error);
                }
            }
            writer.trust();
        }
        Ok(writer)
    }

    /// Reads a sale's mirror from the store again, and locks the sale so that nobody changes it meanwhile.
    pub async fn reload(&self, writer: &mut Writer, sale: &Arc<SaleDesk>) -> Result<(), sqlx::Error> {
        let mut transaction = writer.begin().await?;
        store::lock_sale(transaction.connection(), sale.sale_id).await?;
        self.read_anew(&mut transaction, sale).await?;
        transaction.rollback().await?;
        writer.settle();
        Ok(())
    }

    /// Reads a sale's mirror from the store again, inside a transaction that sees the sale as of one moment.
    pub async fn read_anew(&self, transaction: &mut Transaction<'_>, sale: &Arc<SaleDesk>) -> Result<(), sqlx::Error> {
        let slug = sale.slug();
        let record =
            store::find_sale(transaction.connection(), slug.as_str()).await?.ok_or(sqlx::Error::RowNotFound)?;
        self.replace(sale, Stock::new(record));
        Ok(())
    }

    /// Replaces the mirror by a newer state of the whole sale. An older state is dropped.
    pub fn replace(&self, sale: &Arc<SaleDesk>, stock: Stock) {
        if sale.replace(stock, || (self.listeners.on_reload)(sale)) {
            self.behind.notify_one();
        }
    }

    /// Takes over settings that an organiser changed without touching the stock.
    pub fn patch(&self, sale: &Arc<SaleDesk>, stock: Stock) {
        if sale.patch(stock, || (self.listeners.on_patch)(sale)) {
            self.behind.notify_one();
        }
    }

    /// Brings the mirror up to date from the ledger. `false` where a line cannot be applied, so that the rows must be
    /// read.
    pub async fn catch_up(&self, mut connection: Connection<'_>, sale: &Arc<SaleDesk>) -> Result<bool, sqlx::Error> {
        loop {
            let seq = sale.stock.read().seq;
            let lines = store::changes_after(connection.again(), sale.sale_id, seq, CHANGES_AT_A_TIME).await?;
            if lines.is_empty() {
                return Ok(true);
            }
            let merged = merge(&sale.stock.read(), &lines);
            let Some(changes) = merged else { return Ok(false) };
            changes.into_iter().for_each(|change| self.take(sale, change));
        }
    }

    /// Brings the mirror up to date with the database. `false` where it already was.
    pub async fn bring_up(&self, sale: &Arc<SaleDesk>, head: &SaleHead) -> Result<bool, sqlx::Error> {
        let (seq, revision) = {
            let stock = sale.stock.read();
            (stock.seq, stock.revision)
        };
        if head.revision <= revision && head.seq <= seq {
            return Ok(false);
        }
        let mut reader = self.store.reader().await?;
        let is_up = head.revision <= revision
            && self.catch_up(reader.connection(), sale).await?
            && sale.stock.read().seq >= head.seq;
        if !is_up {
            let mut transaction = reader.begin().await?;
            self.read_anew(&mut transaction, sale).await?;
        }
        Ok(true)
    }

    /// Takes a commit over into the mirror and tells the listeners, as soon as all earlier commits are there.
    pub fn take(&self, sale: &Arc<SaleDesk>, change: Change) {
        if sale.take(change, |commit| (self.listeners.on_commit)(sale, commit)) {
            self.behind.notify_one();
        }
    }

    /// Tells the listeners that a key was answered, or may have been.
    pub fn know(&self, buyer: BuyerId, key: &str) {
        (self.listeners.on_key)(buyer, key);
    }

    /// Turns a grant into the rows to be recorded.
    pub fn sell(
        &self,
        stock: &Stock,
        buyer: BuyerId,
        order: OrderId,
        grant: Grant,
        key: Option<(String, [u8; 16])>,
    ) -> Sold {
        let at = grant.at;
        Sold {
            kind: grant.kind,
            purchase: Purchase {
                order,
                buyer,
                total: grant.total,
                currency: grant.currency,
                seq: grant.seq,
                units: serde_json::to_string(&grant.units).expect("units are plain data"),
                hash: grant.hash,
                tickets: grant.parts.iter().flat_map(|part| self.tickets(stock, part, at)).collect(),
                rung: grant.parts.iter().filter_map(|part| part.rung).max(),
                key,
            },
            parts: grant.parts,
            at,
        }
    }

    /// One ticket for each unit.
    fn tickets(&self, stock: &Stock, part: &Granted, at: Timestamp) -> impl Iterator<Item = NewTicket> {
        let tier_id = stock.tiers[part.tier_index].tier_id;
        (0..part.quantity).map(move |unit| NewTicket {
            id: TicketId(self.identifiers.next(at)),
            tier_id,
            seat_position: usize::try_from(unit).ok().and_then(|unit| part.seats.get(unit)).copied(),
            code: ticket_code(),
        })
    }

    /// Takes committed purchases over into the mirror. `sold` has the purchases of one transaction in the order of
    /// `seq`.
    pub fn committed(&self, sale: &Arc<SaleDesk>, at: Timestamp, sold: &[&Sold]) {
        let (Some(first), Some(last)) = (sold.first(), sold.last()) else { return };
        let Movement::Between(shift) = first.kind.movement() else {
            unreachable!("a buyer takes units from somewhere")
        };
        let mut change = Change::new(first.purchase.seq - 1, at, shift);
        for one in sold {
            for Granted { tier_index, seats, quantity, .. } in &one.parts {
                change.add(*tier_index, *quantity, seats, Some(one.purchase.buyer));
            }
        }
        change.seq = last.purchase.seq;
        change.head_hash = last.purchase.hash;
        self.take(sale, change);
        self.changed.notify_one();
    }
}

impl Sold {
    /// The order that the buyer gets.
    pub fn order(&self, stock: &Stock) -> Order {
        let tier_of = |new: &NewTicket| {
            let mut tiers = self.parts.iter().map(|part| &stock.tiers[part.tier_index]);
            tiers.find(|tier| tier.tier_id == new.tier_id).expect("a ticket is of a tier that was granted").id.clone()
        };
        let ticket = |new: &NewTicket| Ticket {
            id: new.id,
            tier: tier_of(new),
            seat: new.seat_position.map(|position| stock.label(position).clone()),
            code: hexadecimal(&new.code),
        };
        Order {
            id: self.purchase.order,
            sale: stock.id.clone(),
            buyer: self.purchase.buyer,
            total: self.purchase.total,
            currency: self.purchase.currency.to_string(),
            currency_digits: self
                .parts
                .first()
                .map_or(USUAL_DIGITS, |part| stock.tiers[part.tier_index].currency_digits),
            seq: self.purchase.seq,
            created_at: self.at,
            rung: self.purchase.rung,
            tickets: self.purchase.tickets.iter().map(ticket).collect(),
        }
    }
}

/// Turns ledger lines into changes: one change for each run of lines that move units between the same two states.
///
/// `None` where the lines are not enough and the rows must be read: a line does not follow the one before it, does not
/// move units between states (such as added stock or a reset), or names a tier or seat that the mirror does not know.
pub fn merge(stock: &Stock, lines: &[ChangeRecord]) -> Option<Vec<Change>> {
    let mut changes: Vec<Change> = Vec::new();
    let mut seq = stock.seq;
    for ChangeRecord { line, buyer } in lines {
        let Movement::Between(shift) = line.kind.movement() else { return None };
        if line.seq != seq + 1 {
            return None;
        }
        if changes.last().is_none_or(|change| change.shift() != shift) {
            changes.push(Change::new(seq, line.at, shift));
        }
        let change = changes.last_mut().expect("one was just made");
        for units in &line.units {
            let tier_index = stock.tier_index(&units.tier)?;
            let seat = match &units.seat {
                Some(label) => Some(*stock.map.positions.get(label)?),
                None => None,
            };
            change.add(tier_index, units.quantity, seat.as_slice(), *buyer);
        }
        (change.seq, change.at, change.head_hash) = (line.seq, line.at, line.hash);
        seq = line.seq;
    }
    Some(changes)
}
